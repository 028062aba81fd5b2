"""`pingfold incident`: lists and acknowledges incidents through the API of the running Pingfold."""

import json as json_module
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

import typer

from infra.clock import SYSTEM_CLOCK
from infra.settings.durations import parse_duration
from pingfold.commands.options import Json
from pingfold.commands.os_user import operator
from pingfold.commands.poppaping import all_of, call
from pingfold.commands.tables import minute_of, print_table, say
from schemas.base import SECOND
from schemas.mutes import LAST_MUTE_TIME
from schemas.times import iso

Incident = Annotated[str, typer.Argument(help="Id of an incident, or of the check or monitor that is down.")]
By = Annotated[str | None, typer.Option(help="Name of the person. Default: the user who runs the command.")]


def list_incidents(
    status: Annotated[Literal["open", "resolved", "all"], typer.Option(help="open, resolved, or all.")] = "open",
    type: Annotated[
        str, typer.Option(help="Only monitors of this type, such as http; `heartbeat` for heartbeat checks.")
    ] = "any",
    search: Annotated[str, typer.Option(help="Only those whose name or target contains this text.")] = "",
    limit: Annotated[int, typer.Option(help="Maximum number of incidents.", min=1, max=10_000)] = 1_000,
    json: Json = False,
) -> None:
    """List the incidents of monitors and heartbeat checks, newest first, with their acknowledgements.

    Example: pingfold incident list --status all --search shop
    """
    asked = {"type": type, "search": search}
    if status != "all":
        asked["status"] = status
    found = all_of(f"/api/v1/incidents?{urlencode(asked)}", limit)[:limit]
    if json:
        typer.echo(json_module.dumps(found, indent=2))
        return
    head = ("id", "type", "name", "since (UTC)", "until (UTC)", "acknowledged by", "next step (UTC)", "cause")
    rows = [
        (
            *(one["id"], one["monitor_type"], one["monitor_name"] or one["monitor_id"], minute_of(one["started_at"])),
            *(minute_of(one["resolved_at"]), _who(one["acknowledgement"]), _next(one["escalation"]), one["cause"]),
        )
        for one in found
    ]
    print_table(head, rows)


def show_incident(id: Incident, json: Json = False) -> None:
    """Show an incident with its comments.

    Example: pingfold incident show 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278
    """
    found = call("GET", f"/api/v1/incidents/{quote(id, safe='')}")
    if json:
        typer.echo(json_module.dumps(found, indent=2))
        return
    told: dict[str, Any] = {
        "id": found["id"],
        "of": f"{found['monitor_type']} {found['monitor_name'] or ''} ({found['monitor_id']})".replace("  ", " "),
        "cause": found["cause"],
        "since (UTC)": minute_of(found["started_at"]),
        "until (UTC)": minute_of(found["resolved_at"]),
        "acknowledged by": _who(found["acknowledgement"]),
        "next step (UTC)": _next(found["escalation"]),
    }
    print_table(("what", "value"), [(name, str(value)) for name, value in told.items()])
    if found["log"]:
        typer.echo("")
        rows = [(minute_of(one["at"]), one["action"], one["by"], one["comment"]) for one in found["log"]]
        print_table(("at (UTC)", "what", "by", "comment"), rows)


def acknowledge(
    id: Incident,
    by: By = None,
    comment: Annotated[str | None, typer.Option(help="A comment.")] = None,
    until: Annotated[
        str | None, typer.Option("--for", help="Snooze for this time, such as 2h; then the acknowledgement ends.")
    ] = None,
) -> None:
    """Acknowledge an open incident: stop its repeated alerts and escalation. The first one counts.

    The same person can repeat the command to change its end.

    Example: pingfold incident acknowledge 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278 --comment "on it"
    """
    body: dict[str, Any] = {"by": by or operator().user, "comment": comment, "until": _until(until)}
    said = call("POST", f"/api/v1/incidents/{quote(id, safe='')}/acknowledge", body)["acknowledgement"]
    ends = f", until {minute_of(said['until'])} UTC" if said["until"] else ""
    say(f"acknowledged by {said['by']} at {minute_of(said['acknowledged_at'])} UTC{ends}")


def release(
    id: Incident,
    by: By = None,
    comment: Annotated[str | None, typer.Option(help="A comment.")] = None,
) -> None:
    """Withdraw an acknowledgement. The escalation continues from now.

    Example: pingfold incident release 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278
    """
    body = {"by": by or operator().user, "comment": comment}
    call("DELETE", f"/api/v1/incidents/{quote(id, safe='')}/acknowledge", body)
    typer.echo("nobody takes care of it now")


def comment(id: Incident, text: str, by: By = None) -> None:
    """Comment on an open incident. The incident and the audit trail show the comment.

    Example: pingfold incident comment 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278 "a new disk is on its way"
    """
    body = {"by": by or operator().user, "comment": text}
    said = call("POST", f"/api/v1/incidents/{quote(id, safe='')}/comments", body)
    say(f"commented by {said['by']}")


def _who(acknowledgement: dict[str, Any] | None) -> str:
    return "-" if acknowledgement is None else str(acknowledgement["by"])


def _next(escalation: dict[str, Any] | None) -> str:
    return "-" if escalation is None else minute_of(escalation["next_step_at"])


def _until(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        seconds = parse_duration(text)
    except ValueError:
        seconds = None
    at = None if seconds is None else SYSTEM_CLOCK.real() + seconds * SECOND
    if at is None or at > LAST_MUTE_TIME:
        raise typer.BadParameter(f"{text}: a duration such as 2h is expected")
    return iso(at)
