"""What pings and people do to a check (docs/compatibility/pinging.md, "What a signal does")."""

from typing import Any

import pytest

from processors.checks.fold import Checks
from processors.fold.contract import SAME
from schemas.base import SECOND
from schemas.check_states import WATCHED_RUNS, CheckState
from schemas.dead_letters import DeadLetter
from schemas.definitions import Check
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id, is_uuid
from schemas.pings import CheckDefined, CheckPaused, CheckRemoved, Kind, Ping
from schemas.schedules import Simple
from schemas.times import iso
from schemas.topics import DELIVERIES, TRANSITIONS
from schemas.transitions import PingFolded, StatusChanged
from tests.check_story import (
    CHECK,
    DAY,
    HOUR,
    MINUTE,
    A,
    B,
    C,
    Story,
    changes,
    folded,
    moves,
    notices,
    seconds,
    t,
)
from tests.folding import Folding, Journal, of_type

# Each story ends at this time, the partition's and the ping's that follows.
NOW = 2 * HOUR


def told_as(status: str, **definition: Any) -> Story:
    """A check with that shown status at `NOW`."""
    story = Story(**definition)
    if status == "up":
        story.ping(NOW - 60)
    elif status == "late":
        story.ping(NOW - HOUR - 10)
    elif status == "not_observed":
        story.ping(NOW - HOUR - 6 * MINUTE)
        story.gap(NOW - 5 * MINUTE, NOW - 4 * MINUTE)
    elif status == "down":
        story.ping(NOW - 60, "fail")
    elif status == "paused":
        story.pause(NOW - 60)
    story.tick(NOW)
    assert (moves(story.effects) or [">new"])[-1].endswith(f">{status}")
    return story


STATUSES = ["new", "up", "late", "not_observed", "down", "paused"]
DOWN = ["monitor.down", "incident.created"]
RECOVERED = ["monitor.recovered", "incident.resolved"]


@pytest.mark.parametrize("status", STATUSES)
def test_success(status: str) -> None:
    story = told_as(status)
    effects = story.ping(NOW + 1, exitstatus=0)
    assert changes(effects) == ([] if status == "up" else [(status, "up", "ping", NOW + 1)])
    assert notices(effects) == (RECOVERED if status == "down" else [])
    state = story.state
    assert (state.status, state.late, state.unobserved, state.base) == ("up", False, False, t(NOW + 1))
    assert state.last_ping == state.last_success == t(NOW + 1)
    assert state.last_exitstatus == 0
    assert (state.incident, state.down_since, state.cause) == (None, None, "")


@pytest.mark.parametrize("status", STATUSES)
def test_fail(status: str) -> None:
    story = told_as(status)
    before = story.state
    effects = story.ping(NOW + 1, "fail", exitstatus=3)
    assert changes(effects) == ([] if status == "down" else [(status, "down", "fail", NOW + 1)])
    assert notices(effects) == ([] if status == "down" else DOWN)
    state = story.state
    assert (state.status, state.late, state.unobserved, state.base) == ("down", False, False, None)
    assert state.last_ping == t(NOW + 1)
    assert state.last_success == before.last_success
    assert state.last_exitstatus == 3
    assert state.down_since == (before.down_since or t(NOW + 1))


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("kind", ["start", "log"])
def test_start_and_log_move_no_status(status: str, kind: Kind) -> None:
    story = told_as(status)
    before = story.state
    assert story.ping(NOW + 1, kind, rid=A) == []
    state = story.state
    assert state.pings == before.pings + 1
    assert (state.status, state.late, state.unobserved) == (before.status, before.late, before.unobserved)
    assert (state.last_ping, state.base, state.since) == (before.last_ping, before.base, before.since)
    assert [run.rid for run in state.runs] == ([A] if kind == "start" else [])
    assert state.last_start == (t(NOW + 1) if kind == "start" else None)


def test_all_kinds_count_and_a_plain_success_has_no_effect() -> None:
    story = Story()
    for at, kind in enumerate(["start", "success", "log", "fail", "success"], start=1):
        story.ping(at, kind)  # type: ignore[arg-type]
    assert story.state.pings == 5
    assert story.ping(10) == []
    assert story.state.offset == len(story.journal) - 1


@pytest.mark.parametrize("exitstatus", [1, 255])
def test_an_exit_status_above_0_is_a_failure_whatever_the_ping_calls_itself(exitstatus: int) -> None:
    story = told_as("up")
    effects = story.ping(NOW + 1, exitstatus=exitstatus)
    assert moves(effects) == ["up>down"]
    assert folded(effects)[0].kind == "fail"
    assert of_type(effects, StatusChanged)[0].detail == f"Exit status {exitstatus}"


# ---- what is told


def test_the_change_and_its_notices() -> None:
    story = Story(channels=("one", "two"), slug="backup", tags="prod db")
    story.ping(10)
    effects = story.ping(75, "fail", exitstatus=3)
    [change] = of_type(effects, StatusChanged)
    assert change.id == derived_id(CHECK, "change", 2)
    assert (change.n, change.thing, change.project) == (2, CHECK, "p")
    assert (change.was, change.now, change.reason, change.detail) == ("up", "down", "fail", "Exit status 3")
    assert (seconds(change.since), seconds(change.at), seconds(change.detected_at)) == (10, 75, 75)
    assert change.incident == derived_id(CHECK, "incident", 2) == story.state.incident
    assert [(e.topic, e.key, e.partition) for e in effects] == [
        (TRANSITIONS, CHECK, SAME),
        (DELIVERIES, "one", None),
        (DELIVERIES, "two", None),
    ]
    first, second = of_type(effects, DeliveryRequested)
    assert first == second
    assert (first.transition, first.at, list(first.notices)) == (change.id, t(75), DOWN)
    assert first.data == {
        "monitor": {
            "id": CHECK,
            "name": "Backup",
            "url": f"/checks/{CHECK}",
            "kind": "heartbeat",
            "current_status": "down",
            "slug": "backup",
            "tags": "prod db",
            "last_ping": "2024-01-01T00:01:15+00:00",
        },
        "incident": {
            "id": change.incident,
            "started_at": "2024-01-01T00:01:15+00:00",
            "resolved_at": None,
            "cause": "Exit status 3",
            "status": "open",
        },
    }
    recovery = of_type(story.ping(135), DeliveryRequested)[0]
    assert list(recovery.notices) == RECOVERED
    assert recovery.data["monitor"]["current_status"] == "up"
    assert recovery.data["incident"] == first.data["incident"] | {
        "resolved_at": "2024-01-01T00:02:15+00:00",
        "status": "resolved",
    }


def test_one_incident_for_each_down_span() -> None:
    story = Story()
    for at, kind in enumerate(["success", "fail", "fail", "success", "fail", "success"]):
        story.ping(at, kind)  # type: ignore[arg-type]
    told = of_type(story.effects, StatusChanged)
    assert [(c.was, c.now) for c in told] == [
        ("new", "up"),
        ("up", "down"),
        ("down", "up"),
        ("up", "down"),
        ("down", "up"),
    ]
    assert told[0].incident is None
    assert told[1].incident == told[2].incident != told[3].incident == told[4].incident
    assert len({change.id for change in told}) == len(told)


def test_without_an_exit_status_a_failure_was_reported() -> None:
    effects = told_as("up").ping(NOW + 1, "fail")
    assert of_type(effects, StatusChanged)[0].detail == "Reported failure"


def test_a_check_without_channels_tells_nobody() -> None:
    assert notices(told_as("up", channels=()).ping(NOW + 1, "fail")) == []


def test_times_as_people_read_them() -> None:
    assert iso(t(0) + 999_999) == "2024-01-01T00:00:00+00:00"


# ---- ignored pings, keyword filters


@pytest.mark.parametrize("kind", ["success", "fail", "start", "log"])
def test_paused_with_manual_resume_ignores_everything(kind: Kind) -> None:
    story = told_as("paused", manual_resume=True, filter_http_body=True, success_kw="ok")
    before = story.state
    effects = story.ping(NOW + 1, kind, method="POST", body="ok")
    assert [told.kind for told in folded(effects)] == ["ign"]
    assert moves(effects) == []
    state = story.state
    assert state.pings == before.pings + 1
    assert (state.status, state.runs, state.last_ping) == ("paused", (), None)


def test_manual_resume_matters_only_while_paused() -> None:
    assert moves(told_as("down", manual_resume=True).ping(NOW + 1)) == ["down>up"]


@pytest.mark.parametrize(("method", "counts"), [("POST", True), ("GET", False), ("HEAD", False), ("", True)])
def test_post_only(method: str, counts: bool) -> None:
    story = told_as("down", methods="POST", filter_http_body=False)
    effects = story.ping(NOW + 1, method=method)
    assert moves(effects) == (["down>up"] if counts else [])
    assert [told.kind for told in folded(effects)] == ([] if counts else ["ign"])


KEYWORDS = {"filter_http_body": True, "start_kw": "begin", "success_kw": "ok, done ,", "failure_kw": "error"}


@pytest.mark.parametrize(
    ("kind", "body", "definition", "expected"),
    [
        ("fail", "ok", {}, "success"),
        ("log", "an error", {}, "fail"),
        ("start", "all done", {}, "success"),
        ("success", "begin", {}, "start"),
        ("success", "error but ok", {}, "fail"),
        ("success", "begin ok", {}, "success"),
        ("success", "OK", {}, "ign"),
        ("success", "nothing", {}, "ign"),
        ("success", None, {}, "ign"),
        ("success", "nothing", {"filter_default_fail": True}, "fail"),
        ("success", "ok", {"start_kw": "", "success_kw": "", "failure_kw": " , "}, "ign"),
        ("log", "error", {"methods": "POST"}, "fail"),
    ],
)
def test_the_filter_replaces_the_action(
    kind: Kind, body: str | None, definition: dict[str, Any], expected: str
) -> None:
    story = Story(**KEYWORDS | definition)
    story.tick(NOW)
    effects = story.ping(NOW + 1, kind, method="POST", body=body)
    assert [told.kind for told in folded(effects)] == ([] if expected == kind else [expected])
    assert moves(effects) == {"success": ["new>up"], "fail": ["new>down"]}.get(expected, [])
    assert len(story.state.runs) == (expected == "start")


def test_a_filtered_ping_keeps_its_exit_status() -> None:
    story = Story(**KEYWORDS)
    effects = story.ping(1, "fail", method="POST", body="ok", exitstatus=7)
    assert moves(effects) == ["new>up"]
    assert story.state.last_exitstatus == 7


def test_the_method_comes_before_the_filter() -> None:
    story = Story(**KEYWORDS, methods="POST")
    assert [told.kind for told in folded(story.ping(1, method="GET", body="ok"))] == ["ign"]


def test_only_pings_by_http_are_filtered() -> None:
    story = Story(**KEYWORDS)
    assert moves(story.ping(1, body="error")) == ["new>up"]


@pytest.mark.parametrize(
    ("raw", "expected"), [(b"\xff\xfe error", "new>down"), ("ok é".encode()[:-1], "new>up"), (b"\x00ok", "new>up")]
)
def test_a_body_that_is_not_utf_8_is_read_with_replacement(raw: bytes, expected: str) -> None:
    story = Story(**KEYWORDS)
    assert moves(story.ping(1, "log", method="POST", body_base64=raw)) == [expected]


# ---- runs


def durations(story: Story) -> list[float | None]:
    return [None if told.duration is None else told.duration / SECOND for told in folded(story.effects)]


def test_start_a_start_b_ok_a_ok_b_closes_each_by_its_id() -> None:
    story = Story()
    story.ping(0, "start", rid=A)
    story.ping(10, "start", rid=B)
    story.ping(100, rid=A)
    assert story.state.last_duration == 100 * SECOND
    assert [run.rid for run in story.state.runs] == [B]
    story.ping(130, rid=B)
    assert story.state.last_duration == 120 * SECOND
    assert durations(story) == [100, 120]
    story.tick(50 * MINUTE)
    assert moves(story.effects) == ["new>up"]


def test_a_hanging_run_is_not_hidden_by_an_overlapping_one() -> None:
    story = Story()
    story.ping(0, "start", rid=A)
    story.ping(10, "start", rid=B)
    story.ping(20, rid=B)
    assert moves(story.tick(5 * MINUTE - 1)) == []
    effects = story.tick(5 * MINUTE)
    assert changes(effects) == [("up", "down", "run limit", 300)]
    assert of_type(effects, StatusChanged)[0].detail == (
        f"Run {A} exceeded its limit of 0:05:00 (started at 2024-01-01T00:00:00+00:00)"
    )
    assert notices(effects) == DOWN


@pytest.mark.parametrize("rid", [A, None])
def test_an_ok_with_another_id_leaves_the_run_open(rid: str | None) -> None:
    story = Story()
    story.ping(0, "start", rid=rid)
    story.ping(20, rid=B)
    assert [run.rid for run in story.state.runs] == [rid]
    assert story.state.last_duration is None
    assert changes(story.tick(5 * MINUTE)) == [("up", "down", "run limit", 300)]


def test_an_ok_without_an_id_closes_the_run_started_last_without_a_duration() -> None:
    story = Story()
    story.ping(0, "start", rid=A)
    story.ping(5, "start", rid=B)
    story.ping(20)
    assert [run.rid for run in story.state.runs] == [A]
    assert durations(story) == []


def test_an_ok_without_an_id_closes_the_run_without_an_id_first() -> None:
    story = Story()
    story.ping(0, "start")
    story.ping(5, "start", rid=B)
    story.ping(20)
    assert [run.rid for run in story.state.runs] == [B]
    assert durations(story) == [20]


def test_a_fail_with_a_foreign_id_hides_no_other_run() -> None:
    story = Story()
    story.ping(0, "start", rid=A)
    assert moves(story.ping(20, "fail", rid=B)) == ["new>down"]
    assert [run.rid for run in story.state.runs] == [A]
    story.ping(30, rid=B)
    assert changes(story.tick(5 * MINUTE)) == [("up", "down", "run limit", 300)]


@pytest.mark.parametrize("kind", ["success", "fail"])
def test_the_end_of_a_run_without_an_id(kind: Kind) -> None:
    story = Story()
    story.ping(0, "start")
    story.ping(0.4, kind)
    assert story.state.runs == ()
    assert story.state.last_duration == 400_000
    story.ping(1)
    assert story.state.last_duration is None


def test_a_start_on_a_down_check_does_not_alert_again() -> None:
    story = told_as("down")
    story.ping(NOW + 1, "start", rid=A)
    assert notices(story.tick(NOW + DAY)) == ["monitor.still_down"]
    assert [(run.rid, run.overdue) for run in story.state.runs] == [(A, True)]
    story.ping(NOW + DAY + 1, rid=A)
    assert folded(story.effects)[-1].duration == DAY * SECOND


@pytest.mark.parametrize("status", ["new", "paused"])
def test_a_start_on_a_new_or_paused_check_arms_the_run_limit(status: str) -> None:
    story = told_as(status)
    story.ping(NOW + 1, "start")
    assert story.tick(NOW + 300) == []
    effects = story.tick(NOW + 301)
    assert changes(effects) == [(status, "down", "run limit", NOW + 301)]
    assert notices(effects) == DOWN


def test_a_start_can_only_shorten() -> None:
    story = Story()
    story.ping(0)
    story.ping(HOUR + 299, "start", rid=A)
    assert changes(story.tick(HOUR + 300)) == [("late", "down", "deadline", HOUR + 300)]
    assert story.tick(HOUR + 299 + 300) == []


def test_late_limit_and_run_limit_apart() -> None:
    story = Story(late_limit=120, run_limit=600)
    story.ping(0)
    story.ping(60, "start")
    assert changes(story.tick(660)) == [("up", "down", "run limit", 660)]
    story.ping(700)
    assert changes(story.tick(700 + HOUR + 120))[-1] == ("late", "down", "deadline", 700 + HOUR + 120)


def test_a_second_start_of_the_same_id_takes_the_place_of_the_first() -> None:
    story = Story()
    story.ping(0, "start", rid=A)
    story.ping(100, "start", rid=A)
    assert story.tick(300) == []
    story.ping(350, rid=A)
    assert durations(story) == [250]


@pytest.mark.parametrize(("length", "told"), [(72 * HOUR - 1, [72 * HOUR - 1]), (72 * HOUR, [])])
def test_a_run_of_72_hours_tells_no_duration_in_history(length: int, told: list[float]) -> None:
    story = Story(run_limit=31_536_000)
    story.ping(0, "start", rid=A)
    story.tick(length)
    story.ping(length, rid=A)
    assert durations(story) == told
    assert story.state.last_duration == length * SECOND


def rid(n: int) -> str:
    return derived_id("run", n)


def test_runs_beyond_the_bound_are_counted_and_the_older_keep_their_watch() -> None:
    story = Story()
    for n in range(WATCHED_RUNS + 5):
        story.ping(n / 10, "start", rid=rid(n))
    state = story.state
    assert state.pings == WATCHED_RUNS + 5
    assert [run.rid for run in state.runs] == [rid(n) for n in range(WATCHED_RUNS)]
    assert state.last_start == t((WATCHED_RUNS + 4) / 10)


def test_overdue_runs_make_room_for_new_ones() -> None:
    story = Story()
    for n in range(WATCHED_RUNS):
        story.ping(n, "start", rid=rid(n))
    story.tick(302)
    story.ping(303, "start", rid=A)
    runs = story.state.runs
    assert len(runs) == WATCHED_RUNS
    assert [run.rid for run in runs if run.overdue] == [rid(1), rid(2)]
    assert runs[-1].rid == A


def test_old_overdue_runs_are_let_go() -> None:
    story = Story()
    story.ping(0, "start", rid=A)
    story.tick(72 * HOUR - 1)
    story.ping(72 * HOUR - 1, "start", rid=B)
    assert [run.rid for run in story.state.runs] == [A, B]
    story.tick(72 * HOUR)
    story.ping(72 * HOUR, "start", rid=C)
    assert [run.rid for run in story.state.runs] == [B, C]


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
