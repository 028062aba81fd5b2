"""When monitors are probed, and by which region (`schemas.slots`)."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from schemas.base import SECOND, Micros
from schemas.ids import derived_id
from schemas.monitors import Monitor
from schemas.slots import (
    CONFIRM_AFTER,
    confirm_after,
    confirming_region,
    first_slot,
    is_slot,
    region_of,
    step,
    time_limit,
)

NOW: Micros = 1_704_067_200 * SECOND + 123_456


def monitor(n: int = 0, **fields: Any) -> Monitor:
    return Monitor(id=derived_id("slots", n), project="p", version=1, created=NOW, revised=NOW, name="One", **fields)


def slots(of: Monitor, count: int, after: Micros = NOW) -> list[Micros]:
    found = [first_slot(of, after)]
    while len(found) < count:
        found.append(first_slot(of, found[-1]))
    return found


@pytest.mark.parametrize("interval", [1, 7, 60, 86_400])
def test_slots_lie_one_interval_apart_and_later_than_asked(interval: int) -> None:
    one = monitor(interval=interval)
    found = slots(one, 20)
    assert NOW < found[0] <= NOW + step(one)
    assert {after - before for before, after in pairwise(found)} == {interval * SECOND}
    for after in (NOW, NOW + 1, found[0] - 1):
        assert first_slot(one, after) == found[0]
    assert first_slot(one, found[0]) == found[1]


def test_slots_do_not_depend_on_when_one_looks() -> None:
    one = monitor()
    assert first_slot(one, slots(one, 1000)[-2]) == slots(one, 1000)[-1] == first_slot(one, NOW) + 999 * step(one)


@pytest.mark.parametrize("interval", [1, 60, 3600])
def test_many_monitors_are_spread_evenly_over_the_interval(interval: int) -> None:
    count = 6_000
    parts = Counter(
        (first_slot(monitor(n, interval=interval), NOW) - NOW - 1) * 60 // (interval * SECOND) for n in range(count)
    )
    assert set(parts) == set(range(60))
    assert 0.5 * count / 60 < min(parts.values()) <= max(parts.values()) < 1.6 * count / 60


@pytest.mark.parametrize("regions", [("a",), ("a", "b"), ("a", "b", "c"), ("c", "a", "b", "e", "d")])
@pytest.mark.parametrize("interval", [1, 59, 60, 86_400])
def test_the_regions_take_turns_in_their_order(regions: tuple[str, ...], interval: int) -> None:
    one = monitor(interval=interval, probed_from=regions)
    turns = [region_of(one, slot) for slot in slots(one, 3 * len(regions))]
    begin = regions.index(turns[0])
    assert turns == [*(regions[begin:] + regions[:begin])] * 3


def test_the_moment_of_the_definition_is_a_slot_and_no_other_moment_is() -> None:
    one = monitor()
    [regular] = slots(one, 1)
    assert is_slot(one, NOW, NOW)
    assert is_slot(one, regular, NOW)
    for other in (NOW + 1, NOW - 1, regular - 1, regular + 1):
        assert not is_slot(one, other, NOW)
    assert not is_slot(one, NOW, NOW - 1)


def test_confirmations_are_asked_of_the_other_regions_first_and_then_in_turn() -> None:
    one = monitor(probed_from=("a", "b", "c"))
    assert [confirming_region(one, "b", n) for n in range(1, 8)] == ["c", "a", "b", "c", "a", "b", "c"]
    assert [confirming_region(monitor(), "local", n) for n in range(1, 4)] == ["local"] * 3


def test_a_doubt_of_a_region_that_is_gone_begins_with_the_first() -> None:
    assert [confirming_region(monitor(probed_from=("a", "b")), "gone", n) for n in (1, 2, 3)] == ["a", "b", "a"]


def test_a_fresh_region_is_asked_at_once_and_one_that_was_asked_a_little_later() -> None:
    three = monitor(probed_from=("a", "b", "c"))
    assert [confirm_after(three, n) for n in (1, 2, 3, 4)] == [0, 0, CONFIRM_AFTER, CONFIRM_AFTER]
    assert confirm_after(monitor(), 1) == CONFIRM_AFTER
    assert confirm_after(monitor(interval=10), 1) == SECOND
    assert confirm_after(monitor(interval=1), 1) == SECOND // 10


@pytest.mark.parametrize(
    ("interval", "timeout", "regions", "seconds"),
    [(60, 30, 1, 30), (10, 30, 1, 10), (10, 30, 2, 20), (10, 30, 3, 30), (10, 30, 5, 30), (1, 1, 1, 1)],
)
def test_a_probe_never_lasts_into_the_next_slot_of_its_region(
    interval: int, timeout: int, regions: int, seconds: int
) -> None:
    one = monitor(interval=interval, timeout=timeout, probed_from=tuple("abcde"[:regions]))
    assert time_limit(one) == seconds * SECOND
