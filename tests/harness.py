"""Pingfold in memory: the log, the real folds, the directory, the states and the API, without Kafka and without time.

Whatever is put into a journal is folded at once, effects included, unless its fold is held; time passes only by `tick`.
Nothing ever sleeps: a wait that cannot come true in the present state of the log is over at once.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import httpx
import msgspec
from fastapi import FastAPI
from msgspec.structs import replace

from infra.clickhouse.client import ClickHouseUnavailable
from infra.egress.own_servers import guard_of
from infra.log.decisions import NoDecision
from infra.log.directory import Directory
from infra.log.partitioner import partition_of
from infra.log.sink import NotStored, Position
from infra.secrets.badge_links import BadgeLinks
from infra.secrets.calendar_links import CalendarLinks
from infra.secrets.confirmation_links import ConfirmationLinks
from infra.secrets.incident_links import IncidentLinks
from infra.secrets.people_tokens import PeopleTokens
from infra.secrets.secrets import hash_api_key
from processors.checks.fold import Checks
from processors.deliveries.fold import DeliveriesFold
from processors.fold.contract import Effect, Record, Session
from processors.fold.placement import partitions_of
from processors.fold.view import View
from processors.monitors.fold import Monitors
from processors.projects.fold import Projects
from processors.sender.preview import Previews
from query_api.app import create_app
from query_api.dependencies import Dependencies
from query_api.history.audit import AuditRow, Place
from query_api.history.audit import Which as AuditWhich
from query_api.history.checks import Flip, PingRow, Transition, flips_of
from query_api.history.deliveries import EndedRow, FinishedRow, SentRow
from query_api.history.monitors import Counts, DownTime, IncidentRow, Observed, Percentiles, ResultRow, Which
from query_api.history.status_pages import DAY, DayRow, EndedIncident
from query_api.history.uptime import UP, Span, time_in_states
from query_api.state.delivery_states import DeliveryStates
from query_api.state.states import MonitorStates, States
from schemas.base import SECOND, Micros, encode
from schemas.check_states import CheckState
from schemas.decisions import Decision
from schemas.definitions import ApiKey, Channel, KeyKind, Project
from schemas.ids import derived_id, new_id
from schemas.pings import Kind, Ping
from schemas.probes import ProbeCompleted
from schemas.requests import ChannelCreate, ProjectCreate, ProjectsRequest
from schemas.slots import confirming_region, region_of
from schemas.ticks import Progress, Tick
from schemas.topics import (
    CHECK_STATES,
    DEFINITIONS,
    DELIVERIES,
    DELIVERY_STATES,
    MONITOR_STATES,
    PINGS,
    PROBE_RESULTS,
    PROJECTS,
    TRANSITIONS,
    Topic,
)
from schemas.transitions import DeliveryFinished, StatusChanged, ThingChanged
from tests.conformance import Document
from tests.explaining import MemoryExplaining
from tests.given_settings import settings_of
from tests.imitated_sink import ImitatedSink
from tests.measured_history import MemoryDecidingResults, MemoryResponseTimes, MemoryValidityHistory, results_of
from tests.memory_questions import MemoryQuestions
from tests.told_reports import Told, ToldReports, told_by
from tests.told_uptimes import ToldUptimes

START: Micros = 1_750_000_000 * SECOND

ADMIN_PASSWORD = "open sesame"
POP_KEY = "pp_live_" + "m" * 32
WRITE_KEY, READ_KEY = "hcw_" + "w" * 28, "hcr_" + "r" * 28
OTHER_KEY = "hcw_" + "o" * 28


class Memory(ImitatedSink):
    """The log and everything that follows it. `now` is the clock of all; also the sink, both replicas, the decisions.

    held: names of journals that are not folded now. broken: Kafka confirms nothing.
    records: what each (topic, partition) holds, as (key, value). acked: newest ping put by `ping`, by partition.
    """

    def __init__(self, partitions: int = 2) -> None:
        self.partitions = partitions
        self.time: Micros = START
        self.directory, self.states = Directory(), States(CheckState)
        self.monitor_states = MonitorStates()
        self.delivery_states = DeliveryStates()
        self.records: dict[tuple[str, int], list[tuple[str, bytes]]] = {}
        self.appended: dict[tuple[str, int], list[Micros]] = {}
        self.decisions: dict[str, Decision] = {}
        self.held: set[str] = set()
        self.broken = False
        # Requests of other processes, (project, request), that are decided just before the next one of this process.
        self.overtaking: list[tuple[str, ProjectsRequest]] = []
        self.acked = [-1] * partitions
        # Called with each commit: the journal, the partition, what changed in the states.
        self.followers: list[Callable[[Topic, int, Mapping[str, msgspec.Struct | None]], None]] = []
        self._sessions = {
            (fold.journal.name, number): Session(fold, number, View())
            for fold in (Projects(), Checks(), Monitors(), DeliveriesFold())
            for number in range(partitions)
        }
        self._applies: dict[str, Callable[[int, str, bytes | None], None]] = {
            DEFINITIONS.name: self.directory.apply,
            CHECK_STATES.name: self.states.apply,
            MONITOR_STATES.name: self.monitor_states.apply,
            DELIVERY_STATES.name: self.delivery_states.apply,
        }
        self.tick(0)

    # ---- time

    def now(self) -> Micros:
        return self.time

    def real(self) -> Micros:
        return self.time

    def tick(self, seconds: float) -> None:
        """Let time pass, a tick at a time: sources are never silent."""
        end = self.time + round(seconds * SECOND)
        while True:
            self.time = min(self.time + SECOND, end)
            for topic in (PINGS, PROJECTS, PROBE_RESULTS, DELIVERIES):
                for number in range(self.partitions):
                    tick = Tick(slot="s", epoch=1, at=self.time, now=self.time, partition_count=self.partitions)
                    self._append(topic.name, number, "", encode(tick))
            self.fold()
            if self.time >= end:
                return

    # ---- the log

    def store(self, topic: str, key: str | bytes | None, value: bytes | None) -> Position:
        if self.broken:
            raise NotStored("Kafka is away")
        return self.send(topic, key, value)

    def ping(self, id: str, kind: Kind = "success", **fields: Any) -> Position:
        """Acknowledge a ping, as the ping application of this process would."""
        position = self.send(PINGS.name, id, encode(Ping(kind=kind, at=self.time, **fields)))
        self.acked[position.partition] = position.offset
        return position

    def probe(self, monitor: str, ok: bool = True, **fields: Any) -> None:
        """A result of the slot that a monitor expects, as a prober of its region would append it."""
        definition, state = self.directory.monitor(monitor), self.monitor_states.state(monitor)
        assert definition is not None
        assert state is not None
        slot, doubt = state.expected, state.pending_change
        region, confirm = region_of(definition, slot), 0
        if doubt is not None:
            slot, confirm = doubt.since, doubt.asked
            region = confirming_region(definition, doubt.region, confirm)
        at = max(slot, self.time)
        result = ProbeCompleted(slot=slot, confirm=confirm, region=region, at=at, took=142_000, ok=ok)
        if not ok:
            result = replace(result, failure="timeout", detail="after 30 s")
        self.send(PROBE_RESULTS.name, monitor, encode(replace(result, **fields)))

    def probe_next(self, monitor: str, ok: bool = True, **fields: Any) -> None:
        """Let time pass until the slot that a monitor expects has come, and put its result; where the slot lies depends
        on the monitor's id."""
        state = self.monitor_states.state(monitor)
        assert state is not None
        self.tick(max(0, state.expected - self.time) / SECOND + 1)
        self.probe(monitor, ok, **fields)

    def send(self, topic: str, key: str | bytes | None, value: bytes | None) -> Position:
        """Append a record, and fold."""
        text = key.decode() if isinstance(key, bytes) else key or ""
        position = self._append(topic, partition_of(text.encode(), self.partitions), text, value or b"")
        self.fold()
        return position

    def _append(self, topic: str, partition: int, key: str, value: bytes) -> Position:
        log = self.records.setdefault((topic, partition), [])
        log.append((key, value))
        self.appended.setdefault((topic, partition), []).append(self.time)
        return Position(partition, len(log) - 1)

    def progress_of(self, journal: Topic, partition: int) -> Progress:
        """How far a partition is folded."""
        return self._sessions[journal.name, partition].progress

    def fold(self) -> None:
        """Fold all that is there, and all that comes of it."""
        going = True
        while going:
            going = False
            for (journal, number), session in self._sessions.items():
                log = self.records.get((journal, number), [])
                begin = session.progress.applied + 1
                if journal in self.held or begin >= len(log):
                    continue
                going = True
                self._commit(session, number, enumerate(log[begin:], begin))

    def _commit(self, session: Session, number: int, log: Iterable[tuple[int, tuple[str, bytes]]]) -> None:
        batch = session.run(Record(offset, self.time, key.encode(), value) for offset, (key, value) in log)
        for key, record in batch.changes.items():
            self._applies[session.fold.states.name](number, key, None if record is None else encode(record))
        for effect in batch.effects:
            self._effect(effect, number)
        for follow in self.followers:
            follow(session.fold.journal, number, batch.changes)

    def restart(self) -> None:
        """Every fold begins anew with what is left of it in its state topic: its records, as bytes."""
        for place, session in self._sessions.items():
            decode = session.fold.records.decode
            view = View({key: decode(encode(record)) for key, record in session.view.items()})
            self._sessions[place] = Session(session.fold, session.number, view)

    def records_of(self, journal: Topic, partition: int) -> dict[str, msgspec.Struct]:
        """The states of a fold."""
        return dict(self._sessions[journal.name, partition].view.items())

    def _effect(self, effect: Effect, number: int) -> None:
        if isinstance(effect.value, Decision):
            self.decisions[effect.key] = effect.value
        for place in partitions_of(effect, number, lambda _: self.partitions, self._by_key):
            self._append(effect.topic.name, place, effect.key, encode(effect.value))

    def _by_key(self, effect: Effect) -> int:
        return partition_of(effect.key.encode(), self.partitions)

    def of(self, topic: Topic) -> list[tuple[str, Any]]:
        """(key, value) of all records of a topic, partition by partition."""
        logs = (self.records.get((topic.name, number), []) for number in range(self.partitions))
        return [(key, msgspec.json.decode(value)) for log in logs for key, value in log]

    # ---- replicas and decisions

    async def wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        """As `infra.log.replica.Replica.wait`."""
        await asyncio.sleep(0)
        return condition()

    async def caught_up(self, timeout: float) -> bool:
        """As `infra.log.replica.Replica.caught_up`."""
        await asyncio.sleep(0)
        return not self.broken

    async def ask(self, project: str, request: ProjectsRequest, timeout: float = 5.0) -> Decision:
        """As `infra.log.decisions.Decisions.ask`."""
        await asyncio.sleep(0)
        assert request.actor is not None, "a change says who makes it"
        if self.broken:
            raise NoDecision("Kafka is away")
        while self.overtaking:
            owner, faster = self.overtaking.pop(0)
            self.send(PROJECTS.name, owner, encode(faster))
            assert self.decisions.pop(faster.request).outcome != "refused"
        self.send(PROJECTS.name, project, encode(replace(request, partition_count=self.partitions)))
        if request.request not in self.decisions:
            raise NoDecision("no verdict")
        return self.decisions.pop(request.request)


class MemoryHistory:
    """Pings and changes read back from the log; as `query_api.history.checks.History`.

    late: so many questions for changes are answered as if the newest change were not written yet.
    """

    def __init__(self, log: Memory) -> None:
        self._log = log
        self.late = 0

    async def pings(self, check_id: str, last: int, total: int, limit: int) -> list[PingRow]:
        rows = self.rows(check_id)
        assert len(rows) == total
        assert not rows or rows[0][0] == last
        return [row for _, row, _ in rows][:limit]

    async def body(self, check_id: str, n: int, last: int, total: int) -> bytes | None:
        return next((body for _, row, body in self.rows(check_id) if row.n == n), None)

    async def log(
        self, check_id: str, last: int, total: int, skip: int, limit: int, size: int
    ) -> tuple[list[PingRow], dict[int, bytes]]:
        rows = self.rows(check_id)[skip : skip + limit]
        return [row for _, row, _ in rows], {row.n: body[:size] for _, row, body in rows if body}

    async def transitions(self, thing: str, start: Micros = 0) -> list[Transition]:
        told = (msgspec.convert(value, StatusChanged) for key, value in self._log.of(TRANSITIONS) if key == thing
                and value["type"] == "status.changed")  # fmt: skip
        found = [
            Transition(
                one.n,
                one.at,
                one.since,
                one.was,
                one.now,
                one.reason,
                one.detected_at,
                one.id,
                one.incident,
                one.detail,
            )
            for one in told
            if one.at >= start
        ][::-1]
        if self.late:
            self.late -= 1
            return found[1:]
        return found

    async def flips(self, check_id: str, start: Micros, end: Micros) -> list[Flip]:
        return flips_of([one for one in await self.transitions(check_id, start) if one.at < end])

    def rows(self, check_id: str) -> list[tuple[int, PingRow, bytes]]:
        """Offset, row and body of each ping, newest first."""
        facts = {told["offset"]: told for _, told in self._log.of(TRANSITIONS) if told["type"] == "ping.folded"}
        number = partition_of(check_id.encode(), self._log.partitions)
        rows: list[tuple[int, PingRow, bytes]] = []
        for offset, (key, value) in enumerate(self._log.records[PINGS.name, number]):
            if key != check_id or b'"ping.received"' not in value:
                continue
            ping = msgspec.json.decode(value, type=Ping)
            fact = facts.get(offset, {})
            body = ping.body_base64 or (ping.body or "").encode()
            row = PingRow(
                len(rows) + 1, ping.at or 0, fact.get("kind", ping.kind), fact.get("duration"), ping.exitstatus,
                ping.rid, ping.scheme, ping.method, ping.remote_addr, ping.ua, len(body),
            )  # fmt: skip
            rows.append((offset, row, body))
        return rows[::-1]


class MemoryMonitorHistory:
    """Results and incidents read back from the log; as `query_api.history.monitors.MonitorHistory`."""

    def __init__(self, log: Memory) -> None:
        self._log = log
        self.response_times = MemoryResponseTimes(log)
        self.deciding_results = MemoryDecidingResults(log)
        self.validity = MemoryValidityHistory(log)

    async def caught_up(self) -> None:
        return None

    async def results(self, monitor: str, skip: int, limit: int) -> list[ResultRow]:
        return self._results(monitor)[::-1][skip : skip + limit]

    async def between(self, monitor: str, start: Micros, end: Micros, limit: int) -> list[ResultRow]:
        return [row for row in self._results(monitor) if start <= row.at <= end][:limit]

    async def total(self, monitor: str) -> int:
        return len(self._results(monitor))

    async def counted_since(self, monitors: list[str], start: Micros) -> int:
        return sum(row.slot >= start and not row.confirm for one in monitors for row in self._results(one))

    async def counts(self, monitor: str, start: Micros) -> Counts:
        rows = [row for row in self._results(monitor, counted=True) if row.slot >= start and not row.confirm]
        up = [row.took for row in rows if row.ok]
        return Counts(len(rows), len(up), sum(up) / len(up) if up else None)

    async def observed(self, monitor: str, start: Micros) -> Observed:
        rows = [row for row in self._results(monitor, counted=True) if row.slot >= start and not row.confirm]
        up = sorted(row.took for row in rows if row.ok)
        spread = Percentiles(*(up[int(share * (len(up) - 1))] for share in (0.5, 0.95, 0.99))) if up else None
        told = (value for key, value in self._log.of(TRANSITIONS) if key == monitor)
        told = (one for one in told if one["type"] == "status.changed" and one["at"] > start)
        spans = [Span(one["since"], one["at"], one["was"]) for one in told]
        return Observed(await self.counts(monitor, start), spread, spans)

    async def down_times(self, project: str, start: Micros) -> dict[str, DownTime]:
        found: dict[str, DownTime] = {}
        for row in self._told(project).values():
            if row.resolved is not None and row.resolved > start:
                total, until = found.get(row.thing, DownTime())
                down = row.resolved - max(row.started, start)
                found[row.thing] = DownTime(total + down, max(until, row.resolved))
        return found

    async def incidents(self, which: Which, skip: int, limit: int) -> list[IncidentRow]:
        return self._incidents(which)[skip : skip + limit]

    async def incidents_total(self, which: Which) -> int:
        return len(self._incidents(which))

    async def incident(self, project: str, id: str) -> IncidentRow | None:
        return self._told(project).get(id)

    async def incident_like(self, prefix: str) -> IncidentRow | None:
        projects = {told["project"] for _, told in self._log.of(TRANSITIONS) if told["type"] == "status.changed"}
        return next((row for one in projects for id, row in self._told(one).items() if id.startswith(prefix)), None)

    def _incidents(self, which: Which) -> list[IncidentRow]:
        found = [
            row
            for row in self._told(which.project).values()
            if row.thing in which.things
            and row.id not in which.without
            and not (which.resolved and row.resolved is None)
        ]
        return sorted(found, key=lambda row: (row.started, row.id), reverse=True)

    def _told(self, project: str) -> dict[str, IncidentRow]:
        """The incidents of a project, of checks too."""
        found: dict[str, IncidentRow] = {}
        for _, told in self._log.of(TRANSITIONS):
            if told["type"] != "status.changed" or told["project"] != project or "incident" not in told:
                continue
            id, at = told["incident"], told["at"]
            if told["now"] == "down":
                found[id] = IncidentRow(id, told["thing"], at, None, told["detail"], told.get("partial", False))
            else:
                found[id] = found[id]._replace(resolved=at, partial=told.get("partial", False))
        return found

    def _results(self, monitor: str, counted: bool = False) -> list[ResultRow]:
        """counted: only what counts in an uptime."""
        rows: dict[tuple[Micros, int, str], ResultRow] = {}
        for key, told in self._log.of(PROBE_RESULTS):
            if key == monitor and told["type"] == "probe.completed" and told.get("failure") != "prober_error":
                one = msgspec.convert(told, ProbeCompleted)
                if counted and one.maintenance:
                    continue
                row = ResultRow(
                    one.slot, one.confirm, one.region, one.at, one.ok, one.failure, one.detail, one.status, one.took,
                    one.address, one.maintenance, one.family_down,
                )  # fmt: skip
                rows.setdefault((one.slot, one.confirm, one.region), row)
        return sorted(rows.values(), key=lambda row: (row.slot, row.confirm))


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

    async def ended_incidents(self, things: Sequence[str], start: Micros, limit: int) -> list[EndedIncident]:
        self._answer()
        ended = [
            EndedIncident(told.incident, told.thing, told.since, told.at)
            for told in self._told(things)
            if told.was == "down" and told.incident is not None and told.at >= start
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


class Harness:
    """Two projects with keys, and the API over them; each answer must be as the API's own document says."""

    def __init__(self, history: bool = True, **settings: Any) -> None:
        self.log = Memory()
        self.history = MemoryHistory(self.log)
        self.page_history = MemoryPageHistory(self.log)
        self.audit_history = MemoryAuditHistory(self.log)
        self.report_history = ToldReports(self._told, self.log.now)
        self.uptime_history = ToldUptimes(self._told, self._signals, self.log.now)
        self.explaining = MemoryExplaining(self.log)
        self.settings = settings_of(**settings)
        self.links = ConfirmationLinks(b"a key of links")
        self.incident_links = IncidentLinks(b"a key of links of incidents")
        self.calendar_links = CalendarLinks(b"a key of calendars")
        self.badge_links = BadgeLinks(b"a key of badges")
        self.people_tokens = PeopleTokens(lambda purpose: f"a key of {purpose}".encode())
        self.project = self.make_project(
            "main", {WRITE_KEY: "healthchecks", READ_KEY: "healthchecks-readonly", POP_KEY: "poppaping"}
        )
        self.other = self.make_project("other", {OTHER_KEY: "healthchecks", "p" * 32: "poppaping"})
        self.questions = MemoryQuestions(self.log)
        self.app: FastAPI = create_app(
            Dependencies(
                settings=self.settings,
                clock=self.log,
                partitions=self.log.partitions,
                sink=self.log,
                decisions=self.log,
                directory=self.log.directory,
                definitions_replica=self.log,
                states=self.log.states,
                monitor_states=self.log.monitor_states,
                delivery_states=self.log.delivery_states,
                states_replica=self.log,
                encrypt=lambda secret, _: f"sealed {secret[::-1]}",
                decrypt=lambda secret, *_: secret.removeprefix("sealed ")[::-1],
                links=self.links,
                incident_links=self.incident_links,
                calendar_links=self.calendar_links,
                badge_links=self.badge_links,
                people_tokens=self.people_tokens,
                source=self.log,
                history=self.history if history else None,
                monitor_history=MemoryMonitorHistory(self.log) if history else None,
                delivery_history=MemoryDeliveryHistory(self.log) if history else None,
                page_history=self.page_history if history else None,
                audit_history=self.audit_history if history else None,
                report_history=self.report_history if history else None,
                what_if=self.questions,
                uptime_history=self.uptime_history if history else None,
                past_things=MemoryPastThings(self.log) if history else None,
                explaining=self.explaining,
                admin_password=ADMIN_PASSWORD,
                guard=guard_of(self.settings),
                preview=Previews(self.settings.base_url, "Pingfold", "Pingfold <ops@pingfold.example>").forms,
            )
        )
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="http://pingfold.test",
            headers={"X-Api-Key": WRITE_KEY},
            event_hooks={"response": [_must_be_as_told]},
        )

    def make_project(self, name: str, keys: dict[str, KeyKind], check_limit: int | None = None) -> str:
        """A project; answers its id."""
        id, at = derived_id("project", name), self.log.time
        self.request(
            id,
            ProjectCreate(
                request=new_id(),
                at=at,
                project=Project(
                    id=id, name=name, ping_key=f"ping-{name}", created=at, webhook_secret="", check_limit=check_limit
                ),
                keys=tuple(
                    ApiKey(id=new_id(), project=id, kind=kind, hash=hash_api_key(key), prefix=key[:8], created=at)
                    for key, kind in keys.items()
                ),
            ),
        )
        return id

    def _told(self) -> Told:
        results = {id: list(results_of(self.log, id)) for id in {key for key, _ in self.log.of(PROBE_RESULTS)}}
        return told_by(self.log, TRANSITIONS, results)

    def _signals(self, check: str) -> list[tuple[Micros, bool]]:
        """When pings of a check said success or failure."""
        rows = self.history.rows(check)
        return [(row.at, row.kind == "success") for _, row, _ in rows if row.kind in ("success", "fail")]

    def make_channel(self, name: str) -> str:
        """A webhook channel of the main project; answers its id."""
        channel = Channel(
            id=new_id(), project=self.project, kind="webhook", url="https://a.test/", created=0, name=name
        )
        self.request(self.project, ChannelCreate(request=new_id(), at=self.log.time, channel=channel))
        return channel.id

    def request(self, project: str, request: ProjectsRequest) -> None:
        """Put a request into `projects`; it must be decided in favour."""
        self.log.send(PROJECTS.name, project, encode(request))
        assert self.log.decisions.pop(request.request).outcome == "made"


@cache
def _document() -> Document:
    return Document(Harness().app)


async def _must_be_as_told(answer: httpx.Response) -> None:
    await answer.aread()
    url = answer.request.url
    media_type = answer.headers.get("Content-Type", "")
    _document().check(
        answer.request.method, url.path, answer.status_code, answer.headers.keys(), answer.content, media_type
    )
