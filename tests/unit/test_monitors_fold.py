"""The fold of monitors: the first result, confirmations, several regions, and what is told."""

from typing import Any

import pytest

from processors.fold.contract import SAME
from processors.fold.partition_time import END_OF_TIME
from schemas.base import SECOND, encode
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.monitor_states import Seen, visible_status
from schemas.monitors import ProbeTarget
from schemas.topics import DELIVERIES, TRANSITIONS
from schemas.transitions import StatusChanged
from tests.folding import of_type
from tests.monitor_outcomes import LIMIT, RECOVERED, asked_of, told_as
from tests.monitor_story import MONITOR, TOOK, Story, changes, moves, notices, seconds, t

DOWN = ["monitor.down", "incident.created"]


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


TOLD: dict[str, Any] = {
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
        "id": derived_id(MONITOR, "incident", 2),
        "started_at": "2024-01-01T00:01:00+00:00",
        "resolved_at": None,
        "cause": "Connection timed out: after 30 s",
        "status": "open",
    },
}


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
    assert first.data == TOLD
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
