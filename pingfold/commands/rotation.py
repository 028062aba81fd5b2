"""`pingfold key rotate` and `revoke`, and the rotation of a project's secrets. The commands connect to Kafka.

They also update `credentials.json` if it contains the rotated key or secret.
"""

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
from pingfold.commands.admin import ask
from pingfold.commands.inventory import Inventory
from pingfold.commands.options import Json, ProjectOption, project_of
from pingfold.commands.overlap import Overlap, overlap_seconds
from pingfold.commands.tables import show
from pingfold.errors import CommandFailed
from schemas.base import SECOND, Micros
from schemas.definitions import ApiKey
from schemas.ids import new_id
from schemas.requests import KeyRevoke, KeyRotate, ProjectRename, ProjectRotatePingKey, ProjectRotateWebhookSecret
from schemas.times import iso_or_none


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
    """Replace an API key by a new one with the same rights. The old key expires when the overlap ends.

    Example: pingfold key rotate 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278 --overlap 7d
    """
    settings, now, seconds = Settings(), SYSTEM_CLOCK.real(), overlap_seconds(overlap)
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


def revoke_key(id: str, project: ProjectOption = None) -> None:
    """Revoke an API key.

    Example: pingfold key revoke 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278
    """
    settings = Settings()
    request = KeyRevoke(request=new_id(), at=SYSTEM_CLOCK.real(), id=id)
    ask(settings, project_of(settings, project), request)


def rename_project(name: Annotated[str, typer.Argument(help="The new name.")], project: ProjectOption = None) -> None:
    """Give a project another name.

    Example: pingfold project rename Backups
    """
    if not 1 <= len(name.strip()) <= 100:
        raise CommandFailed("a name has 1 to 100 characters")
    settings = Settings()
    request = ProjectRename(request=new_id(), at=SYSTEM_CLOCK.real(), name=name.strip())
    ask(settings, project_of(settings, project), request)


def rotate_ping_key(overlap: Overlap = "24h", project: ProjectOption = None, json: Json = False) -> None:
    """Replace the ping key of a project. Pings with the old key are accepted until the overlap ends.

    Example: pingfold project rotate-ping-key --overlap 7d
    """
    settings, now, seconds = Settings(), SYSTEM_CLOCK.real(), overlap_seconds(overlap)
    owner, key = project_of(settings, project), new_ping_key()
    ask(settings, owner, ProjectRotatePingKey(request=new_id(), at=now, ping_key=key, overlap=seconds))
    _keep(settings, owner, {"ping_key": key})
    _show_rotated({"ping_key": key}, now, seconds, json)


def rotate_webhook_secret(overlap: Overlap = "24h", project: ProjectOption = None, json: Json = False) -> None:
    """Replace the webhook secret of a project, which signs all webhooks that have no secret of their own.

    Until the overlap ends, webhooks are signed with both secrets. A secret that can no longer be decrypted is replaced
    at once.

    Example: pingfold project rotate-webhook-secret --overlap 24h
    """
    settings, now, seconds = Settings(), SYSTEM_CLOCK.real(), overlap_seconds(overlap)
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
