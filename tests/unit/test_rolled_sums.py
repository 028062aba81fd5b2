"""What was summed up of roll-ups is kept under the same marks, and in bounds."""

from collections.abc import Mapping

import pytest

from query_api.history.rolled_sums import RolledSums
from query_api.history.time_parts import QUARTER, Parts
from query_api.history.uptime_sums import Rolled, rolled_up

BEGIN = 1_795_046_400_000_000


def summed(parts: Parts, *things: str) -> Mapping[str, Rolled]:
    return rolled_up(parts, things, [], [])


def test_sums_are_kept_until_a_mark_moves() -> None:
    kept, parts = RolledSums(), Parts([BEGIN + 1, BEGIN + 10 * QUARTER])
    one, other = summed(parts, "x"), summed(parts, "y")
    kept.put(["x"], parts, (1, 1, 1), one)
    kept.put(["y"], parts, (1, 1, 1), other)
    assert kept.get(["x"], parts, (1, 1, 1)) is one
    assert kept.get(["y"], parts, (1, 1, 1)) is other
    assert kept.get(["x", "y"], parts, (1, 1, 1)) is None
    assert kept.get(["x"], parts, (1, 1, 2)) is None
    kept.put(["y"], parts, (1, 1, 2), other)
    assert kept.get(["x"], parts, (1, 1, 2)) is None
    kept.put(["x"], parts, (1, 1, 1), one)
    assert kept.get(["x"], parts, (1, 1, 1)) is None, "marks only move on"
    assert kept.get(["y"], parts, (1, 1, 2)) is other


def test_borders_may_move_within_their_quarters() -> None:
    kept, parts = RolledSums(), Parts([BEGIN + 1, BEGIN + 10 * QUARTER])
    kept.put(["x"], parts, (1,), one := summed(parts, "x"))
    for start, end, is_known in (
        (BEGIN + 2, BEGIN + 10 * QUARTER, True),
        (BEGIN + QUARTER - 1, BEGIN + 10 * QUARTER, True),
        (BEGIN, BEGIN + 10 * QUARTER, False),
        (BEGIN + QUARTER, BEGIN + 10 * QUARTER, False),
        (BEGIN + 2, BEGIN + 10 * QUARTER + 1, False),
        (BEGIN + 2, BEGIN + 10 * QUARTER - 1, False),
    ):
        assert (kept.get(["x"], Parts([start, end]), (1,)) is one) == is_known, (start, end)


def test_those_asked_for_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query_api.history.rolled_sums._MOST", 5)  # a thing without pieces in one part takes 2
    kept, parts = RolledSums(), Parts([BEGIN, BEGIN + QUARTER])
    for thing in ("a", "b"):
        kept.put([thing], parts, (1,), summed(parts, thing))
    assert kept.get(["a"], parts, (1,))
    kept.put(["c"], parts, (1,), summed(parts, "c"))
    assert [thing for thing in "abc" if kept.get([thing], parts, (1,))] == ["a", "c"]
    kept.put(["d"], parts, (1,), summed(parts, "d", "e", "f"))
    assert not any(kept.get([thing], parts, (1,)) for thing in "abcd"), "more than there is room for is not kept"
