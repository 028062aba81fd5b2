"""What a report says: the answer of the API, and what webhooks get. Lists are bounded, and tell how many there are."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from query_api.http.field_types import Count, Time, Uuid

# So many things are listed, the worst first; and so many of each list of what stands out.
MOST_THINGS = 1_000
MOST_LISTED = 10
MOST_WITHOUT_CHANNEL = 100
MOST_OUTAGES = 20

_Percent = Annotated[float | None, Meta(description="Share of time up, of all time up or down; null: no such time.")]
_Seconds = Annotated[float, Meta(ge=0)]
_Kind = Annotated[str, Meta(description="`heartbeat`, or the type of the monitor.")]


class ReportSpan(Struct, kw_only=True, gc=False):
    """A span of time. `to` is not in it any more."""

    start: Time = field(name="from")
    end: Time = field(name="to")


class ReportThing(Struct, kw_only=True, gc=False):
    """A monitor or a heartbeat check."""

    monitor_id: Uuid
    name: str
    kind: _Kind
    uptime_percentage: _Percent
    previous_uptime_percentage: _Percent
    incidents: Annotated[Count, Meta(description="Incidents that were open in the time range.")]
    longest_incident_seconds: _Seconds
    down_seconds: Annotated[_Seconds, Meta(description="Duration of incidents within the time range.")]
    not_observed_seconds: _Seconds
    p50_response_time_ms: float | None
    p95_response_time_ms: float | None
    p50_run_seconds: float | None
    p95_run_seconds: float | None


class ReportIncidents(Struct, kw_only=True, gc=False):
    """The incidents that were open in the span. Times are cut to it."""

    count: Count
    longest_seconds: _Seconds
    total_seconds: _Seconds
    previous_count: Count
    previous_total_seconds: _Seconds


class ReportSlow(Struct, kw_only=True, gc=False):
    """What answered, or ran, slowly; slowest first."""

    monitor_id: Uuid
    name: str
    p50: Annotated[float, Meta(description="Milliseconds of a response, seconds of a run.")]
    p95: float


class ReportFlapping(Struct, kw_only=True, gc=False):
    """What went down more than once."""

    monitor_id: Uuid
    name: str
    incidents: Count


class ReportUnacknowledged(Struct, kw_only=True, gc=False):
    """An incident that nobody acknowledged."""

    id: Uuid
    monitor_id: Uuid
    name: str
    started_at: Time
    resolved_at: Time | None
    cause: str


class ReportNamed(Struct, kw_only=True, gc=False):
    """A monitor or a heartbeat check, by name."""

    monitor_id: Uuid
    name: str


class ReportAway(Struct, kw_only=True, gc=False):
    """A span in which Pingfold itself was away: a ping may have been refused or lost."""

    start: Time = field(name="from")
    end: Time | None = field(name="to")
    seconds: _Seconds


class ReportObject(Struct, kw_only=True, gc=False):
    """The report of a project over a span of time."""

    period: Literal["week", "month", "custom"]
    start: Time = field(name="from")
    end: Annotated[Time, Meta(description="Not in it any more.")] = field(name="to")
    previous: Annotated[ReportSpan, Meta(description="The previous time range, for comparison.")]
    timezone: str
    project: str
    complete: Annotated[bool, Meta(description="False: the time range has not ended, or history is incomplete.")]
    uptime_percentage: _Percent
    previous_uptime_percentage: _Percent
    incidents: ReportIncidents
    monitors_total: Count
    monitors: Annotated[list[ReportThing], Meta(description="The worst first; at most 1,000.")]
    slowest: Annotated[list[ReportSlow], Meta(description="Monitors, by their response times in milliseconds.")]
    slowest_runs: Annotated[list[ReportSlow], Meta(description="Heartbeat checks, by their run times in seconds.")]
    flappiest: list[ReportFlapping]
    unacknowledged_total: Count
    unacknowledged: Annotated[list[ReportUnacknowledged], Meta(description="The longest first.")]
    without_channel_total: Count
    without_channel: Annotated[
        list[ReportNamed], Meta(description="Monitors and checks without a channel for their alerts.")
    ]
    away_seconds: Annotated[_Seconds, Meta(description="Downtime of Pingfold itself.")]
    away_total: Count
    away: Annotated[list[ReportAway], Meta(description="The longest first.")]
