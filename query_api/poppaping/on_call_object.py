"""An on-call rotation as the API shows it: how it is defined, and who is on call at a time."""

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from query_api.http.field_types import Count, Time, Url, Uuid
from query_api.poppaping.responses import time
from schemas.base import SECOND, Micros
from schemas.on_call import Handover, Hours, OnCallRotation, Override
from schemas.on_call_times import Duty, Shift, gaps, on_call, shift_at, shifts
from schemas.schedules import DAY
from schemas.times import LAST, read_day

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)

# So far ahead people are told of gaps.
GAPS_AHEAD: Micros = 28 * DAY * SECOND
MOST_GAPS = 50
# So many overrides of each rotation are in a list.
LISTED_OVERRIDES = 20

_Channels = Annotated[list[Uuid], Meta(description="Empty: nobody.")]


class ShownTurn(Struct, kw_only=True, gc=False):
    """Those who are on call together while it is their turn."""

    name: str
    alert_channel_ids: Annotated[list[Uuid], Meta(description="Empty: they were removed, and nobody is on call.")]


class ShownHandover(Struct, kw_only=True, gc=False):
    """When the next turn begins."""

    every_days: Count
    weekday: Annotated[Weekday | None, Meta(description="Null: `every_days` are no whole weeks.")]
    time: Annotated[str, Meta(description="In the time zone of the rotation.")]
    starts_on: Annotated[str, Meta(description="The day on which the first turn begins.", examples=["2026-01-05"])]


class ShownHours(Struct, kw_only=True, gc=False):
    """When the rotation is on call."""

    days: list[Weekday]
    start: str
    end: Annotated[str, Meta(description="If it is not later than `start`, it is on the next day.")]


class ShownOverride(Struct, kw_only=True, gc=False):
    """A span in which others are on call."""

    id: Uuid
    name: str
    alert_channel_ids: list[Uuid]
    starts_at: Time
    ends_at: Time
    fetched: Annotated[bool, Meta(description="It comes from the calendar that is fetched for the rotation.")]


class OnCallPeople(Struct, kw_only=True, gc=False):
    """Who is on call."""

    alert_channel_ids: _Channels
    name: str
    turn: Annotated[Count | None, Meta(description="The number of the turn, from 1; null: an override, or nobody's.")]
    override_id: Uuid | None


class OnCallShift(OnCallPeople, kw_only=True, gc=False):
    """Who is on call in a span; nobody among them."""

    starts_at: Annotated[Time | None, Meta(description="Null: more than 400 days before.")]
    ends_at: Annotated[Time | None, Meta(description="Null: more than 400 days later, or never.")]


class OnCallObject(Struct, kw_only=True, gc=False):
    """An on-call rotation."""

    id: Uuid
    name: str
    timezone: str
    handover: ShownHandover
    turns: list[ShownTurn]
    hours: Annotated[list[ShownHours], Meta(description="Empty: always.")]
    overrides: Annotated[
        list[ShownOverride], Meta(description=f"In lists the next {LISTED_OVERRIDES} that are not over.")
    ]
    overrides_total: Annotated[Count, Meta(description="Includes past ones.")]
    on_call: OnCallPeople
    calendar_url: Annotated[
        Url, Meta(description="URL of the shifts for calendar programs. It needs no login, so keep it secret.")
    ]
    created_at: Time
    updated_at: Time


class Gap(Struct, kw_only=True, gc=False):
    """A span in which nobody is on call."""

    starts_at: Time
    ends_at: Time


class OnCallDetails(OnCallObject, kw_only=True, gc=False):
    """An on-call rotation, who is on call at the time that was asked for, and who comes next."""

    at: Time
    shift: Annotated[OnCallShift, Meta(description="What `on_call` is a part of.")]
    next: Annotated[OnCallShift | None, Meta(description="The next shift, which may be empty; null: there is none.")]
    gaps: Annotated[list[Gap], Meta(description=f"Of the next four weeks, at most {MOST_GAPS}.")]
    warnings: Annotated[list[str], Meta(description="Possible problems; empty: none.")]


def on_call_listed(rotation: OnCallRotation, now: Micros, calendar_url: str) -> OnCallObject:
    """The rotation as a list shows it: of hundreds of overrides those that come next."""
    ahead = sorted((each for each in rotation.overrides if each.end > now), key=lambda each: (each.start, each.id))
    shown = on_call_object(rotation, now, calendar_url)
    shown.overrides = [shown_override(each) for each in ahead[:LISTED_OVERRIDES]]
    return shown


def on_call_object(rotation: OnCallRotation, now: Micros, calendar_url: str) -> OnCallObject:
    """The rotation, and who is on call now."""
    return OnCallObject(
        id=rotation.id,
        name=rotation.name,
        timezone=rotation.tz,
        handover=shown_handover(rotation.handover),
        turns=[ShownTurn(name=turn.name, alert_channel_ids=list(turn.channels)) for turn in rotation.turns],
        hours=[shown_hours(each) for each in rotation.hours],
        overrides=[shown_override(each) for each in rotation.overrides],
        overrides_total=len(rotation.overrides),
        on_call=_people(on_call(rotation, now)),
        calendar_url=calendar_url,
        created_at=time(rotation.created),
        updated_at=time(rotation.revised),
    )


def on_call_details(rotation: OnCallRotation, at: Micros, calendar_url: str) -> OnCallDetails:
    """The same with what comes before and after. Takes a while: not to be called on the event loop."""
    shown = on_call_object(rotation, at, calendar_url)
    fields = {name: getattr(shown, name) for name in OnCallObject.__struct_fields__}
    start, end = shift_at(rotation, at)
    following = None
    if end is not None:
        duty, until = on_call(rotation, end), shift_at(rotation, end)[1]
        following = _shift(end, until, duty)
    found = gaps(rotation, at, min(at + GAPS_AHEAD, LAST))
    return OnCallDetails(
        **fields,
        at=time(at),
        shift=_shift(start, end, on_call(rotation, at)),
        next=following,
        gaps=[Gap(starts_at=time(gap.start), ends_at=time(gap.end)) for gap in found[:MOST_GAPS]],
        warnings=_warnings(rotation, found),
    )


def shown_shifts(rotation: OnCallRotation, start: Micros, end: Micros) -> list[OnCallShift]:
    """Who is on call from `start` to `end`. Takes a while: not to be called on the event loop."""
    return [_shift(shift.start, shift.end, shift.duty) for shift in shifts(rotation, start, end)]


def shown_override(override: Override) -> ShownOverride:
    return ShownOverride(
        id=override.id,
        name=override.name,
        alert_channel_ids=list(override.channels),
        starts_at=time(override.start),
        ends_at=time(override.end),
        fetched=override.fetched,
    )


def shown_handover(handover: Handover) -> ShownHandover:
    day = weekday_of(handover.first) if handover.every % 7 == 0 else None
    return ShownHandover(every_days=handover.every, weekday=day, time=clock(handover.minute), starts_on=handover.first)


def shown_hours(hours: Hours) -> ShownHours:
    return ShownHours(days=[WEEKDAYS[day] for day in hours.days], start=clock(hours.start), end=clock(hours.end))


def weekday_of(day: str) -> Weekday:
    """The day of the week of a date."""
    return WEEKDAYS[read_day(day).weekday()]


def clock(minute: int) -> str:
    """A minute of the day, as a clock shows it."""
    return f"{minute // 60:02}:{minute % 60:02}"


def _people(duty: Duty) -> OnCallPeople:
    return OnCallPeople(
        alert_channel_ids=list(duty.channels),
        name=duty.name,
        turn=None if duty.turn is None else duty.turn + 1,
        override_id=duty.override or None,
    )


def _shift(start: Micros | None, end: Micros | None, duty: Duty) -> OnCallShift:
    return OnCallShift(
        alert_channel_ids=list(duty.channels),
        name=duty.name,
        turn=None if duty.turn is None else duty.turn + 1,
        override_id=duty.override or None,
        starts_at=time(start),
        ends_at=time(end),
    )


def _warnings(rotation: OnCallRotation, found: list[Shift]) -> list[str]:
    warnings = []
    if found:
        hours = sum(gap.end - gap.start for gap in found) / (3_600 * SECOND)
        warnings.append(
            f"In {hours:.1f} hours of the next four weeks nobody is on call, first from {time(found[0].start)} to "
            f"{time(found[0].end)}. A step of an escalation that would tell nobody else then tells the channels of the "
            "monitor itself."
        )
    empty = [place for place, turn in enumerate(rotation.turns, 1) if not turn.channels]
    if empty:
        warnings.append(f"The turns {', '.join(map(str, empty))} have no channel left.")
    return warnings
