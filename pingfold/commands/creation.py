"""`pingfold project create` and `pingfold key create`."""

from typing import Annotated, get_args

import typer
from msgspec.structs import replace

from infra.clock import SYSTEM_CLOCK
from infra.secrets.secrets import (
    Vault,
    new_api_key,
    new_ping_key,
    new_webhook_secret,
    of_project,
    stored_api_key,
)
from infra.settings.settings import Settings
from pingfold.addresses import answering_kafka_of
from pingfold.commands.admin import ask
from pingfold.commands.options import Json, ProjectOption, project_of
from pingfold.commands.tables import show
from pingfold.errors import CommandFailed
from schemas.base import SECOND
from schemas.definitions import KeyKind, KeyScope, Project
from schemas.ids import new_id
from schemas.requests import KeyCreate, ProjectCreate


def create_project(name: str, json: Json = False) -> None:
    """Create a project with a ping key and a Healthchecks API key. Both are shown only once.

    Example: pingfold project create Backups
    """
    settings, now = Settings(), SYSTEM_CLOCK.real()
    answering_kafka_of(settings)  # before a key is made in a folder that is not that of a Pingfold
    id, ping_key, api_key, secret = new_id(), new_ping_key(), new_api_key("healthchecks"), new_webhook_secret()
    project = Project(
        id=id,
        name=name,
        ping_key=ping_key,
        created=now,
        webhook_secret=Vault.open(settings).encrypt(secret, of_project(id)),
    )
    key = stored_api_key(api_key, "healthchecks", id, now, name="first key")
    ask(settings, id, ProjectCreate(request=new_id(), at=now, project=project, keys=(key,)))
    show({"id": id, "name": name, "ping_key": ping_key, "healthchecks_key": api_key, "webhook_secret": secret}, json)


def create_key(
    kind: KeyKind,
    name: str = "",
    scope: Annotated[
        list[str] | None, typer.Option(help="Scope of a poppaping key; repeat for several. Default: all scopes.")
    ] = None,
    days: Annotated[
        int | None, typer.Option(help="Days until the key expires. Default: never.", min=1, max=36_500)
    ] = None,
    project: ProjectOption = None,
    json: Json = False,
) -> None:
    """Create an API key. It is shown only once.

    Example: pingfold key create healthchecks-readonly --name grafana --days 365
    """
    if scope and kind != "poppaping":
        raise CommandFailed("--scope: only keys of the kind poppaping have scopes")
    known = get_args(KeyScope)
    if unknown := set(scope or ()) - set(known):
        raise CommandFailed(f"unknown scope: {', '.join(sorted(unknown))}; known scopes are {', '.join(known)}")
    settings, now = Settings(), SYSTEM_CLOCK.real()
    id, secret = project_of(settings, project), new_api_key(kind)
    expires = None if days is None else now + days * 86_400 * SECOND
    key = replace(
        stored_api_key(secret, kind, id, now, name=name),
        scopes=tuple(one for one in known if one in (scope or ())),
        expires=expires,
    )
    ask(settings, id, KeyCreate(request=new_id(), at=now, key=key))
    show({"id": key.id, "kind": kind, "key": secret}, json)
