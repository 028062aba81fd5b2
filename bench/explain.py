"""How long an explanation takes of a check whose partition has had many events in its last day.

One partition of the journal `pings` in a real Kafka: pings of many checks and the ticks between them, several days of
them, and the checkpoints of their states that the role `writer` takes meanwhile. Asked is about the time just before
the newest of them, which is as far from a checkpoint as an answer can begin: of a check that is pinged now and then, of
one to which every ping goes, and, to compare, of the first one from the beginning of the journal.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import Producer
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from bench.brokers import broker
from bench.processes import wait_until
from bench.report import Report, say, spread
from infra.log.admin_client import admin_client
from infra.log.partitioner import partition_of
from infra.log.reading import NotRead
from infra.log.sink import producer_config
from processors.checks.fold import Checks
from processors.explain.explainer import Explainer
from processors.fold.contract import Record, Session
from processors.fold.view import View
from processors.refold.begins import Kept
from processors.refold.checkpoint_keeper import is_due
from processors.refold.checkpoints import checkpoints_in, write_checkpoint
from processors.refold.log import KafkaLog
from schemas.base import SECOND, Micros, encode
from schemas.definitions import Check
from schemas.ids import derived_id
from schemas.pings import CheckDefined, Ping
from schemas.schedules import TZDATA_VERSION, Simple
from schemas.ticks import Progress, Tick
from schemas.topics import PINGS

_DAY: Micros = 86_400 * SECOND
# Every fifth event is a tick: more often than in an idle partition, more seldom than in a busy one.
_TICKS = 5
_PATIENCE = 600.0
_SETTLED_SECONDS = 60.0


def explain(
    events: Annotated[int, typer.Option(help="Events of the partition in a day.")] = 100_000,
    days: Annotated[int, typer.Option(help="Days in the journal.")] = 3,
    checks: Annotated[int, typer.Option(help="Checks that are pinged by turns.")] = 1_000,
    runs: Annotated[int, typer.Option(help="How often each is asked.")] = 7,
) -> None:
    """Seconds for an explanation, as far from a checkpoint as the writer lets it be, and from the beginning."""
    report = Report("explain", {"events": events, "days": days, "checks": checks, "runs": runs})
    with broker() as kafka:
        _let_records_be_old(kafka.bootstrap)
        for name, count in (("one of many", checks), ("the only one", 1)):
            journal = _Journal(kafka.bootstrap, kafka.partitions, kafka.data / name.replace(" ", "-"))
            journal.fill(count, events, days)
            report.measured[name] = spread(journal.asked(runs, near=True), 3)
            report.measured[f"{name}, of the processor"] = spread(journal.processor, 3)
            say(f"{name}: {report.measured[name]}")
            if count > 1:
                report.measured["from the beginning"] = spread(journal.asked(1, near=False), 3)
                say(f"from the beginning: {report.measured['from the beginning']}")
    slowest = max(report.measured["one of many"]["max"], report.measured["the only one"]["max"])
    whole = report.measured["from the beginning"]["p50"]
    report.ratios["near to whole"] = round(report.measured["one of many"]["p50"] / whole, 3)
    report.ask("seconds for an explanation, the slowest", slowest, "<=", 1.0)
    report.publish()


def _let_records_be_old(bootstrap: str) -> None:
    """Kafka dates records of journals itself; here the events of days are written in a minute. A tick that its record's
    time contradicts is refused, and nothing would ever be due."""
    entry = ConfigEntry("message.timestamp.type", "CreateTime", incremental_operation=AlterConfigOpType.SET)
    asked = [ConfigResource(ResourceType.TOPIC, PINGS.name, incremental_configs=[entry])]
    admin = admin_client(bootstrap)
    for future in admin.incremental_alter_configs(asked, request_timeout=30.0).values():
        future.result(30.0)


class _Journal:
    """One partition, and what was folded of it. folder: of the checkpoints. Each has checks of its own."""

    def __init__(self, bootstrap: str, partitions: int, folder: Path) -> None:
        self._bootstrap, self._folder = bootstrap, folder
        self._log = KafkaLog(bootstrap, sparing=True)
        self._ids = (derived_id(folder.name, number) for number in range(10**9))
        self._partitions = partitions
        self._thing = next(self._ids)
        self._partition = partition_of(self._thing.encode(), partitions)
        self._now: Micros = 0
        self._progress = Progress()
        self._at: Micros = 0  # what is asked about
        self.processor: list[float] = []  # seconds of this process for each explanation

    def fill(self, checks: int, events: int, days: int) -> None:
        """Append the events of so many days, the last of which ends now, and fold them."""
        self._now = time.time_ns() // 1_000
        fold, first = Checks(), (wait_until(self._end, _SETTLED_SECONDS, "Kafka tells the ends of its topics") or 1) - 1
        session = Session(fold, self._partition, View(), TZDATA_VERSION)
        producer = Producer(producer_config(self._bootstrap) | {"linger.ms": 5})
        batch: list[Record] = []
        for number, (key, value, at) in enumerate(self._events(checks, events, days)):
            while True:
                try:
                    producer.produce(PINGS.name, value, key, self._partition, timestamp=at // 1_000)
                    break
                except BufferError:
                    producer.poll(0.05)
            batch.append(Record(first + number, at, key, value))
            if len(batch) == 1_000:
                session.step(batch)
                batch.clear()
                producer.poll(0)
                self._take_checkpoint(session, at)
        session.step(batch)
        assert producer.flush(120.0) == 0
        self._progress = session.progress
        say(f"{self._progress.applied + 1 - first} events in {PINGS}/{self._partition}, {len(session.view)} states")

    def _take_checkpoint(self, session: Session, now: Micros) -> None:
        """If the writer would take one now."""
        newest = next(checkpoints_in(self._folder, session.fold.name, self._partition, []), None)
        if is_due(newest, session.progress.applied + 1, now):
            states = {name: encode(state) for name, state in session.view.items()}
            write_checkpoint(self._folder, session.fold, self._partition, session.progress, states)
            self._at = session.progress.newest - 1

    def _end(self) -> int | None:
        """One more than where the journal ends; None while a new topic has no leader yet."""
        try:
            return self._log.ends(PINGS)[self._partition] + 1
        except NotRead:
            return None

    def _events(self, checks: int, events: int, days: int) -> Iterator[tuple[bytes, bytes, Micros]]:
        things = [self._thing, *(next(self._ids) for _ in range(checks - 1))]
        at, step = self._now - days * _DAY, _DAY // events
        yield b"web-0", _tick(at), at
        for thing in things:
            check = Check(id=thing, project="bench", version=1, created=at, name="Bench", schedule=Simple(3_600))
            yield thing.encode(), encode(CheckDefined(at=at, check=check)), at
        for number in range(events * days - len(things) - 1):
            at += step
            if number % _TICKS == 0:
                yield b"web-0", _tick(at), at
            else:
                thing = things[(number - number // _TICKS) % checks]  # ticks are none of their turns
                yield thing.encode(), encode(Ping(kind="success", at=at, by=1, body="backup done")), at

    def asked(self, runs: int, near: bool) -> list[float]:
        """Seconds for each explanation."""
        kept = Kept(self._folder / "none", self._folder if near else self._folder / "none")
        took: list[float] = []
        self.processor = []
        for _ in range(runs):
            began, cpu = time.perf_counter(), time.process_time()
            explainer = Explainer(self._log, (Checks(),), lambda fold, partition: self._progress, kept)
            told = explainer.explain("checks", self._thing, self._partition, self._at, _PATIENCE)
            took.append(time.perf_counter() - began)
            self.processor.append(time.process_time() - cpu)
            assert told.status == "up", told.status
            assert (told.folded.start == "beginning") != near, told.folded
        return took


def _tick(at: Micros) -> bytes:
    return encode(Tick(slot="web-0", epoch=1, at=at, now=at, beats=True))
