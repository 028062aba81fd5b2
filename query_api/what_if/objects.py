"""Answers about what would have been, as JSON: of the REST API and of the command line."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from query_api.history.uptime import format_percent, of_times
from query_api.http.field_types import Count, Time, Uuid
from schemas.base import SECOND, Micros
from schemas.times import iso, iso_or_none
from schemas.what_if.answers import Alert, Answer, Case, Compared, Uptime, Verdict, Watched
from schemas.what_if.questions import Chosen, Question
from schemas.what_if.settings import Changes

_Setting = int | bool | str | list[str] | None


class AlertObject(Struct, kw_only=True, gc=False):
    """One side of an alert: as it was sent, or as it would have been."""

    began_at: Annotated[Time, Meta(description="Since when the status was so.")]
    told_at: Annotated[Time, Meta(description="Time of the first notice.")]
    ended_at: Annotated[Time | None, Meta(description="End of the status; null: it lasted beyond the time range.")]
    length_seconds: Annotated[float | None, Meta(description="From `began_at` to `ended_at`.")]
    alert_channel_ids: list[str]


class ComparedObject(Struct, kw_only=True, gc=False):
    """An alert that was sent, beside the one that would have been sent in its place."""

    verdict: Annotated[
        Verdict,
        Meta(
            description="`spared`: it would not have been sent; `added`: it would have been sent, and was not; "
            "`undecided`: so far, for the trouble is not over at the end of the span."
        ),
    ]
    id: Annotated[Uuid, Meta(description="Of the heartbeat check or monitor.")]
    name: str
    status: Annotated[str, Meta(description="`down`, `late`, `not observed`, or the name of another notice.")]
    sent: AlertObject | None
    imagined: AlertObject | None
    later_seconds: Annotated[
        float | None, Meta(description="Delay of the notice with the other settings; negative: earlier.")
    ]


class ImaginedUptimeObject(Struct, kw_only=True, gc=False):
    """An uptime by time, of what was watched. Null: nothing was."""

    uptime_percentage: float | None
    imagined_uptime_percentage: float | None
    down_seconds: float
    imagined_down_seconds: float


class ThingObject(ImaginedUptimeObject, kw_only=True, gc=False):
    """A chosen thing."""

    id: Uuid
    kind: Literal["check", "monitor"]
    name: str


class CaseObject(Struct, kw_only=True, gc=False):
    """What would have been with one set of settings."""

    settings: Annotated[dict[str, _Setting], Meta(description="The settings that apply to everything chosen.")]
    sent: Annotated[Count, Meta(description="Alerts that were sent.")]
    imagined: Annotated[Count, Meta(description="Alerts that would have been sent.")]
    kept: Count
    earlier: Count
    later: Count
    spared: Count
    added: Count
    undecided: Count
    other_channels: Annotated[Count, Meta(description="Alerts that would have gone to other channels.")]
    short_sent: Annotated[Count, Meta(description="Alerts sent of down times shorter than `short_seconds`.")]
    short_imagined: Count
    long_sent: Annotated[Count, Meta(description="Alerts sent of down times that lasted as long, or longer.")]
    long_missed: Annotated[Count, Meta(description="Of those, the ones that would not have been sent.")]
    median_later_seconds: Annotated[
        float | None, Meta(description="How much later the other long ones would have been told; null: there is none.")
    ]
    worst_later_seconds: float | None
    uptime: ImaginedUptimeObject


class WhatIfObject(Struct, kw_only=True, gc=False):
    """The answer. `alerts` and `things` are those of the first case; of a sweep only the cases are told."""

    since: Time
    until: Time
    short_seconds: int
    cases: list[CaseObject]
    alerts: list[ComparedObject]
    alerts_left_out: Annotated[Count, Meta(description="The newest of more than 1,000 alerts, which are only counted.")]
    things: list[ThingObject]
    things_left_out: Count
    notes: Annotated[list[str], Meta(description="Limitations of the result.")]
    events: Annotated[Count, Meta(description="Number of events read.")]


MOST_THINGS_SHOWN = 1_000


def what_if_object(question: Question, answer: Answer) -> WhatIfObject:
    """The answer as clients get it."""
    first, names = answer.cases[0], {one.id: one.name for one in question.chosen}
    single = not question.sweep
    watched = [one for one in question.chosen if one.id in first.uptimes] if single else []
    return WhatIfObject(
        since=iso(answer.since),
        until=iso(answer.until),
        short_seconds=question.short // SECOND,
        cases=[_case(case) for case in answer.cases],
        alerts=[_compared(one, names) for one in first.alerts] if single else [],
        alerts_left_out=first.left_out if single else 0,
        things=[_thing(one, first.uptimes[one.id]) for one in watched[:MOST_THINGS_SHOWN]],
        things_left_out=max(0, len(watched) - MOST_THINGS_SHOWN),
        notes=answer.notes,
        events=answer.events,
    )


def settings_object(changes: Changes) -> dict[str, _Setting]:
    """Settings by name."""
    return {change.name: list(change.value) if isinstance(change.value, tuple) else change.value for change in changes}


def _case(case: Case) -> CaseObject:
    counts = case.counts
    return CaseObject(
        settings=settings_object(case.changes),
        sent=case.sent,
        imagined=case.imagined,
        kept=counts.kept,
        earlier=counts.earlier,
        later=counts.later,
        spared=counts.spared,
        added=counts.added,
        undecided=counts.undecided,
        other_channels=counts.changed,
        short_sent=case.short_sent,
        short_imagined=case.short,
        long_sent=case.long_sent,
        long_missed=case.missed,
        median_later_seconds=_seconds_or_none(case.median_delay),
        worst_later_seconds=_seconds_or_none(case.worst_delay),
        uptime=ImaginedUptimeObject(**_uptime(case.in_all)),
    )


def _compared(one: Compared, names: Mapping[str, str]) -> ComparedObject:
    sent, imagined = one.sent, one.imagined
    alert = sent or imagined
    assert alert is not None
    both = sent is not None and imagined is not None
    return ComparedObject(
        verdict=one.verdict,
        id=alert.thing,
        name=names.get(alert.thing, ""),
        status=alert.what,
        sent=None if sent is None else _alert(sent),
        imagined=None if imagined is None else _alert(imagined),
        later_seconds=_seconds(imagined.told - sent.told) if both and sent and imagined else None,
    )


def _alert(alert: Alert) -> AlertObject:
    return AlertObject(
        began_at=iso(alert.began),
        told_at=iso(alert.told),
        ended_at=iso_or_none(alert.ended),
        length_seconds=None if alert.ended is None else _seconds(alert.ended - alert.began),
        alert_channel_ids=list(alert.channels),
    )


def _thing(one: Chosen, uptime: Uptime) -> ThingObject:
    return ThingObject(id=one.id, kind=one.kind, name=one.name, **_uptime(uptime))


def _uptime(uptime: Uptime) -> dict[str, Any]:
    was, imagined = uptime.was, uptime.imagined
    return {
        "uptime_percentage": _percentage(was),
        "imagined_uptime_percentage": _percentage(imagined),
        "down_seconds": _seconds(was.down),
        "imagined_down_seconds": _seconds(imagined.down),
    }


def _percentage(watched: Watched) -> float | None:
    share = of_times(watched.up, watched.down)
    return None if share is None else float(format_percent(share, 3))


def _seconds(span: Micros) -> float:
    return round(span / SECOND, 3)


def _seconds_or_none(span: Micros | None) -> float | None:
    return None if span is None else _seconds(span)
