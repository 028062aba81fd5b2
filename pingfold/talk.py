"""Commands that talk to a running Pingfold over HTTP, as its clients do.

They find it by `PINGFOLD_URL` and `PINGFOLD_KEY`, else by `credentials.json` under `PINGFOLD_DATA`.
"""

import json as json_module
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from infra.settings import Settings
from pingfold import credentials
from schemas.ids import is_uuid

channels = typer.Typer(help="Channels: where notices go.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Failed(Exception):
    """The command could not be carried out; the message says why."""


def _call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    settings = Settings()
    if settings.url and settings.key:
        url, key = settings.url.rstrip("/"), settings.key
    else:
        known = credentials.load(credentials.path_of(settings))
        url, key = known.url, known.healthchecks_key
    try:
        answer = httpx.request(
            method, f"{url}{path}", json=body, headers={"X-Api-Key": key}, timeout=15.0, trust_env=False
        )
    except httpx.HTTPError as error:
        raise Failed(f"{url} does not answer ({error}): is Pingfold running there?") from error
    if answer.is_error:
        try:
            why = answer.json()["error"]
        except (ValueError, KeyError, TypeError):
            why = answer.text or answer.reason_phrase
        raise Failed(f"{answer.status_code} {why}")
    return answer.json() if answer.content else None


@channels.command("create")
def create_channel(
    kind: Annotated[str, typer.Argument(help="webhook or email")],
    target: Annotated[str, typer.Argument(help="The URL of a webhook; an e-mail address, or several with commas.")],
    event: Annotated[
        list[str] | None, typer.Option(help="An event it takes; may be repeated. All if left out.")
    ] = None,
    name: str = "",
    secret: Annotated[str | None, typer.Option(help="A webhook's own secret; the project's if left out.")] = None,
    all: Annotated[bool, typer.Option("--all", help="Put it on every existing check, too.")] = False,
    json: Json = False,
) -> None:
    """Add a channel to the default project."""
    where = "email" if kind == "email" else "url"
    body: dict[str, Any] = {"kind": kind, where: target, "name": name, "on_every_check": all}
    if event:
        body["events"] = event
    if secret is not None:
        body["secret"] = secret
    made = _call("POST", "/api/v3/channels/", body)
    typer.echo(json_module.dumps(made) if json else f"channel {made['id']} made")


@channels.command("list")
def list_channels(json: Json = False) -> None:
    """The channels of the default project."""
    found = _call("GET", "/api/v3/channels/")["channels"]
    if json:
        typer.echo(json_module.dumps(found, indent=2))
        return
    table = Table("id", "kind", "name")
    for channel in found:
        table.add_row(channel["id"], channel["kind"], channel["name"])
    Console().print(table)


@channels.command("delete")
def delete_channel(id: str) -> None:
    """Remove a channel; it is taken off every check, and what it has not got yet is given up."""
    _call("DELETE", f"/api/v3/channels/{id}")


def ping(
    check: Annotated[str, typer.Argument(help="The check's UUID, or its slug in the default project.")],
    kind: Annotated[str, typer.Option(help="success, start, fail, log, or an exit status")] = "success",
    body: str = "",
    create: Annotated[bool, typer.Option("--create", help="Make the check if there is none with this slug.")] = False,
) -> None:
    """Send a ping, as a job would with curl."""
    settings = Settings()
    known = credentials.load(credentials.path_of(settings))
    base = settings.url.rstrip("/") if settings.url else known.url
    target = check if is_uuid(check) else f"{known.ping_key}/{check}"
    end = "" if kind == "success" else f"/{kind}"
    try:
        answer = httpx.post(
            f"{base}/ping/{target}{end}",
            params={"create": "1"} if create else None,
            content=body,
            timeout=15.0,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        raise Failed(f"{base} does not answer ({error}): is Pingfold running there?") from error
    if answer.is_error or answer.text.startswith("OK ("):
        raise Failed(f"{answer.status_code} {answer.text}")
    typer.echo(answer.text)
