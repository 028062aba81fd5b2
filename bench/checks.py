"""Many checks at once, and how far the folds and the history writer have come with them.

Checks are asked for as the API asks for them, by requests in the journal `projects`, but without waiting for each
verdict: 200,000 take seconds.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition

from bench.processes import NotInTime, wait_until
from bench.report import say
from bench.stack import Stack, read_metrics
from infra.log.admin import admin_client, end_offsets, partition_count
from infra.log.cluster import client_config
from infra.log.sink import producer_config
from processors.history.writer import GROUP as HISTORY_GROUP
from processors.runtime.loading import load_states
from schemas.base import Micros, encode
from schemas.check_states import CheckState, CheckStatesRecord
from schemas.ids import new_id
from schemas.pings import Ping
from schemas.requests import CheckCreate, CheckFields
from schemas.schedules import Simple
from schemas.topics import CHECK_STATES, PINGS, PROJECTS, Topic

_PATIENCE_SECONDS = 300.0


def produce(bootstrap: str, topic: Topic, records: Iterable[tuple[str | None, bytes, int]]) -> int:
    """Append (key, value, partition) records, -1 for the partition of the key; how many. All must be acknowledged."""
    producer = Producer(producer_config(bootstrap) | {"linger.ms": 20, "message.timeout.ms": 60_000})
    failed: list[str] = []

    def delivered(error: object, _message: object) -> None:
        if error is not None:
            failed.append(str(error))

    count = 0
    for key, value, partition in records:
        while True:
            try:
                producer.produce(topic.name, value, key, partition, delivered)
                break
            except BufferError:
                producer.poll(0.05)
        count += 1
        if count % 1_000 == 0:
            producer.poll(0)
    if producer.flush(60.0) or failed:
        raise NotInTime(f"{topic}: not everything was acknowledged: {failed[:1]}")
    return count


def create_requests(count: int, period: int, grace: int, channels: str = "") -> tuple[list[str], list[bytes]]:
    """Ids of checks to be made, and the requests that make them."""
    now = time.time_ns() // 1000
    ids = [new_id() for _ in range(count)]
    requests = [
        encode(
            CheckCreate(
                request=new_id(),
                at=now,
                id=id,
                fields=CheckFields(
                    name=f"bench {number}",
                    slug=f"bench-{number}",
                    schedule=Simple(period=period),
                    grace=grace,
                    channels=channels,
                ),
            )
        )
        for number, id in enumerate(ids)
    ]
    return ids, requests


def make_checks(stack: Stack, count: int, *, period: int = 3600, grace: int = 3600, channels: str = "") -> list[str]:
    """Make checks and wait until every fold and the API know them; their ids."""
    known = stack.credentials
    ids, requests = create_requests(count, period, grace, channels)
    began = time.monotonic()
    produce(known.cluster, PROJECTS, ((known.project, request, -1) for request in requests))
    patience = patience_for(count)
    wait_folded(stack, "projects", PROJECTS, patience)
    wait_folded(stack, "checks", PINGS, patience)
    headers = {"X-Api-Key": known.healthchecks_key}
    for id in (ids[0], ids[-1]):
        wait_until(
            lambda id=id: stack.http.get(f"/api/v3/checks/{id}", headers=headers).status_code == 200,  # type: ignore[misc]
            patience,
            "the API knows the checks",
        )
    say(f"{count} checks made and folded in {time.monotonic() - began:.1f} s")
    return ids


def patience_for(checks: int) -> float:
    """Seconds in which so many checks must be folded."""
    return _PATIENCE_SECONDS + checks / 1_000


def wait_folded(stack: Stack, fold: str, journal: Topic, patience: float = _PATIENCE_SECONDS) -> None:
    """Wait until a fold has committed everything that is in its journal now."""
    ends, folds = ends_of(stack.credentials.cluster, journal), Folds(stack)
    wait_until(lambda: folds.reached(fold, ends), patience, f"the fold of {journal} has caught up", 0.25)


def settle_with(stack: Stack, checks: int, seconds: float) -> None:
    """Have so many checks that are up, and wait until what their making set off is over."""
    if checks:
        ids = make_checks(stack, checks)
        produce(stack.credentials.cluster, PINGS, ping_events(ids, time.time_ns() // 1000))
        wait_folded(stack, "checks", PINGS)
    say(f"settling for {seconds:.0f} s")
    time.sleep(seconds)


def ping_events(ids: Sequence[str], at: Micros, spread: Micros = 0) -> Iterable[tuple[str, bytes, int]]:
    """A ping for each check, as records for `produce`; their times fill the span from `at` to `at` + `spread`."""
    for number, id in enumerate(ids):
        yield id, encode(Ping(kind="success", at=at + spread * number // len(ids), scheme="http", method="GET")), -1


def ends_of(bootstrap: str, topic: Topic) -> dict[int, int]:
    """The `read_committed` end of each partition."""
    wanted = [(topic.name, number) for number in range(partition_count(bootstrap))]
    return {number: end for (_, number), end in end_offsets(admin_client(bootstrap), wanted).items()}


class Folds:
    """How far the folds have come, from their own figures."""

    def __init__(self, stack: Stack) -> None:
        self._folder = stack.data / "run" / "metrics"

    def applied(self, fold: str) -> dict[int, int]:
        """The last offset committed, by partition."""
        found = read_metrics(self._folder)
        return {
            int(labels[1]): int(value)
            for (name, *labels), value in found.items()
            if name == "pingfold_fold_applied_offset" and labels[0] == fold
        }

    def reached(self, fold: str, ends: dict[int, int]) -> bool:
        """Whether everything before `ends` is folded. Needs ticks: a marker at the end is itself never applied."""
        applied = self.applied(fold)
        return all(applied.get(number, -1) >= end - 1 for number, end in ends.items())


class Writer:
    """How far the history writer has come with `pings`: the offsets that it has committed after its inserts."""

    def __init__(self, bootstrap: str, ends: dict[int, int]) -> None:
        self._admin = admin_client(bootstrap)
        self._partitions = [TopicPartition(PINGS.name, number) for number in ends]

    def applied(self) -> dict[int, int]:
        """The last offset that is in ClickHouse, by partition."""
        asked = ConsumerGroupTopicPartitions(HISTORY_GROUP, self._partitions)
        answer = self._admin.list_consumer_group_offsets([asked], request_timeout=5.0)[HISTORY_GROUP].result(5.0)
        return {tp.partition: tp.offset - 1 for tp in answer.topic_partitions}


def age_of_next(bootstrap: str, topic: Topic, applied: dict[int, int], ends: dict[int, int]) -> float:
    """Seconds since the oldest record before `ends` was produced that is not applied; 0 when all are."""
    behind = {number: applied.get(number, -1) + 1 for number, end in ends.items() if applied.get(number, -1) < end - 1}
    oldest = min((at for at in (_timestamp(bootstrap, topic, n, o) for n, o in behind.items()) if at), default=None)
    return 0.0 if oldest is None else round(max(0.0, time.time() - oldest), 2)


def _timestamp(bootstrap: str, topic: Topic, partition: int, offset: int) -> float | None:
    consumer = Consumer({**client_config(bootstrap), "group.id": "pingfold-bench", "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(topic.name, partition, offset)])
        message = consumer.poll(5.0)
        return None if message is None or message.error() else float(message.timestamp()[1]) / 1000
    finally:
        consumer.close()


@dataclass(frozen=True)
class Counted:
    """What the states say: how many checks there are, and the sum of the pings that they have counted."""

    checks: int
    pings: int


def count_states(bootstrap: str) -> Counted:
    """Read every committed state."""
    decoder: msgspec.json.Decoder[CheckStatesRecord] = msgspec.json.Decoder(CheckStatesRecord)
    checks = pings = 0
    for partition in range(partition_count(bootstrap)):
        for record in load_states(bootstrap, CHECK_STATES, partition, decoder).values():
            if isinstance(record, CheckState):
                checks += 1
                pings += record.pings
    return Counted(checks, pings)
