"""Which calendars are fetched next: no server that is slow, and no project with many, holds up another's."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query_api.calendar_fetching import AT_ONCE, EVERY, OF_PROJECT, CalendarFetcher
from schemas.base import SECOND, Micros
from schemas.calendar_feeds import CalendarFeed
from schemas.ids import derived_id

NOW: Micros = 1_790_000_000 * SECOND


class Fetching(CalendarFetcher):
    """Whose servers answer when they are told to."""

    def __init__(self, feeds: list[tuple[str, str]]) -> None:
        self.time = NOW
        known = [
            CalendarFeed(id=derived_id(id), project=project, version=1, created=NOW, url="", host=id)
            for project, id in feeds
        ]
        deps: Any = SimpleNamespace(
            clock=SimpleNamespace(now=lambda: self.time), directory=SimpleNamespace(calendars=lambda: known)
        )
        super().__init__(deps, "0")
        self.asked: list[tuple[str, str]] = []
        self.answers: dict[str, asyncio.Event] = {host: asyncio.Event() for _, host in feeds}
        self.at_work: dict[str, int] = {}

    async def _take(self, feed: CalendarFeed, known: Any, now: Micros) -> None:
        known.at = now + EVERY
        self.asked.append((feed.project, feed.host))
        self.at_work[feed.project] = self.at_work.get(feed.project, 0) + 1
        assert sum(self.at_work.values()) <= AT_ONCE
        assert self.at_work[feed.project] <= OF_PROJECT
        await self.answers[feed.host].wait()
        self.at_work[feed.project] -= 1

    async def begin(self) -> None:
        """All of them are due."""
        self._begin()
        self.time += 60 * SECOND
        await self.go_on()

    async def go_on(self) -> None:
        self._begin()
        for _ in range(3):
            await asyncio.sleep(0)


async def test_the_slow_ones_of_a_project_hold_up_nobody_else() -> None:
    slow = [("p", f"slow{number}") for number in range(20)]
    fetching = Fetching([*slow, ("q", "quick")])
    fetching.answers["quick"].set()
    await fetching.begin()
    assert ("q", "quick") in fetching.asked
    assert len(fetching.asked) == OF_PROJECT + 1
    for _, host in slow:
        fetching.answers[host].set()
    await asyncio.wait_for(fetching.look(), 10)
    assert sorted(fetching.asked) == sorted([*slow, ("q", "quick")])
    await fetching.close()


async def test_what_is_being_fetched_is_not_fetched_twice_and_ends_with_the_process() -> None:
    fetching = Fetching([("p", "slow")])
    await fetching.begin()
    fetching.time += 10 * EVERY
    await fetching.go_on()
    assert fetching.asked == [("p", "slow")]
    await fetching.close()


@pytest.mark.parametrize("projects", [AT_ONCE, 3 * AT_ONCE])
async def test_each_project_has_its_turn_before_a_second_of_another(projects: int) -> None:
    feeds = [(f"p{number}", f"{number}/{n}") for number in range(projects) for n in range(3)]
    fetching = Fetching(feeds)
    await fetching.begin()
    assert len({project for project, _ in fetching.asked}) == len(fetching.asked) == AT_ONCE
    await fetching.close()


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("pqr"), st.integers(0, 30)), unique_by=lambda each: each[1], max_size=25))
async def test_each_is_fetched_once(feeds: list[tuple[str, int]]) -> None:
    named = [(project, str(number)) for project, number in feeds]
    fetching = Fetching(named)
    for answer in fetching.answers.values():
        answer.set()
    await fetching.begin()
    await asyncio.wait_for(fetching.look(), 10)
    assert sorted(fetching.asked) == sorted(named)
    await fetching.close()
