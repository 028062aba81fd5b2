"""`pingfold incident`: what is down, and who takes care of it, over the API of the running Pingfold."""

import json as json_module
from typing import Annotated, Any

import typer

from infra.clock import SYSTEM_CLOCK
from infra.secrets.metrics_key import bearer
from infra.settings.durations import parse_duration
from infra.settings.settings import Settings
from pingfold import credentials
from pingfold.commands.client import ask_api
from pingfold.commands.options import Json
from pingfold.commands.os_user import operator
from pingfold.commands.tables import minute_of, print_table
from schemas.base import SECOND
from schemas.mutes import LAST_MUTE_TIME
from schemas.times import iso

Incident = Annotated[str, typer.Argument(help="Id of an incident, or of the check or monitor that is down.")]
By = Annotated[str | None, typer.Option(help="Who, in words. Default: the user that runs the command.")]
_PER_PAGE = 100


def list_incidents(json: Json = False) -> None:
    """List the open incidents of monitors, newest first, and who takes care of them.

    Example: pingfold incident list
    """
    found: list[dict[str, Any]] = []
    while len(found) % _PER_PAGE == 0:
        page = len(found) // _PER_PAGE + 1
        more = _call("GET", f"/api/v1/incidents?status=open&per_page={_PER_PAGE}&page={page}")
        found += more
        if not more:
            break
    if json:
        typer.echo(json_module.dumps(found, indent=2))
        return
    rows = [
        (one["id"], one["monitor_id"], minute_of(one["started_at"]), _who(one["acknowledgement"]), one["cause"])
        for one in found
    ]
    print_table(("id", "monitor", "since (UTC)", "acknowledged by", "cause"), rows)


def acknowledge(
    id: Incident,
    by: By = None,
    comment: Annotated[str | None, typer.Option(help="What you want to say of it.")] = None,
    until: Annotated[
        str | None, typer.Option("--for", help="Only for so long, such as 2h; then it is as if nobody had.")
    ] = None,
) -> None:
    """Take care of an open incident: it is not repeated, and nobody else is called. Who is first counts.

    Example: pingfold incident acknowledge 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278 --comment "on it"
    """
    body: dict[str, Any] = {"by": by or operator().user, "comment": comment, "until": _until(until)}
    said = _call("POST", f"/api/v1/incidents/{id}/acknowledge", body)["acknowledgement"]
    ends = f", until {minute_of(said['until'])} UTC" if said["until"] else ""
    typer.echo(f"acknowledged by {said['by']} at {minute_of(said['acknowledged_at'])} UTC{ends}")


def comment(id: Incident, text: str, by: By = None) -> None:
    """Say something about an open incident. The audit trail has it, and the incident shows it.

    Example: pingfold incident comment 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278 "a new disk is on its way"
    """
    said = _call("POST", f"/api/v1/incidents/{id}/comments", {"by": by or operator().user, "comment": text})
    typer.echo(f"commented by {said['by']}")


def _who(acknowledgement: dict[str, Any] | None) -> str:
    return "-" if acknowledgement is None else str(acknowledgement["by"])


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


def _call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    settings = Settings()
    key = settings.key or credentials.load(credentials.path_of(settings)).poppaping_key
    return ask_api(method, path, bearer(key), body)["data"]
