"""Commands that call a running Pingfold over HTTP, as any client does.

The address comes from `PINGFOLD_URL`, the API key from `PINGFOLD_KEY`; each defaults to `credentials.json` under
`PINGFOLD_DATA`. `PINGFOLD_HOST` and `PINGFOLD_PORT`, if set, override the address in that file.
"""

import json as json_module
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from infra.settings.settings import Settings
from pingfold import credentials
from pingfold.commands.options import Json
from pingfold.commands.overlap import Overlap, overlap_seconds
from pingfold.commands.quiet import quiet_hours
from pingfold.commands.tables import minute_of, print_table, say
from pingfold.errors import CommandFailed
from pingfold.running_place import running_place, verification
from schemas.channels.kind import enumerated
from schemas.channels.kinds import CHANNEL_KINDS, kind_named
from schemas.ids import is_uuid

_TARGETS = "; ".join(kind.target_help for kind in CHANNEL_KINDS.values())
_ASKED = "a confirmation request was mailed"


def request(settings: Settings, method: str, path: str, **what: Any) -> httpx.Response:
    """The answer of the running Pingfold, whatever its status. Raises `CommandFailed` when there is none."""
    url, origin = running_place(settings)
    try:
        trusted = verification(url)
        return httpx.request(method, f"{url}{path}", **{"timeout": 15.0} | what, trust_env=False, verify=trusted)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CommandFailed(
            f"{url} does not answer ({error}): is Pingfold running there? (address from {origin})"
        ) from error


def _call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    settings = Settings()
    key = settings.key or credentials.load(credentials.path_of(settings)).healthchecks_key
    return ask_api(method, path, {"X-Api-Key": key}, body)


def ask_api(method: str, path: str, headers: dict[str, str], body: dict[str, Any] | None = None, **more: Any) -> Any:
    """What an API answers, decoded. more: of `request`, such as a `timeout`.

    Raises `CommandFailed` with its words when it refuses.
    """
    settings = Settings()
    answer = request(settings, method, path, json=body, headers=headers, **more)
    if answer.is_error:
        try:
            told = answer.json()
            why = told["error"]
            why = why["message"] if isinstance(why, dict) else told.get("message") or why
        except (ValueError, KeyError, TypeError):
            why = answer.text or answer.reason_phrase
        raise CommandFailed(f"{answer.status_code} {why}")
    try:
        return answer.json() if answer.content else None
    except ValueError:
        url, origin = running_place(settings)
        raise CommandFailed(f"the server at {url} is not Pingfold (address from {origin})") from None


def create_channel(
    kind: Annotated[str, typer.Argument(help=enumerated(CHANNEL_KINDS, "or"))],
    target: Annotated[str, typer.Argument(help=_TARGETS)],
    event: Annotated[
        list[str] | None,
        typer.Option(help="Event to send; repeat for several. Default: the events that suit the kind."),
    ] = None,
    name: str = "",
    secret: Annotated[
        str | None,
        typer.Option(help="Signing secret or token of the kind. Default: for webhooks, the project's secret."),
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="Language of its messages, such as de. Default: English.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Zone of the times in its messages, such as Europe/Paris. Default: UTC.")
    ] = None,
    digest: Annotated[
        bool | None,
        typer.Option(
            "--digest/--no-digest",
            help="Send many events within a minute as one list. Default: yes for people, no for programs.",
        ),
    ] = None,
    quiet: Annotated[
        str | None,
        typer.Option(help="Quiet hours, which hold back notices that can wait: mon-fri,22:00-07:00,Europe/Berlin."),
    ] = None,
    repeat: Annotated[
        int | None,
        typer.Option(help="Repeat an alert after this many minutes, until somebody acknowledges it."),
    ] = None,
    all: Annotated[
        bool, typer.Option("--all", help="Also assign the channel to all existing checks and monitors.")
    ] = False,
    json: Json = False,
) -> None:
    """Create a channel in the default project.

    Example: pingfold channel create webhook https://example.com/hook --all
    """
    known = kind_named(kind)
    where = {} if known is None else known.of_target(target)
    body: dict[str, Any] = {"kind": kind, **where, "name": name, "on_every_check": all}
    if event:
        body["events"] = event
    if digest is not None:
        body["digest"] = digest
    if quiet is not None:
        body["quiet_hours"] = quiet_hours(quiet)
    if repeat is not None:
        body["repeat_minutes"] = repeat
    if secret is not None:
        field = (known.secret_field if known else "") or "secret"
        if field in where:
            raise CommandFailed(f"a channel of kind {kind} has no secret beside its target")
        body[field] = secret
    body |= {name: value for name, value in (("language", language), ("timezone", timezone)) if value is not None}
    _print_created(_call("POST", "/api/v3/channels/", body), json)


def _print_created(channel: Mapping[str, Any], json: bool) -> None:
    typer.echo(json_module.dumps(channel) if json else f"created channel {channel['id']}")
    if unconfirmed := channel.get("unconfirmed"):
        say(f"nothing is sent to {', '.join(unconfirmed)} until its owner confirms: {_ASKED}", err=True)


def list_channels(json: Json = False) -> None:
    """List the channels of the default project, with their targets and states.

    Example: pingfold channel list --json
    """
    found = _call("GET", "/api/v3/channels/?details=1")["channels"]
    if json:
        typer.echo(json_module.dumps(found, indent=2))
        return
    head = ("id", "kind", "name", "to", "state", "last success (UTC)", "events")
    rows = [
        (
            *(one["id"], one["kind"], one["name"], _to(one), _state(one)),
            *(minute_of(one["last_success"]), ",".join(one["events"])),
        )
        for one in found
    ]
    print_table(head, rows)


def rotate_secret(
    id: str,
    overlap: Overlap = "24h",
    secret: Annotated[str | None, typer.Option(help="The new secret. Default: a random one.")] = None,
    json: Json = False,
) -> None:
    """Replace the signing secret of a webhook. The new secret is shown only once.

    Example: pingfold channel rotate-secret 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278 --overlap 24h
    """
    body = {"overlap": overlap_seconds(overlap)} | ({} if secret is None else {"secret": secret})
    made = _call("POST", f"/api/v3/channels/{id}/rotate-secret", body)
    if json:
        typer.echo(json_module.dumps(made))
    else:
        typer.echo(f"secret: {made['secret']}\nprevious secret valid until: {made['former_until'] or 'now'}")


def _to(channel: dict[str, Any]) -> str:
    kind = kind_named(channel["kind"])
    return "-" if kind is None else kind.target(channel)  # one that a later version made


def _state(channel: dict[str, Any]) -> str:
    if channel["disabled"]:
        since, why = minute_of(channel["disabled_at"]), channel["disabled_because"] or "reason not recorded"
        return f"disabled since {since}: {why}"
    if until := channel.get("mute_until"):
        return "muted" if until == "forever" else f"muted until {minute_of(until)}"
    return f"{channel['failures']} failures in a row" if channel["failures"] else "enabled"


def request_confirmation(id: str) -> None:
    """Mail another confirmation request to the unconfirmed addresses of an e-mail channel.

    Example: pingfold channel request-confirmation 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278
    """
    asked = _call("POST", f"/api/v3/channels/{id}/confirmation")
    say(f"{', '.join(asked['unconfirmed'])}: {_ASKED}")


def delete_channel(id: str) -> None:
    """Delete a channel, remove it from all checks, and drop its pending deliveries.

    Example: pingfold channel delete 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278
    """
    _call("DELETE", f"/api/v3/channels/{id}")


def ping(
    check: Annotated[str, typer.Argument(help="UUID of the check, or its slug in the default project.")] = "",
    kind: Annotated[str, typer.Option(help="success, start, fail, log, or an exit status.")] = "success",
    body: str = "",
    create: Annotated[bool, typer.Option("--create", help="Create the check if no check has this slug.")] = False,
    bulk: Annotated[
        Path | None,
        typer.Option("--bulk", help="Send the pings in this file, one JSON object per line; - for standard input."),
    ] = None,
) -> None:
    """Send a ping. With --bulk, send the pings in a file.

    Example: pingfold ping backup --create
    """
    settings = Settings()
    if bool(check) is (bulk is not None):
        raise CommandFailed("name a check, or give a file with --bulk")
    if bulk is not None:
        from pingfold.commands.bulk_ping import send_file

        send_file(settings, bulk, create)
        return
    target = check if is_uuid(check) else f"{credentials.load(credentials.path_of(settings)).ping_key}/{check}"
    end = "" if kind == "success" else f"/{kind}"
    params = {"create": "1"} if create else None
    answer = request(settings, "POST", f"/ping/{target}{end}", params=params, content=body)
    if answer.is_error or answer.text.startswith("OK ("):
        raise CommandFailed(f"{answer.status_code} {answer.text}")
    say(answer.text)
