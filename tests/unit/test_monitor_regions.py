"""Regions whose own network is out, in the fold: they accuse nobody, and those that are left decide."""

from typing import Any

import pytest
from msgspec.structs import replace

from processors.monitors.region_records import region_key
from processors.monitors.regions import QUIET
from schemas.base import SECOND
from schemas.dead_letters import DeadLetter
from schemas.deliveries import DeliveryRequested
from schemas.monitor_states import RegionOut, visible_status
from schemas.probes import RegionTroubled, RegionWell
from schemas.times import iso
from schemas.transitions import RegionDisregarded, StatusChanged
from tests.folding import of_type
from tests.monitor_story import MONITOR, Story, changes, notices, seconds, t

LASTS = QUIET / SECOND


def out(story: Story, region: str, at: float) -> list[Any]:
    return story.tell(RegionTroubled(region=region, at=t(at), failing=9, hosts=10), at, key=region)


def well(story: Story, region: str, at: float) -> list[Any]:
    return story.tell(RegionWell(region=region, at=t(at)), at, key=region)


def said(effects: list[Any]) -> list[tuple[str, float, float | None]]:
    """What was told of regions: (region, start, end)."""
    return [
        (one.region, seconds(one.start), None if one.end is None else seconds(one.end))
        for one in of_type(effects, RegionDisregarded)
    ]


def up_story(*regions: str, **definition: Any) -> Story:
    """A monitor that was well in each region; the next slot is that of the first one."""
    story = Story(*regions, **definition)
    for n in range(len(regions) + 1):
        story.probe(n)
    while story.region(next_slot(story)) != regions[0]:
        story.probe(next_slot(story))
    return story


def next_slot(story: Story) -> int:
    n = 0
    while t(story.slot(n)) <= story.state.slot:
        n += 1
    return n


def in_doubt(story: Story) -> bool:
    return story.state.pending_change is not None


def test_it_is_said_once_when_it_begins_and_once_when_it_is_over() -> None:
    story = up_story("a", "b", "c")
    at = story.time
    assert said(out(story, "b", at + 1)) == [("b", at + 1, None)]
    assert out(story, "b", at + 11) == []
    assert story.folding.state(RegionOut, region_key("b")).until == t(at + 11 + LASTS)
    assert said(well(story, "b", at + 20)) == [("b", at + 1, at + 20)]
    assert region_key("b") not in story.folding.committed
    assert well(story, "b", at + 21) == []
    [told] = of_type(out(story, "b", at + 30), RegionDisregarded)
    assert told.partition == story.folding.PARTITION


def test_a_region_of_which_nothing_more_is_heard_counts_again() -> None:
    story = up_story("a")
    at = story.time
    out(story, "a", at)
    out(story, "a", at + 10)
    assert said(story.tick(at + 10 + LASTS - 1)) == []
    assert said(story.tick(at + 10 + LASTS)) == [("a", at, at + 10 + LASTS)]
    assert region_key("a") not in story.folding.committed


def test_words_that_come_late_change_nothing() -> None:
    story = up_story("a")
    at = story.time
    story.tick(at + LASTS)
    assert out(story, "a", at) == []
    out(story, "a", at + LASTS)
    assert out(story, "a", at + LASTS - 5) == []
    assert well(story, "a", at + LASTS - 5) == []  # of a prober that did not know yet
    assert story.folding.state(RegionOut, region_key("a")).until == t(at + 2 * LASTS)


@pytest.mark.parametrize("of", [RegionTroubled, RegionWell])
def test_what_makes_no_sense_is_refused(of: type[RegionTroubled | RegionWell]) -> None:
    story = up_story("a")
    for event, key in [
        (of(region="a", at=t(story.time + 3_600)), "a"),
        (of(region="a", at=-1), "a"),
        (of(region="a", at=t(story.time)), "b"),
        (of(region="a/b", at=t(story.time)), "a/b"),
    ]:
        assert len(of_type(story.tell(event, story.time, key=key), DeadLetter)) == 1
    assert story.tell(of(region="a", at=t(story.time)), story.time, key="a", retried=True) == []


def test_its_failing_results_mean_nothing_and_good_ones_count() -> None:
    story = up_story("a", "b", "c")
    n = next_slot(story)
    story.tick(story.slot(n))
    out(story, "a", story.time)
    before = story.state
    assert story.probe(n, ok=False) == []
    # Its slot is not waited for, and that is all.
    assert story.state.expected == t(story.slot(n + 1))
    assert replace(story.state, expected=before.expected) == before
    story.probe(n + 1)
    story.probe(n + 2)
    at = story.slot(n + 3)
    story.tick(at)
    out(story, "a", at)
    assert story.tell(story.result(n + 3), at) == []
    assert (story.state.results, story.state.slot) == (before.results + 3, t(at))


def test_its_empty_slots_are_not_waited_for_while_another_region_counts() -> None:
    story = up_story("a", "b")
    n = next_slot(story)
    for turn in range(0, 6, 2):
        for moment in range(0, 60, 10):
            out(story, "a", story.slot(n + turn) + moment)
        assert story.probe(n + turn, ok=False) == []
        assert changes(story.probe(n + turn + 1)) == []
    assert visible_status(story.state) == "up"
    # Of a region that counts they are.
    assert [change[:2] for change in changes(story.tick(story.time + 600))] == [("up", "not_observed")]


def test_what_its_prober_knows_to_mean_nothing_is_not_waited_for_either() -> None:
    story = up_story("a", "b")
    n = next_slot(story)
    out(story, "a", story.slot(n))
    story.probe(n, ok=False, failure="prober_error")
    well(story, "a", story.slot(n) + 1)
    story.probe(n + 1)
    assert visible_status(story.state) == "up"
    assert story.state.expected == t(story.slot(n + 2))


def test_with_no_region_left_nothing_is_judged_and_nothing_is_known() -> None:
    story = up_story("a")
    n = next_slot(story)
    for turn in range(3):
        for moment in range(0, 60, 10):
            out(story, "a", story.slot(n + turn) + moment)
            story.tick(story.slot(n + turn) + moment)
        story.tell(story.result(n + turn, ok=False), story.time)
    assert visible_status(story.state) == "not_observed"
    assert "down" not in [change[1] for change in changes(story.effects)]
    # It is well as soon as it is seen to be.
    assert [change[:2] for change in changes(story.probe(n + 3))] == [("not_observed", "up")]


def test_people_are_told_what_is_known_of_a_monitor_without_another_region_and_what_is_not() -> None:
    story = up_story("a")
    since = story.time
    begin = story.slot(next_slot(story))
    for second in range(0, 600, 10):
        out(story, "a", begin + second)
        story.tick(begin + second)
    [change] = [one for one in of_type(story.effects, StatusChanged) if one.now == "not_observed"]
    known = f"no result since {iso(t(since))}; nothing answers in a, control targets neither: "
    assert change.detail == f"{known}whether this is down, or only the network there, is not known"
    [told] = [one for one in of_type(story.effects, DeliveryRequested) if one.notices == ("monitor.not_observed",)]
    assert told.data["detail"] == change.detail
    # In time, be there an end of it or not.
    assert seconds(change.at) == begin


def test_a_monitor_that_is_down_is_not_judged_either() -> None:
    story = up_story("a")
    n = next_slot(story)
    story.probe(n, ok=False)
    assert story.state.status == "down"
    out(story, "a", story.slot(n + 1))
    assert story.probe(n + 1) == []
    assert (story.state.status, story.state.last_ok) == ("down", True)
    well(story, "a", story.slot(n + 1) + 1)
    assert notices(story.probe(n + 2)) == ["monitor.recovered", "incident.resolved"]


def test_those_that_are_left_decide() -> None:
    """Of three one is out: the other two must agree."""
    story = up_story("a", "b", "c")
    out(story, "c", story.slot(next_slot(story)))
    n = next_slot(story)
    assert story.probe(n, ok=False) == []
    assert story.confirmation().region == "b"
    assert notices(story.confirm(ok=False)) == ["monitor.down", "incident.created"]
    assert story.state.down_since == t(story.slot(n))


def test_one_that_is_left_alone_decides_alone() -> None:
    story = up_story("a", "b", "c", confirmations=2)
    at = story.slot(next_slot(story))
    out(story, "b", at)
    out(story, "c", at)
    assert story.probe(next_slot(story), ok=False) == []
    assert story.confirmation().region == "a"
    assert notices(story.confirm(ok=False)) == ["monitor.down", "incident.created"]


def test_it_is_asked_for_no_confirmation() -> None:
    story = up_story("a", "b", "c", confirmations=9)
    out(story, "b", story.slot(next_slot(story)))
    story.probe(next_slot(story), ok=False)
    asked = []
    for _ in range(5):
        asked.append(story.confirmation().region)
        story.confirm(ok=False)
    assert asked == ["c", "a", "c", "a", "c"]


def test_a_good_result_of_it_is_a_vote() -> None:
    """So a region with a network that is half out cannot help to open an incident, but to prevent one."""
    story = up_story("a", "b", "c", confirmations=9)
    n = next_slot(story)
    out(story, "b", story.slot(n))
    story.probe(n, ok=False)
    assert changes(story.probe(n + 1)) == []
    assert in_doubt(story)
    story.confirm(ok=True)  # of c: two of three
    assert not in_doubt(story)


def test_a_doubt_that_it_began_is_dropped() -> None:
    story = up_story("a", "b", "c", confirmations=2)
    n = next_slot(story)
    story.probe(n, ok=False)
    assert in_doubt(story)
    out(story, "a", story.time + 1)
    assert not in_doubt(story)
    assert story.state.status == "up"


def test_its_votes_in_another_doubt_are_dropped_and_the_question_goes_on() -> None:
    story = up_story("a", "b", "c", confirmations=3)
    story.probe(next_slot(story), ok=False)
    story.confirm(ok=False)  # of b
    assert story.confirmation().region == "c"
    out(story, "b", story.time + 1)
    doubt = story.state.pending_change
    assert doubt is not None
    assert ([vote.region for vote in doubt.votes], doubt.agreeing) == (["a"], 1)
    out(story, "c", story.time + 1)
    assert story.confirmation().region == "a"
    # What c found is not what is asked for.
    assert story.confirm(ok=False) == []
    assert notices(story.confirm(ok=False)) == ["monitor.down", "incident.created"]


def test_a_doubt_ends_when_the_last_region_is_out() -> None:
    story = up_story("a", "b")
    story.probe(next_slot(story), ok=False)
    out(story, "b", story.time)
    assert in_doubt(story)
    out(story, "a", story.time)
    assert not in_doubt(story)


def test_a_recovery_goes_on_without_it() -> None:
    story = up_story("a", "b", "c", recoveries=3)
    n = next_slot(story)
    story.probe(n, ok=False)
    story.confirm(ok=False)
    assert story.state.status == "down"
    story.probe(n + 1)  # b finds it well
    story.confirm(ok=False)  # c does not
    out(story, "c", story.time)
    doubt = story.state.pending_change
    assert doubt is not None
    assert [vote.region for vote in doubt.votes] == ["b"]
    story.confirm(ok=True)
    assert notices(story.confirm(ok=True)) == ["monitor.recovered", "incident.resolved"]


def test_monitors_that_are_not_probed_from_it_are_left_alone() -> None:
    story = up_story("a", "b", confirmations=3)
    story.probe(next_slot(story), ok=False)
    before = story.folding.committed[MONITOR]
    out(story, "elsewhere", story.time)
    assert story.folding.committed[MONITOR] == before


def test_a_restart_knows_the_regions() -> None:
    story = up_story("a")
    n = next_slot(story)
    out(story, "a", story.slot(n) - 1)
    story.folding.restart()
    assert story.probe(n, ok=False) == []
    assert story.state.status == "up"
