"""How uptimes and run times of things are shown. Pure."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from query_api.history.run_times import RunTimes
from query_api.history.uptime import percent
from query_api.history.uptime_sums import Part
from query_api.http.field_types import Count, Time, Uuid
from schemas.base import SECOND, Micros
from schemas.times import iso

_DECIMALS = 3

_Seconds = Annotated[float, Meta(ge=0)]
_Kind = Annotated[str, Meta(description="`heartbeat`, or the type of the monitor.")]
_CountedUntil = Annotated[
    Time, Meta(description="Events before this time are counted; later events may not be counted yet.")
]


class Uptime(Struct, kw_only=True, gc=False):
    """Up and down, by time and by count. What was in maintenance, paused or not observed is in neither."""

    uptime_time_weighted: Annotated[
        float | None, Meta(description="By time: the share of time up, of all time up or down; null: no such time.")
    ]
    up_seconds: _Seconds
    down_seconds: _Seconds
    not_observed_seconds: _Seconds
    uptime_percentage: Annotated[
        float | None,
        Meta(description="By count: the share of good results or success pings, of all that count; null: none."),
    ]
    total_checks: Count
    up_checks: Count
    down_checks: Count


class UptimePart(Uptime, kw_only=True, gc=False):
    """The uptime in a part of the time. `to` is not in it any more."""

    start: Time = field(name="from")
    end: Time = field(name="to")


class UptimeOfThing(Uptime, kw_only=True, gc=False):
    """The uptime of a monitor or a heartbeat check."""

    monitor_id: Uuid
    name: str
    kind: _Kind
    parts: Annotated[list[UptimePart] | None, Meta(description="With `by`: every part of the time, oldest first.")]


class UptimeTogether(Uptime, kw_only=True, gc=False):
    """The uptime of all these things together: their times and counts are added up."""

    parts: Annotated[list[UptimePart] | None, Meta(description="With `by`: every part of the time, oldest first.")]


class UptimesObject(Struct, kw_only=True, gc=False):
    """The uptime of things in a span of time. `to` is not in it any more."""

    start: Time = field(name="from")
    end: Time = field(name="to")
    timezone: str
    complete: Annotated[
        bool, Meta(description="Whether the time range has ended, and history contains every known transition.")
    ]
    counted_until: _CountedUntil
    together: UptimeTogether
    things_total: Count
    things: list[UptimeOfThing]


class RunTimesFigures(Struct, kw_only=True, gc=False):
    """How long runs took that ended in the time. Percentiles are to a fiftieth. Null: there are no runs."""

    runs: Annotated[Count, Meta(description="Those whose duration is known.")]
    avg_run_seconds: float | None
    p50_run_seconds: float | None
    p95_run_seconds: float | None
    p99_run_seconds: float | None
    longest_run_seconds: float | None


class RunTimesPart(RunTimesFigures, kw_only=True, gc=False):
    """The run times in a part of the time. `to` is not in it any more."""

    start: Time = field(name="from")
    end: Time = field(name="to")


class RunTimesOfCheck(Struct, kw_only=True, gc=False):
    """The run times of a heartbeat check, oldest part first; without `by` there is one part."""

    monitor_id: Uuid
    name: str
    parts: list[RunTimesPart]


class RunTimesObject(Struct, kw_only=True, gc=False):
    """The run times of heartbeat checks in a span of time. `to` is not in it any more."""

    start: Time = field(name="from")
    end: Time = field(name="to")
    timezone: str
    counted_until: _CountedUntil
    checks_total: Count
    checks: list[RunTimesOfCheck]


def uptime_fields(part: Part) -> dict[str, Any]:
    """The fields of `Uptime`."""
    return {
        "uptime_time_weighted": percent(part.up, part.up + part.down, _DECIMALS),
        "up_seconds": _seconds(part.up),
        "down_seconds": _seconds(part.down),
        "not_observed_seconds": _seconds(part.not_observed),
        "uptime_percentage": percent(part.good, part.total, _DECIMALS),
        "total_checks": part.total,
        "up_checks": part.good,
        "down_checks": part.total - part.good,
    }


def uptime_parts(parts: Iterable[Part], borders: Sequence[Micros]) -> list[UptimePart]:
    """Each part with its borders."""
    return [
        UptimePart(start=iso(start), end=iso(end), **uptime_fields(part))
        for part, (start, end) in zip(parts, pairwise(borders), strict=True)
    ]


def together(parts: Sequence[Part]) -> Part:
    """Parts added up."""
    return Part(*map(sum, zip(*parts, strict=True))) if parts else Part()


def run_times_parts(parts: Iterable[RunTimes], borders: Sequence[Micros]) -> list[RunTimesPart]:
    """Each part with its borders."""
    return [
        _run_times(times, iso(start), iso(end)) for times, (start, end) in zip(parts, pairwise(borders), strict=True)
    ]


def _run_times(times: RunTimes, start: str, end: str) -> RunTimesPart:
    half, most, nearly_all = map(_seconds, times.percentiles) if times.percentiles else (None, None, None)
    return RunTimesPart(
        start=start,
        end=end,
        runs=times.runs,
        avg_run_seconds=_seconds(times.took / times.runs) if times.runs else None,
        p50_run_seconds=half,
        p95_run_seconds=most,
        p99_run_seconds=nearly_all,
        longest_run_seconds=_seconds(times.longest) if times.runs else None,
    )


def _seconds(took: float) -> float:
    """Microseconds as seconds, to the millisecond."""
    return round(took / SECOND, 3)
