"""Pings while the broker's answers are lost: what was answered 200 is in the log, and each ping counts once."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from confluent_kafka import Consumer, TopicPartition

from infra.log.admin import partition_count
from infra.log.cluster import client_config
from infra.log.partitioner import partition_of
from ingest.ping.request import Limits
from processors.checks.fold import Checks
from processors.fold.contract import Record, Session
from processors.fold.view import View
from schemas.base import encode
from schemas.check_states import CheckState
from schemas.definitions import Check
from schemas.pings import CheckDefined, Ping
from schemas.topics import PINGS
from schemas.transitions import PingFolded
from tests.kafka_proxy import PRODUCE, KafkaProxy
from tests.ping_server import PingServer

pytestmark = pytest.mark.stack

# Of the outages that are made for one copy. Nearly always the first is enough.
_MOST_OUTAGES = 20


async def ping_for(server: PingServer, seconds: float) -> dict[str, int]:
    """A ping every 25 ms, whatever becomes of those before, each with a run id of its own; the status by run id."""
    ends: dict[str, int] = {}

    async def ping(session: aiohttp.ClientSession) -> None:
        rid = str(uuid.uuid4())
        async with session.get(f"http://{server.host}:{server.port}/{server.check}", params={"rid": rid}) as answer:
            ends[rid] = answer.status

    connector, timeout = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session, asyncio.TaskGroup() as pings:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pings.create_task(ping(session))
            await asyncio.sleep(0.025)
    return ends


def records(bootstrap: str, server: PingServer) -> list[Record]:
    """The pings of the server's check as they stand in the journal."""
    tp = TopicPartition(PINGS.name, partition_of(server.check.encode(), partition_count(bootstrap)), 0)
    consumer = Consumer({**client_config(bootstrap), "group.id": "none", "enable.auto.commit": False})
    _, end = consumer.get_watermark_offsets(tp, timeout=10)
    consumer.assign([tp])
    messages: list[Any] = []
    deadline = time.monotonic() + 90
    while len(messages) < end and time.monotonic() < deadline:
        messages += consumer.consume(end - len(messages), timeout=1)
    consumer.close()
    assert len(messages) == end
    return [
        Record(message.offset() + 1, message.timestamp()[1] * 1_000, message.key(), message.value())
        for message in messages
        if message.key() == server.check.encode()
    ]


def folded(server: PingServer, journal: list[Record]) -> tuple[int, int]:
    """How many pings the check has counted, and how many rows history is told not to count."""
    session = Session(Checks(), 0, View())
    check = Check(id=server.check, project="p", version=1, created=0)
    defined = Record(0, journal[0].timestamp, server.check.encode(), encode(CheckDefined(at=0, check=check)))
    effects = session.step([defined, *journal])
    state = session.view.get(server.check)
    assert isinstance(state, CheckState)
    return state.pings, sum(isinstance(effect.value, PingFolded) and not effect.value.counted for effect in effects)


def outages(
    bootstrap: str, seconds: float, sink: dict[str, Any], enough: Callable[[PingServer], bool], most: int = 1
) -> tuple[dict[str, int], PingServer, list[Record]]:
    """Outages of so many seconds, one after the other, until `enough` says so after one; at most so many."""
    with KafkaProxy(bootstrap) as proxy:
        with PingServer(proxy.address, Limits(), sink=sink) as server:
            ends = asyncio.run(ping_for(server, 0.5))
            assert set(ends.values()) == {200}
            for _ in range(most):
                ends |= asyncio.run(ping_through(proxy, server, seconds))
                if enough(server):
                    break
        assert proxy.lost
    return ends, server, records(bootstrap, server)


async def ping_through(proxy: KafkaProxy, server: PingServer, seconds: float) -> dict[str, int]:
    """Ping during an outage and for a second after it."""
    proxy.lose_answers(PRODUCE)
    pinging = asyncio.create_task(ping_for(server, seconds + 1.0))
    await asyncio.sleep(seconds)
    proxy.heal()
    return await pinging


def run_ids(journal: list[Record]) -> Counter[str | None]:
    events = [Checks.events.decode(record.value or b"") for record in journal]
    return Counter(event.rid for event in events if isinstance(event, Ping))


def test_answers_lost_for_ten_seconds(kafka_bootstrap: str) -> None:
    ends, server, journal = outages(kafka_bootstrap, 10.0, {}, enough=lambda _: True)
    written = run_ids(journal)
    acknowledged = {rid for rid, status in ends.items() if status == 200}
    assert {200, 503} == set(ends.values())
    assert acknowledged <= set(written) <= set(ends)
    assert [rid for rid, copies in written.items() if copies > 1] == []
    assert folded(server, journal) == (len(written), 0)


def test_copies_that_come_all_the_same_count_once(kafka_bootstrap: str) -> None:
    """A client that gives up during an outage, as ours does after two minutes, writes what it had in flight again.

    Only if something younger than what it gives up was in flight, so there are outages until a copy stands in the log.
    """

    def copied(server: PingServer) -> bool:
        return max(run_ids(records(kafka_bootstrap, server)).values()) > 1

    impatient = {"message.timeout.ms": 2_000, "socket.timeout.ms": 60_000}
    ends, server, journal = outages(kafka_bootstrap, 3.0, impatient, copied, _MOST_OUTAGES)
    written = run_ids(journal)
    assert max(written.values()) > 1
    assert {rid for rid, status in ends.items() if status == 200} <= set(written)
    assert folded(server, journal) == (len(written), len(journal) - len(written))
