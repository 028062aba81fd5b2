"""Checks that are paused, defined anew and removed, and events that come from outside."""

import pytest

from processors.checks.fold import Checks
from schemas.check_states import CheckState
from schemas.dead_letters import DeadLetter
from schemas.definitions import Check
from schemas.ids import derived_id, is_uuid
from schemas.pings import CheckDefined, CheckPaused, CheckRemoved, Kind, Ping
from schemas.schedules import Simple
from schemas.transitions import PingFolded, StatusChanged
from tests.check_outcomes import NOW, STATUSES, told_as
from tests.check_story import (
    CHECK,
    DAY,
    HOUR,
    A,
    Story,
    changes,
    folded,
    moves,
    notices,
    seconds,
    t,
)
from tests.folding import Folding, Journal, of_type

# ---- pausing, resuming, defining, removing


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "paused"])
def test_pause(status: str) -> None:
    story = told_as(status)
    story.ping(NOW, "start", rid=A)
    incident = story.state.incident
    effects = story.pause(NOW + 1)
    assert changes(effects) == [(status, "paused", "paused", NOW + 1)]
    assert of_type(effects, StatusChanged)[0].incident == incident
    assert notices(effects) == []
    state = story.state
    assert (state.status, state.late, state.unobserved, state.base) == ("paused", False, False, None)
    assert (state.runs, state.last_start, state.incident) == ((), None, None)
    assert story.tick(NOW + 30 * DAY) == []


def test_pausing_again_changes_nothing() -> None:
    story = told_as("paused")
    story.ping(NOW + 1, "start")
    before = story.state
    assert story.pause(NOW + 2) == []
    assert story.state == before


def test_resume() -> None:
    story = told_as("up")
    story.pause(NOW + 1)
    story.ping(NOW + 2, "start")
    effects = story.resume(NOW + 3)
    assert changes(effects) == [("paused", "new", "resumed", NOW + 3)]
    assert notices(effects) == []
    state = story.state
    assert (state.status, state.last_ping, state.last_start, state.runs) == ("new", None, None, ())
    assert story.tick(NOW + DAY) == []


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "paused"])
def test_resuming_what_is_not_paused_changes_nothing(status: str) -> None:
    story = told_as(status)
    before = story.state
    assert story.resume(NOW + 1) == []
    assert story.state == before


def test_a_decision_from_before_the_partitions_time_counts_at_that_time() -> None:
    story = told_as("up")
    assert changes(story.pause(NOW - HOUR)) == [("up", "paused", "paused", NOW)]


def test_spans_do_not_overlap_when_a_decision_was_dated_ahead() -> None:
    """Decisions come from another journal, whose clock may be ahead of this partition's."""
    story = told_as("up")
    story.pause(NOW + 100)
    [change] = of_type(story.ping(NOW + 1), StatusChanged)
    assert (seconds(change.since), seconds(change.at)) == (NOW + 100, NOW + 100)


def test_a_new_check_is_new_and_silent() -> None:
    story = Story()
    assert story.effects == []
    assert story.state == CheckState(version=1, since=t(0))
    assert story.tick(30 * DAY) == []


def test_older_and_equal_versions_are_ignored() -> None:
    story = Story()
    story.define(1, grace=600)
    stale = Check(id=CHECK, project="p", version=1, created=t(0), grace=60)
    story.tell(CheckDefined(at=t(2), check=stale), 2)
    assert story.state.version == 2
    story.ping(3, "start")
    assert story.tick(3 + 599) == []


def test_a_change_of_schedule_flips_only_by_the_clock() -> None:
    story = Story()
    story.ping(0)
    story.tick(600)
    assert story.define(601, schedule=Simple(60), grace=60) == []
    assert changes(story.tick(602)) == [("up", "late", "deadline", 60), ("late", "down", "deadline", 120)]
    assert story.define(603, schedule=Simple(HOUR)) == []
    assert story.tick(604) == []


def test_a_longer_schedule_takes_lateness_back_by_the_clock() -> None:
    story = told_as("late")
    assert story.define(NOW + 1, schedule=Simple(2 * HOUR)) == []
    assert changes(story.tick(NOW + 2)) == [("late", "up", "defined", NOW + 2)]
    assert changes(story.tick(NOW + HOUR)) == [("up", "late", "deadline", NOW + HOUR - 10)]


def test_a_shorter_run_limit_counts_for_runs_that_are_open() -> None:
    story = Story(run_limit=DAY)
    story.ping(0, "start")
    story.tick(600)
    story.define(601, run_limit=300)
    assert changes(story.tick(602)) == [("new", "down", "run limit", 300)]


@pytest.mark.parametrize("status", STATUSES)
def test_remove(status: str) -> None:
    story = told_as(status)
    incident = story.state.incident
    effects = story.remove(NOW + 1)
    assert changes(effects) == [(status, "removed", "removed", NOW + 1)]
    assert of_type(effects, StatusChanged)[0].incident == incident
    assert notices(effects) == []
    assert not [key for key in story.folding.committed if CHECK in key]
    assert story.tick(NOW + DAY) == []
    assert story.remove(NOW + DAY) == []


def test_a_removed_check_takes_no_ping_and_nobody_minds() -> None:
    story = told_as("up")
    story.remove(NOW + 1)
    effects = story.ping(NOW + 2)
    assert [(told.thing, told.offset, told.counted) for told in folded(effects)] == [
        (CHECK, len(story.journal) - 1, False)
    ]
    assert len(effects) == 1
    assert story.pause(NOW + 3) == story.resume(NOW + 4) == []


# ---- what comes from outside


@pytest.mark.parametrize(
    "key", [CHECK.upper(), "garbage", "", "partition", f"definition/{CHECK}", "gap/1/no source", derived_id("other")]
)
def test_a_key_that_is_no_check_takes_no_ping(key: str) -> None:
    story = told_as("up")
    before = story.folding.outcome()[0]
    effects = story.tell(Ping(kind="fail", at=t(NOW)), NOW, key=key)
    assert [(told.thing, told.counted) for told in folded(effects)] == [(key, False)]
    assert story.tell(CheckRemoved(at=t(NOW)), NOW, key=key) == []
    assert story.tell(CheckPaused(at=t(NOW)), NOW, key=key) == []
    after = story.folding.outcome()[0]
    assert {k for k in before if before[k] != after[k]} <= {"partition"}


@pytest.mark.parametrize("key", ["partition", "x", derived_id("other")])
def test_a_definition_stands_only_under_its_own_id(key: str) -> None:
    story = told_as("up")
    identity = CHECK if is_uuid(key) else key
    check = Check(id=identity, project="p", version=9, created=t(0))
    [letter] = of_type(story.tell(CheckDefined(at=t(NOW), check=check), NOW, key=key), DeadLetter)
    assert "must be the id of its check" in letter.reason
    assert story.state.version == 1


def test_the_least_ping_that_kafka_tools_send() -> None:
    story = told_as("up")
    effects = story.tell(b'{"type":"ping.received","kind":"success"}', NOW + 5)
    assert effects == []
    assert story.state.last_ping == t(NOW + 5)


def test_a_ping_from_before_the_partitions_time_counts_at_that_time() -> None:
    story = told_as("down")
    effects = story.ping(NOW - 90)
    assert changes(effects) == [("down", "up", "ping", NOW)]
    assert folded(effects) == [PingFolded(thing=CHECK, offset=len(story.journal) - 1, at=t(NOW))]
    assert story.state.base == t(NOW)


@pytest.mark.parametrize(("ahead", "accepted"), [(60, True), (60.000001, False), (1e6, False)])
def test_a_ping_more_than_a_minute_ahead_is_refused(ahead: float, accepted: bool) -> None:
    story = told_as("up")
    before = story.state
    effects = story.tell(Ping(kind="success", at=t(NOW + ahead)), NOW)
    if accepted:
        assert effects == []
        assert story.state.last_ping == t(NOW + ahead)
    else:
        [letter] = of_type(effects, DeadLetter)
        assert "ahead of the partition's time" in letter.reason
        assert story.state == before


@pytest.mark.parametrize("ahead", [7_200, 1e9])
def test_an_acknowledged_ping_of_a_wrong_clock_counts_when_kafka_took_it(ahead: float) -> None:
    """Its source was told that it is in the log: it may not become a dead letter because that clock is wrong."""
    story = told_as("up")
    effects = story.tell(Ping(kind="success", at=t(NOW + ahead), by=7), NOW + 1)
    assert folded(effects) == [PingFolded(thing=CHECK, offset=len(story.journal) - 1, at=t(NOW + 1))]
    assert story.state.last_ping == t(NOW + 1)


def test_a_ping_that_is_past_by_kafkas_clock_is_not_ahead() -> None:
    """No tick has come for a while, or the clock of its source has been set right: the time of its record vouches."""
    story = told_as("up")
    effects = story.tell(Ping(kind="success", at=t(NOW + 600)), NOW + 599)
    assert of_type(effects, DeadLetter) == []
    assert story.state.last_ping == t(NOW + 600)


def test_before_the_first_tick_any_time_is_taken_that_can_be_a_date() -> None:
    folding, journal = Folding(Checks()), Journal()
    check = Check(id=CHECK, project="p", version=1, created=0)
    journal.add(CHECK, CheckDefined(at=t(0), check=check), t(0))
    journal.add(CHECK, Ping(kind="success", at=t(DAY)), t(0))
    journal.add(CHECK, Ping(kind="success", at=10**18), t(0))
    effects = folding.feed(journal)
    assert moves(effects) == ["new>up"]
    assert len(of_type(effects, DeadLetter)) == 1


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{}",
        b"nonsense",
        b'{"type":"ping.received"}',
        b'{"type":"ping.received","kind":"success","rid":"123e4567-e89b-12d3-a456-426614174000\\n"}',
        b'{"type":"ping.received","kind":"success","exitstatus":256}',
        b'{"type":"tick","slot":"x","epoch":1,"at":0,"now":0}',
        b'{"type":"tick","slot":"x","epoch":1,"at":1000000000000000000,"now":1000000000000000000}',
        b'{"type":"check.paused","at":1000000000000000000}',
    ],
)
def test_what_is_not_valid_becomes_a_dead_letter_and_changes_nothing(value: bytes) -> None:
    story = told_as("up")
    before = story.folding.outcome()[0]
    [letter] = of_type(story.tell(value, NOW), DeadLetter)
    assert letter.value == value
    assert letter.reason
    after = story.folding.outcome()[0]
    assert {k for k in before if before[k] != after[k]} <= {"partition"}
    assert story.ping(NOW + 1) == []


@pytest.mark.parametrize("kind", ["success", "fail", "start", "log"])
def test_a_dead_letter_put_back_gets_its_serial_and_moves_nothing_else(kind: Kind) -> None:
    story = told_as("late")
    before = story.state
    effects = story.ping(NOW - DAY, kind, retried=True)
    assert [(told.counted, told.kind) for told in folded(effects)] == [(True, None)]
    assert len(effects) == 1
    before.pings += 1
    before.offset = len(story.journal) - 1
    assert story.state == before


def test_pauses_and_ticks_put_back_move_nothing() -> None:
    story = told_as("up")
    before = story.folding.outcome()[0]
    assert story.tell(CheckPaused(at=t(NOW)), NOW, retried=True) == []
    assert story.tell(story.source.tick(t(NOW + DAY)), NOW, retried=True) == []
    after = story.folding.outcome()[0]
    assert {k for k in before if before[k] != after[k]} == {"partition"}
    assert story.folding.progress.time == t(NOW)


def test_pings_of_two_sources_that_cross_keep_the_order_of_the_log() -> None:
    story = told_as("up")
    story.ping(NOW + 3, "fail")
    effects = story.ping(NOW + 2)
    assert changes(effects) == [("down", "up", "ping", NOW + 3)]
    assert story.state.last_ping == t(NOW + 3)
