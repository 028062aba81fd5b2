"""The own network of a prober's region: while it is out, that is said, and nobody is accused."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import REGISTRY

from ingest.prober.region import own_network
from ingest.prober.region.controls import Control
from ingest.prober.region.own_network import OwnNetwork
from schemas.base import Micros
from schemas.monitor_states import MonitorState
from schemas.monitors import Monitor, ProbeTarget
from schemas.probes import Failure, ProbeCompleted, RegionTroubled, RegionWell
from schemas.slots import first_slot
from schemas.targets import Verb
from tests.driven_prober import SOON, Asked, World, events, running, world
from tests.ping_world import NOON
from tests.probe_targets import V4, answering, serving, unanswered
from tests.prober_monitors import HERE, REFUSED, monitor

PARTITIONS = 3
TROUBLED, CONTROLS = "pingfold_region_troubled", "pingfold_control_targets_answering"


def sites(count: int, port: int = 1) -> list[Monitor]:
    """Monitors of as many hosts, all addresses of this machine; nobody listens on port 1."""
    return [monitor(f"s{n}", kind="tcp", target=ProbeTarget(host=f"127.0.0.{n + 1}", port=port)) for n in range(count)]


async def probe_all(here: World, wanted: list[Monitor], begun: Micros) -> list[ProbeCompleted]:
    """Each is probed at once; the results, in order."""
    begin = len(here.sink.order)
    for one in wanted:
        here.hear(one, MonitorState(version=1, begun=begun), id=one.id)
    async with asyncio.timeout(SOON):
        while len(results := [one for _, one in events(here)[begin:] if isinstance(one, ProbeCompleted)]) < len(wanted):
            await asyncio.sleep(0.01)
    await here.told()
    return results


def words(here: World) -> list[tuple[int, type[Any]]]:
    """What was said of the region: in which partition, and what."""
    said = [(at, event) for at, event in events(here) if isinstance(event, RegionTroubled | RegionWell)]
    assert {event.region for _, event in said} <= {HERE}
    return [(at, type(event)) for at, event in said]


TROUBLE = [(partition, RegionTroubled) for partition in range(PARTITIONS)]
WELL = [(partition, RegionWell) for partition in range(PARTITIONS)]


def failed(failure: Failure = "timeout", **fields: Any) -> ProbeCompleted:
    return ProbeCompleted(slot=0, region=HERE, at=0, took=0, ok=not failure, failure=failure, **fields)


class Network:
    """The network of a region as its prober judges it, by one control target."""

    def __init__(self, here: World) -> None:
        self.here, self.control = here, Asked()
        self.judge = OwnNetwork(
            HERE, here.sink, here.clock, lambda: range(PARTITIONS), lambda: here.pulse, [self.control.control]
        )

    async def told(self, result: ProbeCompleted, began: float | None = None, answered: float | None = None) -> str:
        """As what the result of a probe that ends now is told."""
        async with asyncio.timeout(SOON):
            return (await self.judge.judge(result, self.here.pulse if began is None else began, answered)).failure

    async def later(self, seconds: float, rounds: int = 1) -> None:
        """Time passes, and so many questions are asked."""
        self.here.pulse += seconds
        times = self.control.times
        self.judge.beat()
        async with asyncio.timeout(SOON):
            while self.control.times < times + rounds:
                await asyncio.sleep(0.001)
        await self.here.told()


@pytest.fixture(autouse=True)
def held_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told before the end of a test is told for another reason than that it was held long enough.

    On a busy machine the question of a control target alone may take as long as that.
    """
    monkeypatch.setattr(own_network, "HELD", 600.0)


@contextlib.asynccontextmanager
async def network() -> AsyncIterator[Network]:
    """One whose control target answered a second ago."""
    async with world() as here:
        made = Network(here)
        try:
            await made.later(0.0)
            here.pulse += 1.0
            yield made
        finally:
            await made.judge.close()


async def test_a_region_whose_network_is_out_says_so_and_accuses_nobody() -> None:
    async with network() as here:
        begun = here.here.pulse
        here.control.answers = False
        here.here.pulse += 1.0
        results = await asyncio.gather(*(here.judge.judge(failed(), here.here.pulse, None) for _ in range(10)))
        assert {(result.failure, result.detail) for result in results} == {
            ("prober_error", "the network of this region is out")
        }
        await here.here.told()
        assert words(here.here) == TROUBLE
        assert REGISTRY.get_sample_value(TROUBLED, {"region": HERE}) == 1
        assert REGISTRY.get_sample_value(CONTROLS, {"region": HERE}) == 0
        [said] = [event for at, event in events(here.here) if isinstance(event, RegionTroubled) and at == 0]
        assert (said.at, said.since, said.controls) == (NOON, NOON, 1)
        # It says so again while it lasts.
        await here.later(9.5)
        assert words(here.here) == TROUBLE
        await here.later(1.0)
        assert words(here.here) == TROUBLE * 2
        assert await here.told(failed(confirm=1)) == "prober_error"
        assert await here.told(failed("connect")) == "prober_error"
        assert await here.told(failed("name")) == "prober_error"
        # A single answer ends it.
        here.here.pulse += 1.0
        assert await here.told(failed(""), answered=here.here.pulse) == ""
        await here.here.told()
        assert words(here.here) == TROUBLE * 2 + WELL
        assert REGISTRY.get_sample_value(TROUBLED, {"region": HERE}) == 0
        # What ran through it is still ours.
        assert await here.told(failed(), began=begun) == "prober_error"
        here.control.answers = True
        here.here.pulse += 1.0
        assert await here.told(failed()) == "timeout"


async def test_it_is_said_only_where_its_own_monitors_are() -> None:
    """Another prober of the region may run elsewhere: what that finds failing is not made meaningless."""
    async with network() as here:
        mine = {0, 2}
        here.judge = OwnNetwork(
            *(HERE, here.here.sink, here.here.clock, lambda: mine, lambda: here.here.pulse), [here.control.control]
        )
        here.judge.beat()
        await here.later(0.0)
        here.control.answers = False
        here.here.pulse += 1.0
        assert await here.told(failed()) == "prober_error"
        await here.here.told()
        assert words(here.here) == [(0, RegionTroubled), (2, RegionTroubled)]
        # One that comes to it hears of it with the next word; one that went to another hears the end, too.
        mine.clear()
        mine.add(1)
        await here.later(10.5)
        assert words(here.here)[2:] == [(1, RegionTroubled)]
        here.here.pulse += 1.0
        assert await here.told(failed(""), answered=here.here.pulse) == ""
        await here.here.told()
        assert words(here.here)[3:] == WELL


async def test_it_is_over_when_the_control_target_answers() -> None:
    async with network() as here:
        here.control.answers = False
        assert await here.told(failed()) == "prober_error"
        here.control.answers = True
        await here.later(1.0)
        assert words(here.here) == TROUBLE + WELL


@pytest.mark.parametrize("answer", ["status", "tls", "closed", "protocol", "connect", "keyword"])
async def test_whatever_answers_is_told_at_once_and_ends_it(answer: Failure) -> None:
    """A refused connection is an answer, a broken one too."""
    async with network() as here:
        here.control.answers = False
        assert await here.told(failed()) == "prober_error"
        here.here.pulse += 1.0
        times = here.control.times
        assert await here.told(failed(answer), answered=here.here.pulse) == answer
        assert here.control.times == times
        await here.here.told()
        assert words(here.here) == TROUBLE + WELL


async def test_what_was_answered_before_does_not_end_it() -> None:
    """A connection that was made while the network was there, and a probe that ran out of time after its end."""
    async with network() as here:
        connected = here.here.pulse
        here.control.answers = False
        here.here.pulse += 5.0
        assert await here.told(failed(), began=connected, answered=connected) == "prober_error"
        assert await here.told(failed("status"), began=connected, answered=connected) == "status"
        await here.here.told()
        assert words(here.here) == TROUBLE


async def test_what_says_nothing_of_the_network_is_told_as_it_is() -> None:
    async with network() as here:
        here.control.answers = False
        assert await here.told(failed("refused target")) == "refused target"
        assert await here.told(failed("prober_error")) == "prober_error"
        assert await here.told(failed("")) == ""  # of a name that the resolver of this host knows
        assert words(here.here) == []


async def test_a_failure_is_held_until_the_control_target_has_answered_and_no_longer() -> None:
    async with network() as here:
        here.here.pulse += 1.0
        times = here.control.times
        assert await here.told(failed()) == "timeout"
        assert here.control.times == times + 1
        await here.here.told()
        assert words(here.here) == []


async def test_the_answer_of_any_target_that_was_asked_later_is_enough() -> None:
    async with network() as here:
        asking = asyncio.Event()

        async def never() -> bool:
            asking.set()
            return await asyncio.Event().wait()

        watched = OwnNetwork(
            *(HERE, here.here.sink, here.here.clock, lambda: range(PARTITIONS), lambda: here.here.pulse),
            [Control("control", True, never)],
        )
        held = asyncio.create_task(watched.judge(failed(), here.here.pulse, None))
        async with asyncio.timeout(SOON):
            await asking.wait()
        before, here.here.pulse = here.here.pulse - 1.0, here.here.pulse + 1.0
        await watched.judge(failed(""), before, here.here.pulse)  # was asked before
        await here.here.told()
        assert not held.done()
        await watched.judge(failed(""), here.here.pulse, here.here.pulse)
        async with asyncio.timeout(SOON):
            assert (await held).failure == "timeout"
        await watched.close()


async def test_without_control_targets_that_ever_answered_nothing_is_held() -> None:
    async with network() as here:
        here.control.answers = False
        none = OwnNetwork(HERE, here.here.sink, here.here.clock, lambda: range(PARTITIONS), lambda: here.here.pulse)
        dead = OwnNetwork(
            *(HERE, here.here.sink, here.here.clock, lambda: range(PARTITIONS), lambda: here.here.pulse),
            [here.control.control],
        )
        for one in (none, dead, none, dead):
            assert (await one.judge(failed(), here.here.pulse, None)).failure == "timeout"
        assert words(here.here) == []
        await dead.close()


async def test_a_control_target_that_fails_in_an_odd_way_is_silent() -> None:
    async with world() as here:

        async def odd() -> bool:
            raise ValueError("odd")

        watched = OwnNetwork(
            *(HERE, here.sink, here.clock, lambda: range(PARTITIONS), lambda: here.pulse), [Control("odd", True, odd)]
        )
        async with asyncio.timeout(SOON):
            assert (await watched.judge(failed(), here.pulse, None)).failure == "timeout"
        await watched.close()


async def test_they_are_asked_now_and_then_and_often_while_it_is_out() -> None:
    async with network() as here:
        times = here.control.times
        here.here.pulse += 18.0
        here.judge.beat()
        await here.here.told()
        assert here.control.times == times
        await here.later(1.0)
        assert here.control.times == times + 1
        here.control.answers = False
        await here.later(20.0)  # nobody has failed yet, so nothing is said
        await here.here.told()
        assert words(here.here) == []
        await here.later(1.0)
        assert await here.told(failed()) == "prober_error"
        await here.here.told()
        assert words(here.here) == TROUBLE


async def test_one_that_cannot_say_so_still_accuses_nobody() -> None:
    async with network() as here:
        here.here.sink.fails = lambda record: b"region." in (record.value or b"")
        here.control.answers = False
        assert await here.told(failed()) == "prober_error"
        await here.here.told()
        assert words(here.here) == []


async def test_targets_that_refuse_or_answer_wrongly_show_that_the_network_is_there() -> None:
    """However many they are, and without asking anybody."""
    asked = Asked()
    asked.answers = False
    async with serving(answering(b"HTTP/1.1 500 Oh\r\n\r\n"), "0.0.0.0") as server, world(controls=[asked]) as here:
        broken = [monitor(f"b{n}", target=ProbeTarget(url=f"http://127.0.0.{n + 1}:{server.port}/")) for n in range(10)]
        private = [monitor(f"r{n}", target=ProbeTarget(url=f"http://10.0.0.{n + 1}/")) for n in range(10)]
        assert {result.failure for result in await probe_all(here, broken, NOON)} == {"status"}
        assert {result.failure for result in await probe_all(here, private, NOON)} == {"prober_error"}
        assert {result.failure for result in await probe_all(here, sites(10), NOON)} == {"connect"}
        assert (words(here), asked.times) == ([], 0)


async def test_a_target_that_is_silent_is_told_of_while_the_control_target_answers() -> None:
    asked = Asked()
    with unanswered() as port:
        one, other = (monitor(id, target=ProbeTarget(url=f"http://{V4}:{port}/"), timeout=1) for id in ("m", "n"))
        async with world(controls=[asked]) as here:
            [result] = await probe_all(here, [one], NOON)
            assert (result.failure, asked.times) == ("timeout", 1)
            asked.answers = False
            here.pulse += 0.5
            [result] = await probe_all(here, [other], NOON)
            assert result.failure == "prober_error"
            assert words(here) == TROUBLE[:1]


@pytest.mark.parametrize(
    ("verb", "version", "asked", "told"),
    [
        ("HEAD", 2, ["HEAD"], ""),
        ("GET", 2, ["GET"], ""),
        ("", 2, ["GET", "HEAD"], "HEAD"),
        ("GET", 1, ["GET", "HEAD"], "HEAD"),
    ],
)
async def test_the_verb_that_the_state_has_for_this_definition_is_followed(
    verb: Verb, version: int, asked: list[str], told: Verb
) -> None:
    heads: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).split()[0].decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with serving(talk) as server:
        target = ProbeTarget(url=f"http://{V4}:{server.port}/", method="GET/HEAD")
        one = monitor(target=target, version=2)
        async with world(one, running(version=version, verb=verb)) as here:
            here.clock.time = NOON
            here.hear(one)  # planned by this clock
            here.clock.time = first_slot(one, NOON)
            here.prober.turn()
            [result] = await here.told(1)
    assert (result.ok, result.verb, heads) == (True, told, asked)


async def test_a_url_that_is_none_is_still_told_of() -> None:
    async with world() as here:
        [result] = await probe_all(here, [monitor(target=ProbeTarget(url="http://[x/"))], NOON)
        assert result.failure not in ("", "prober_error")


async def test_what_may_not_be_probed_is_not_known_and_what_leads_there_fails() -> None:
    """Nothing was asked of the first two; the third answered, and sends its visitors where nobody may go."""
    away = answering(b"HTTP/1.1 302 Go\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n")
    async with serving(away) as server:
        refused = [monitor("a", target=REFUSED), monitor("b", kind="tcp", target=ProbeTarget(host="10.0.0.1", port=1))]
        leading = monitor("c", target=ProbeTarget(url=f"http://{V4}:{server.port}/"))
        async with world(*refused, leading) as here:
            results = await probe_all(here, refused, NOON)
            assert [result.failure for result in results] == ["prober_error", "prober_error"]
            assert all("PINGFOLD_PRIVATE_TARGETS" in result.detail for result in results)
            [result] = await probe_all(here, [leading], NOON)
            assert (result.failure, result.status) == ("refused target", 302)
