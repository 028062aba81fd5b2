"""A prober whose clock is wrong, by Kafka's own reports: its partitions go to another one, and everybody is told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import pytest

from infra.clock import SYSTEM_CLOCK
from infra.clock_skew.reports import ClockReports, may_probe
from infra.clock_skew.watch import ClockWatch
from infra.log.admin import migrate
from infra.log.replica import Replica
from infra.log.sink import Sink
from infra.settings.settings import Settings
from ingest.prober.assignment import Assignment
from schemas.base import SECOND
from schemas.topics import HEARTBEATS
from tests.ping_world import HandClock

pytestmark = pytest.mark.stack


async def until(condition: Callable[[], object], what: str) -> None:
    try:
        async with asyncio.timeout(90):
            while not condition():
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(f"not within 90 s: {what}")


class Member:
    """A prober, as far as its clock and its partitions are concerned. wrong: so far its clock is off."""

    def __init__(self, bootstrap: str, region: str, slot: str) -> None:
        self.wrong = 0
        self.partitions: set[int] = set()
        self.sink = Sink(bootstrap, now=lambda: SYSTEM_CLOCK.real() + self.wrong)
        self.watch = ClockWatch(self.sink, HandClock(Settings()), "prober", f"prober-{region}-{slot}")
        self.assignment = Assignment(
            bootstrap, region, slot, lambda *_: None, self.partitions.add, self.partitions.discard,
            is_fit=lambda: may_probe(self.sink.skew),
        )  # fmt: skip

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Member"]:
        watching = asyncio.create_task(self.watch.keep_looking())
        self.assignment.start()
        yield self
        await self.assignment.close()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await self.sink.close()


async def test_others_get_what_a_prober_with_a_wrong_clock_had(kafka_bootstrap: str) -> None:
    everything = set(range(await asyncio.to_thread(migrate, kafka_bootstrap, 8)))
    region, clocks = f"riga-{uuid4().hex[:8]}", ClockReports()
    replica = Replica(kafka_bootstrap, len(everything), {HEARTBEATS: clocks.listen(lambda *_: None)})
    await replica.start()

    def told() -> list[str]:
        return [fault.part for fault in clocks.faults() if fault.grave and region in fault.part]

    async with Member(kafka_bootstrap, region, "0").running() as first:
        await until(lambda: first.partitions == everything, "the first prober has everything")
        async with Member(kafka_bootstrap, region, "1").running() as second:
            await until(
                lambda: first.partitions and second.partitions and first.partitions | second.partitions == everything,
                "both have a share",
            )
            assert told() == []
            first.wrong = -15 * SECOND
            # Everything that it appends measures its clock: here the next heartbeat would, in half a minute.
            await first.sink.put(HEARTBEATS, "news", None, 0)
            await until(lambda: told() == [f"clock of prober-{region}-0"], "everybody is told")
            await until(lambda: second.partitions == everything and not first.partitions, "the other has everything")
            first.wrong = 0
            await first.sink.put(HEARTBEATS, "news", None, 0)
            await until(lambda: first.partitions and not told(), "it has a share again, and nothing is told")
    await replica.close()
