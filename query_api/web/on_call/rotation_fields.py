"""The fields of a form of an on-call rotation, and what they say to the API. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from query_api.poppaping.on_call_fields import CreateOnCallBody, HandoverBody, HoursBody, OverrideBody, TurnBody
from query_api.poppaping.on_call_object import WEEKDAYS, clock, shown_handover
from query_api.web.forms.form_fields import Field, Group, Option, field_of
from query_api.web.forms.form_rows import groups_of_rows, is_of_rows, rows_of_values, values_of_rows, with_rows
from schemas.definitions import Channel
from schemas.on_call import MOST_HOURS, MOST_TURNS, OnCallRotation

TURN, HOURS = ("turn_channels", "turn_name"), ("hours_start", "hours_end", "hours_days")
HANDOVER = ("every_days", "weekday", "time", "starts_on")
EMPTY_TURNS, EMPTY_HOURS = 3, 1
_DAYS = tuple(Option(day, day.capitalize()) for day in WEEKDAYS)


def groups_of(channels: Iterable[Channel], turns: int, hours: int) -> tuple[Group, ...]:
    """The form of a rotation with so many turns and hours."""
    options = channel_options(channels)

    def turn(number: int) -> Group:
        fields = (
            Field(name=f"turn_channels_{number}", label="Who is told", kind="several", options=options),
            replace(field_of(TurnBody, "name", "Name"), name=f"turn_name_{number}"),
        )
        return Group(title=f"Turn {number}", fields=fields, closed=number > 1)

    def span(number: int) -> Group:
        fields = (
            replace(field_of(HoursBody, "start", "From", empty=None), name=f"hours_start_{number}"),
            replace(field_of(HoursBody, "end", "To", empty=None), name=f"hours_end_{number}"),
            Field(
                name=f"hours_days_{number}", label="On", kind="several", options=_DAYS, help="None chosen: all days."
            ),
        )
        return Group(title=f"Hours {number}", fields=fields, closed=True, help="Without any hours: always on call.")

    whole = (
        field_of(CreateOnCallBody, "name", "Name", required=True),
        field_of(CreateOnCallBody, "timezone", "Time zone", required=True),
    )
    handover = (
        field_of(HandoverBody, "every_days", "Days of a turn"),
        Field(name="weekday", label="Day of the week", kind="choice", options=(Option("", "any"), *_DAYS), empty=None),
        field_of(HandoverBody, "time", "Time of the day", required=True),
        field_of(HandoverBody, "starts_on", "Day on which the first turn begins", empty=None, placeholder="2026-01-05"),
    )
    return (
        Group(title="", fields=whole),
        *groups_of_rows(turn, turns, MOST_TURNS),
        Group(title="When the next turn begins", fields=handover),
        *groups_of_rows(span, hours, MOST_HOURS),
    )


def override_groups(channels: Iterable[Channel]) -> tuple[Group, ...]:
    """The form of an override."""
    fields = (
        Field(name="alert_channel_ids", label="Who is told", kind="several", options=channel_options(channels)),
        field_of(OverrideBody, "starts_at", "From", kind="time", required=True),
        field_of(OverrideBody, "ends_at", "To", kind="time", required=True),
        field_of(OverrideBody, "name", "Name"),
    )
    return (Group(title="", fields=fields),)


def channel_options(channels: Iterable[Channel]) -> tuple[Option, ...]:
    """The channels to choose from."""
    return tuple(Option(one.id, one.name or one.kind) for one in channels)


def values_of(rotation: OnCallRotation) -> dict[str, Any]:
    """What stands in the form of a rotation that is there."""
    handover = shown_handover(rotation.handover)
    values = {"name": rotation.name, "timezone": rotation.tz}
    values |= {name: getattr(handover, name) for name in HANDOVER}
    values |= values_of_rows([{"turn_channels": one.channels, "turn_name": one.name} for one in rotation.turns])
    hours = [
        {
            "hours_start": clock(one.start),
            "hours_end": clock(one.end),
            "hours_days": [WEEKDAYS[day] for day in one.days],
        }
        for one in rotation.hours
    ]
    return values | values_of_rows(hours)


def sent_with(changed: frozenset[str], names: Iterable[str]) -> frozenset[str]:
    """The fields that are sent when these have changed: turns, hours and the handover each as a whole. names: all."""
    found = with_rows(changed, names, (TURN, HOURS))
    return found | set(HANDOVER) if changed & set(HANDOVER) else found


def body_of_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a request by what the fields say."""
    body = {name: values[name] for name in ("name", "timezone") if name in values}
    if any(is_of_rows(name, TURN) for name in values):
        body["turns"] = [
            {"alert_channel_ids": row["turn_channels"], "name": row["turn_name"] or ""}
            for row in rows_of_values(values, TURN[0], TURN[1:], MOST_TURNS)
        ]
    if any(is_of_rows(name, HOURS) for name in values):
        body["hours"] = [
            {"start": row["hours_start"], "end": row["hours_end"] or "", "days": row["hours_days"] or list(WEEKDAYS)}
            for row in rows_of_values(values, HOURS[0], HOURS[1:], MOST_HOURS)
        ]
    if any(name in values for name in HANDOVER):
        body["handover"] = {name: values[name] for name in HANDOVER if values.get(name) is not None}
    return body
