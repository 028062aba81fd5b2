"""A monitor with a `confirm_interval`: results in a row, so far apart, from two places, decide how it is."""

from typing import Any

import pytest

from processors.monitors.slots import MARGIN
from schemas.base import SECOND, Micros
from schemas.monitors import Monitor
from schemas.slots import confirm_after, confirm_from
from tests.monitor_story import MONITOR, TOOK, Story, changes, moves, seconds, t


def up(*regions: str, **definition: Any) -> Story:
    """A monitor that is up after its slot 2: three results every 30 s in a row."""
    story = Story(*regions, **{"confirmations": 3, "recoveries": 3, "confirm_interval": 30.0} | definition)
    for n in range(3):
        story.probe(n)
    return story


def down(*regions: str, **definition: Any) -> Story:
    """One that is down by its slot 3."""
    story = up(*regions, **definition)
    story.probe(3, ok=False)
    while story.state.status != "down":
        story.confirm(ok=False)
    return story


def asked_at(story: Story) -> float:
    assert story.state.pending_change is not None
    return seconds(story.state.pending_change.asked_at)


@pytest.mark.parametrize("took", [0.0, TOOK, 29.0])
def test_three_failing_results_half_a_period_apart_are_down_since_the_first(took: float) -> None:
    story = up("a", "b", "c")
    first = story.slot(3)
    story.probe(3, ok=False, took=round(took * SECOND))
    assert asked_at(story) == first + 30
    assert story.confirm(ok=False, took=round(took * SECOND)) == []
    assert asked_at(story) == first + 60
    assert changes(story.confirm(ok=False)) == [("up", "down", "probe", first)]
    assert story.state.down_since == t(first)
    assert story.time == first + 60


def test_three_good_results_half_a_period_apart_are_up_since_the_first() -> None:
    story = down("a", "b", "c")
    first = story.slot(5)
    story.probe(5)
    assert asked_at(story) == first + 30
    assert story.confirm(ok=True) == []
    assert asked_at(story) == first + 60
    assert changes(story.confirm(ok=True)) == [("down", "up", "probe", first)]


def test_an_outage_that_is_shorter_than_a_period_is_told_to_nobody() -> None:
    story = up("a", "b")
    story.probe(3, ok=False)
    story.confirm(ok=False)
    assert story.confirm(ok=True) == []
    assert (story.state.status, story.state.pending_change) == ("up", None)
    assert moves(story.effects) == ["new>up"]


def test_the_regular_slot_counts_that_falls_together_with_a_confirmation() -> None:
    story = up("a", "b", "c")
    story.probe(3, ok=False)
    story.confirm(ok=False)
    assert changes(story.probe(4, ok=False)) == [("up", "down", "probe", story.slot(3))]


def test_a_probe_that_takes_longer_than_the_interval_is_confirmed_when_it_is_over() -> None:
    story = up("a", timeout=50)
    story.probe(3, ok=False, took=45 * SECOND)
    assert asked_at(story) == story.slot(3) + 45


@pytest.mark.parametrize("regions", ["ab", "abc", "abcdefgh"])
def test_three_results_are_enough_however_many_regions_there_are(regions: str) -> None:
    story = up(*regions)
    story.probe(3, ok=False)
    asked = [story.confirmation().region]
    story.confirm(ok=False)
    asked.append(story.confirmation().region)
    assert moves(story.confirm(ok=False)) == ["up>down"]
    assert asked[0] != story.region(3)
    assert len({story.region(3), *asked}) == min(3, len(regions))


def test_one_place_that_finds_it_failing_is_not_enough() -> None:
    """The other one is asked first; while it does not answer, nothing is decided."""
    story = up("a", "b", confirmations=1, interval=3_600)
    story.probe(3, ok=False)
    assert story.state.status == "up"
    missing = story.confirmation()
    story.tick(asked_at(story) + 30 + MARGIN / SECOND)
    again = story.confirmation()
    assert (missing.region, again.region) == ("b" if story.region(3) == "a" else "a", story.region(3))
    story.confirm(ok=False)
    assert story.state.status == "up"
    assert moves(story.confirm(ok=False)) == ["up>down"]


def test_with_a_single_region_that_one_decides() -> None:
    story = up("a")
    story.probe(3, ok=False)
    story.confirm(ok=False)
    assert moves(story.confirm(ok=False)) == ["up>down"]


def test_one_result_that_says_otherwise_ends_the_change() -> None:
    for regions in ("a", "abc"):
        story = up(*regions)
        story.probe(3, ok=False)
        story.confirm(ok=True)
        assert story.state.pending_change is None
        story = down(*regions)
        story.probe(5)
        story.confirm(ok=False)
        assert (story.state.status, story.state.pending_change) == ("down", None)


def test_a_regular_result_that_says_otherwise_ends_it_too() -> None:
    story = up("a", "b", confirm_interval=600.0)
    story.probe(3, ok=False)
    story.probe(4)
    assert story.state.pending_change is None


def test_a_new_monitor_is_down_by_the_same_rule() -> None:
    story = Story("a", "b", confirmations=3, confirm_interval=30.0)
    story.probe(0, ok=False)
    story.confirm(ok=False)
    assert story.state.status == "new"
    assert changes(story.confirm(ok=False)) == [("new", "down", "probe", 1)]


def test_a_confirmation_that_does_not_come_is_asked_of_the_next_region_at_once() -> None:
    story = up("a", "b", "c", interval=3_600, confirm_interval=1_800.0)
    story.probe(3, ok=False)
    asked = story.confirmation()
    late = story.slot(3) + 1_800 + 30 + MARGIN / SECOND
    story.tick(late)
    assert asked_at(story) == late
    assert story.confirmation().region not in (asked.region, story.region(3))


def test_the_interval_is_no_reason_to_count_anew() -> None:
    story = up("a", "b", "c")
    story.probe(3, ok=False)
    story.define(story.time + 1, confirm_interval=None)
    assert story.state.pending_change is not None


def test_without_it_nothing_is_waited_for() -> None:
    def monitor(confirm_interval: float | None) -> Monitor:
        return Monitor(
            id=MONITOR, project="p", version=1, created=0, revised=0, name="One", confirm_interval=confirm_interval
        )

    begun: Micros = t(60)
    assert confirm_from(monitor(None), begun, begun + 3) == begun + 3
    assert confirm_from(monitor(7.5), begun, begun + 3) == begun + 7_500_000
    assert confirm_from(monitor(7.5), begun, begun + 9 * SECOND) == begun + 9 * SECOND
    assert [confirm_after(monitor(7.5), n) for n in (1, 2, 9)] == [0, 0, 0]
