"""A question is answered from journals in several partitions: dependencies, snapshots, other versions, bounds."""

import gzip
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from infra.log.partitioner import partition_of
from infra.log.reading import Stored
from pingfold.what_if.parts import NotAnswerable
from pingfold.what_if.run import TooManyEvents, answer
from processors.checks.fold import Checks
from processors.fold.contract import EVERY, Fold, Record, Session
from processors.fold.view import View
from processors.monitors.fold import Monitors
from processors.refold.snapshots import FORMAT, Manifest, StatesFile
from processors.what_if.alerts import AlertLog, Room, Span, TooManyAlerts
from schemas.base import SECOND, Micros, encode
from schemas.definitions import Check
from schemas.ids import derived_id
from schemas.monitors import Monitor
from schemas.pings import CheckDefined, Ping
from schemas.probes import MonitorDefined, ProbeCompleted
from schemas.schedules import TZDATA_VERSION, Simple
from schemas.slots import first_slot
from schemas.ticks import PROGRESS_KEY, Progress, Tick
from schemas.topics import PINGS, PROBE_RESULTS, Topic
from schemas.what_if.answers import Answer, Compared
from schemas.what_if.questions import Chosen, Question
from schemas.what_if.settings import Change, Changes
from tests.replay_world import PARTITIONS, MemoryLog

START, MINUTE = 1_800_000_000 * SECOND, 60 * SECOND
CHECK, ROUTER = derived_id("check"), derived_id("router")
SHOP = next(
    id
    for id in (derived_id("shop", n) for n in range(100))
    if partition_of(id.encode(), PARTITIONS) != partition_of(ROUTER.encode(), PARTITIONS)
)


class World:
    """Journals, and what the folds of checks and monitors have come to."""

    def __init__(self, folder: Path) -> None:
        self.log, self.folder, self.now = MemoryLog(), folder, START
        self.sessions = {
            (fold.journal, number): Session(fold, number, View(), TZDATA_VERSION)
            for fold in (Checks(), Monitors())
            for number in range(PARTITIONS)
        }
        self.tick()

    def say(self, topic: Topic, key: str, event: msgspec.Struct, partition: int | None = None) -> None:
        """Append an event, and fold it."""
        number = partition_of(key.encode(), PARTITIONS) if partition is None else partition
        records = self.log.records[topic.name, number]
        record = Record(len(records), self.now, key.encode(), encode(event))
        records.append(Stored(number, record.offset, self.now, record.key, record.value, None))
        for effect in self.sessions[topic, number].step([record]):
            if effect.partition == EVERY:
                for each in range(PARTITIONS):
                    self.say(topic, effect.key, effect.value, each)

    def tick(self, minutes: int = 0) -> None:
        """Time passes."""
        self.now += minutes * MINUTE
        tick = Tick(slot="s", epoch=1, at=self.now, now=self.now, beats=True)
        for topic in (PINGS, PROBE_RESULTS):
            for number in range(PARTITIONS):
                self.say(topic, "tick", tick, number)

    def check_that_is_late(self) -> None:
        """One that is down from minute 2 to minute 4, and again from minute 6 on."""
        check = Check(
            id=CHECK, project="p", version=1, created=START, schedule=Simple(60), grace=60, channels=("hook",)
        )
        self.say(PINGS, CHECK, CheckDefined(at=self.now, check=check))
        for minute in range(10):
            if minute in (0, 4):
                self.say(PINGS, CHECK, Ping(kind="success", at=self.now))
            self.tick(1)

    def ask(self, *chosen: str, changes: Changes, most: int | None = None, until: Micros | None = None) -> Answer:
        for (topic, number), session in self.sessions.items():
            own = Stored(number, 0, 0, PROGRESS_KEY.encode(), encode(session.progress), None)
            fold = session.fold
            assert fold.journal is topic
            self.log.records[fold.states.name, number] = [own]
        question = Question(
            project="p",
            chosen=tuple(Chosen(id, "check" if id == CHECK else "monitor", id) for id in chosen),
            changes=changes, since=START, until=until or self.now, short=300 * SECOND,
        )  # fmt: skip
        return answer(question, self.log, (Checks(), Monitors()), self.folder, lambda _read, _total: None, most)

    def snapshot(self, fold: Fold, partition: int) -> None:
        """What a partition has come to is verified, and the journal up to there is deleted."""
        session = self.sessions[fold.journal, partition]
        lines = [msgspec.json.encode({"key": key, "value": record}) + b"\n" for key, record in session.view.items()]
        folder = self.folder / "20270115T080000Z"
        folder.mkdir(parents=True)
        with gzip.open(folder / "states.gz", "wb") as file:
            file.writelines(lines)
        states = StatesFile(
            fold.name, partition, fold.version, session.progress.applied, len(lines), "states.gz",
            sha256(b"".join(lines)).hexdigest(),
        )  # fmt: skip
        manifest = Manifest(FORMAT, "2027-01-15T08:00:00Z", (states,), ())
        (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
        self.log.cut(fold.journal, partition, session.progress.applied + 1)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def verdicts(found: Answer) -> list[str]:
    return [one.verdict for one in found.cases[0].alerts]


def test_what_a_monitor_would_depend_on_is_heard_from_another_partition(world: World) -> None:
    """The router says to nobody that it is down, for nothing depends on it; had the shop done, it would have."""
    monitors = [
        Monitor(
            id=id, project="p", version=1, created=START, revised=START, name=id, confirmations=1, channels=("hook",)
        )
        for id in (ROUTER, SHOP)
    ]
    for monitor in monitors:
        world.say(PROBE_RESULTS, monitor.id, MonitorDefined(at=world.now, monitor=monitor))
    failing = {ROUTER: range(4, 8), SHOP: range(5, 7)}
    for minute in range(1, 13):
        begin = world.now
        slots = [(first_slot(monitor, begin), monitor) for monitor in monitors]
        for slot, monitor in sorted(slots, key=lambda one: one[0]):
            world.now, ok = slot, minute not in failing[monitor.id]
            world.say(
                PROBE_RESULTS,
                "tick",
                Tick(slot="s", epoch=1, at=slot, now=slot),
                partition_of(monitor.id.encode(), PARTITIONS),
            )
            result = ProbeCompleted(
                slot=slot, region="local", at=slot, took=1_000, ok=ok, failure="" if ok else "connect"
            )
            world.say(PROBE_RESULTS, monitor.id, result)
        world.now = begin
        world.tick(1)
    assert verdicts(world.ask(SHOP, changes=())) == ["kept"]
    assert verdicts(world.ask(SHOP, changes=(Change("depends_on", (ROUTER,)),))) == ["spared"]
    assert verdicts(world.ask(ROUTER, SHOP, changes=(Change("depends_on", (ROUTER,)),))) == ["kept", "spared"]


def test_alerts_are_compared_and_the_uptime_is_told(world: World) -> None:
    world.check_that_is_late()
    world.tick(1)
    found = world.ask(CHECK, changes=(Change("grace", 240),))
    case = found.cases[0]
    assert verdicts(found) == ["spared", "later"]
    assert (case.sent, case.imagined, case.long_sent, case.missed, case.median_delay) == (2, 1, 1, 0, 3 * MINUTE)
    uptime = case.uptimes[CHECK]
    assert (uptime.was.down, uptime.imagined.down) == (7 * MINUTE, 2 * MINUTE)
    assert found.notes == []


def test_it_ends_where_the_span_does(world: World) -> None:
    world.check_that_is_late()
    found = world.ask(CHECK, changes=(), until=START + 5 * MINUTE)
    assert verdicts(found) == ["kept"]
    watched = found.cases[0].uptimes[CHECK].was
    assert (watched.up, watched.down) == (3 * MINUTE, 2 * MINUTE)


def test_a_snapshot_is_begun_with_where_the_beginning_is_gone(world: World) -> None:
    world.check_that_is_late()
    world.log.cut(PINGS, partition_of(CHECK.encode(), PARTITIONS), 3)
    with pytest.raises(NotAnswerable, match="is gone"):
        world.ask(CHECK, changes=())
    taken = world.now
    world.snapshot(Checks(), partition_of(CHECK.encode(), PARTITIONS))
    world.say(PINGS, CHECK, Ping(kind="success", at=world.now))
    for _ in range(5):
        world.tick(1)
    found = world.ask(CHECK, changes=(Change("grace", 120),))
    assert found.since == taken
    assert verdicts(found) == ["later"]
    assert any("begins with snapshot 20270115T080000Z" in note for note in found.notes)
    assert any(note.startswith("answered from ") for note in found.notes)
    with pytest.raises(NotAnswerable, match="it can be answered from"):
        world.ask(CHECK, changes=(), until=taken - MINUTE)


def test_what_another_version_decided_is_told(world: World) -> None:
    world.check_that_is_late()
    session = world.sessions[PINGS, partition_of(CHECK.encode(), PARTITIONS)]
    own = session.view.edit(Progress, PROGRESS_KEY)
    own.epochs = tuple(replace(epoch, fold=1) for epoch in own.epochs)
    [note] = world.ask(CHECK, changes=()).notes
    assert "other versions decided (folded with version of the fold 1" in note


def test_more_events_than_allowed_are_refused_before_they_are_read(world: World) -> None:
    world.check_that_is_late()
    with pytest.raises(TooManyEvents, match="and at most 5 are"):
        world.ask(CHECK, changes=(), most=5)


def test_more_alerts_than_can_be_compared_are_refused(world: World) -> None:
    world.check_that_is_late()
    session, log = Session(Checks(), 0, View()), AlertLog(Span(0, 2**62), {}, Room(1), frozenset({CHECK}))
    stored: Sequence[Stored] = world.log.records[PINGS.name, partition_of(CHECK.encode(), PARTITIONS)]
    effects = session.step(Record(one.offset, one.timestamp, one.key, one.value) for one in stored)
    with pytest.raises(TooManyAlerts, match="more than 1 alerts"):
        log.hear(effects, session.progress.time)


def test_both_sides_of_a_comparison_are_dated(world: World) -> None:
    world.check_that_is_late()
    alerts: list[Compared] = world.ask(CHECK, changes=(Change("grace", 240),)).cases[0].alerts
    assert [one.told for one in alerts] == [START + 2 * MINUTE, START + 6 * MINUTE]
