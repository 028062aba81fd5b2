"""`pingfold audit`: the audit trail of a project, read from ClickHouse, for operators."""

import asyncio
import json as json_module
from typing import Annotated, get_args

import msgspec
import typer

from infra.clickhouse.address import Address
from infra.clickhouse.client import ClickHouse
from infra.clock import SYSTEM_CLOCK
from infra.log import admin
from infra.log.cluster import Cluster
from infra.log.group_progress import GroupProgress
from infra.settings.durations import parse_duration
from infra.settings.settings import Settings
from pingfold.addresses import answering_kafka_of, clickhouse_of
from pingfold.commands.options import Json, ProjectOption, project_of
from pingfold.commands.tables import print_table
from pingfold.errors import CommandFailed
from query_api.history.audit import AuditHistory, AuditRow, Which, wrong_actor, wrong_kind
from query_api.history.audit_object import audit_object, change_words
from schemas.actors import ActorKind
from schemas.base import SECOND, Micros
from schemas.times import read_iso, to_second
from schemas.topics import TRANSITIONS
from schemas.transitions import ThingKind

_THINGS, _ACTORS = (", ".join(get_args(kinds)) for kinds in (ThingKind, ActorKind))
_INCOMPLETE = "history is being written: the newest changes may be missing"


def audit(
    project: ProjectOption = None,
    since: Annotated[
        str | None, typer.Option(help="Only newer entries: a duration such as 7d, or a date such as 2026-11-28T07:30.")
    ] = None,
    kind: Annotated[str, typer.Option(help=f"Only things of this kind: {_THINGS}.")] = "",
    thing: Annotated[str, typer.Option(help="Only the object with this id.")] = "",
    actor: Annotated[
        str,
        typer.Option(help=f"Only changes by this kind of actor ({_ACTORS}), API key (its id), user, or address."),
    ] = "",
    limit: Annotated[int, typer.Option(help="Maximum number of entries.", min=1, max=100_000)] = 100,
    json: Json = False,
) -> None:
    """List who changed what in a project, newest first. Secrets are not shown.

    Example: pingfold audit --since 7d --kind check
    """
    if wrong := wrong_kind(kind) or wrong_actor(actor):
        raise typer.BadParameter(wrong)
    settings, start = Settings(), 0 if since is None else parse_since(since, SYSTEM_CLOCK.real())
    which = Which(project_of(settings, project), start=start, kind=kind, thing=thing, actor=actor, limit=limit)
    complete, rows = asyncio.run(_entries(answering_kafka_of(settings), clickhouse_of(settings), which))
    if not complete:
        typer.echo(f"pingfold audit: {_INCOMPLETE}", err=True)
    if json:
        typer.echo(json_module.dumps(msgspec.to_builtins([audit_object(row) for row in rows]), indent=2))
        return
    if actor and not rows:
        # Any text may be the name of a user.
        typer.echo(f"pingfold audit: nothing by {actor}; kinds of actors are {_ACTORS}", err=True)
    print_table(("time (UTC)", "by", "action", "kind", "id", "name", "changes"), map(_cells, rows))


def parse_since(text: str, now: Micros) -> Micros:
    """The moment that `--since` names. Raises `CommandFailed`."""
    try:
        seconds = parse_duration(text)
    except ValueError:
        try:
            return max(0, read_iso(text))
        except ValueError:
            raise CommandFailed("--since takes a duration such as 7d, or a date such as 2026-11-28T07:30") from None
    return 0 if seconds is None else max(0, now - seconds * SECOND)


async def _entries(bootstrap: Cluster, url: str, which: Which) -> tuple[bool, list[AuditRow]]:
    from processors.history.writer import GROUP

    partitions = await asyncio.to_thread(admin.partition_count, bootstrap)
    written = GroupProgress(bootstrap, GROUP, [(TRANSITIONS.name, number) for number in range(partitions)])
    clickhouse = ClickHouse(Address.parse(url))
    try:
        history = AuditHistory(clickhouse, written)
        return await history.caught_up(), await history.entries(which)
    finally:
        await clickhouse.close()


def _cells(row: AuditRow) -> tuple[str, ...]:
    changes = "; ".join(filter(None, (change_words(change, row.action) for change in audit_object(row).changes)))
    return to_second(row.place.at), _by(row), row.action, row.kind, row.thing, row.name or "-", changes or "-"


def _by(row: AuditRow) -> str:
    who = row.key_id or row.user
    where = f" at {row.address}" if row.address else ""
    return f"{row.actor}{f' {who}' if who else ''}{where}"
