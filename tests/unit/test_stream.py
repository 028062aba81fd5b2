"""Spans: Faust pays once for a fetch, nothing is left out between two of them, and what waits is bounded.

What of Faust and aiokafka is relied on without being their public interface is pinned here: a version in which it is
otherwise fails these tests before it loses an event.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Collection, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.consumer.subscription_state import SubscriptionState
from faust.types import TP

from infra.settings.settings import Settings
from processors.runtime import stream
from processors.runtime.continuity import Continuity
from processors.runtime.stream import FoldApp, Span, SpanConsumer, SpanThread
from processors.runtime.worker import build_app

JOURNAL = "journal"


def records(partition: int, start: int, count: int, size: int = 10) -> list[Any]:
    return [
        ConsumerRecord(JOURNAL, partition, offset, 0, 0, b"key", b"v" * size, None, 3, size, ())
        for offset in range(start, start + count)
    ]


def span_of(partition: int, start: int, count: int, generation: int = 1) -> Span:
    return Span(JOURNAL, partition, generation, start, start + count, records(partition, start, count), 10 * count)


async def ignore(*_: Any) -> None: ...


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[FoldApp]:
    app = build_app(Settings(data=tmp_path), "localhost:1", "0", "group", session=10.0)
    app.loop = asyncio.get_running_loop()
    app.ready = set
    app.consumer_generation_id = 1
    yield app
    if app._consumer is not None:
        app._consumer._thread.thread_loop.close()


def consumer_of(app: FoldApp, kind: type[SpanConsumer], callback: Any = ignore) -> Any:
    consumer: Any = kind(
        app.transport, callback=callback, on_partitions_revoked=ignore, on_partitions_assigned=ignore, loop=app.loop
    )
    app._consumer = consumer
    consumer._active_partitions = {TP(JOURNAL, number) for number in range(3)}
    return consumer


class Fed(SpanConsumer):
    """A consumer to which spans are given instead of a broker's."""

    fetched: list[dict[Any, Span]]

    async def _getmany(self, active_partitions: Any, timeout: float) -> dict[Any, Span]:
        if not self.fetched:
            self._stopped.set()
            return {}
        return self.fetched.pop(0)


@pytest.mark.parametrize("count", [10, 5_000])
async def test_faust_pays_for_a_fetch_and_not_for_a_record(app: FoldApp, count: int) -> None:
    """Faust makes four tasks for each message; a message is a whole span."""
    got: list[Span] = []

    async def callback(message: Any) -> None:
        assert message.generation_id == message.value.generation
        got.append(message.value)

    consumer = consumer_of(app, Fed, callback)
    spans = [span_of(partition, turn * count, count) for turn in range(4) for partition in range(3)]
    consumer.fetched = [
        {TopicPartition(JOURNAL, span.partition): span for span in spans[turn * 3 : turn * 3 + 3]} for turn in range(4)
    ]
    made = 0

    def count_tasks(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> "asyncio.Task[Any]":
        nonlocal made
        made += 1
        return asyncio.Task(coroutine, loop=loop, **options)

    loop = asyncio.get_running_loop()
    loop.set_task_factory(count_tasks)
    try:
        await consumer._drain_messages(SimpleNamespace(_stopped=asyncio.Event()))
    finally:
        loop.set_task_factory(None)
    assert got == spans
    assert 0 < made <= 4 * len(spans) + 20


async def test_partitions_that_are_full_are_not_fetched(app: FoldApp) -> None:
    asked: list[Collection[Any]] = []

    async def getmany(partitions: Collection[Any], timeout: float) -> dict[Any, Span]:
        asked.append(partitions)
        return {}

    consumer = consumer_of(app, SpanConsumer)
    consumer._thread.getmany = getmany
    partitions = {TP(JOURNAL, number) for number in range(3)}
    app.ready = lambda tps: {tp for tp in tps if tp.partition != 1}
    await consumer._getmany(partitions, 1.0)
    assert asked == [{TP(JOURNAL, 0), TP(JOURNAL, 2)}]
    # None has room: nothing is fetched (aiokafka would take "none" for "all"), until there is room again.
    app.ready = lambda tps: set()
    waiting = asyncio.create_task(consumer._getmany(partitions, 30.0))
    await asyncio.sleep(0)
    app.room.set()
    assert await asyncio.wait_for(waiting, 1.0) == {}
    assert len(asked) == 1
    assert partitions == {TP(JOURNAL, number) for number in range(3)}


async def test_what_was_fetched_before_a_rebalance_is_not_handed_on(app: FoldApp) -> None:
    consumer = consumer_of(app, Fed)
    consumer.fetched = [{TopicPartition(JOURNAL, n): span_of(n, 0, 1) for n in range(2)}]
    got = []
    async for _, message in consumer.getmany(1.0):
        got.append(message.value)
        consumer.stop_flow()
    assert len(got) == 1


class Fetcher:
    """aiokafka's fetcher as `SpanThread` knows it: positions move by what is taken."""

    def __init__(self, *fetched: tuple[int, list[Any], int]) -> None:
        self.fetched = list(fetched)  # (partition, records, position after them)
        self.continuity, self.connection = Continuity(), object()
        self.states = {TopicPartition(JOURNAL, number): SimpleNamespace(_position=0) for number in range(3)}
        assignment = SimpleNamespace(state_value=self.states.get)
        self._subscriptions = SimpleNamespace(
            reassignment_in_progress=False, subscription=SimpleNamespace(assignment=assignment)
        )

    @property
    def _records(self) -> set[Any]:
        return {TopicPartition(JOURNAL, partition) for partition, _, _ in self.fetched}

    async def fetched_records(self, partitions: Any, timeout: float, most: int) -> dict[Any, Any]:
        assert timeout == 0
        assert partitions
        if not self.fetched or TopicPartition(JOURNAL, self.fetched[0][0]) not in partitions:
            return {}
        partition, found, position = self.fetched[0]
        taken, rest = found[:most], found[most:]
        tp = TopicPartition(JOURNAL, partition)
        if rest:
            self.fetched[0] = partition, rest, position
            self.states[tp]._position = taken[-1].offset + 1
        else:
            self.fetched.pop(0)
            self.states[tp]._position = position
        return {tp: taken} if taken else {}


async def take(fetcher: Fetcher) -> dict[int, Span]:
    thread = SpanThread.__new__(SpanThread)
    thread._continuity = fetcher.continuity
    cluster = SimpleNamespace(leader_for_partition=lambda tp: 1)
    client = SimpleNamespace(cluster=cluster, _conns={(1, ConnectionGroup.DEFAULT): fetcher.connection})
    consumer = SimpleNamespace(_fetcher=fetcher, _coordinator=SimpleNamespace(generation=9), _client=client)
    spans = await thread._take(consumer, set(fetcher.states))
    return {tp.partition: span for tp, span in spans.items()}


async def test_a_span_is_whole() -> None:
    """All steps of one fetch are one span a partition, and markers behind the records belong to it."""
    fetcher = Fetcher((0, records(0, 0, 250), 251), (1, records(1, 0, 5), 5), (0, records(0, 251, 10), 261))
    spans = await take(fetcher)
    assert [(spans[n].start, spans[n].next, len(spans[n].records)) for n in (0, 1)] == [(0, 261, 260), (0, 5, 5)]
    assert spans[0].generation == 9
    assert spans[0].size > 260 * 13


async def test_markers_alone_are_a_span_too() -> None:
    """Otherwise what follows them would look like a hole."""
    spans = await take(Fetcher((2, [], 7)))
    assert (spans[2].start, spans[2].next, spans[2].records) == (0, 7, [])


async def test_a_fetch_is_bounded_in_bytes() -> None:
    fetcher = Fetcher(*((0, records(0, 20 * n, 20, 200_000), 20 * n + 20) for n in range(10)))
    spans = await take(fetcher)
    assert stream._FETCH_BYTES <= spans[0].size < stream._FETCH_BYTES + 20 * 201_000
    following = await take(fetcher)
    assert following[0].start == spans[0].next


async def test_nothing_is_taken_while_partitions_are_reassigned() -> None:
    fetcher = Fetcher((0, records(0, 0, 5), 5))
    fetcher._subscriptions.reassignment_in_progress = True
    assert await take(fetcher) == {}


class Batch:
    """A batch of records as aiokafka unpacks it."""

    producer_id, is_transactional = None, False

    def __init__(self, base: int, count: int, control: bool = False) -> None:
        self.base_offset, self.next_offset, self.is_control_batch = base, base + count, control
        self._records = [] if control else records(0, base, count)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._records)


class Batches:
    def __init__(self, *batches: Batch) -> None:
        self._batches = list(batches)

    def has_next(self) -> bool:
        return bool(self._batches)

    def next_batch(self) -> Batch:
        return self._batches.pop(0)


async def test_aiokafka_moves_positions_as_we_think() -> None:
    """What its fetcher hands over is all that lies between two positions; markers move them too."""
    tp = TopicPartition(JOURNAL, 0)
    subscriptions = SubscriptionState()
    subscriptions.subscribe({JOURNAL})
    subscriptions.assign_from_subscribed({tp})
    assignment = subscriptions.subscription.assignment
    state = assignment.state_value(tp)
    state.seek(10)
    batches = Batches(Batch(10, 3), Batch(13, 1, control=True), Batch(14, 2), Batch(16, 1, control=True))
    unpacked = PartitionRecords(tp, batches, [], 10, None, None, False, 1)
    result = FetchResult(tp, assignment=assignment, partition_records=unpacked, backoff=0)
    assert [record.offset for record in result.getall(2)] == [10, 11]
    assert state._position == 12
    assert [record.offset for record in result.getall(100)] == [12, 14, 15]
    assert state._position == 17


class Waits:
    _fetch_max_wait_ms, _fetch_min_bytes = 500, 1


def test_while_much_comes_the_broker_is_asked_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr("processors.runtime.stream.time.monotonic", lambda: now)
    pace, fetcher = stream._Pace(), Waits()

    def for_a_second(records: int) -> tuple[int, int]:
        nonlocal now
        for _ in range(50):
            now += 0.02
            pace.follow(fetcher, records)
        return fetcher._fetch_max_wait_ms, fetcher._fetch_min_bytes

    quiet = for_a_second(0)
    assert quiet == (500, 1)
    assert for_a_second(60) == (50, 256 * 2**10)
    assert for_a_second(1) == quiet
    # A second's ticks, all at once, are not much.
    pace.follow(fetcher, 24)
    assert for_a_second(0) == quiet


async def test_a_consumer_that_was_set_back_is_not_sure(app: FoldApp) -> None:
    """Beyond the end of a log that has become shorter aiokafka begins anew; Faust would leave out all that comes."""
    fetcher = Fetcher((0, records(0, 0, 50), 50))
    first = (await take(fetcher))[0]
    fetcher.states[TopicPartition(JOURNAL, 0)]._position = 0
    fetcher.fetched = [(0, records(0, 0, 20), 20)]
    second = (await take(fetcher))[0]
    fetcher.connection = object()
    fetcher.fetched = [(0, records(0, 20, 10), 30)]
    third = (await take(fetcher))[0]
    assert [span.unsure for span in (first, second, third)] == [False, True, True]
    got: list[Span] = []

    async def callback(message: Any) -> None:
        got.append(message.value)

    consumer = consumer_of(app, Fed, callback)
    consumer.fetched = [{TopicPartition(JOURNAL, 0): span} for span in (first, second, third)]
    await consumer._drain_messages(SimpleNamespace(_stopped=asyncio.Event()))
    assert got == [first, second, third]


async def test_aiokafka_keeps_connections_as_we_think(app: FoldApp) -> None:
    """One object for each connection, under the node and its group; those of fetches are in the default one."""
    client = AIOKafkaClient(bootstrap_servers="localhost:1")
    assert client._conns == {}
    assert inspect.signature(client.send).parameters["group"].default is ConnectionGroup.DEFAULT
    assert client.cluster.leader_for_partition(TopicPartition(JOURNAL, 0)) is None
    await client.close()
