"""Cached answers: made once, never handed out too old, bounded."""

import asyncio

import pytest

from query_api.http.response_cache import ResponseCache
from schemas.base import SECOND

HOLD = 5 * SECOND


class Maker:
    """Makes numbered bodies of a size; counts how often."""

    def __init__(self, size: int = 10) -> None:
        self.size = size
        self.made = 0
        self.began, self.go = asyncio.Event(), asyncio.Event()
        self.go.set()

    async def __call__(self) -> bytes:
        self.made += 1
        self.began.set()
        await self.go.wait()
        return str(self.made).encode().rjust(self.size)


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = 1_000 * HOLD

    def now(self) -> int:
        return self.time


def cache(watch: Watch, most: int = 1_000) -> ResponseCache[bytes]:
    return ResponseCache(watch.now, HOLD, most, len)


async def test_an_answer_is_handed_out_while_it_is_young() -> None:
    watch, make = Watch(), Maker()
    kept = cache(watch)
    first = await kept.get("a", make)
    watch.time += HOLD - 1
    assert await kept.get("a", make) is first
    watch.time += 1
    second = await kept.get("a", make)
    assert second.value != first.value
    watch.time -= 1  # a clock that goes back vouches for nothing
    assert (await kept.get("a", make)).value.strip() == b"3"


async def test_its_age_counts_from_the_beginning_of_its_making() -> None:
    watch, make = Watch(), Maker()
    kept = cache(watch)
    make.go.clear()
    asked = asyncio.create_task(kept.get("a", make))
    await make.began.wait()
    began = watch.time
    watch.time += HOLD
    make.go.set()
    assert (await asked).made == began
    await kept.get("a", make)
    assert make.made == 2


async def test_all_wait_for_one_and_outlive_each_other() -> None:
    watch, make = Watch(), Maker()
    kept = cache(watch)
    make.go.clear()
    asked = [asyncio.create_task(kept.get("a", make)) for _ in range(5)]
    await make.began.wait()
    asked[0].cancel()
    await asyncio.sleep(0)
    make.go.set()
    answers = await asyncio.gather(*asked[1:])
    assert len(set(answers)) == make.made == 1


async def test_what_fails_is_tried_again() -> None:
    watch, make = Watch(), Maker()
    kept = cache(watch)

    async def fail() -> bytes:
        raise ValueError("broken")

    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            await kept.get("a", fail)
    assert (await kept.get("a", make)).value.strip() == b"1"


async def test_those_made_first_go_first_when_there_is_no_room() -> None:
    watch, make = Watch(), Maker(size=10)
    kept = cache(watch, most=35)
    for key in "abcd":
        await kept.get(key, make)
    for key in "dcb":
        await kept.get(key, make)
    assert make.made == 4
    await kept.get("a", make)
    assert make.made == 5
    make.size = 100
    large = await kept.get("large", make)
    assert len(large.value) == 100
    assert (await kept.get("large", make)) is not large  # larger than all the room there is
