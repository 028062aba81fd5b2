"""The history of deliveries, status pages and changes, read back from the log in memory, as ClickHouse would answer."""

import asyncio
from collections.abc import Sequence

import msgspec

from infra.clickhouse.client import ClickHouseUnavailable
from query_api.history.audit import AuditRow, Place
from query_api.history.audit import Which as AuditWhich
from query_api.history.deliveries import EndedRow, FinishedRow, NewestRow, SentRow
from query_api.history.past_things import GoneRow, ThenRow
from query_api.history.status_pages import DAY, DayRow, EndedIncident
from query_api.history.uptime import UP, Span, time_in_states
from schemas.base import Micros
from schemas.topics import (
    TRANSITIONS,
)
from schemas.transitions import DeliveryFinished, StatusChanged, ThingChanged
from tests.memory import Memory


class MemoryDeliveryHistory:
    """Finished deliveries read back from the log; as `query_api.history.deliveries.DeliveryHistory`."""

    def __init__(self, log: Memory) -> None:
        self._log = log

    async def caught_up(self, channel: str) -> None:
        await asyncio.sleep(0)

    async def log(self, channel: str, skip: int, limit: int) -> list[FinishedRow]:
        rows = [
            FinishedRow(
                one.id, one.replay, one.event, one.notice, one.outcome, one.attempts, one.began, one.at, one.detail
            )
            for one in self._finished(channel)
        ]
        return rows[::-1][skip : skip + limit]

    async def all_caught_up(self) -> None:
        await asyncio.sleep(0)

    async def newest(self, channels: Sequence[str]) -> dict[str, NewestRow]:
        found = {}
        for channel in channels:
            for row in await self.log(channel, 0, 1):
                sent = await self.sent(channel, [row.delivery])
                found[channel] = NewestRow(row, sent[row.delivery].body)
        return found

    async def total(self, channel: str) -> int:
        return len(self._finished(channel))

    async def ended(self, channel: str, start: Micros, end: Micros, limit: int) -> list[str]:
        return [*dict.fromkeys(one.id for one in self._finished(channel) if start <= one.at < end)][:limit]

    async def failed(self, channel: str, start: Micros, limit: int) -> list[str]:
        newest = {one.id: one.outcome for one in self._finished(channel) if one.at >= start}
        return [id for id, outcome in newest.items() if outcome not in ("delivered", "gathered", "muted")][:limit]

    async def sent(self, channel: str, deliveries: list[str]) -> dict[str, SentRow]:
        found = (one for one in self._finished(channel) if one.id in deliveries)
        return {one.id: SentRow(one.id, one.event, one.notice, one.body) for one in found}

    async def outcomes(self, channel: str, deliveries: list[str]) -> list[FinishedRow]:
        newest = {row.delivery: row for row in reversed(await self.log(channel, 0, 10_000))}
        return [newest[id] for id in deliveries if id in newest]

    async def ended_one(self, channels: list[str], delivery: str) -> EndedRow | None:
        found = [one for channel in channels for one in self._finished(channel) if one.id == delivery]
        return EndedRow(found[-1].at, found[-1].body) if found else None

    def _finished(self, channel: str) -> list[DeliveryFinished]:
        told = (value for key, value in self._log.of(TRANSITIONS) if key == channel)
        found = [msgspec.convert(value, DeliveryFinished) for value in told if value["type"] == "delivery.finished"]
        return sorted(found, key=lambda one: one.at)


class MemoryPastThings:
    """As `query_api.history.past_things.PastThings`."""

    def __init__(self, log: Memory) -> None:
        self._log = log

    async def project_of(self, thing: str) -> str | None:
        await asyncio.sleep(0)
        told = [value for key, value in self._log.of(TRANSITIONS) if key == thing and value["type"] == "status.changed"]
        return str(told[-1]["project"]) if told else None

    async def then(self, things: Sequence[str], projects: Sequence[str], at: Micros) -> list[ThenRow]:
        await asyncio.sleep(0)
        rows = []
        for thing in things:
            changes = [one for one in self._changes(thing) if one.project in projects]
            if changes:
                rows.append(then_row(changes, at))
        return rows

    async def gone(self, projects: Sequence[str], at: Micros, limit: int) -> list[GoneRow]:
        await asyncio.sleep(0)
        rows = []
        told = [value for _, value in self._log.of(TRANSITIONS) if value["type"] == "thing.changed"]
        entries = [msgspec.convert(value, ThingChanged) for value in told if value["kind"] in ("check", "monitor")]
        made = {one.thing: one for one in entries if one.action == "created"}
        for one in entries:
            was_there = one.action == "deleted" and made[one.thing].at <= at < one.at
            if was_there and one.project in projects:
                rows.append(
                    GoneRow(one.thing, "check" if one.kind == "check" else "monitor", one.project, one.name, one.at)
                )
        return sorted(rows, key=lambda row: (row.removed_at, row.thing))[:limit]

    def _changes(self, thing: str) -> list[StatusChanged]:
        told = (value for key, value in self._log.of(TRANSITIONS) if key == thing)
        return [msgspec.convert(value, StatusChanged) for value in told if value["type"] == "status.changed"]


def then_row(changes: Sequence[StatusChanged], at: Micros) -> ThenRow:
    """What history says of a thing with these changes."""
    before = [one.at for one in changes if one.at < at]
    after = [one.at for one in changes if one.at > at]
    come = [one for one in changes if one.at <= at]
    ends = (before[-1] if before else 0, after[0] if after else 0)
    if not come:
        first = changes[0]
        return ThenRow(first.thing, changes[-1].n, False, first.was, first.since, "", "", "", 0, *ends)
    last = come[-1]
    return ThenRow(
        last.thing, changes[-1].n, True, last.now, last.at, last.reason, last.detail, last.incident or "",
        last.detected_at, *ends,
    )  # fmt: skip


class MemoryPageHistory:
    """Days and incidents read back from the log; as `query_api.history.status_pages` does. away: it does not answer."""

    def __init__(self, log: Memory) -> None:
        self._log = log
        self.away = False
        self.asked = 0

    async def days(self, things: Sequence[str], start: Micros, end: Micros) -> list[DayRow]:
        self._answer()
        rows = []
        for thing in things:
            spans = [Span(told.since, told.at, told.was) for told in self._told([thing])]
            for day in range(start // DAY, -(-end // DAY)):
                spent = time_in_states(spans, max(start, day * DAY), min(end, (day + 1) * DAY))
                up, down = sum(spent[state] for state in UP), spent["down"]
                if up or down:
                    rows.append(DayRow(thing, day, up, down))
        return rows

    async def ended_incidents(
        self, things: Sequence[str], start: Micros, end: Micros, limit: int
    ) -> list[EndedIncident]:
        self._answer()
        ended = [
            EndedIncident(told.incident, told.thing, told.since, told.at)
            for told in self._told(things)
            if told.was == "down" and told.incident is not None and start <= told.at < end
        ]
        return sorted(ended, key=lambda one: -one.resolved)[:limit]

    def _answer(self) -> None:
        self.asked += 1
        if self.away:
            raise ClickHouseUnavailable("ClickHouse is away")

    def _told(self, things: Sequence[str]) -> list[StatusChanged]:
        told = (value for key, value in self._log.of(TRANSITIONS) if key in things)
        return [msgspec.convert(value, StatusChanged) for value in told if value["type"] == "status.changed"]


class MemoryAuditHistory:
    """Entries of the audit trail read back from the log; as `query_api.history.audit.AuditHistory`."""

    def __init__(self, log: Memory) -> None:
        self._log = log
        self.behind = False

    async def caught_up(self) -> bool:
        await asyncio.sleep(0)
        return not self.behind

    async def entries(self, which: AuditWhich) -> list[AuditRow]:
        found: list[AuditRow] = []
        for part in range(self._log.partitions):
            for off, (_, value) in enumerate(self._log.records.get((TRANSITIONS.name, part), [])):
                if b'"type":"thing.changed"' in value:
                    found += self._row(part, off, msgspec.json.decode(value, type=ThingChanged), which)
        found.sort(key=lambda row: row.place, reverse=True)
        return found[: which.limit]

    def _row(self, part: int, off: int, one: ThingChanged, which: AuditWhich) -> list[AuditRow]:
        place, by = Place(one.at, part, off), one.actor
        wanted = (
            one.project == which.project
            and which.start <= one.at < which.end
            and which.kind in ("", one.kind)
            and which.thing in ("", one.thing)
            and which.actor in ("", by.kind, by.key, by.user, by.address)
            and (which.before is None or place < which.before)
        )
        if not wanted:
            return []
        return [
            AuditRow(
                place, one.id, one.command, one.action, one.kind, one.thing, one.name, by.kind, by.key, by.user,
                by.address, one.changes, one.others, one.retried,
            )
        ]  # fmt: skip
