"""`pingfold audit`: the audit trail of a project, read from ClickHouse, for operators."""

import asyncio
import json as json_module
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.clickhouse.client import Address, ClickHouse
from infra.log import admin
from infra.log.cluster import Cluster
from infra.log.group_progress import GroupProgress
from infra.settings.durations import seconds_of
from infra.settings.settings import Settings
from pingfold.addresses import answering_kafka_of, clickhouse_of
from pingfold.commands.admin import Failed, Json, ProjectOption, project_of
from query_api.history.audit import AuditHistory, AuditRow, Which
from query_api.history.audit_object import audit_object
from schemas.base import SECOND, Micros
from schemas.topics import TRANSITIONS

_SHOWN = 60  # characters of a value in the table
_INCOMPLETE = "history is being written: the newest changes may be missing"


def audit(
    project: ProjectOption = None,
    since: Annotated[
        str | None, typer.Option(help="Only what is newer: a duration such as 7d, or a date such as 2026-11-28T07:30.")
    ] = None,
    kind: Annotated[str, typer.Option(help="Only things of this kind: check, monitor, channel, key ...")] = "",
    thing: Annotated[str, typer.Option(help="Only the thing with this id.")] = "",
    actor: Annotated[
        str, typer.Option(help="Only changes by this kind of actor, API key (its id), user, or address.")
    ] = "",
    limit: Annotated[int, typer.Option(help="So many entries at most.", min=1, max=100_000)] = 100,
    json: Json = False,
) -> None:
    """Who changed what in a project, newest first. Nothing secret is told."""
    settings, start = Settings(), 0 if since is None else moment_of(since, time.time_ns() // 1000)
    which = Which(project_of(settings, project), start=start, kind=kind, thing=thing, actor=actor, limit=limit)
    complete, rows = asyncio.run(_entries(answering_kafka_of(settings), clickhouse_of(settings), which))
    if not complete:
        typer.echo(f"pingfold audit: {_INCOMPLETE}", err=True)
    if json:
        typer.echo(json_module.dumps([audit_object(row) for row in rows], indent=2))
        return
    table = Table("date", "by", "action", "thing", "changes")
    for row in rows:
        entry = audit_object(row)
        what = f"{row.kind} {row.name or row.thing}"
        told = (entry["date"], _by(row), row.action, what, "\n".join(map(_line, entry["changes"])))
        table.add_row(*map(_plain, told))
    Console().print(table)


def moment_of(text: str, now: Micros) -> Micros:
    """The moment that `--since` names. Raises `Failed`."""
    try:
        seconds = seconds_of(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise Failed("--since takes a duration such as 7d, or a date such as 2026-11-28T07:30") from None
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return max(0, round(moment.timestamp() * SECOND))
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


def _plain(text: str) -> Text:
    """Text that people chose, without what a terminal would obey."""
    return Text("".join(each if each.isprintable() or each == "\n" else "\ufffd" for each in text))


def _by(row: AuditRow) -> str:
    who = row.key_id or row.user
    where = f" at {row.address}" if row.address else ""
    return f"{row.actor.replace('_', ' ')}{f' {who}' if who else ''}{where}"


def _line(change: dict[str, Any]) -> str:
    """A change in a line of the table."""
    old, new = (_text(change[side]) for side in ("old", "new"))
    if change["hidden"] and not (old or new):
        return f"{change['field']}: changed (secret)"
    told = f"{old} → {new}" if old and new else new or f"{old} removed"
    return f"{change['field']}: {told}{' (not all is told)' if change['hidden'] else ''}"


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json_module.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
