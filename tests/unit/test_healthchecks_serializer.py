"""The check object of the Management API: keys, times, and what a check shows at which moment."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from query_api.healthchecks.check_object import (
    Urls,
    badge_key,
    check_object,
    unique_key,
)
from query_api.healthchecks.status import present_check
from schemas.base import SECOND
from schemas.check_states import CheckState, Run
from schemas.definitions import Check
from schemas.schedules import Cron, OnCalendar, Simple
from schemas.times import exact_iso, iso_or_none

ID = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"
NOW = 1_750_000_000 * SECOND
CHECK = Check(id=ID, project="p", version=1, created=0, schedule=Simple(60), grace=60)
UP = CheckState(version=1, status="up", base=NOW)
URLS = Urls("https://hc-ping.com/", "http://localhost:8000")

# docs/compatibility/management.md, "The check"
SHARED_KEYS = {
    "name", "slug", "tags", "desc", "grace", "n_pings", "status", "started", "last_ping", "next_ping",
    "manual_resume", "methods", "subject", "subject_fail", "start_kw", "success_kw", "failure_kw",
    "filter_subject", "filter_body", "filter_http_body", "filter_default_fail", "badge_url", "timeout",
}  # fmt: skip
WRITE_KEYS = {"uuid", "ping_url", "update_url", "pause_url", "resume_url", "channels"}
OUR_KEYS = {"last_success", "last_exitstatus", "late_limit", "run_limit", "not_observed", "mute_until"}


def object_of(check: Check = CHECK, state: CheckState | None = None, urls: Urls = URLS, **more: Any) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(check_object(check, state, NOW, urls, **more))
    return shown


def test_the_keys() -> None:
    assert set(object_of()) == SHARED_KEYS | WRITE_KEYS | OUR_KEYS
    assert len(SHARED_KEYS | WRITE_KEYS) == 29
    assert set(object_of(read_only=True)) == SHARED_KEYS | {"unique_key"} | OUR_KEYS
    cron = set(object_of(replace(CHECK, schedule=Cron("* * * * *", "UTC"))))
    assert cron == SHARED_KEYS - {"timeout"} | {"schedule", "tz"} | WRITE_KEYS | OUR_KEYS
    assert "last_duration" in object_of(state=CheckState(version=1, last_duration=0))


def test_the_unique_key() -> None:
    assert unique_key(ID) == "a386880ceaf12bb4ae2ccdfe62cc8ceb0ff07343"
    assert object_of(read_only=True)["unique_key"] == unique_key(ID)
    assert ID not in str(object_of(read_only=True))


def test_urls_carry_the_version_that_was_asked() -> None:
    shown_object = object_of(urls=Urls("https://hc-ping.com/", "http://localhost:8000", 1))
    assert shown_object["ping_url"] == f"https://hc-ping.com/{ID}"
    assert shown_object["update_url"] == f"http://localhost:8000/api/v1/checks/{ID}"
    assert shown_object["pause_url"] == f"http://localhost:8000/api/v1/checks/{ID}/pause"
    assert shown_object["resume_url"] == f"http://localhost:8000/api/v1/checks/{ID}/resume"
    assert shown_object["badge_url"] == f"http://localhost:8000/b/2/{badge_key(ID)}.svg"


def test_what_a_definition_says() -> None:
    check = replace(
        CHECK,
        schedule=OnCalendar("daily", "Europe/Riga"),
        channels=("b", "a"),
        success_kw="ok",
        failure_kw="bad",
        late_limit=90,
    )
    plain = object_of(check)
    assert (plain["schedule"], plain["tz"], plain["channels"]) == ("daily", "Europe/Riga", "a,b")
    assert (plain["subject"], plain["subject_fail"]) == ("", "")
    assert (plain["late_limit"], plain["run_limit"]) == (90, None)
    filtered = object_of(replace(check, filter_subject=True))
    assert (filtered["subject"], filtered["subject_fail"]) == ("ok", "bad")


def test_what_a_state_says() -> None:
    state = CheckState(
        version=1,
        status="down",
        pings=3,
        last_ping=NOW + 999_999,
        last_success=NOW - SECOND,
        last_duration=3_999_999,
        last_exitstatus=2,
    )
    told = object_of(state=state)
    assert told["n_pings"] == 3
    assert told["last_ping"] == "2025-06-15T15:06:40+00:00"
    assert told["last_success"] == "2025-06-15T15:06:39+00:00"
    assert told["last_duration"] == 3
    assert told["last_exitstatus"] == 2
    assert object_of()["n_pings"] == 0
    assert object_of()["last_ping"] is None


def test_times() -> None:
    assert iso_or_none(None) is None
    assert iso_or_none(NOW + 1) == "2025-06-15T15:06:40+00:00"
    assert exact_iso(NOW + 1) == "2025-06-15T15:06:40.000001+00:00"


# ---- statuses


@pytest.mark.parametrize(
    ("after", "status"),
    [(-SECOND, "up"), (60 * SECOND - 1, "up"), (60 * SECOND, "grace"), (120 * SECOND, "grace"), (10**15, "grace")],
)
def test_late_begins_exactly_at_the_expected_moment_and_down_is_the_folds_word(after: int, status: str) -> None:
    assert present_check(CHECK, UP, NOW + after) == (status, False, NOW + 60 * SECOND)


def test_stored_statuses() -> None:
    assert present_check(CHECK, None, NOW) == ("new", False, None)
    for status in ("new", "down", "paused"):
        assert present_check(CHECK, CheckState(version=1, status=status, base=NOW), NOW + 10**12) == (
            status,
            False,
            None,
        )


def test_what_the_fold_calls_late_is_late() -> None:
    assert present_check(CHECK, CheckState(version=1, status="up", base=NOW, late=True), NOW).status == "grace"
    unobserved = CheckState(version=1, status="up", base=NOW, unobserved=True)
    assert present_check(CHECK, unobserved, NOW).status == "grace"
    assert object_of(state=unobserved)["not_observed"] is True


def test_a_schedule_that_has_ended_expects_nothing() -> None:
    ended = replace(CHECK, schedule=OnCalendar("2019-01-01", "UTC"))
    assert present_check(ended, UP, NOW + 10**12) == ("up", False, None)
    assert present_check(CHECK, CheckState(version=1, status="up"), NOW + 10**12) == ("up", False, None)


def test_next_ping_jumps_back_to_the_start_of_an_open_run() -> None:
    run = Run(started=NOW + 10 * SECOND)
    assert present_check(CHECK, replace(UP, runs=(run,)), NOW + 20 * SECOND) == ("up", True, run.started)
    later = Run(started=NOW + 90 * SECOND)
    assert present_check(CHECK, replace(UP, runs=(later,)), NOW + 100 * SECOND) == ("grace", True, NOW + 60 * SECOND)
    two = (run, Run(started=NOW + 20 * SECOND))
    assert present_check(CHECK, replace(UP, runs=two), NOW + 30 * SECOND).next_ping == run.started
    for status in ("new", "paused"):
        assert present_check(CHECK, CheckState(version=1, status=status, runs=(run,)), NOW) == (
            status,
            True,
            run.started,
        )


def test_a_run_past_its_limit_is_expected_no_more() -> None:
    overdue = (Run(started=NOW, overdue=True),)
    down = CheckState(version=1, status="down", runs=overdue)
    assert present_check(CHECK, down, NOW) == ("down", True, None)
    assert present_check(CHECK, replace(UP, runs=overdue), NOW) == ("up", True, NOW + 60 * SECOND)


def test_version_1_has_a_word_for_started() -> None:
    run = (Run(started=NOW),)
    for status in ("new", "up", "down", "paused"):
        state = CheckState(version=1, status=status, base=NOW, runs=run)
        assert present_check(CHECK, state, NOW, version=1).status == "started"
        assert present_check(CHECK, state, NOW, version=2).status == status
    hung = CheckState(version=1, status="down", runs=(Run(started=NOW, overdue=True),))
    assert present_check(CHECK, hung, NOW, version=1).status == "down"
