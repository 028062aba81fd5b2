"""`pingfold maintenance`: manages maintenance windows through the API of the running Pingfold."""

import json as json_module
from typing import Annotated, Any
from urllib.parse import quote

import typer

from pingfold.commands.options import Json
from pingfold.commands.poppaping import all_of, call
from pingfold.commands.tables import minute_of, print_table, say

Window = Annotated[str, typer.Argument(help="Id of a maintenance window.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the id.")]
_PATH = "/api/v1/maintenance-windows"


def start(
    duration: Annotated[str, typer.Option("--for", help="Duration, from 1 minute to 7 days: 30m, 1h 30m.")],
    tag: Annotated[list[str] | None, typer.Option(help="Heartbeat checks with this tag; repeat for several.")] = None,
    check: Annotated[list[str] | None, typer.Option(help="Id of a heartbeat check; repeat for several.")] = None,
    monitor: Annotated[list[str] | None, typer.Option(help="Id of a monitor; repeat for several.")] = None,
    name: Annotated[str, typer.Option(help="Name of the window, which status pages show.")] = "Maintenance",
    key: Annotated[
        str | None, typer.Option(help="If a window with this key has not ended, print it instead of starting another.")
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Start a maintenance window now. Without a tag, check or monitor it covers the whole project.

    Example: pingfold maintenance start --tag web --for 30m --quiet
    """
    body: dict[str, Any] = {"name": name, "duration": duration}
    body |= {"tags": tag or [], "check_ids": check or [], "monitor_ids": monitor or []}
    if key is not None:
        body["key"] = key
    _show(call("POST", _PATH, body), quiet, json)


def extend(
    id: Window,
    duration: Annotated[str | None, typer.Option("--for", help="Additional time, such as 15m.")] = None,
    until: Annotated[str | None, typer.Option(help="New end, in ISO 8601 with an offset from UTC.")] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Extend an open maintenance window. Exit status 1 if it has ended.

    Example: pingfold maintenance extend 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278 --for 15m
    """
    if (duration is None) == (until is None):
        raise typer.BadParameter("give one of --for and --until")
    body = {"duration": duration} if until is None else {"until": until}
    _show(call("POST", f"{_PATH}/{quote(id, safe='')}/extend", body), quiet, json)


def end(id: Window, quiet: Quiet = False, json: Json = False) -> None:
    """End a maintenance window. Exit status 0 also if it has ended already.

    Example: pingfold maintenance end 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278
    """
    _show(call("POST", f"{_PATH}/{quote(id, safe='')}/end"), quiet, json)


def list_windows(
    all: Annotated[bool, typer.Option("--all", help="Include windows that have ended.")] = False, json: Json = False
) -> None:
    """List open and future maintenance windows, oldest first.

    Example: pingfold maintenance list
    """
    shown = [one for one in all_of(_PATH) if all or one["active"] or one["next_start_at"] is not None]
    if json:
        typer.echo(json_module.dumps(shown, indent=2))
        return
    rows = [
        (one["id"], one["name"], _state(one), minute_of(one["active_until"] or one["next_start_at"]), _covered(one))
        for one in shown
    ]
    print_table(("id", "name", "state", "until, or next (UTC)", "covers"), rows)


def _state(window: dict[str, Any]) -> str:
    if window["active"]:
        return "open"
    return "over" if window["next_start_at"] is None else "planned"


def _covered(window: dict[str, Any]) -> str:
    counts = [(len(window[f"{kind}_ids"]), kind) for kind in ("monitor", "check")]
    parts = [f"{count} {kind}{'s' if count > 1 else ''}" for count, kind in counts if count]
    parts += [f"tag {tag}" for tag in window["tags"]]
    return ", ".join(parts) or ("everything" if window["covers_checks"] else "all monitors")


def _show(window: dict[str, Any], quiet: bool, json: bool) -> None:
    if json:
        typer.echo(json_module.dumps(window, indent=2))
    elif quiet:
        typer.echo(window["id"])
    elif window["active"]:
        say(f"{window['id']} is open until {window['active_until']} over {_covered(window)}")
    else:
        typer.echo(
            f"{window['id']} is over since {window['ended_at']}"
            if window["ended_at"]
            else f"{window['id']} is not open"
        )
