"""Which address of a host a probe reaches, and after how long: in virtual time, so that no machine is too slow."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from ingest.prober.probes.happy_eyeballs import DELAY_SECONDS, first_to_answer, in_turns
from ingest.prober.probes.outcome import ProbeFailed
from tests import virtual_time

SILENT = 1e9
A, B, C = "2001:db8::1", "192.0.2.1", "192.0.2.2"
REFUSED = ProbeFailed("connect", "connection refused", True)
NO_ROUTE = ProbeFailed("connect", "network is unreachable")
OURS = ProbeFailed("prober_error", "too many open files")


class Race:
    """addresses: after how many seconds each of them answers or fails, and how."""

    def __init__(self, addresses: Mapping[str, tuple[float, ProbeFailed | None]]) -> None:
        self._addresses = addresses
        self.began: dict[str, float] = {}
        self.closed: list[str] = []
        self.cancelled: list[str] = []
        self.took = 0.0

    async def attempt(self, address: str) -> str:
        self.began[address] = asyncio.get_running_loop().time()
        after, failure = self._addresses[address]
        try:
            await asyncio.sleep(after)
        except asyncio.CancelledError:
            self.cancelled.append(address)
            raise
        if failure is not None:
            raise failure
        return address

    def run(self) -> Any:
        """Which address won, or how all failed."""

        async def race() -> Any:
            loop = asyncio.get_running_loop()
            began = loop.time()
            try:
                return await first_to_answer(list(self._addresses), self.attempt, self.closed.append)
            except ProbeFailed as failed:
                return failed
            finally:
                self.took = loop.time() - began
                self.began = {address: at - began for address, at in self.began.items()}
                await asyncio.sleep(0.01)

        return virtual_time.run(race())


def test_a_silent_address_costs_a_quarter_of_a_second() -> None:
    race = Race({A: (SILENT, None), B: (0.05, None)})
    assert race.run() == B
    assert race.took == pytest.approx(DELAY_SECONDS + 0.05)
    assert race.cancelled == [A]


def test_two_silent_ones_cost_two_quarters() -> None:
    race = Race({A: (SILENT, None), B: (SILENT, None), C: (0.0, None)})
    assert race.run() == C
    assert race.took == pytest.approx(2 * DELAY_SECONDS)


def test_one_that_answers_in_time_is_alone() -> None:
    race = Race({A: (0.2, None), B: (0.0, None)})
    assert race.run() == A
    assert list(race.began) == [A]


def test_a_slow_one_still_wins_when_it_is_first() -> None:
    race = Race({A: (0.3, None), B: (1.0, None)})
    assert race.run() == A
    assert race.took == pytest.approx(0.3)
    assert race.cancelled == [B]


def test_one_that_fails_lets_the_next_begin_at_once() -> None:
    race = Race({A: (0.1, REFUSED), B: (0.1, None)})
    assert race.run() == B
    assert race.began[B] == pytest.approx(0.1)


def test_the_slow_ones_are_waited_for_when_the_others_have_failed() -> None:
    race = Race({A: (5.0, None), B: (0.1, REFUSED), C: (0.1, REFUSED)})
    assert race.run() == A
    assert race.took == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("failures", "told"),
    [
        ((REFUSED, NO_ROUTE), REFUSED),
        ((NO_ROUTE, REFUSED), REFUSED),
        ((OURS, NO_ROUTE), NO_ROUTE),
        ((OURS, OURS), OURS),
        ((NO_ROUTE, ProbeFailed("connect", "other")), NO_ROUTE),
    ],
)
def test_of_many_failures_the_one_that_says_most_is_told(failures: tuple[ProbeFailed, ...], told: ProbeFailed) -> None:
    race = Race(dict(zip((A, B), ((0.0, failure) for failure in failures), strict=True)))
    assert race.run() is told


def test_no_address_is_a_failure() -> None:
    assert Race({}).run().failure == "name"


def test_what_two_have_opened_at_once_is_closed_but_for_one() -> None:
    closed: list[str] = []

    async def race() -> str:
        loop = asyncio.get_running_loop()
        both = loop.create_future()
        loop.call_later(1.0, both.set_result, None)

        async def attempt(address: str) -> str:
            await asyncio.shield(both)
            return address

        won = await first_to_answer([A, B], attempt, closed.append)
        await asyncio.sleep(0.01)
        return won

    assert virtual_time.run(race()) == A
    assert closed == [B]


def test_whoever_stops_waiting_stops_all_of_them() -> None:
    race = Race({A: (SILENT, None), B: (SILENT, None)})

    async def stopped() -> None:
        async with asyncio.timeout(3.0):
            await first_to_answer([A, B], race.attempt)

    with pytest.raises(TimeoutError):
        virtual_time.run(stopped())
    assert race.cancelled == [A, B]


def test_the_families_take_turns() -> None:
    six, four = [f"2001:db8::{n}" for n in range(1, 4)], [f"192.0.2.{n}" for n in range(1, 4)]
    assert in_turns([*six, *four]) == [six[0], four[0], six[1], four[1]]
    assert in_turns([*four, *six]) == [four[0], six[0], four[1], six[1]]
    assert in_turns(four) == four
    assert in_turns([*six[:1], *four]) == [six[0], *four]
