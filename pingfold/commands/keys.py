"""Commands for operators about projects and their keys: what there is, and rotating it. They reach Kafka itself.

What is rotated in the project of `credentials.json` is written there, too, so that commands go on working.
"""

from collections.abc import Iterable
from typing import Annotated, Any

import typer
from msgspec.structs import replace

from infra.clock import SYSTEM_CLOCK
from infra.secrets.secrets import (
    SecretError,
    Vault,
    hash_api_key,
    new_api_key,
    new_ping_key,
    new_webhook_secret,
    of_project,
    stored_api_key,
)
from infra.settings.settings import Settings
from pingfold import credentials
from pingfold.addresses import answering_kafka_of
from pingfold.commands.admin import Json, ProjectOption, ask, keys, project_of, projects, show
from pingfold.commands.inventory import Inventory, last_uses
from pingfold.commands.overlap import Overlap, overlap_seconds
from pingfold.commands.tables import minute, print_table
from pingfold.errors import CommandFailed
from schemas.base import SECOND, Micros
from schemas.definitions import ApiKey, FormerPingKey, FormerSecret, RevokedKey
from schemas.ids import new_id
from schemas.requests import KeyRotate, ProjectRotatePingKey, ProjectRotateWebhookSecret
from schemas.times import iso, iso_or_none


@projects.command("list")
def list_projects(json: Json = False) -> None:
    """List all projects, with the number of their checks, monitors, channels, pages and keys."""
    stock = Inventory.read(answering_kafka_of(Settings()))
    counts, found = stock.counts, sorted(stock.projects.values(), key=lambda one: (one.created, one.id))
    kinds = ("check", "monitor", "channel", "status-page", "key")
    now = _now()
    if json:
        told = [
            {
                "id": one.id,
                "name": one.name,
                "created": iso(one.created),
                "check_limit": one.check_limit,
                "counts": {kind: counts[one.id, kind] for kind in kinds},
                "former_ping_keys_until": iso_or_none(_until(one.former_ping_keys, now)),
                "former_webhook_secrets_until": iso_or_none(_until(one.former_webhook_secrets, now)),
            }
            for one in found
        ]
        show(told, as_json=True)
        return
    head = (
        *("id", "name", "created (UTC)", "checks", "monitors", "channels", "pages", "keys"),
        *("former ping key until", "former secret until"),
    )
    rows = [
        (
            *(one.id, one.name, minute(one.created)),
            *(str(counts[one.id, kind]) for kind in kinds),
            minute(_until(one.former_ping_keys, now)),
            minute(_until(one.former_webhook_secrets, now)),
        )
        for one in found
    ]
    print_table(head, rows)


@keys.command("list")
def list_keys(
    project: Annotated[str | None, typer.Option(help="Id of a project. Default: all projects.")] = None,
    json: Json = False,
) -> None:
    """List API keys, including revoked ones. The keys themselves are not shown.

    The time of last use is accurate to five minutes.
    """
    bootstrap = answering_kafka_of(Settings())
    stock, uses = Inventory.read(bootstrap, project), last_uses(bootstrap)
    if project is not None and project not in stock.projects:
        raise CommandFailed(f"there is no project {project}; `pingfold project list` shows them")
    found, now = stock.keys(project), _now()
    if json:
        show([_told(key, uses.get(key.id)) for key in found], as_json=True)
        return
    head = ("id", "project", "kind", "scopes", "name", "begins with", "created (UTC)", "state", "last used")
    rows = [
        (
            key.id,
            stock.projects[key.project].name if key.project in stock.projects else key.project,
            key.kind,
            ",".join(key.scopes) or "all",
            key.name,
            key.prefix,
            minute(key.created),
            _state(key, now),
            minute(uses.get(key.id)),
        )
        for key in found
    ]
    print_table(head, rows)


@keys.command("rotate")
def rotate_key(
    id: str,
    overlap: Overlap = "24h",
    days: Annotated[
        int | None,
        typer.Option(help="Days until the new key expires. Default: the lifetime of the old key.", min=1, max=36_500),
    ] = None,
    project: ProjectOption = None,
    json: Json = False,
) -> None:
    """Replace an API key by a new one with the same rights. The old key expires when the overlap ends."""
    settings, now, seconds = Settings(), _now(), overlap_seconds(overlap)
    bootstrap, owner = answering_kafka_of(settings), project_of(settings, project)
    old = Inventory.read(bootstrap, owner).key(owner, id)
    if old is None:
        raise CommandFailed(f"no such key in project {owner}; `pingfold key list` shows them")
    text = new_api_key(old.kind)
    lasts = None if old.expires is None else old.expires - old.created
    if days is not None:
        lasts = days * 86_400 * SECOND
    key = replace(stored_api_key(text, old.kind, owner, now), expires=None if lasts is None else now + lasts)
    ask(settings, owner, KeyRotate(request=new_id(), at=now, id=id, key=key, overlap=seconds))
    _keep(settings, owner, {name: text for name in _key_fields(settings, old)})
    _show_rotated({"id": key.id, "kind": old.kind, "key": text}, now, seconds, json)


@projects.command("rotate-ping-key")
def rotate_ping_key(overlap: Overlap = "24h", project: ProjectOption = None, json: Json = False) -> None:
    """Replace the ping key of a project. Pings with the old key are accepted until the overlap ends."""
    settings, now, seconds = Settings(), _now(), overlap_seconds(overlap)
    owner, key = project_of(settings, project), new_ping_key()
    ask(settings, owner, ProjectRotatePingKey(request=new_id(), at=now, ping_key=key, overlap=seconds))
    _keep(settings, owner, {"ping_key": key})
    _show_rotated({"ping_key": key}, now, seconds, json)


@projects.command("rotate-webhook-secret")
def rotate_webhook_secret(overlap: Overlap = "24h", project: ProjectOption = None, json: Json = False) -> None:
    """Replace the webhook secret of a project, which signs all webhooks that have no secret of their own.

    Until the overlap ends, webhooks are signed with both secrets. A secret that can no longer be decrypted is replaced
    at once.
    """
    settings, now, seconds = Settings(), _now(), overlap_seconds(overlap)
    bootstrap, owner = answering_kafka_of(settings), project_of(settings, project)
    before, vault = Inventory.read(bootstrap, owner).projects.get(owner), Vault.open(settings)
    if before is None:
        raise CommandFailed(f"there is no project {owner}; `pingfold project list` shows them")
    try:
        vault.decrypt(before.webhook_secret, of_project(owner))
    except SecretError:
        seconds = 0
    secret = new_webhook_secret()
    sealed = vault.encrypt(secret, of_project(owner))
    ask(settings, owner, ProjectRotateWebhookSecret(request=new_id(), at=now, secret=sealed, overlap=seconds))
    _keep(settings, owner, {"webhook_secret": secret})
    _show_rotated({"webhook_secret": secret}, now, seconds, json)


def _now() -> Micros:
    return SYSTEM_CLOCK.real()


def _until(formers: Iterable[FormerPingKey | FormerSecret], now: Micros) -> Micros | None:
    """Until when the last of what was rotated out counts; None: nothing of it does."""
    return max((former.until for former in formers if former.until > now), default=None)


def _state(key: ApiKey | RevokedKey, now: Micros) -> str:
    if isinstance(key, RevokedKey):
        return f"revoked {minute(key.revoked)}"
    if key.expires is None:
        return "valid"
    return f"{'expired' if key.expires <= now else 'valid until'} {minute(key.expires)}"


def _told(key: ApiKey | RevokedKey, used: Micros | None) -> dict[str, Any]:
    return {
        "id": key.id,
        "project": key.project,
        "kind": key.kind,
        "scopes": list(key.scopes),
        "name": key.name,
        "prefix": key.prefix,
        "created": iso(key.created),
        "expires": iso_or_none(key.expires),
        "revoked": iso(key.revoked) if isinstance(key, RevokedKey) else None,
        "last_used": iso_or_none(used),
    }


def _key_fields(settings: Settings, old: ApiKey) -> list[str]:
    """Where `credentials.json` has the old key."""
    try:
        known = credentials.load(credentials.path_of(settings))
    except credentials.NoCredentials:
        return []
    return [name for name in credentials.KEY_FIELDS if hash_api_key(getattr(known, name)) == old.hash]


def _keep(settings: Settings, project: str, values: dict[str, str]) -> None:
    file = credentials.path_of(settings)
    if values and credentials.replace_values(file, project, values):
        typer.echo(f"{file} has the new one", err=True)


def _show_rotated(made: dict[str, Any], now: Micros, overlap: int, as_json: bool) -> None:
    until = now + overlap * SECOND if overlap else None
    show(
        {**made, "former_until": iso_or_none(until)}
        if as_json
        else {**made, "former one until": iso_or_none(until) or "now"},
        as_json,
    )
