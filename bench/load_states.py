"""Loading the states of all partitions, as a worker does that takes them over, and as a web process does that starts.

A state topic in which the same keys are written again and again, as an idle or a busy Pingfold does for days; its
newest segments are never compacted. Once with segments of 64 MiB, as the topics had at first, and once with the
settings of today, after the broker has compacted what it may. Both in the same run, on the same broker.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import typer
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from bench.brokers import broker
from bench.processes import wait_until
from bench.report import Report, say
from infra.log.admin import admin_client, end_offsets, topic_config
from infra.log.replica import Replica
from infra.log.sink import producer_config
from processors.checks.fold import Checks
from processors.runtime import loading as runtime
from processors.runtime.loading import Loading
from schemas.base import encode
from schemas.check_states import CheckState
from schemas.topics import CHECK_STATES, Cleanup, Topic

_BEFORE = 64 * 2**20
_AT_ONCE = 12
_COMPACTED_SECONDS = 180.0
# A commit of one state is a batch of its own with its marker: a batch for so many records is a busy partition's.
_BATCH = 20


def load_states(
    megabytes: Annotated[int, typer.Option(help="Written to each partition.")] = 60,
    checks: Annotated[int, typer.Option(help="Different keys, all partitions together.")] = 20_000,
) -> None:
    """Seconds to load the states of all partitions, before and after small segments."""
    report = Report("load_states", {"megabytes": megabytes, "checks": checks})
    with broker() as kafka:
        topics = {
            "before": Topic("states-before", "key", Cleanup.COMPACT, segment_bytes=_BEFORE),
            "after": Topic("states-after", "key", Cleanup.COMPACT, segment_bytes=CHECK_STATES.segment_bytes),
        }
        for topic in topics.values():
            _make(kafka.bootstrap, topic, kafka.partitions)
            _fill(kafka.bootstrap, topic, kafka.partitions, megabytes * 2**20, checks)
        _wait_compacted(kafka.bootstrap, topics["after"], kafka.partitions)
        for name, topic in topics.items():
            report.measured[name] = _measure(kafka.bootstrap, topic, kafka.partitions)
            say(f"{name}: {report.measured[name]}")
    before, after = report.measured["before"], report.measured["after"]
    report.ratios["records after to before"] = round(after["records"] / before["records"], 3)
    report.ratios["seconds after to before"] = round(after["worker_s"] / before["worker_s"], 3)
    report.ask("records read after to before", report.ratios["records after to before"], "<=", 0.35)
    report.publish()


def _make(bootstrap: str, topic: Topic, partitions: int) -> None:
    new = NewTopic(topic.name, partitions, 1, config=topic_config(topic) | {"min.compaction.lag.ms": "0"})
    admin = admin_client(bootstrap)  # it must outlive its answers
    for made in admin.create_topics([new]).values():
        made.result(30.0)


def _fill(bootstrap: str, topic: Topic, partitions: int, size: int, checks: int) -> None:
    producer = Producer(producer_config(bootstrap) | {"batch.num.messages": _BATCH, "linger.ms": 2})
    state = CheckState(version=1, since=1_750_000_000_000_000, status="up", last_ping=1_750_000_000_000_000)
    keys = [f"00000000-0000-4000-8000-{number:012d}" for number in range(checks)]
    written = number = 0
    while written < size * partitions:
        state.pings = number
        value = encode(state)
        key = keys[number % checks]
        try:
            producer.produce(topic.name, value, key, number % checks % partitions)
        except BufferError:
            producer.poll(0.05)
            continue
        written += len(key) + len(value)
        number += 1
        producer.poll(0)
    producer.flush(120.0)
    say(f"{topic}: {number:,} records written")


def _wait_compacted(bootstrap: str, topic: Topic, partitions: int) -> None:
    """Until the broker compacts nothing more: what is read gets no less."""
    seen = [0, -1]

    def stands() -> bool:
        time.sleep(15.0)  # the cleaner looks so often
        seen.append(_records(bootstrap, topic, partitions))
        return seen[-1] == seen[-2]

    wait_until(stands, _COMPACTED_SECONDS, "the broker has compacted what it may")


def _records(bootstrap: str, topic: Topic, partitions: int) -> int:
    return sum(_load(bootstrap, topic, number).steps for number in range(partitions))


def _load(bootstrap: str, topic: Topic, partition: int) -> Loading:
    loading = Loading(topic, partition)
    runtime.load_states(bootstrap, topic, partition, Checks.records, loading=loading)
    return loading


def _measure(bootstrap: str, topic: Topic, partitions: int) -> dict[str, Any]:
    began = time.monotonic()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        loads = list(pool.map(lambda number: _load(bootstrap, topic, number), range(partitions)))
    worker = time.monotonic() - began
    began = time.monotonic()
    asyncio.run(_replica(bootstrap, topic, partitions))
    replica = time.monotonic() - began
    ends = end_offsets(admin_client(bootstrap), [(topic.name, number) for number in range(partitions)])
    return {
        "written": sum(ends.values()),
        "records": sum(loading.steps for loading in loads),
        "worker_s": round(worker, 2),
        "replica_s": round(replica, 2),
    }


async def _replica(bootstrap: str, topic: Topic, partitions: int) -> None:
    replica = Replica(bootstrap, partitions, {topic: lambda *_: None})
    await replica.start()
    await replica.close()
