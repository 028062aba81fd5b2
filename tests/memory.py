"""The log in memory and everything that follows it: the real folds, the directory, the states. No Kafka, and no time.

Whatever is put into a journal is folded at once, effects included, unless its fold is held; time passes only by `tick`.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from infra.log.decisions import NoDecision
from infra.log.directory import Directory
from infra.log.partitioner import partition_of
from infra.log.sink import NotStored, Position
from processors.checks.fold import Checks
from processors.deliveries.fold import DeliveriesFold
from processors.fold.contract import Effect, Record, Session
from processors.fold.placement import partitions_of
from processors.fold.view import View
from processors.monitors.fold import Monitors
from processors.projects.fold import Projects
from query_api.state.delivery_states import DeliveryStates
from query_api.state.last_uses import LastUses
from query_api.state.states import MonitorStates, States
from schemas.base import SECOND, Micros, encode
from schemas.check_states import CheckState
from schemas.decisions import Decision
from schemas.pings import Kind, Ping
from schemas.probes import ProbeCompleted
from schemas.requests import ProjectsRequest
from schemas.slots import confirming_region, region_of
from schemas.ticks import Progress, Tick
from schemas.topics import (
    CHECK_STATES,
    DEFINITIONS,
    DELIVERIES,
    DELIVERY_STATES,
    KEY_USES,
    MONITOR_STATES,
    PINGS,
    PROBE_RESULTS,
    PROJECTS,
    Topic,
)
from tests.imitated_sink import ImitatedSink

START: Micros = 1_750_000_000 * SECOND
# Before this much of a long time is left, ticks come each second.
_CLOSE = 600 * SECOND


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
        self.last_uses = LastUses()
        self.tick(0)

    # ---- time

    def now(self) -> Micros:
        return self.time

    def real(self) -> Micros:
        return self.time

    def tick(self, seconds: float) -> None:
        """Let time pass, a tick at a time: sources are never silent. In hours that pass, ticks are 10 s apart."""
        end = self.time + round(seconds * SECOND)
        self._tick_once(min(SECOND, end - self.time))
        while self.time < end:
            is_long = end - self.time > _CLOSE
            self._tick_once(min(10 * SECOND if is_long else SECOND, end - self.time), beats=is_long)

    def _tick_once(self, step: Micros, *, beats: bool = False) -> None:
        self.time += step
        tick = Tick(slot="s", epoch=1, at=self.time, now=self.time, beats=beats, partition_count=self.partitions)
        for topic in (PINGS, PROJECTS, PROBE_RESULTS, DELIVERIES):
            for number in range(self.partitions):
                self._append(topic.name, number, "", encode(tick))
        self.fold()

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
        if topic == KEY_USES.name:
            self.last_uses.apply(position.partition, text, value)
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
