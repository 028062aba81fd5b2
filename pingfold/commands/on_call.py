"""`pingfold on-call`: on-call shifts and overrides, through the API of the running Pingfold."""

import json as json_module
from typing import Annotated, Any
from urllib.parse import quote

import typer

from infra.clock import SYSTEM_CLOCK
from infra.settings.durations import parse_duration
from pingfold.commands.options import Json
from pingfold.commands.poppaping import all_of, call
from pingfold.commands.tables import minute_of, print_table, say
from schemas.base import SECOND, Micros
from schemas.times import LAST, iso, micros_of, read_form

Rotation = Annotated[str, typer.Argument(help="Id of an on-call rotation, or its name.")]
PATH, CHANNELS = "/api/v1/on-call", "/api/v1/alert-channels"
_TIMES = ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d"]


def list_rotations(json: Json = False) -> None:
    """List the on-call rotations, and who is on call now.

    Example: pingfold on-call list
    """
    found, names = all_of(PATH), _channel_names()
    if json:
        typer.echo(json_module.dumps(found, indent=2))
        return
    rows = [(one["id"], one["name"], one["timezone"], _who(one["on_call"], names)) for one in found]
    print_table(("id", "name", "time zone", "on call now"), rows)


def show(
    rotation: Rotation,
    days: Annotated[int, typer.Option(min=1, max=92, help="Number of days to show.")] = 14,
    json: Json = False,
) -> None:
    """Show the coming shifts and the overrides of an on-call rotation.

    Example: pingfold on-call show Primary --days 28
    """
    id, names = id_of(rotation), _channel_names()
    found = call("GET", f"{PATH}/{id}")
    if json:
        typer.echo(json_module.dumps(found, indent=2))
        return
    now = SYSTEM_CLOCK.real()
    span = f"from={iso(now)[:19]}Z&to={iso(min(now + days * 86_400 * SECOND, LAST))[:19]}Z"
    shifts = all_of(f"{PATH}/{id}/schedule?{span}")
    rows = [
        (minute_of(one["starts_at"]), minute_of(one["ends_at"]), _who(one, names), one["override_id"] or "-")
        for one in shifts
    ]
    print_table(("from (UTC)", "to (UTC)", "on call", "override"), rows)
    say(*found["warnings"], err=True)


def override(
    rotation: Rotation,
    channel: Annotated[
        list[str], typer.Argument(help="Id or name of a channel; repeat for several, which are on call together.")
    ],
    span: Annotated[str, typer.Option("--for", help="Duration, such as 12h or 2d.")],
    start: Annotated[
        str | None, typer.Option("--from", help="Start in UTC, such as '2026-03-01 10:00'. Default: now.")
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the override.")] = "",
) -> None:
    """Put somebody else on call for a time span.

    Example: pingfold on-call override Primary "Bob's phone" --for 12h
    """
    id = id_of(rotation)
    begins = SYSTEM_CLOCK.real() if start is None else _time(start)
    ends = begins + _seconds(span) * SECOND
    if ends > LAST:
        raise typer.BadParameter(f"{span}: too long")
    channels = all_of(CHANNELS)
    body = {
        "alert_channel_ids": [one_of(channels, each, "channel") for each in channel],
        "starts_at": iso(begins),
        "ends_at": iso(ends),
        "name": name,
    }
    made = call("POST", f"{PATH}/{id}/overrides", body)
    typer.echo(f"override {made['id']} from {minute_of(made['starts_at'])} to {minute_of(made['ends_at'])} UTC")


def end_override(rotation: Rotation, override: Annotated[str, typer.Argument(help="Id of the override.")]) -> None:
    """Remove an override. The regular turn is on call again.

    Example: pingfold on-call end-override Primary 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278
    """
    call("DELETE", f"{PATH}/{id_of(rotation)}/overrides/{quote(override, safe='')}")
    typer.echo(f"removed override {override}")


def id_of(rotation: str) -> str:
    """The id of the rotation with this id or name."""
    return one_of(all_of(PATH), rotation, "on-call rotation")


def one_of(things: list[dict[str, Any]], named: str, what: str) -> str:
    """The id of the thing with this id or name."""
    found = [thing for thing in things if named in (thing["id"], thing["name"])]
    if len(found) != 1:
        known = ", ".join(thing["name"] or thing["id"] for thing in things)
        words = f"several are called {named!r}: give the id" if found else f"there is no {what} {named!r}"
        raise typer.BadParameter(f"{words}; there are: {known or 'none'}")
    return str(found[0]["id"])


def _channel_names() -> dict[str, str]:
    return {one["id"]: one["name"] or one["id"] for one in all_of(CHANNELS)}


def _who(people: dict[str, Any], names: dict[str, str]) -> str:
    channels = ", ".join(names.get(id, id) for id in people["alert_channel_ids"])
    if not channels:
        return "nobody"
    return f"{people['name']} ({channels})" if people["name"] else channels


def _time(text: str) -> Micros:
    for form in _TIMES:
        try:
            at = micros_of(read_form(text, form))
        except ValueError:
            continue
        if 0 <= at <= LAST:
            return at
    raise typer.BadParameter(f"{text}: a time such as '2026-03-01 10:00' is expected")


def _seconds(text: str) -> int:
    try:
        seconds = parse_duration(text)
    except ValueError:
        seconds = None
    if not seconds:
        raise typer.BadParameter(f"{text}: a duration such as 12h is expected")
    return seconds
