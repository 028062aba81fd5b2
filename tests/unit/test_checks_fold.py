"""The fold of checks: when one is up, late and down, and what is told."""

from typing import Any

import pytest

from processors.fold.contract import SAME
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.pings import Kind
from schemas.times import iso
from schemas.topics import DELIVERIES, TRANSITIONS
from schemas.transitions import StatusChanged
from tests.check_outcomes import DOWN, NOW, STATUSES, told_as
from tests.check_story import (
    CHECK,
    A,
    Story,
    changes,
    folded,
    moves,
    notices,
    seconds,
    t,
)
from tests.folding import of_type

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
