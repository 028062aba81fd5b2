"""Journals of several partitions, what the folds of checks and monitors have come to, and what is answered of them."""

import gzip
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from infra.log.partitioner import partition_of
from infra.log.reading import Stored
from pingfold.what_if.run import Tell, answer
from processors.checks.fold import Checks
from processors.fold.contract import EVERY, Fold, Record, Session
from processors.fold.view import View
from processors.monitors.fold import Monitors
from processors.refold.snapshots import FORMAT, Manifest, StatesFile
from schemas.base import SECOND, Micros, encode
from schemas.definitions import Check
from schemas.ids import derived_id
from schemas.monitors import Monitor
from schemas.notices import Notice
from schemas.pings import CheckDefined, Kind, Ping
from schemas.probes import MonitorDefined, ProbeCompleted
from schemas.schedules import TZDATA_VERSION, Simple
from schemas.slots import first_slot
from schemas.ticks import PROGRESS_KEY, Tick
from schemas.topics import PINGS, PROBE_RESULTS, Topic
from schemas.what_if.answers import Answer
from schemas.what_if.questions import Chosen, Question
from schemas.what_if.settings import Changes
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
        self.log, self.folder, self.now, self.version = MemoryLog(), folder, START, 0
        self.monitors: dict[str, Monitor] = {}
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

    def check(self, **fields: Any) -> None:
        """Define `CHECK`, anew if there is one. It tells the channel `hook`."""
        self.version += 1
        given: dict[str, Any] = {"schedule": Simple(60), "grace": 60, "channels": ("hook",)} | fields
        check = Check(id=CHECK, project="p", version=self.version, created=START, **given)
        self.say(PINGS, CHECK, CheckDefined(at=self.now, check=check))

    def ping(self, kind: Kind = "success", **fields: Any) -> None:
        self.say(PINGS, CHECK, Ping(kind=kind, at=self.now, **fields))

    def check_that_is_late(self, **fields: Any) -> None:
        """One that is down from minute 2 to minute 4, and again from minute 6 on; it is minute 10."""
        self.check(**fields)
        for minute in range(10):
            if minute in (0, 4):
                self.ping()
            self.tick(1)

    def monitor(self, id: str, **fields: Any) -> None:
        """Define a monitor, anew if there is one. It is down with its first failure, and tells the channel `hook`."""
        self.version += 1
        given: dict[str, Any] = {"confirmations": 1, "channels": ("hook",)} | fields
        monitor = Monitor(
            id=id, project="p", version=self.version, created=START, revised=self.now, name=id, **given
        )  # fmt: skip
        self.monitors[id] = monitor
        self.say(PROBE_RESULTS, id, MonitorDefined(at=self.now, monitor=monitor))

    def probe(self, failing: dict[str, range], minutes: int) -> None:
        """Time passes, and monitors are probed each minute, in the order of their slots; failing: in which minutes."""
        for minute in range(1, minutes + 1):
            begin = self.now
            slots = sorted((first_slot(self.monitors[id], begin), id) for id in failing)
            for slot, id in slots:
                self.now, ok = slot, minute not in failing[id]
                partition = partition_of(id.encode(), PARTITIONS)
                self.say(PROBE_RESULTS, "tick", Tick(slot="s", epoch=1, at=slot, now=slot), partition)
                result = ProbeCompleted(
                    slot=slot, region="local", at=slot, took=1_000, ok=ok, failure="" if ok else "connect"
                )
                self.say(PROBE_RESULTS, id, result)
            self.now = begin
            self.tick(1)

    def ask(
        self,
        *chosen: str,
        changes: Changes = (),
        sweep: Changes = (),
        most: int | None = None,
        since: Micros = START,
        until: Micros | None = None,
        short: Micros = 300 * SECOND,
        takes: dict[str, tuple[Notice, ...]] | None = None,
        tell: Tell = lambda _read, _total: None,
    ) -> Answer:
        for (topic, number), session in self.sessions.items():
            own = Stored(number, 0, 0, PROGRESS_KEY.encode(), encode(session.progress), None)
            fold = session.fold
            assert fold.journal is topic
            self.log.records[fold.states.name, number] = [own]
        question = Question(
            project="p",
            chosen=tuple(Chosen(id, "check" if id == CHECK else "monitor", id) for id in chosen),
            changes=changes,
            sweep=sweep,
            since=since,
            until=until or self.now,
            short=short,
            takes=takes or {},
        )
        return answer(question, self.log, (Checks(), Monitors()), self.folder, tell, most)

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


def verdicts(found: Answer) -> list[str]:
    return [one.verdict for one in found.cases[0].alerts]
