"""`pingfold explain`: explains the status of a check or monitor at a time, through the API of the running Pingfold."""

import json as json_module
from typing import Annotated
from urllib.parse import quote, urlencode

import typer

from pingfold.commands.explanation_text import lines_of
from pingfold.commands.options import Json
from pingfold.commands.poppaping import call
from pingfold.commands.tables import say

# The web process gives up before.
_PATIENCE = 45.0


def explain(
    thing: Annotated[str, typer.Argument(help="Id of a check, monitor, incident or delivery, or the slug of a check.")],
    at: Annotated[
        str | None,
        typer.Option(
            help="The time in ISO 8601. Default offset: UTC. Without seconds: the whole minute. Default: now."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Explain the status of a check or monitor at a time: the events, the rule, the deadline, the notices.

    Example: pingfold explain backup --at 2026-02-21T03:12+01:00
    """
    asked = f"?{urlencode({'at': at})}" if at is not None else ""
    path = f"/api/v1/explain/{quote(thing, safe='')}{asked}"
    found = call("GET", path, timeout=_PATIENCE)
    if json:
        typer.echo(json_module.dumps(found, indent=2))
        return
    say(*lines_of(found))
