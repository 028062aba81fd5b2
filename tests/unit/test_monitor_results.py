"""Which results count for a monitor, and slots and confirmations that stay empty."""

from typing import Any

import pytest
from msgspec.structs import asdict

from processors.monitors.slots import MARGIN, MOST_EARLY
from processors.monitors.transitions import BLIND
from schemas.base import SECOND, encode
from schemas.dead_letters import DeadLetter
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.monitor_states import visible_status
from schemas.probes import Failure, ProbeCompleted
from schemas.slots import confirm_after
from schemas.transitions import StatusChanged
from tests.folding import of_type
from tests.monitor_outcomes import LIMIT, asked_of, told_as, without_effect
from tests.monitor_story import MONITOR, TOOK, changes, moves, notices, seconds, t

# ---- what does not count


def test_a_result_that_comes_twice_changes_nothing() -> None:
    story = told_as("up", confirmations=3)
    results = [story.result(3, ok=False)]
    story.tell(results[0], story.slot(3))
    for _ in range(2):
        results.append(story.confirmation())
        at = seconds(results[-1].at)
        story.tell(results[-1], at)
        before = encode(story.state)
        for result in results:
            assert story.tell(result, at) == []
            assert encode(story.state) == before
    assert story.state.status == "down"


def test_a_double_is_not_written_down_again() -> None:
    story = told_as("up")
    again = story.journal.add(MONITOR, story.result(2), t(story.slot(2)))
    assert set(story.folding.session.run([again]).changes) == {"partition"}


def test_a_late_result_changes_nothing() -> None:
    story = told_as("up")
    late = story.result(3, ok=False)
    story.tick(story.slot(3) + TOOK + MARGIN / SECOND)
    assert not without_effect(story, late, story.time)
    story = told_as("up")
    story.tick(story.slot(3) + TOOK + MARGIN / SECOND + 0.000001)
    assert without_effect(story, late, story.time)


def test_a_result_older_than_the_newest_of_its_region_is_no_vote() -> None:
    story = told_as("up", interval=10)
    older = story.result(3, ok=False, took=9_900_000)
    story.probe(4)
    assert story.tell(older, story.slot(4) + 0.2) == []
    assert (story.state.status, story.state.pending_change) == ("up", None)
    assert (story.state.last_ok, story.state.last_at) == (True, t(story.slot(4)))


@pytest.mark.parametrize(
    "fields",
    [
        {"failure": "prober_error"},
        {"region": "b"},
        {"region": "elsewhere"},
        {"slot": t(181)},
        {"slot": t(0)},
        {"confirm": 1},
    ],
    ids=str,
)
def test_what_is_not_asked_for_changes_nothing(fields: dict[str, Any]) -> None:
    story = told_as("up", "a", "b", "c")
    result = story.result(3, ok=False, at=t(182))
    assert story.region(3) == "a"
    values = asdict(result) | fields
    assert without_effect(story, ProbeCompleted(**values), 182)


def test_a_confirmation_of_another_number_region_or_doubt_changes_nothing() -> None:
    story = told_as("up", "a", "b", "c", confirmations=3)
    story.probe(3, ok=False)
    at = story.slot(3) + 1
    asked = story.confirmation(at=t(at))
    for fields in ({"confirm": 2}, {"region": "c"}, {"slot": asked.slot - 1}, {"failure": "prober_error"}):
        assert without_effect(story, ProbeCompleted(**asdict(asked) | fields), at), fields
    assert not without_effect(story, asked, at)


def test_unknown_paused_and_removed_monitors_take_no_result() -> None:
    story = told_as("up")
    result = story.result(3, ok=False)
    assert without_effect(story, result, story.slot(3), key=derived_id("test", "unknown"))
    assert without_effect(story, result, story.slot(3), key="definition/" + MONITOR)
    assert without_effect(story, result, story.slot(3), key="partition")
    story.define(story.slot(2) + 1, paused=True)
    at = seconds(result.at)
    assert without_effect(story, result, at)
    story.remove(at)
    assert without_effect(story, result, at)


@pytest.mark.parametrize("ahead", [60.000001, 3600, 10**12])
@pytest.mark.parametrize("of", [MONITOR, derived_id("test", "unknown")])
def test_results_dated_in_the_future_are_refused(ahead: float, of: str) -> None:
    story = told_as("up")
    result = story.result(2, ok=False, at=t(story.slot(3) + ahead))
    before = encode(story.state)
    effects = story.tell(result, story.slot(3), key=of)
    [letter] = of_type(effects, DeadLetter)
    assert letter.reason == "dated more than 60 s ahead of the partition's time, or before 1970"
    assert encode(story.state) == before


def test_results_count_while_nobody_ticks() -> None:
    """The broker's time of the record stands in for the ticks that do not come."""
    story = told_as("up")
    for n in range(3, 10):
        assert story.tell(story.result(n), story.slot(n)) == []
    assert story.tick(story.slot(9) + 1) == []
    assert story.state.results == 10


@pytest.mark.parametrize("fields", [{"at": -1, "slot": -1}, {"slot": -1}, {"slot": t(182)}], ids=str)
def test_results_that_make_no_sense_are_refused(fields: dict[str, Any]) -> None:
    story = told_as("up")
    values = asdict(story.result(3)) | {"at": t(181)} | fields
    assert len(of_type(story.tell(ProbeCompleted(**values), 181), DeadLetter)) == 1


def test_a_dead_letter_put_back_moves_no_state() -> None:
    story = told_as("up")
    assert without_effect(story, story.result(3, ok=False), story.slot(3), retried=True)


# ---- slots that stay empty


@pytest.mark.parametrize(("status", "was"), [("new", "new"), ("up", "up")])
def test_an_empty_slot_is_not_observed_when_its_time_is_over(status: str, was: str) -> None:
    story = told_as(status)
    n = 0 if status == "new" else 3
    assert story.tick(story.slot(n) + LIMIT - 0.000001) == []
    effects = story.tick(story.slot(n) + LIMIT)
    assert changes(effects) == [(was, "not_observed", "gap", story.slot(n))]
    assert notices(effects) == []
    detail = of_type(effects, StatusChanged)[0].detail
    known = "no result yet" if status == "new" else "no result since 2024-01-01T00:02:00+00:00"
    assert detail == f"{known}; no prober has reported"
    # People hear of it when it lasts, once.
    blind = story.time + BLIND / SECOND
    assert story.tick(blind - 0.000001) == []
    told = story.tick(blind)
    assert notices(told) == ["monitor.not_observed"]
    [request] = of_type(told, DeliveryRequested)
    assert (request.transition, request.at) == (of_type(effects, StatusChanged)[0].id, t(story.slot(n)))
    assert (request.data["detail"], request.data["incident"]) == (detail, None)
    assert story.tick(1_000_000) == []
    assert visible_status(story.state) == "not_observed"


def test_a_result_ends_it() -> None:
    story = told_as("up")
    story.tick(1_000)
    assert changes(story.probe(20)) == [("not_observed", "up", "probe", story.slot(20))]
    assert story.state.expected == t(story.slot(21))
    assert story.tick(story.slot(21) + LIMIT - 0.000001) == []
    assert moves(story.tick(story.slot(21) + LIMIT)) == ["up>not_observed"]


def test_a_first_result_after_an_empty_slot_is_up() -> None:
    story = told_as("new")
    story.tick(50)
    assert changes(story.probe(1)) == [("not_observed", "up", "probe", story.slot(1))]


def test_down_stays_shown_while_nothing_is_known() -> None:
    story = told_as("down")
    assert story.tick(10_000) == []
    state = story.state
    assert (state.status, state.unobserved, visible_status(state)) == ("down", True, "down")
    assert story.probe(200, ok=False) == []
    state = story.state
    assert (state.status, state.unobserved, visible_status(state)) == ("down", False, "down")
    story.tick(story.slot(201) + LIMIT)
    assert changes(story.probe(210)) == [("down", "up", "probe", story.slot(210))]
    assert story.tick(story.slot(210) + LIMIT) == []


def test_failing_after_an_empty_slot_accuses_of_nothing_that_was_not_seen() -> None:
    story = told_as("up", confirmations=2)
    story.probe(3, ok=False)
    story.tick(story.slot(10))
    effects = story.probe(11, ok=False)
    assert changes(effects) == [("not_observed", "down", "probe", story.slot(11))]
    assert story.state.down_since == t(story.slot(11))


@pytest.mark.parametrize("failure", ["prober_error", "ours"])
def test_what_the_prober_could_not_probe_leaves_the_slot_empty(failure: Failure) -> None:
    story = told_as("up")
    story.probe(3, ok=False, failure=failure)
    assert moves(story.tick(story.slot(3) + LIMIT)) == ["up>not_observed"]


def test_why_it_could_not_be_probed_is_told_and_forgotten_with_the_next_result() -> None:
    story = told_as("up")
    why = "10.0.0.1 is a private or reserved address"
    story.probe(3, ok=False, failure="prober_error", detail=why)
    assert (story.state.unprobed, story.state.last_ok) == (why, True)
    effects = story.tick(story.slot(3) + LIMIT)
    assert moves(effects) == ["up>not_observed"]
    assert of_type(effects, StatusChanged)[0].detail.endswith(f"; it could not be probed: {why}")
    story.probe(6)
    assert (story.state.unprobed, story.state.unobserved) == ("", False)


def test_an_empty_slot_is_found_behind_a_later_result() -> None:
    """The interval is shorter than a slot is waited for."""
    story = told_as("up", interval=10)
    for n in (4, 5):
        assert story.tell(story.result(n), story.slot(n)) == []
    assert set(story.state.early) == {t(story.slot(4)), t(story.slot(5))}
    effects = story.tick(story.slot(3) + 10 + 10)
    assert changes(effects) == [
        ("up", "not_observed", "gap", story.slot(3)),
        ("not_observed", "up", "probe", story.slot(4)),
    ]
    assert (story.state.expected, story.state.early) == (t(story.slot(6)), ())


def test_results_out_of_order_leave_no_slot_empty() -> None:
    story = told_as("up", "a", "b", "c", interval=10)
    late = [story.result(n, took=9 * SECOND) for n in (5, 3, 6, 4)]
    for result in late:
        assert story.tell(result, story.slot(6)) == []
    assert (story.state.expected, story.state.early) == (t(story.slot(7)), ())
    assert story.tick(story.slot(7) + 39) == []


@pytest.mark.parametrize("interval", [10, 60])
def test_the_slots_of_a_region_whose_probers_are_dead_are_all_found(interval: int) -> None:
    story = told_as("up", "a", "b", interval=interval)
    for n in range(3, 33):
        if story.region(n) == "a":
            story.probe(n)
    story.tick(story.slot(33))
    empty = [change for change in of_type(story.effects, StatusChanged) if change.now == "not_observed"]
    dead = [t(story.slot(n)) for n in range(3, 30) if story.region(n) == "b"]
    assert [change.at for change in empty][: len(dead)] == dead
    assert set(moves(story.effects)[1:]) == {"up>not_observed", "not_observed>up"}


def test_early_results_are_bounded_when_nobody_ticks() -> None:
    story = told_as("up", interval=1, timeout=1)
    for n in range(4, 4 + 2 * MOST_EARLY):
        story.tell(story.result(n), story.slot(n))
        assert len(story.state.early) <= MOST_EARLY
    assert changes(story.effects)[1:] == [
        ("up", "not_observed", "gap", story.slot(3)),
        ("not_observed", "up", "probe", story.slot(4)),
    ]
    assert story.state.expected == t(story.slot(4 + 2 * MOST_EARLY))


# ---- a confirmation that does not come


def test_a_confirmation_that_never_comes_is_asked_of_the_next_region() -> None:
    story = told_as("up", "a", "b", "c", confirmations=2)
    story.probe(3, ok=False)
    lost = story.confirmation()
    assert lost.region == "b"
    deadline = seconds(lost.at) + LIMIT
    assert story.tick(deadline - 0.000001) == []
    assert asked_of(story) == "b"
    assert story.tick(deadline) == []
    doubt = story.state.pending_change
    assert doubt is not None
    assert (doubt.asked, asked_of(story), seconds(doubt.asked_at)) == (2, "c", deadline)
    assert without_effect(story, lost, deadline)
    assert changes(story.confirm(ok=False)) == [("up", "down", "probe", story.slot(3))]


def test_in_one_region_it_is_asked_again() -> None:
    story = told_as("up", confirmations=2)
    story.probe(3, ok=False)
    for number in (2, 3):
        assert story.state.pending_change is not None
        story.tick(seconds(story.state.pending_change.asked_at) + LIMIT)
        assert story.state.pending_change is not None
        assert (story.state.pending_change.asked, story.state.pending_change.asked_at) == (
            number,
            t(story.time) + confirm_after(story.monitor, number),
        )


def test_two_deadlines_in_one_tick() -> None:
    story = told_as("up", "a", "b", confirmations=2)
    story.probe(3, ok=False)
    assert moves(story.tick(10_000)) == ["up>not_observed"]
    doubt = story.state.pending_change
    assert doubt is not None
    assert (doubt.asked, seconds(doubt.asked_at)) == (2, 10_005)
    assert story.tick(10_005 + LIMIT - 0.000001) == []
    assert story.state.pending_change == doubt
    story.tick(10_005 + LIMIT)
    assert story.state.pending_change != doubt


def test_a_confirmation_after_an_empty_slot_does_not_make_the_status_flap() -> None:
    story = told_as("up", "a", "b", "c", confirmations=3)
    story.probe(3, ok=False)
    story.tick(story.slot(4) + LIMIT)
    assert moves(story.effects)[-1] == "up>not_observed"
    assert moves(story.confirm(ok=False)) == ["not_observed>up"]
    assert story.tick(story.time + 1) == []
