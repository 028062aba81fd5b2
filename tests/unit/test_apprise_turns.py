"""The process of Apprise serves all projects: none of them delays the others by what its URLs compute."""

import asyncio

import pytest

from infra.apprise_library import turns as module
from infra.apprise_library.library import AppriseLibrary, LibraryFailed
from infra.apprise_library.messages import Call, Verdict
from infra.apprise_library.turns import FORGOTTEN, MOST_SLOW, SLOW, NoTurn, Turns
from infra.egress.resolver import ASKER


class World:
    """Turns on a clock that only calls move. order: whose calls had their turn."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.turns = Turns(lambda: self.now)
        self.order: list[str] = []

    async def call(self, project: str, seconds: float) -> None:
        await self.turns.take(project)
        self.order.append(project)
        self.now += seconds
        await asyncio.sleep(0)
        self.turns.give_back(project, seconds)


async def test_a_project_whose_urls_compute_long_delays_another_by_one_call() -> None:
    world = World()
    slow = [asyncio.create_task(world.call("slow", SLOW / 2)) for _ in range(40)]
    await asyncio.sleep(0)
    quick = [asyncio.create_task(world.call("quick", 0.004)) for _ in range(10)]
    await asyncio.gather(*quick)
    waited = world.order[: len(world.order) - world.order[::-1].index("quick")]
    assert waited.count("quick") == 10
    assert waited.count("slow") <= 2
    await asyncio.gather(*slow)
    assert world.order.count("slow") == 40


async def test_projects_that_use_the_same_take_turns() -> None:
    world = World()
    calls = [asyncio.create_task(world.call(each, 0.5)) for each in ("a", "b", "c") for _ in range(5)]
    await asyncio.gather(*calls)
    assert all(set(world.order[n : n + 3]) == {"a", "b", "c"} for n in range(0, 15, 3))


async def test_slow_calls_are_refused_until_they_are_forgotten() -> None:
    world = World()
    count = 0
    while count < 10:
        try:
            await world.call("slow", 5.0)
        except NoTurn:
            break
        count += 1
    assert 2 <= count <= 4
    with pytest.raises(NoTurn, match="taken too long"):
        await world.call("slow", 5.0)
    await world.call("another", 5.0)
    world.now += (5.0 * count - MOST_SLOW) / FORGOTTEN + 1
    await world.call("slow", 5.0)


async def test_quick_calls_are_never_refused() -> None:
    world = World()
    for _ in range(1_000):
        await world.call("storm", SLOW / 2)


async def test_so_many_of_a_project_wait_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    turns = Turns()
    await turns.take("a")
    waiting = [asyncio.create_task(turns.take("a")) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(NoTurn, match="too much to do"):
        await turns.take("a")
    waiting[0].cancel()
    await asyncio.gather(waiting[0], return_exceptions=True)
    fourth = asyncio.create_task(turns.take("a"))
    await asyncio.sleep(0)
    for each in (waiting[1], waiting[2], fourth):
        turns.give_back("a", 0.0)
        await each
    turns.give_back("a", 0.0)
    await turns.take("b")


async def test_who_is_gone_at_the_moment_of_the_turn_passes_it_on() -> None:
    turns = Turns()
    await turns.take("a")
    gone, next_one = asyncio.create_task(turns.take("a")), asyncio.create_task(turns.take("b"))
    await asyncio.sleep(0)
    turns.give_back("a", 0.0)
    for each in (gone, next_one):
        each.cancel()
    await asyncio.gather(gone, next_one, return_exceptions=True)
    await turns.take("c")


class Slow(AppriseLibrary):
    """Computes for as long as the URL says, without a process."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[str] = []

    async def _exchange(self, call: Call) -> Verdict:
        self.order.append(call.url)
        await asyncio.sleep(0)
        return Verdict(taken=True)


async def test_the_library_takes_turns_by_project() -> None:
    library = Slow()

    async def ask(project: str, url: str) -> None:
        ASKER.set(project)
        await library.ask(Call(url))

    many = [asyncio.create_task(ask("a", "a")) for _ in range(20)]
    await asyncio.sleep(0)
    one = asyncio.create_task(ask("b", "b"))
    await asyncio.gather(*many, one)
    assert library.order.index("b") < 4
    await library.close()


async def test_what_the_process_does_is_not_the_fault_of_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    class Crashing(AppriseLibrary):
        async def _exchange(self, call: Call) -> Verdict:
            raise EOFError

    library = Crashing()
    with pytest.raises(LibraryFailed) as failed:
        await library.ask(Call("gotify://a.example"))
    assert failed.value.ours
    await library.close()
