"""What results, time and people do to a monitor (the `monitors` fold)."""

from collections.abc import Set as AbstractSet
from typing import Any

import pytest
from msgspec.structs import asdict, replace

from processors.fold.contract import SAME, Effect
from processors.fold.partition_time import END_OF_TIME
from processors.monitors import expiry as monitor_expiry
from processors.monitors.slots import MARGIN, MOST_EARLY
from processors.monitors.transitions import BLIND, pass_empty_slot
from schemas.base import SECOND, Micros, encode
from schemas.dead_letters import DeadLetter
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.monitor_states import MonitorState, Seen, visible_status
from schemas.monitors import Monitor, ProbeTarget
from schemas.probes import Failure, MonitorDefined, ProbeCompleted
from schemas.slots import confirm_after
from schemas.topics import DELIVERIES, TRANSITIONS
from schemas.transitions import StatusChanged
from tests.folding import of_type
from tests.monitor_story import MONITOR, TOOK, Story, changes, moves, notices, seconds, t

DOWN = ["monitor.down", "incident.created"]
RECOVERED = ["monitor.recovered", "incident.resolved"]
LIMIT = 30 + MARGIN / SECOND


def told_as(status: str, *regions: str, **definition: Any) -> Story:
    """A monitor with that status after its slot 2."""
    story = Story(*regions, **definition)
    if status == "paused":
        story.define(1, paused=True)
        return story
    if status != "new":
        story.probe(0)
        story.probe(1)
    if status == "down":
        story.probe(2, ok=False)
        while story.state.status != "down":
            story.confirm(ok=False)
    elif status == "up":
        story.probe(2)
    assert story.state.status == status
    return story


# ---- the first result, and what is told


def test_a_first_good_result_is_up_without_a_word() -> None:
    story = Story(confirmations=3)
    effects = story.probe(0)
    assert changes(effects) == [("new", "up", "probe", 1)]
    assert notices(effects) == []
    state = story.state
    assert (state.status, state.results, state.slot, state.pending_change) == ("up", 1, t(1), None)
    assert (state.last_at, state.last_ok, state.last_ms, state.last_detail) == (t(1), True, 100.0, "")
    assert state.seen == (Seen("a", t(1), True),)
    assert state.expected == t(story.slot(1))


def test_a_further_good_result_has_no_effect() -> None:
    story = told_as("up")
    assert story.probe(3) == []
    assert (story.state.results, story.state.last_at) == (4, t(story.slot(3)))


def test_a_first_failing_result_is_down_as_soon_as_it_is_confirmed() -> None:
    story = Story(confirmations=2)
    assert story.probe(0, ok=False) == []
    assert visible_status(story.state) == "new"
    effects = story.confirm(ok=False)
    assert changes(effects) == [("new", "down", "probe", 1)]
    assert notices(effects) == DOWN


def test_a_first_failing_result_that_is_not_confirmed_is_up() -> None:
    story = Story(confirmations=2)
    story.probe(0, ok=False)
    effects = story.confirm(ok=True)
    assert changes(effects) == [("new", "up", "probe", 1 + TOOK + 5)]
    assert notices(effects) == []


def test_the_change_and_its_notices() -> None:
    story = Story(confirmations=2, channels=("one", "two"))
    story.probe(0)
    story.probe(1, ok=False, detail="after 30 s", took=30 * SECOND)
    effects = story.confirm(ok=False, failure="status", detail="503", status=503)
    [change] = of_type(effects, StatusChanged)
    first_failing = story.slot(1)
    assert change.id == derived_id(MONITOR, "change", 2)
    assert (change.n, change.thing, change.project) == (2, MONITOR, "p")
    assert (change.was, change.now, change.reason) == ("up", "down", "probe")
    assert change.detail == "Connection timed out: after 30 s"
    assert (seconds(change.since), seconds(change.at)) == (1, first_failing)
    assert change.detected_at == t(first_failing + 30 + 5)
    assert change.incident == derived_id(MONITOR, "incident", 2) == story.state.incident
    assert [(e.topic, e.key, e.partition) for e in effects] == [
        (TRANSITIONS, MONITOR, SAME),
        (DELIVERIES, "one", None),
        (DELIVERIES, "two", None),
    ]
    first, second = of_type(effects, DeliveryRequested)
    assert first == second
    assert (first.transition, first.at, list(first.notices)) == (change.id, t(first_failing), DOWN)
    assert first.data == {
        "monitor": {
            "id": MONITOR,
            "name": "Production API",
            "url": "https://api.example.com/health",
            "kind": "http",
            "current_status": "down",
            "response_time_ms": None,
            "last_results": [
                {
                    "checked_at": "2024-01-01T00:01:00+00:00",
                    "status": "down",
                    "region": "a",
                    "response_time_ms": 30_000.0,
                    "status_code": None,
                    "error": "Connection timed out: after 30 s",
                    "confirmation": 0,
                },
                {
                    "checked_at": "2024-01-01T00:01:35+00:00",
                    "status": "down",
                    "region": "a",
                    "response_time_ms": 100.0,
                    "status_code": 503,
                    "error": "Unexpected status: 503",
                    "confirmation": 1,
                },
            ],
        },
        "incident": {
            "id": change.incident,
            "started_at": "2024-01-01T00:01:00+00:00",
            "resolved_at": None,
            "cause": "Connection timed out: after 30 s",
            "status": "open",
        },
    }
    effects = story.probe(2, took=142_300)
    [change] = of_type(effects, StatusChanged)
    recovery = of_type(effects, DeliveryRequested)[0]
    assert (change.was, change.now, change.incident) == ("down", "up", first.data["incident"]["id"])
    assert list(recovery.notices) == RECOVERED
    monitor = {name: value for name, value in first.data["monitor"].items() if name != "last_results"}
    assert recovery.data == {
        "monitor": monitor | {"current_status": "up", "response_time_ms": 142.3},
        "incident": first.data["incident"] | {"resolved_at": "2024-01-01T00:02:00+00:00", "status": "resolved"},
    }
    state = story.state
    assert (state.incident, state.down_since, state.cause) == (None, None, "")


@pytest.mark.parametrize(
    ("target", "url"),
    [
        (ProbeTarget(host="mail.example.com", port=993), "mail.example.com:993"),
        (ProbeTarget(host="example.com"), "example.com"),
    ],
)
def test_what_has_no_url_is_named_by_host_and_port(target: ProbeTarget, url: str) -> None:
    story = told_as("down", kind="tcp", target=target)
    [request] = of_type(story.effects, DeliveryRequested)
    assert request.data["monitor"]["url"] == url


def test_a_monitor_without_channels_tells_nobody() -> None:
    story = told_as("down", channels=())
    assert notices(story.effects) == []
    assert moves(story.effects) == ["new>up", "up>down"]


def test_one_incident_for_each_down_span() -> None:
    story = Story()
    for n, ok in enumerate([True, False, False, True, False, True]):
        story.probe(n, ok)
    told = of_type(story.effects, StatusChanged)
    assert moves(story.effects) == ["new>up", "up>down", "down>up", "up>down", "down>up"]
    assert told[0].incident is None
    assert told[1].incident == told[2].incident != told[3].incident == told[4].incident
    assert len({change.id for change in told}) == len(told)


def test_the_words_of_a_target_are_cut() -> None:
    story = Story()
    story.probe(0, ok=False, detail="x" * 1_000_000)
    assert story.state.cause == story.state.last_detail == "Connection timed out: " + "x" * 200
    assert len(encode(story.state)) < 2_000


def test_the_certificate_seen_last_is_remembered() -> None:
    story = Story()
    story.probe(0, expires=t(1000))
    story.probe(1)
    assert story.state.expires == t(1000)
    story.probe(2, expires=2**80)
    assert story.state.expires == END_OF_TIME
    story.probe(3, ok=False, failure="tls", expires=-5)
    assert story.state.expires == 0


def test_the_expiry_of_the_domain_is_remembered() -> None:
    story = Story()
    story.probe(0, domain_expires=t(1000))
    story.probe(1)
    assert (story.state.domain_expires, story.state.expires) == (t(1000), None)
    story.probe(2, domain_expires=2**80)
    assert story.state.domain_expires == END_OF_TIME
    story.probe(3, ok=False, domain_expires=-5)
    assert story.state.domain_expires == 0


# ---- confirmations in one region


@pytest.mark.parametrize("confirmations", [1, 2, 3, 10])
def test_so_many_results_must_fail(confirmations: int) -> None:
    story = told_as("up", confirmations=confirmations)
    story.probe(3, ok=False)
    for _ in range(confirmations - 1):
        assert story.state.status == "up"
        story.confirm(ok=False)
    assert changes(story.effects)[1:] == [("up", "down", "probe", story.slot(3))]
    assert story.state.results == 3 + confirmations


def test_a_good_confirmation_ends_the_doubt() -> None:
    story = told_as("up", confirmations=3)
    story.probe(3, ok=False)
    story.confirm(ok=False)
    assert story.confirm(ok=True) == []
    assert story.state.pending_change is None
    story.probe(4, ok=False)
    story.confirm(ok=False)
    assert moves(story.effects) == ["new>up"]
    assert changes(story.confirm(ok=False)) == [("up", "down", "probe", story.slot(4))]


def test_confirmations_are_asked_for_a_little_after_the_result_before() -> None:
    story = told_as("up", confirmations=3)
    story.probe(3, ok=False)
    doubt = story.state.pending_change
    assert doubt is not None
    assert (doubt.since, doubt.asked, seconds(doubt.asked_at)) == (t(story.slot(3)), 1, story.slot(3) + TOOK + 5)
    story.confirm(ok=False)
    doubt = story.state.pending_change
    assert doubt is not None
    assert (doubt.asked, seconds(doubt.asked_at)) == (2, story.slot(3) + 2 * (TOOK + 5))


def test_a_regular_result_counts_beside_the_confirmations() -> None:
    story = told_as("up", confirmations=3)
    story.probe(3, ok=False)
    story.probe(4, ok=False)
    assert story.state.status == "up"
    assert changes(story.probe(5, ok=False)) == [("up", "down", "probe", story.slot(3))]


def test_flapping_in_one_region_with_confirmations_is_no_incident() -> None:
    story = told_as("up", confirmations=2)
    for n in range(3, 40, 2):
        story.probe(n, ok=False)
        story.probe(n + 1)
    assert moves(story.effects) == ["new>up"]


@pytest.mark.parametrize("recoveries", [1, 2, 5])
def test_so_many_results_must_be_good_again(recoveries: int) -> None:
    story = told_as("down", recoveries=recoveries)
    story.probe(3)
    for _ in range(recoveries - 1):
        assert story.state.status == "down"
        story.confirm(ok=True)
    assert changes(story.effects)[-1] == ("down", "up", "probe", story.slot(3))


def test_a_failing_confirmation_ends_a_recovery() -> None:
    story = told_as("down", recoveries=3)
    story.probe(3)
    story.confirm(ok=True)
    assert story.confirm(ok=False) == []
    assert (story.state.status, story.state.pending_change) == ("down", None)
    assert notices(story.effects) == DOWN


def test_a_probe_that_was_held_up_counts_no_longer_than_its_limit() -> None:
    story = told_as("up", confirmations=2)
    story.probe(3, ok=False, took=10**15)
    doubt = story.state.pending_change
    assert doubt is not None
    assert seconds(doubt.asked_at) == story.slot(3) + 30 + 5


# ---- several regions


def outage(story: Story, failing: str, slots: range) -> None:
    """The target is out for these regions: regular slots and, after each, every confirmation asked for."""
    for n in slots:
        story.probe(n, story.region(n) not in failing)
        while story.state.pending_change is not None and story.state.pending_change.asked_at < t(story.slot(n + 1)):
            story.confirm("abcde"[story.monitor.probed_from.index(asked_of(story))] not in failing)


def asked_of(story: Story) -> str:
    return story.confirmation().region


@pytest.mark.parametrize(
    ("regions", "failing", "down"),
    [
        ("a", "a", True),
        ("ab", "a", False),
        ("ab", "b", False),
        ("ab", "ab", True),
        ("abc", "b", False),
        ("abc", "bc", True),
        ("abc", "abc", True),
        ("abcde", "ab", False),
        ("abcde", "ace", True),
        ("abcde", "abcde", True),
    ],
)
@pytest.mark.parametrize("confirmations", [1, 2, 4])
def test_a_majority_of_the_regions_must_find_it_failing(
    regions: str, failing: str, down: bool, confirmations: int
) -> None:
    story = told_as("up", *regions, confirmations=confirmations)
    outage(story, failing, range(3, 13))
    assert story.state.status == ("down" if down else "up")
    assert moves(story.effects) == ["new>up"] + (["up>down"] if down else [])
    first = next(n for n in range(3, 13) if story.region(n) in failing)
    if down:
        assert story.state.down_since == t(story.slot(first))
    outage(story, "", range(13, 18))
    assert moves(story.effects) == ["new>up"] + (["up>down", "down>up"] if down else [])
    if down:
        assert changes(story.effects)[-1][3] == story.slot(13)


def test_another_region_is_asked_at_once() -> None:
    story = told_as("up", "a", "b", "c", confirmations=2)
    story.probe(3, ok=False)
    doubt = story.state.pending_change
    assert doubt is not None
    assert (doubt.region, asked_of(story), seconds(doubt.asked_at)) == ("a", "b", story.slot(3) + TOOK)
    story.confirm(ok=True)
    doubt = story.state.pending_change
    assert doubt is not None
    assert (asked_of(story), seconds(doubt.asked_at)) == ("c", story.slot(3) + 2 * TOOK)
    effects = story.confirm(ok=False)
    assert changes(effects) == [("up", "down", "probe", story.slot(3))]


def test_a_quorum_needs_as_many_results_as_confirmations() -> None:
    """Whatever order the votes stand in: results of a region that voted before count, good ones do not."""
    story = told_as("up", "a", "b", "c", confirmations=4)
    story.probe(3, ok=False)
    for region, ok in [("b", True), ("c", False), ("a", False), ("b", True)]:
        assert asked_of(story) == region
        assert story.confirm(ok=ok) == []
    assert moves(story.confirm(ok=False)) == ["up>down"]


def test_partial_recovery_is_not_believed() -> None:
    story = told_as("up", "a", "b", "c", confirmations=2)
    outage(story, "abc", range(3, 4))
    outage(story, "bc", range(4, 13))
    assert moves(story.effects) == ["new>up", "up>down"]


def test_a_doubt_that_cannot_be_settled_is_given_up() -> None:
    story = told_as("up", "a", "b", "c", confirmations=1)
    story.probe(3, ok=False)
    story.confirm(ok=True)  # b; and c does not answer
    at = story.slot(3)
    while story.state.pending_change is not None:
        if asked_of(story) == "c":
            at = seconds(story.state.pending_change.asked_at) + LIMIT
            story.tick(at)
        else:
            story.confirm(ok=asked_of(story) == "b")
        assert at < story.slot(6)
    assert story.state.status == "up"
    story.probe(6, ok=False)
    assert story.confirmation().slot == t(story.slot(6))


def test_what_began_before_the_doubt_is_no_vote_in_it() -> None:
    story = told_as("up", "a", "b", confirmations=2, interval=10)
    slow = story.result(3, took=19 * SECOND)
    story.probe(4, ok=False)
    before = story.state.pending_change
    story.tell(slow, story.slot(4) + 9)
    assert story.state.pending_change == before
    assert moves(story.confirm(ok=False)) == ["up>down"]


def test_what_began_before_the_recovery_is_no_new_failure() -> None:
    story = told_as("down", "a", "b", "c", interval=10, confirmations=1)
    slow = story.result(3, ok=False, took=30 * SECOND)
    story.probe(4)
    story.confirm(ok=True)
    assert story.state.status == "up"
    assert story.tell(slow, story.slot(3) + 30) == []
    assert story.state.pending_change is None


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


def without_effect(story: Story, event: ProbeCompleted, at: float, **more: Any) -> bool:
    before = dict(story.folding.committed)
    effects = story.tell(event, at, **more)
    after = dict(story.folding.committed)
    return effects == [] and before.pop("partition") != after.pop("partition") and before == after


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


# ---- pausing, definitions, removal


@pytest.mark.parametrize("status", ["new", "up", "down"])
def test_pause_and_resume(status: str) -> None:
    story = told_as(status, confirmations=2)
    incident = story.state.incident
    effects = story.define(500, paused=True)
    assert changes(effects) == [(status, "paused", "paused", 500)]
    assert (notices(effects), of_type(effects, StatusChanged)[0].incident) == ([], incident)
    assert story.state.incident is None
    assert story.tick(10_000) == []
    effects = story.define(10_001, paused=False)
    assert changes(effects) == [("paused", "new", "resumed", 10_001)]
    assert (story.slot(0), story.state.expected) == (10_001, t(10_001))
    assert changes(story.probe(0)) == [("new", "up", "probe", 10_001)]


def test_a_monitor_made_paused_expects_nothing() -> None:
    story = Story(paused=True)
    assert story.tick(10_000) == []
    assert story.state.status == "paused"
    assert moves(story.define(10_001, paused=False)) == ["paused>new"]


def test_a_paused_monitor_that_nobody_probes_after_it_resumed_is_not_observed() -> None:
    story = told_as("paused")
    story.define(500, paused=False)
    assert changes(story.tick(500 + LIMIT)) == [("new", "not_observed", "gap", 500)]


@pytest.mark.parametrize("fields", [{"name": "Other"}, {"channels": ()}, {"recoveries": 3}], ids=str)
def test_a_definition_that_probes_the_same_goes_on(fields: dict[str, Any]) -> None:
    story = told_as("up", confirmations=2)
    story.probe(3, ok=False)
    before = story.state
    if "name" in fields:
        renamed = replace(story.monitor, version=2, name="Other")
        assert story.tell(MonitorDefined(at=t(200), monitor=renamed), 200) == []
    else:
        assert story.define(200, **fields) == []
    before.version = 2
    assert encode(story.state) == encode(before)


@pytest.mark.parametrize(
    "fields",
    [{"target": ProbeTarget(url="https://other")}, {"interval": 30}, {"timeout": 5}, {"probed_from": ("a", "b")}],
    ids=str,
)
def test_a_definition_that_probes_otherwise_begins_anew(fields: dict[str, Any]) -> None:
    story = told_as("up", confirmations=2)
    story.probe(3, ok=False)
    old = [story.result(4, ok=False), story.confirmation(at=t(story.slot(4)))]
    assert story.define(200, **fields) == []
    state = story.state
    assert (state.status, state.pending_change, state.seen, state.begun, state.expected) == (
        "up",
        None,
        (),
        t(200),
        t(200),
    )
    assert (state.version, state.oldest) == (2, 2)
    former = ProbeCompleted(slot=old[0].slot, region="a", at=old[0].at, took=1, ok=False, version=1)
    assert without_effect(story, former, story.slot(1))
    assert without_effect(story, old[1], story.slot(1))
    assert story.probe(0) == []
    assert story.state.results == 5


@pytest.mark.parametrize("paused", [False, True])
def test_what_expires_is_that_of_the_target(paused: bool) -> None:
    story = told_as("up")
    story.probe(3, expires=t(1000), domain_expires=t(2000))
    story.define(200, interval=30)
    assert (story.state.expires, story.state.domain_expires) == (t(1000), t(2000))
    story.define(201, paused=paused, target=ProbeTarget(url="https://other"))
    assert (story.state.expires, story.state.domain_expires) == (None, None)


def test_a_definition_that_was_long_on_its_way_counts_from_now() -> None:
    story = told_as("up")
    story.tick(150)
    monitor = replace(story.monitor, version=2, interval=30)
    story.tell(MonitorDefined(at=t(20), monitor=monitor), 151)
    assert (story.state.begun, story.state.expected) == (t(150), t(150))
    assert story.tick(151) == []


def test_an_incident_outlasts_a_new_definition() -> None:
    story = told_as("down")
    incident = story.state.incident
    assert story.define(200, interval=30) == []
    assert (story.state.status, story.state.incident) == ("down", incident)
    assert notices(story.probe(0)) == RECOVERED


def test_an_older_definition_changes_nothing() -> None:
    story = told_as("up")
    for version in (1, 0, -1):
        story.version = version - 1
        before = dict(story.folding.committed)
        assert story.define(200, paused=True) == []
        before.pop("partition")
        assert before.items() <= story.folding.committed.items()


@pytest.mark.parametrize("status", ["new", "up", "down", "paused"])
def test_removal(status: str) -> None:
    story = told_as(status)
    incident = story.state.incident
    effects = story.remove(500)
    assert changes(effects) == [(status, "removed", "removed", 500)]
    assert (notices(effects), of_type(effects, StatusChanged)[0].incident) == ([], incident)
    assert set(story.folding.committed) == {"partition"}
    assert story.remove(501) == []
    assert story.tick(100_000) == []


@pytest.mark.parametrize(
    ("key", "fields", "reason"),
    [
        ("other", {}, "the key of a definition must be the id of its monitor"),
        (MONITOR, {"probed_from": ()}, "a monitor needs a region to be probed from"),
        (MONITOR, {"at": END_OF_TIME + 1}, "dated after the year 9999"),
    ],
)
def test_definitions_that_make_no_sense_are_refused(key: str, fields: dict[str, Any], reason: str) -> None:
    story = Story()
    story.version, at = 2, fields.pop("at", t(2))
    story.definition |= fields
    [letter] = of_type(story.tell(MonitorDefined(at=at, monitor=story.monitor), 2, key=key), DeadLetter)
    assert letter.reason == reason
    assert story.folding.state(MonitorState, MONITOR).version == 1


# ---- time


def others(story: Story, count: int) -> list[str]:
    """More monitors beside the story's own, all with a good result, made in the order of their ids backwards."""
    ids = sorted((derived_id("test", "other", n) for n in range(count)), reverse=True)
    for id in ids:
        monitor = Monitor(id=id, project="p", version=1, created=t(1), revised=t(1), name="Other", probed_from=("a",))
        story.tell(MonitorDefined(at=t(1), monitor=monitor), 1, key=id)
        story.tell(ProbeCompleted(slot=t(1), region="a", at=t(1), took=1, ok=True), 1, key=id)
    return ids


@pytest.mark.parametrize("restart", [False, True])
def test_things_expire_in_the_order_of_deadline_and_id(restart: bool) -> None:
    story = Story()
    others(story, 30)
    if restart:
        story.folding.restart()
    told = of_type(story.tick(10_000), StatusChanged)
    assert len(told) == 31
    assert [(c.at, c.thing) for c in told] == sorted((c.at, c.thing) for c in told)


def test_ticks_that_pass_nothing_change_no_state() -> None:
    story = told_as("up")
    before = dict(story.folding.committed)
    for at in range(121, 180):
        story.tick(at)
    assert {key for key, value in story.folding.committed.items() if before[key] != value} == {"partition"}


@pytest.mark.parametrize("now", [0, -1, END_OF_TIME + 1])
def test_ticks_that_make_no_sense_are_refused(now: int) -> None:
    story = told_as("up")
    value = b'{"type":"tick","slot":"ticker","epoch":1,"at":%d,"now":%d}' % (now, now)
    assert len(of_type(story.tell(value, 130, key="tick"), DeadLetter)) == 1
    assert story.time < 130


# ---- parking


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Monitors of which nothing can be said in words."""
    ids: set[str] = set()

    def fails(state: MonitorState, monitor: Monitor, time: Micros, out: AbstractSet[str]) -> list[Effect]:
        effects = pass_empty_slot(state, monitor, time, out)
        if monitor.id in ids:
            raise OverflowError("no such date")
        return effects

    monkeypatch.setattr(monitor_expiry, "pass_empty_slot", fails)
    return ids


def test_a_monitor_that_cannot_be_judged_is_parked_and_stops_no_other(broken: set[str]) -> None:
    story = told_as("up")
    ids = others(story, 3)
    broken.add(MONITOR)
    before = story.state
    effects = story.tick(10_000)
    [letter] = of_type(effects, DeadLetter)
    assert letter.key == MONITOR
    assert letter.reason == f"monitor {MONITOR} could not be judged and is parked: OverflowError: no such date"
    assert {change.thing for change in of_type(effects, StatusChanged)} == set(ids)
    before.parked = "OverflowError: no such date"
    assert encode(story.state) == encode(before)
    assert story.tick(10_001) == []
    story.folding.restart()
    assert story.tick(10_002) == []


@pytest.mark.parametrize("by", ["result", "definition", "letter"])
def test_the_next_event_of_a_parked_monitor_takes_it_up_again(broken: set[str], by: str) -> None:
    story = told_as("up")
    broken.add(MONITOR)
    [letter] = of_type(story.tick(1_000), DeadLetter)
    broken.clear()
    if by == "result":
        story.probe(20)
        assert story.state.expected == t(story.slot(3))
    elif by == "definition":
        story.define(1_100, channels=())
    else:
        assert story.tell(letter.value, 1_100, key=letter.key, retried=True) == []
    assert story.state.parked is None
    assert changes(story.tick(story.time + 1))[0] == ("up", "not_observed", "gap", story.slot(3))
    assert visible_status(story.state) == ("up" if by == "result" else "not_observed")


def test_no_deadline_is_lost_when_a_tick_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    story = told_as("up")
    with monkeypatch.context() as patched:
        patched.setattr("processors.monitors.regions.MonitorRegions.tick", lambda *_: 1 / 0)
        assert len(of_type(story.tick(1_000), DeadLetter)) == 1
    assert story.time < 1_000
    assert moves(story.tick(1_001)) == ["up>not_observed"]


def test_the_interval_of_the_story() -> None:
    """The stories above stand on this."""
    story = Story("a", "b", "c")
    assert [story.slot(n) for n in range(3)] == [1, 60.456668, 120.456668]
    assert [story.region(n) for n in range(4)] == ["a", "b", "c", "a"]
