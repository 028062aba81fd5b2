"""`pingfold channel change`: changes a channel through the API of the running Pingfold."""

import json as json_module
from typing import Annotated, Any
from urllib.parse import quote

import typer

from pingfold.commands.options import Json
from pingfold.commands.poppaping import call
from pingfold.commands.quiet import quiet_hours
from pingfold.errors import CommandFailed


def change_channel(
    id: Annotated[str, typer.Argument(help="Id of the channel.")],
    name: Annotated[str | None, typer.Option(help="The new name.")] = None,
    event: Annotated[
        list[str] | None, typer.Option(help="The events that the channel takes; repeat for several.")
    ] = None,
    digest: Annotated[
        bool | None, typer.Option("--digest/--no-digest", help="Send many events within a minute as one list.")
    ] = None,
    quiet: Annotated[str | None, typer.Option(help="Quiet hours: mon-fri,22:00-07:00,Europe/Berlin.")] = None,
    no_quiet: Annotated[
        bool, typer.Option("--no-quiet", help="Remove the quiet hours, and send what they hold back.")
    ] = False,
    repeat: Annotated[
        int | None, typer.Option(help="Repeat an alert after this many minutes, until somebody acknowledges it.")
    ] = None,
    no_repeat: Annotated[bool, typer.Option("--no-repeat", help="Do not repeat alerts.")] = False,
    json: Json = False,
) -> None:
    """Change a channel. Fields that are not given stay. A disabled channel is enabled.

    Example: pingfold channel change 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278 --quiet 22:00-07:00,Europe/Berlin
    """
    for given, ended, option in ((quiet, no_quiet, "quiet"), (repeat, no_repeat, "repeat")):
        if given is not None and ended:
            raise CommandFailed(f"give --{option} or --no-{option}, not both")
    body: dict[str, Any] = {"name": name, "events": event or None, "digest": digest, "repeat_minutes": repeat}
    body = {field: value for field, value in body.items() if value is not None}
    if quiet is not None or no_quiet:
        body["quiet_hours"] = None if quiet is None else quiet_hours(quiet)
    if no_repeat:
        body["repeat_minutes"] = None
    if not body:
        raise CommandFailed("give at least one of --name, --event, --digest, --quiet and --repeat")
    changed = call("PATCH", f"/api/v1/alert-channels/{quote(id, safe='')}", body)
    typer.echo(json_module.dumps(changed) if json else f"changed channel {changed['id']}")
