"""`pingfold on-call create`, `delete`, `calendar` and `renew-link`: manage rotations through the API of the running
Pingfold."""

import json as json_module
from typing import Annotated, Any

import typer

from pingfold.commands.on_call import CHANNELS, PATH, Rotation, id_of, one_of
from pingfold.commands.options import Json
from pingfold.commands.poppaping import all_of, call
from pingfold.commands.tables import minute_of, say
from pingfold.errors import CommandFailed

_DAYS = {"mon": "monday", "tue": "tuesday", "wed": "wednesday", "thu": "thursday"}
_DAYS |= {"fri": "friday", "sat": "saturday", "sun": "sunday"}


def create(
    name: str,
    turn: Annotated[
        list[str],
        typer.Option(
            help="A turn, such as Ada=ada-phone+ada-mail: name, then channels by id or name; repeat in order."
        ),
    ],
    timezone: Annotated[str, typer.Option(help="Time zone of the handover, such as Europe/Berlin.")] = "UTC",
    every: Annotated[int, typer.Option(help="Days after which the next turn begins.")] = 7,
    on: Annotated[str | None, typer.Option(help="Day of the week of the handover, such as mon.")] = None,
    at: Annotated[str, typer.Option(help="Time of the day of the handover.")] = "09:00",
    hours: Annotated[
        list[str] | None,
        typer.Option(help="Hours in which the rotation is active: sat+sun,08:00-20:00. Default: always."),
    ] = None,
    json: Json = False,
) -> None:
    """Create an on-call rotation. It takes effect when a step of an escalation policy names it.

    Example: pingfold on-call create Primary --turn "Ada=Ada's phone" --turn "Bob=Bob's phone" --on mon
    """
    channels = all_of(CHANNELS)
    handover: dict[str, Any] = {"every_days": every, "time": at}
    if on is not None:
        handover["weekday"] = _day(on)
    body = {
        "name": name,
        "timezone": timezone,
        "handover": handover,
        "turns": [_turn(each, channels) for each in turn],
        "hours": [_hours(each) for each in hours or ()],
    }
    made = call("POST", PATH, body)
    typer.echo(json_module.dumps(made) if json else f"created on-call rotation {made['id']}")
    say(*made["warnings"], err=True)


def delete(rotation: Rotation) -> None:
    """Delete an on-call rotation. Refused while an escalation policy names it.

    Example: pingfold on-call delete Primary
    """
    id = id_of(rotation)
    call("DELETE", f"{PATH}/{id}")
    typer.echo(f"deleted on-call rotation {id}")


def calendar(
    rotation: Rotation,
    url: Annotated[
        str | None, typer.Argument(help="URL of an iCalendar to fetch. Default: show the status of fetching.")
    ] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Stop fetching, and remove the overrides of the calendar.")
    ] = False,
    json: Json = False,
) -> None:
    """Fetch an iCalendar regularly, whose events become overrides; or show the status of fetching.

    Example: pingfold on-call calendar Primary https://calendar.example.com/private-xxxx/basic.ics
    """
    if remove and url is not None:
        raise CommandFailed("give an address or --remove, not both")
    path = f"{PATH}/{id_of(rotation)}/calendar-feed"
    if remove:
        call("DELETE", path)
        typer.echo("no calendar is fetched any more")
        return
    found = call("GET", path) if url is None else call("PUT", path, {"url": url})
    if json:
        typer.echo(json_module.dumps(found, indent=2))
        return
    say(f"fetched from {found['host']}, changed last at {minute_of(found['changed_at'])} UTC")
    if found["left_out"]:
        typer.echo(f"{found['left_out']} of its events name no turn and no alert channel", err=True)
    if found["failing_since"]:
        say(f"not read since {minute_of(found['failing_since'])} UTC: {found['error']}", err=True)


def renew_link(rotation: Rotation) -> None:
    """Replace the link of a rotation's calendar. The old link stops working.

    Example: pingfold on-call renew-link Primary
    """
    typer.echo(call("POST", f"{PATH}/{id_of(rotation)}/calendar-link")["calendar_url"])


def _turn(text: str, channels: list[dict[str, Any]]) -> dict[str, Any]:
    """`NAME=CHANNEL+CHANNEL`, or the channels alone. A channel whose name has one of the signs is given by its id."""
    name, equals, named = text.rpartition("=")
    if equals and any(text in (each["id"], each["name"]) for each in channels):
        name, named = "", text
    found = named.split("+")
    if any(named == each["name"] for each in channels):
        found = [named]
    return {"name": name, "alert_channel_ids": [one_of(channels, each, "channel") for each in found]}


def _hours(text: str) -> dict[str, Any]:
    days, comma, span = text.partition(",")
    start, dash, end = span.partition("-")
    if not comma or not dash:
        raise CommandFailed(f"--hours {text}: such as sat+sun,08:00-20:00 is expected")
    return {"days": [_day(each) for each in days.split("+")], "start": start, "end": end}


def _day(text: str) -> str:
    found = _DAYS.get(text[:3].lower())
    if found is None or not found.startswith(text.lower()):
        raise CommandFailed(f"{text}: a day of the week such as mon is expected")
    return found
