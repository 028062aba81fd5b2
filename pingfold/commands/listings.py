"""`pingfold project list` and `pingfold key list`, read from Kafka."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from infra.clock import SYSTEM_CLOCK
from infra.settings.settings import Settings
from pingfold.addresses import answering_kafka_of
from pingfold.commands.inventory import Inventory, last_uses
from pingfold.commands.options import Json
from pingfold.commands.tables import minute, print_table, show
from pingfold.errors import CommandFailed
from schemas.base import Micros
from schemas.definitions import ApiKey, FormerPingKey, FormerSecret, RevokedKey
from schemas.times import iso, iso_or_none


def list_projects(json: Json = False) -> None:
    """List all projects, with the number of their checks, monitors, channels, pages and keys.

    Example: pingfold project list --json
    """
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


def list_keys(
    project: Annotated[str | None, typer.Option(help="Id of a project. Default: all projects.")] = None,
    json: Json = False,
) -> None:
    """List API keys, including revoked ones. The keys themselves are not shown.

    The time of last use is accurate to five minutes.

    Example: pingfold key list
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
