"""What requests say of an on-call rotation, and what it means. Everything that is wrong ends the request with 400."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, field

from query_api.poppaping.on_call_object import WEEKDAYS, Weekday, weekday_of
from query_api.poppaping.responses import PoppaPingApiError
from schemas.base import SECOND, Micros
from schemas.ids import new_id
from schemas.on_call import (
    MOST_AT_ONCE,
    MOST_HOURS,
    MOST_TURNS,
    EveryDays,
    Handover,
    Hours,
    Name,
    Override,
    RotationName,
    Turn,
    fault_of_day,
    fault_of_override,
    fault_of_zone,
)
from schemas.on_call_requests import OnCallFields, TimeZone
from schemas.schedules import zone
from schemas.times import LAST, day_text, micros_of

_WEEK = 7
_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z"
_END = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)\Z"

Clock = Annotated[str, Meta(pattern=_CLOCK, description="`hh:mm` in the time zone.", examples=["09:00"])]
EndClock = Annotated[
    str, Meta(pattern=_END, description="If it is not later than `start`, it is on the next day.", examples=["17:00"])
]
Channels = Annotated[list[str], Meta(min_length=1, max_length=MOST_AT_ONCE)]


class TurnBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """Whose turn it is: those that are on call together."""

    alert_channel_ids: Annotated[list[str], Meta(max_length=MOST_AT_ONCE)]
    name: Name = ""


class HandoverBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """When the next turn begins."""

    every_days: Annotated[EveryDays, Meta(description="7: every week; 14: every second one.")] = _WEEK
    weekday: Annotated[
        Weekday | None,
        Meta(description="For whole weeks. Monday, if neither it nor `starts_on` is given."),
    ] = None
    time: Clock = "09:00"
    starts_on: (
        Annotated[
            str,
            Meta(
                max_length=10,
                description="The day on which the first turn begins. Left out: the last one that fits, so that the "
                "first turn is on call now.",
                examples=["2026-01-05"],
            ),
        ]
        | None
    ) = None


class HoursBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """When the rotation is on call; outside of all its hours nobody is, but for overrides."""

    start: Clock
    end: EndClock
    days: Annotated[list[Weekday], Meta(min_length=1, max_length=7, description="All, if left out.")] = field(
        default_factory=lambda: list(WEEKDAYS)
    )


class UpdateOnCallBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """The fields of a rotation to change."""

    name: RotationName | UnsetType = UNSET
    timezone: Annotated[TimeZone, Meta(description="An IANA time zone.")] | UnsetType = UNSET
    handover: HandoverBody | UnsetType = UNSET
    turns: (
        Annotated[list[TurnBody], Meta(min_length=1, max_length=MOST_TURNS, description="In their order.")] | UnsetType
    ) = UNSET
    hours: Annotated[list[HoursBody], Meta(max_length=MOST_HOURS, description="Empty: always on call.")] | UnsetType = (
        UNSET
    )


class CreateOnCallBody(UpdateOnCallBody, kw_only=True):
    """A new rotation. Without `handover` it is handed over on Mondays at 09:00."""

    name: RotationName
    timezone: Annotated[TimeZone, Meta(description="An IANA time zone.")] = "UTC"
    turns: Annotated[list[TurnBody], Meta(min_length=1, max_length=MOST_TURNS, description="In their order.")]


class OverrideBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """A span in which others are on call, whoever's turn it is, and outside the hours, too."""

    alert_channel_ids: Channels
    starts_at: datetime
    ends_at: datetime
    name: Name = ""


def fields_of(body: UpdateOnCallBody, tz: str, now: Micros) -> OnCallFields:
    """The fields that a body sets. tz: the zone that counts where the body names none."""
    if isinstance(body.timezone, str):
        tz = body.timezone
        if fault := fault_of_zone(tz):
            raise PoppaPingApiError(400, f"Field 'timezone': {fault}.")
    turns: tuple[Turn, ...] | UnsetType = UNSET
    if not isinstance(body.turns, UnsetType):
        turns = tuple(Turn(tuple(dict.fromkeys(turn.alert_channel_ids)), turn.name) for turn in body.turns)
    hours: tuple[Hours, ...] | UnsetType = UNSET
    if not isinstance(body.hours, UnsetType):
        hours = tuple(_hours(each) for each in body.hours)
    handover: Handover | UnsetType = UNSET
    if not isinstance(body.handover, UnsetType):
        handover = handover_of(body.handover, tz, now)
    return OnCallFields(name=body.name, tz=body.timezone, handover=handover, turns=turns, hours=hours)


def handover_of(body: HandoverBody, tz: str, now: Micros) -> Handover:
    """The handover that a body means."""
    minute, weekday = _minute(body.time), body.weekday
    if weekday is not None and body.every_days % _WEEK:
        raise PoppaPingApiError(400, "Field 'handover': a 'weekday' needs whole weeks in 'every_days': 7, 14, 21.")
    if body.starts_on is not None:
        if fault := fault_of_day(body.starts_on):
            raise PoppaPingApiError(400, f"Field 'handover.starts_on': {fault}.")
        first = body.starts_on
        if weekday is not None and weekday_of(first) != weekday:
            raise PoppaPingApiError(400, f"Field 'handover.starts_on': {first} is a {weekday_of(first)}, no {weekday}.")
        return Handover(first, body.every_days, minute)
    if weekday is None and body.every_days % _WEEK == 0:
        weekday = WEEKDAYS[0]
    return Handover(day_text(_last_day(weekday, minute, tz, now)), body.every_days, minute)


def override_of(body: OverrideBody) -> Override:
    """The override that a body means, under an id of its own."""
    start, end = _micros(body.starts_at, "starts_at"), _micros(body.ends_at, "ends_at")
    override = Override(new_id(), start, end, tuple(dict.fromkeys(body.alert_channel_ids)), body.name)
    if fault := fault_of_override(override):
        raise PoppaPingApiError(400, f"{fault.capitalize()}.")
    return override


def _last_day(weekday: Weekday | None, minute: int, tz: str, now: Micros) -> date:
    """The last day, of that name if there is one, on which the clock has shown this minute by now."""
    local = datetime.fromtimestamp(now // SECOND, UTC).astimezone(zone(tz))
    day = local.date()
    if local.hour * 60 + local.minute < minute:
        day -= timedelta(days=1)
    while weekday is not None and WEEKDAYS[day.weekday()] != weekday:
        day -= timedelta(days=1)
    return day


def _hours(body: HoursBody) -> Hours:
    days = tuple(day for day, name in enumerate(WEEKDAYS) if name in body.days)
    return Hours(days, _minute(body.start), _minute(body.end))


def _minute(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


def _micros(moment: datetime, field: str) -> Micros:
    if moment.tzinfo is None:
        raise PoppaPingApiError(400, f"Field '{field}' needs an offset from UTC, as in 2026-03-01T10:00:00+00:00.")
    at = micros_of(moment)
    if not 0 <= at <= LAST:
        raise PoppaPingApiError(400, f"Field '{field}' is out of range.")
    return at // SECOND * SECOND
