"""Who waits for whom: thousands of channels whose receivers hang, beside some that answer. No network, no Kafka."""

import asyncio
import functools
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import pytest

from processors.sender.channels.sending import Clients
from processors.sender.sender import Sender
from processors.sender.slots import Kind, pools
from processors.sender.webhooks import DeliveryResult
from schemas.deliveries import Delivery, DeliveryAttempted, Endpoint, EndpointHealth
from schemas.notices import NOTICES
from tests import virtual_time

# Until a receiver that answers at once, or after 0.4 s, has its notice: before any of the others is given up.
SOON = 0.5

WORLDS: list["World"] = []


def in_virtual_time(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Time passes only while everything waits, so nothing depends on the machine."""

    @functools.wraps(test)
    def run() -> None:
        virtual_time.run(_ended(test))

    return run


async def _ended(test: Callable[[], Awaitable[None]]) -> None:
    """What a test leaves under way ends with it."""
    try:
        await test()
    finally:
        while WORLDS:
            await WORLDS.pop().sender.close(0)


class World:
    """Receivers by host: `ok...` answer at once, `slow...` after 0.4 s, all others never (given up after 3 s)."""

    def __init__(self, **limits: Any) -> None:
        self.asked: list[str] = []
        self.at_once: Counter[str] = Counter()
        self.most_at_once = 0
        self.reports: dict[str, DeliveryAttempted] = {}
        self.pending: dict[str, Delivery] = {}
        self.numbers = itertools.count()
        self.sender = Sender(self.post, self.report, lambda secret, *_: secret, mail=self.mail, **limits)
        WORLDS.append(self)
        self.sender.assigned(0, {})
        self.sender.committed(0, {})

    async def post(self, url: str, _body: bytes, _headers: Mapping[str, str], _dead: bool = False) -> DeliveryResult:
        host = url.split("/")[2]
        self.asked.append(url)
        self.at_once[host[:4]] += 1
        self.most_at_once = max(self.most_at_once, self.at_once.total())
        try:
            if host.startswith("ok"):
                await asyncio.sleep(0)
                return DeliveryResult(200)
            if host.startswith("slow"):
                await asyncio.sleep(0.4)
                return DeliveryResult(200)
            await asyncio.sleep(3)
            return DeliveryResult(error="no answer within 3 s", timed_out=True)
        finally:
            self.at_once[host[:4]] -= 1

    async def mail(self, endpoint: Endpoint, _delivery: Delivery) -> DeliveryResult:
        return await self.post(f"smtp://{endpoint.addresses[0]}/", b"", {})

    async def report(self, channel: str, attempted: DeliveryAttempted) -> None:
        self.reports[attempted.delivery] = attempted
        delivery = self.pending.pop(attempted.delivery)
        key = f"delivery/{delivery.id}"
        if attempted.status is None:
            self.sender.committed(0, {key: msgspec.structs.replace(delivery, due=1)})
        else:
            self.sender.committed(0, {key: None, f"health/{channel}": EndpointHealth(last_success=1)})

    def define(self, *channels: str, project: str = "p", url: str = "http://{}/", mail: bool = False) -> None:
        records: dict[str, msgspec.Struct] = {}
        for channel in channels:
            records[f"endpoint/{channel}"] = Endpoint(
                id=channel, project=project, url="" if mail else url.format(channel), notices=NOTICES, secret="s",
                kind="email" if mail else "webhook", addresses=(channel,) if mail else (),
            )  # fmt: skip
            records[f"health/{channel}"] = EndpointHealth()
        self.sender.committed(0, records)

    def request(self, *channels: str) -> list[str]:
        records: dict[str, msgspec.Struct] = {}
        for channel in channels:
            id = f"{next(self.numbers):08d}"
            delivery = Delivery(id=id, event=id, channel=channel, notice="monitor.down", body="{}", first_due=int(id))
            self.pending[id] = records[f"delivery/{id}"] = delivery
        self.sender.committed(0, records)
        return [key.partition("/")[2] for key in records]

    async def served(self, ids: list[str], seconds: float = 10) -> float:
        """Wait until these deliveries are reported; how long that took."""
        began = asyncio.get_running_loop().time()
        await until(lambda: all(id in self.reports for id in ids), seconds)
        assert {self.reports[id].status for id in ids} == {200}
        return asyncio.get_running_loop().time() - began


async def until(condition: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


@in_virtual_time
async def test_healthy_receivers_wait_for_none_of_a_thousand_dead_ones_of_their_project() -> None:
    world = World()
    dead, healthy = names("dead", 1_090), names("ok", 10)
    world.define(*dead, *healthy)
    for _ in range(5):
        world.request(*dead)
    # None of them has been sent anything before, and all the dead ones stand in front of them.
    assert await world.served(world.request(*healthy)) < SOON
    for _ in range(8):
        await asyncio.sleep(0.4)
        assert await world.served(world.request(*healthy)) < SOON
    # One that answers, but slowly, waits for its own answer only.
    world.define("slow")
    assert await world.served(world.request("slow")) < SOON
    assert await world.served(world.request("slow")) < SOON


@in_virtual_time
async def test_one_host_with_very_many_channels_holds_up_no_other_host_and_no_other_project() -> None:
    world = World()
    dead = names("dead", 6_000)
    world.define(*dead, url="http://dead.example/{}")
    world.define("ok-beside")
    world.define("ok-elsewhere", project="q")
    world.request(*dead)
    assert await world.served(world.request("ok-beside", "ok-elsewhere")) < SOON
    assert world.most_at_once < 4096


@in_virtual_time
async def test_a_project_whose_receivers_worked_and_all_hang_at_once_holds_up_nobody() -> None:
    world = World()
    channels = names("ok", 3_000)
    world.define(*channels)
    await world.served(world.request(*channels), 20)
    # From now on every one of them has another receiver, of the same name, that hangs: the sender cannot know.
    original = world.post

    async def post(url: str, body: bytes, headers: Mapping[str, str], _dead: bool = False) -> DeliveryResult:
        return await original(url if "elsewhere" in url else url.replace("ok", "dead"), body, headers)

    world.sender._dispatcher._attempts._clients = Clients(post, None)
    world.define("ok-elsewhere", project="q")
    world.request(*channels)
    world.request(*channels)
    for _ in range(5):
        assert await world.served(world.request("ok-elsewhere")) < SOON
        await asyncio.sleep(0.2)
    assert world.most_at_once <= 4096


@in_virtual_time
async def test_what_hangs_beyond_the_share_of_its_project_is_given_up_early_and_says_so() -> None:
    world = World(ceiling=64, pool=16)
    dead = names("dead", 64)
    world.define(*dead)
    begun = world.request(*dead)
    await until(lambda: sum(id in world.reports for id in begun) > 8, 10)
    hurried = [report for report in world.reports.values() if "too many others" in report.error]
    assert hurried
    assert all(report.timed_out and report.status is None for report in hurried)
    await until(lambda: all(id in world.reports for id in begun), 30)
    assert any(report.error == "no answer within 3 s" for report in world.reports.values())


@in_virtual_time
async def test_lanes_are_first_in_first_out_and_take_turns() -> None:
    world = World(ceiling=16, pool=4)
    channels = names("c", 200)
    world.define(*channels, url="http://ok.example/{}")
    await world.served(world.request(*channels))
    assert world.asked == [f"http://ok.example/{name}" for name in channels]
    world.asked.clear()
    ids = [id for _ in range(3) for id in world.request(*channels)]
    await world.served(ids)
    assert [url.rpartition("/c")[2] for url in world.asked[:200]] == [str(number) for number in range(200)]
    assert Counter(world.asked) == dict.fromkeys(world.asked, 3)


@in_virtual_time
async def test_mail_is_fair_between_projects_and_costs_the_web_nothing() -> None:
    world = World(mails=8)
    greedy = names("dead", 500)
    world.define(*greedy, mail=True)
    world.request(*greedy)
    await asyncio.sleep(0.05)
    world.define("ok-mail", mail=True, project="q")
    world.define("ok-web")
    assert await world.served(world.request("ok-mail", "ok-web")) < SOON
    assert world.at_once["dead"] <= 8


@in_virtual_time
async def test_the_cost_of_many_channels_is_linear() -> None:
    async def cost(count: int) -> float:
        world = World()
        channels = names("ok", count)
        world.define(*channels, url="http://ok.example/{}")
        began = time.process_time()
        await world.served(world.request(*channels), 120)
        took = time.process_time() - began
        return took

    await cost(500)
    few, many = await cost(2_000), await cost(16_000)
    assert many < 16 * few + 0.5  # eight times as many; the square would be 64 times


def test_a_partition_with_very_many_deliveries_is_taken_over_in_stretches() -> None:
    asyncio.run(_ended(_taken_over_in_stretches))  # in real time: it is never true that everything waits


async def _taken_over_in_stretches() -> None:
    world = World()
    channels = names("ok", 100)
    records: dict[str, msgspec.Struct] = {}
    for number in range(40_000):
        id = f"{(number * 7919) % 40_000:08d}"
        records[f"delivery/{id}"] = Delivery(
            id=id, event=id, channel=channels[number % 100], notice="monitor.down", body="{}", first_due=number
        )
        world.pending[id] = records[f"delivery/{id}"]  # type: ignore[assignment]
    for channel in channels:
        records[f"endpoint/{channel}"] = Endpoint(
            id=channel, project="p", url=f"http://{channel}/", notices=NOTICES, secret="s"
        )
        records[f"health/{channel}"] = EndpointHealth()
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count_turns())
    world.sender.assigned(0, records)
    world.sender.committed(0, {})
    await until(lambda: bool(world.asked), 60)
    assert turns >= 80
    # Each channel begins with its oldest, whatever the order of the keys.
    assert {url.split("/")[2] for url in world.asked[:20]} <= set(channels[:40])
    await until(lambda: len(world.reports) > 1_000, 60)
    counting.cancel()


@in_virtual_time
async def test_closing_with_thousands_under_way_takes_little_time() -> None:
    world = World()
    dead = names("dead", 3_000)
    world.define(*dead)
    world.request(*dead)
    await until(lambda: world.at_once["dead"] > 500, 10)
    began = asyncio.get_running_loop().time()
    await world.sender.close(0.5)
    assert asyncio.get_running_loop().time() - began < 4
    assert world.at_once["dead"] == 0


@in_virtual_time
async def test_what_is_revoked_leaves_the_queues() -> None:
    world = World(ceiling=16, pool=4)
    dead = names("dead", 300)
    world.define(*dead)
    world.request(*dead)
    await asyncio.sleep(0.05)
    world.sender.revoked(0)
    dispatcher = world.sender._dispatcher
    assert all(pool.next() is None and not pool._lanes for pool in dispatcher._pools.values())


@pytest.mark.parametrize("ceiling", [1, 5, 16, 4096])
def test_a_project_leaves_room_for_others(ceiling: int) -> None:
    for kind, pool in pools(ceiling, ceiling // 4, 16).items():
        taken = 0
        while pool.used < pool.size and pool.has_room("greedy"):
            pool.take("greedy", "host")
            taken += 1
        assert taken >= 1, kind
        if pool.size >= 4:
            assert pool.has_room("other")
            assert taken <= pool.size * 3 / 4 + 1, kind
        if kind is Kind.MAIL:
            assert taken == 16
