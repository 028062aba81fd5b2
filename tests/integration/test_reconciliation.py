"""Journals that lost their end before it was folded: what others had sent there is folded from what the others know.

The real folds in a worker of their own. The logs of `pings` and `deliveries`, and a moment later those of their states,
are copied while Kafka runs, as a backup would; everything that happens afterwards is known only to the other topics.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

from infra.log.admin import migrate
from infra.log.partitioner import partition_of
from infra.log.sink import producer_config
from infra.secrets.secrets import Vault, new_webhook_secret, of_project
from infra.settings.settings import Settings
from schemas.base import encode
from schemas.definitions import Channel, Project
from schemas.ids import new_id
from schemas.incidents import IncidentAcknowledged
from schemas.notices import ACKNOWLEDGED, FIRST_NOTICES
from schemas.pings import Ping
from schemas.requests import ChannelCreate, CheckCreate, CheckDelete, CheckFields, ProjectCreate, Request
from schemas.ticks import Tick
from schemas.topics import (
    CHECK_STATES,
    DELIVERIES,
    DELIVERY_STATES,
    PINGS,
    PROBE_RESULTS,
    PROJECTS,
    TRANSITIONS,
    Topic,
)
from tests.pingfold_client import wait_until
from tests.stack import start_kafka
from tests.topic_reader import TopicReader
from tests.webhook_receiver import Receiver

pytestmark = pytest.mark.stack

PARTITIONS = 4
_DOWN = ("monitor.down", "incident.created")
# Kafka makes these anew from the log; as they are copied from under it they would not fit.
_NOT_COPIED = shutil.ignore_patterns("*.index", "*.timeindex", "*.txnindex", "*.snapshot")


class World:
    """A Kafka, a worker, and a project in it."""

    def __init__(self, folder: Path) -> None:
        self.data, self.kafka = folder, start_kafka(folder)
        self.bootstrap = self.kafka.address
        migrate(self.bootstrap, PARTITIONS)
        self.project = new_id()
        self.worker: subprocess.Popen[bytes] | None = None
        secret = Vault.open(Settings(data=folder)).encrypt(new_webhook_secret(), of_project(self.project))
        project = Project(id=self.project, name="p", ping_key="k", created=now(), webhook_secret=secret)
        self.connect()
        self.ask(ProjectCreate(request=new_id(), at=now(), project=project))

    def connect(self) -> None:
        """Begin a new producer, and read every topic from its beginning again."""
        self._producer = Producer(producer_config(self.bootstrap) | {"log_level": 0})
        self._reader = TopicReader(self.bootstrap, PARTITIONS)

    def close(self) -> None:
        if self.worker is not None:
            self.worker.kill()
            self.worker.wait(10)
        self.kafka.stop()

    def start_worker(self, **more: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PINGFOLD_")}
        settings = {
            "PINGFOLD_DATA": str(self.data),
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
            "PINGFOLD_PRIVATE_TARGETS": "127.0.0.0/8",
        }
        with (self.data / "worker.out").open("ab") as output:
            self.worker = subprocess.Popen(
                [sys.executable, "-m", "pingfold", "worker"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment | settings | more,
            )  # fmt: skip

    def stop_worker(self) -> None:
        assert self.worker is not None
        self.worker.terminate()
        assert self.worker.wait(20) == 0, self.said()

    def said(self) -> str:
        return (self.data / "worker.out").read_text(errors="replace")

    def put(self, topic: Topic, key: str, value: msgspec.Struct, partition: int = -1) -> None:
        self._producer.produce(topic.name, encode(value), key, partition)
        assert self._producer.flush(30) == 0

    def ask(self, request: Request) -> None:
        self.put(PROJECTS, self.project, request)

    def ping(self, check: str, **fields: Any) -> None:
        self.put(PINGS, check, Ping(at=now(), **{"kind": "success", **fields}))

    def tick(self) -> None:
        """In every partition of every journal, so that each goes on."""
        for topic in (PINGS, PROBE_RESULTS, DELIVERIES, PROJECTS):
            for partition in range(PARTITIONS):
                self.put(topic, "tick", Tick(slot="test", epoch=1, at=now(), now=now(), beats=True), partition)

    def states(self, topic: Topic) -> dict[str, dict[str, Any]]:
        """The newest record of every key but those of partitions."""
        found: dict[str, dict[str, Any]] = {}
        for stored in self._reader.records(topic):
            key = (stored.key or b"").decode()
            found.pop(key, None)
            if stored.value is not None and key != "partition":
                found[key] = msgspec.json.decode(stored.value)
        return found

    def applied(self, topic: Topic) -> dict[int, int]:
        progress = [(one.partition, one.value) for one in self._reader.records(topic) if one.key == b"partition"]
        return {partition: msgspec.json.decode(value or b"")["applied"] for partition, value in progress}

    def counts(self, check: str) -> int | None:
        """How many pings a check has counted; None when it is not known."""
        state = self.states(CHECK_STATES).get(check)
        return None if state is None else state.get("pings", 0)

    def told(self, kind: str) -> list[dict[str, Any]]:
        values = [msgspec.json.decode(stored.value or b"") for stored in self._reader.records(TRANSITIONS)]
        return [value for value in values if value["type"] == kind]

    def make_check(self, slug: str, beside: str = "") -> str:
        """A check with every channel of the project; waits until its fold knows it. beside: in whose partition."""
        check = new_id()
        while beside and _partition(check) != _partition(beside):
            check = new_id()
        fields = CheckFields(slug=slug, name=slug)
        self.ask(CheckCreate(request=new_id(), at=now(), id=check, fields=fields, provision=True))
        wait_until(lambda: self.counts(check) is not None, 60, f"{slug} is defined", pause=0.2)
        return check

    def make_channel(self, url: str) -> str:
        chosen = (*FIRST_NOTICES, ACKNOWLEDGED)
        channel = Channel(id=new_id(), project=self.project, kind="webhook", url=url, created=now(), notices=chosen)
        self.ask(ChannelCreate(request=new_id(), at=now(), channel=channel))
        wait_until(lambda: self.endpoint(channel.id) is not None, 60, "the channel is defined", pause=0.2)
        return channel.id

    def acknowledge(self, check: str) -> None:
        """Somebody takes care of the incident of a check."""

        def incidents() -> list[str]:
            changes = self.told("status.changed")
            return [one["incident"] for one in changes if one["thing"] == check and one["now"] == "down"]

        # Of a transaction one partition may be seen before the other.
        [incident] = wait_until(incidents, 60, "the incident is told", pause=0.2)
        self.put(PINGS, check, IncidentAcknowledged(at=now(), incident=incident, request=new_id(), by="Ada"))

    def endpoint(self, channel: str) -> dict[str, Any] | None:
        return self.states(DELIVERY_STATES).get(f"endpoint/{channel}")

    def pending(self) -> list[dict[str, Any]]:
        return [state for state in self.states(DELIVERY_STATES).values() if state["type"] == "delivery"]

    def copy(self, folder: Path, *topics: Topic) -> None:
        """Copy the logs of topics as they are now, beside a running Kafka to which nothing is written."""
        logs = self._logs(*topics)
        # A broker makes the folders of a topic a moment after it has said that the topic is made.
        wait_until(lambda: all(log.is_dir() for log in logs), 60, "every log has its folder")
        for log in logs:
            shutil.copytree(log, folder / log.name, ignore=_NOT_COPIED)

    def restore(self, folder: Path, *topics: Topic) -> None:
        """Put the copies in the place of the logs and start Kafka again."""
        self.kafka.stop()
        for log in self._logs(*topics):
            shutil.rmtree(log)
            shutil.copytree(folder / log.name, log)
        self.kafka.start()
        self.connect()

    def _logs(self, *topics: Topic) -> list[Path]:
        return [self.data / "kafka" / "log" / f"{topic}-{number}" for topic in topics for number in range(PARTITIONS)]


def _partition(check: str) -> int:
    return partition_of(check.encode(), PARTITIONS)


def now() -> int:
    return time.time_ns() // 1_000


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, empty: Path) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("reconciliation"))
    world.copy(empty, PINGS, CHECK_STATES)
    world.start_worker()
    yield world
    world.close()


def copy_older_journal(world: World, folder: Path, journal: Topic, states: Topic) -> None:
    """Copy the log of a journal and, when every partition has folded more than there was, that of its states."""
    world.tick()
    wait_until(lambda: len(world.applied(states)) == PARTITIONS, 60, "every partition has begun", pause=0.2)
    before = world.applied(states)
    world.copy(folder, journal)

    def moved() -> bool:
        world.tick()
        return all(applied > before[number] + 1 for number, applied in world.applied(states).items())

    wait_until(moved, 90, "every partition has folded more", pause=0.5)
    world.copy(folder, states)


def test_definitions_and_removals(world: World, tmp_path: Path) -> None:
    first, gone = world.make_check("first"), world.make_check("gone")
    world.ping(first)
    wait_until(lambda: world.counts(first) == 1, 60, "the ping is counted", pause=0.2)
    copy_older_journal(world, tmp_path, PINGS, CHECK_STATES)
    lost = world.make_check("lost")
    world.ask(CheckDelete(request=new_id(), at=now(), id=gone))
    wait_until(lambda: world.counts(gone) is None, 60, "the check is removed", pause=0.2)
    world.stop_worker()
    world.restore(tmp_path, PINGS, CHECK_STATES)
    assert (world.counts(first), world.counts(gone), world.counts(lost)) == (1, 0, None)

    # Pings are acknowledged before a worker looks at the journal; none of them is lost.
    for _ in range(3):
        world.ping(lost)
        world.ping(first)
    world.start_worker()
    wait_until(lambda: world.counts(lost) == 3, 60, "the check whose definition was lost counts", pause=0.2)
    wait_until(lambda: world.counts(first) == 4, 60, "the other one counts", pause=0.2)
    wait_until(lambda: world.counts(gone) is None, 60, "the check whose removal was lost is gone", pause=0.2)
    assert "fold.reconciled" in world.said()
    # The partitions of neither check may open later: what they tell is of this test, not of the next one's.
    wait_until(lambda: len(world.told("journal.truncated")) == PARTITIONS, 60, "every partition tells it", pause=0.2)


def test_a_journal_that_lost_only_what_was_not_folded(world: World, tmp_path: Path) -> None:
    """All that was folded is there, so no offset shows it: it is looked for when the logs may have lost their ends."""
    kept = world.make_check("kept")
    world.copy(tmp_path, CHECK_STATES)
    world.copy(tmp_path, PINGS)
    lost = world.make_check("lost-too", beside=kept)
    world.stop_worker()
    world.restore(tmp_path, PINGS, CHECK_STATES)
    before = len(world.told("journal.truncated"))
    assert (world.counts(kept), world.counts(lost)) == (0, None)
    for check in (kept, lost, lost):
        world.ping(check)
    world.start_worker(PINGFOLD_RECONCILE="1")
    wait_until(lambda: world.counts(lost) == 2, 60, "the check whose definition was lost counts", pause=0.2)
    wait_until(lambda: world.counts(kept) == 1, 60, "the other one counts", pause=0.2)
    assert len(world.told("journal.truncated")) == before + 1, "one partition has lost something, and tells it"


def test_a_journal_that_lost_all_before_anything_was_folded(world: World, empty: Path) -> None:
    """As when the power fails right after a first start."""
    lost = world.make_check("lost-all")
    world.stop_worker()
    world.restore(empty, PINGS, CHECK_STATES)
    assert world.states(CHECK_STATES) == {}
    world.ping(lost)
    world.start_worker(PINGFOLD_RECONCILE="1")
    wait_until(lambda: world.counts(lost) == 1, 60, "the check whose definition was lost counts", pause=0.2)


def test_notices_and_channels(world: World, tmp_path: Path) -> None:
    with receiving() as receiver:
        hook = world.make_channel(receiver.url)
        told, due = world.make_check("told"), world.make_check("due")
        copy_older_journal(world, tmp_path, DELIVERIES, DELIVERY_STATES)
        world.ping(told, kind="fail")
        for event in _DOWN:
            receiver.wait(told, event, 60)
        wait_until(lambda: len(world.told("delivery.finished")) == 2, 60, "both are reported", pause=0.2)
    world.ping(due, kind="fail")
    wait_until(lambda: len(world.pending()) == 2, 60, "notices of the other check are pending", pause=0.2)
    world.acknowledge(due)
    wait_until(lambda: len(world.pending()) == 3, 60, "that somebody takes care of it is pending", pause=0.2)
    late = world.make_channel("http://127.0.0.1:9/")
    world.stop_worker()
    world.restore(tmp_path, DELIVERIES, DELIVERY_STATES)
    assert world.pending() == []
    assert (world.endpoint(hook) is None, world.endpoint(late) is None) == (False, True)

    with receiving(receiver):
        world.start_worker()
        for event in (*_DOWN, ACKNOWLEDGED):
            receiver.wait(due, event, 90)
        wait_until(lambda: len(world.told("delivery.finished")) == 5, 60, "they are reported", pause=0.2)
        wait_until(lambda: world.endpoint(late) is not None, 60, "the channel is known", pause=0.2)
        assert world.pending() == []
        world.stop_worker()
    for check, events in ((told, _DOWN), (due, (*_DOWN, ACKNOWLEDGED))):
        assert sorted(one.event for one in receiver.of(check)) == sorted(events), "each is delivered once"
    assert len({one.id for one in receiver.received}) == 5


@contextlib.contextmanager
def receiving(receiver: Receiver | None = None) -> Iterator[Receiver]:
    receiver = Receiver() if receiver is None else receiver
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()
