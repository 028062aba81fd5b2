"""`pingfold template`: manages message templates through the API of the running Pingfold.

A template is a file in TOML: `name`, `title` and `text`, and where it is not for all of them `events` and
`alert_channel_ids` (docs/templates.md).
"""

import json as json_module
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from pingfold.commands.options import Json
from pingfold.commands.poppaping import all_of, call
from pingfold.commands.tables import minute_of, print_table, say
from pingfold.errors import CommandFailed

_PATH = "/api/v1/message-templates"
_FIELDS = ("name", "events", "alert_channel_ids", "title", "text")
_LARGEST = 100_000

File = Annotated[Path, typer.Argument(help="A TOML file with name, title, text, events and alert_channel_ids.")]
Template = Annotated[str, typer.Argument(help="Id or name of a template.")]


def list_templates(json: Json = False) -> None:
    """List the message templates of the default project.

    Example: pingfold template list
    """
    found = all_of(_PATH)
    if json:
        typer.echo(json_module.dumps(found, indent=2))
        return
    rows = [
        (
            *(one["id"], one["name"], ", ".join(one["events"]) or "all"),
            *(", ".join(one["alert_channel_ids"]) or "all", minute_of(one["updated_at"])),
        )
        for one in found
    ]
    print_table(("id", "name", "events", "channels", "changed (UTC)"), rows)


def show_template(template: Template, json: Json = False) -> None:
    """Print a message template as a file for `pingfold template set`.

    Example: pingfold template show Short
    """
    found = _named(template)
    if json:
        typer.echo(json_module.dumps(found, indent=2))
        return
    for field in _FIELDS:
        # A text of JSON is one of TOML, too.
        typer.echo(f"{field} = {json_module.dumps(found[field], ensure_ascii=False)}")


def set_template(file: File, json: Json = False) -> None:
    """Create a message template, or replace the one with the same name.

    Example: pingfold template set short.toml
    """
    wanted = _read(file)
    if not isinstance(wanted.get("name"), str):
        raise CommandFailed(f"{file}: a template needs a name")
    known = [one for one in all_of(_PATH) if one["name"] == wanted["name"]]
    if len(known) > 1:
        raise CommandFailed(f"{len(known)} templates are called {wanted['name']!r}; delete all but one")
    if known:
        whole = {"events": [], "alert_channel_ids": [], "title": "", "text": ""} | wanted
        made = call("PATCH", f"{_PATH}/{known[0]['id']}", whole)
    else:
        made = call("POST", _PATH, wanted)
    typer.echo(json_module.dumps(made) if json else f"{'changed' if known else 'made'} template {made['id']}")


def preview_template(
    file: File,
    event: Annotated[str, typer.Option(help="Event of the sample.")] = "monitor.down",
    language: Annotated[str, typer.Option(help="Language of the channel.")] = "en",
    timezone: Annotated[str, typer.Option(help="Time zone of the channel.")] = "UTC",
    json: Json = False,
) -> None:
    """Render a message template with a sample event, or show its errors. Nothing is stored or sent.

    Example: pingfold template preview short.toml --event monitor.recovered --language de
    """
    wanted = _read(file)
    body = {field: wanted[field] for field in ("title", "text") if field in wanted}
    made = call("POST", f"{_PATH}/preview", body | {"event": event, "language": language, "timezone": timezone})
    if json:
        typer.echo(json_module.dumps(made, indent=2))
        return
    shown = f"{made['title']}\n\n{made['text']}\n\nSubject: {made['mail_subject']}\n\n{made['mail_text']}"
    say(*shown.split("\n"))


def delete_template(template: Template) -> None:
    """Delete a message template. Messages use Pingfold's own texts again.

    Example: pingfold template delete Short
    """
    found = _named(template)
    call("DELETE", f"{_PATH}/{found['id']}")
    typer.echo(f"deleted template {found['id']}")


def _named(template: str) -> dict[str, Any]:
    found = [one for one in all_of(_PATH) if template in (one["id"], one["name"])]
    if len(found) != 1:
        many = "several are called" if found else "there is no template"
        raise CommandFailed(f"{many} {template}; `pingfold template list` shows them")
    return found[0]


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            raw = opened.read(_LARGEST + 1)
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}") from None
    if len(raw) > _LARGEST:
        raise CommandFailed(f"{file} is larger than {_LARGEST} bytes")
    try:
        wanted = tomllib.loads(raw.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CommandFailed(f"{file} is not TOML: {error}") from None
    if unknown := sorted(set(wanted) - set(_FIELDS)):
        raise CommandFailed(f"{file}: unknown: {', '.join(unknown)}; there are {', '.join(_FIELDS)}")
    return wanted
