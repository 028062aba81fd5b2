"""Reasons, schedules and times of pages in words."""

import pytest
from msgspec.structs import replace

from query_api.web.shown.reasons import (
    acknowledged_words,
    check_reason,
    in_reach,
    limits_words,
    monitor_reason,
    muted_words,
)
from query_api.web.shown.schedule_words import schedule_words, span_words
from query_api.web.shown.shown_times import ShownTimes
from schemas.base import SECOND
from schemas.check_states import CheckState, Failing, Run
from schemas.definitions import Check
from schemas.incidents import Acknowledged
from schemas.monitor_states import ConfirmingResult, MonitorState, PendingChange
from schemas.monitors import Monitor
from schemas.schedules import Schedule, Simple, parse_schedule, zone
from schemas.times import read_iso

NOW = read_iso("2026-03-02T12:00:00+00:00")
MINUTE = 60 * SECOND
UTC = ShownTimes(zone("UTC"), "UTC", NOW)
KOLKATA = ShownTimes(zone("Asia/Kolkata"), "Asia/Kolkata", NOW)
CHECK = Check(id="c", project="p", version=1, created=0, schedule=Simple(period=3_600), grace=300)
MONITOR = Monitor(id="m", project="p", version=1, created=0, revised=0, name="Shop")
PING = NOW - 70 * MINUTE


def state(**fields: object) -> CheckState:
    return CheckState(**{"version": 1, "status": "up", "base": PING, "last_ping": PING} | fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (None, "It was just made."),
        (state(status="new"), "No ping yet; one is expected every hour."),
        (state(), "Last ping 10:50, next expected 11:50."),
        (
            state(runs=(Run(started=NOW - MINUTE),)),
            "Last ping 10:50, running since 11:59, next expected 11:50.",
        ),
        (state(late=True), "No ping since 10:50, expected 11:50; down at 11:55 if none comes."),
        (
            state(
                status="down",
                cause="No ping for 1:05:00 (expected at 2026-03-02T11:50:00+00:00, late limit 0:05:00)",
            ),
            "No ping since 10:50, expected 11:50, grace 5 min.",
        ),
        (
            state(status="down", cause="No ping (expected at 2026-03-01T11:50:00+00:00)", last_ping=None),
            "No ping yet, expected 2026-03-01 11:50.",
        ),
        (state(status="down", cause="Exit status 3", down_since=PING), "Exit status 3, since 10:50."),
        (state(status="down", cause="The disk is full.", down_since=PING), "The disk is full, since 10:50."),
        (state(status="down", cause="The disk is full."), "The disk is full."),
        (
            state(
                status="down",
                cause="Run exceeded its limit of 0:10:00 (started at 2026-03-02T11:40:00+00:00)",
                down_since=NOW - 10 * MINUTE,
            ),
            "Run exceeded its limit of 10 min (started at 11:40), since 11:50.",
        ),
        (state(unobserved=True), "A run was due while Pingfold could not be reached; no ping since 10:50."),
        (state(status="paused"), "Paused: nothing is expected until it is resumed or pinged."),
        (state(maintained=True), "In maintenance: no deadline is judged."),
        (
            state(maintained=True, failing=Failing(at=NOW, cause="Exit status 1")),
            "In maintenance: no deadline is judged. The job reported a failure: Exit status 1.",
        ),
        (
            state(maintained=True, failing=Failing(at=NOW, cause="The disk is full.")),
            "In maintenance: no deadline is judged. The job reported a failure: The disk is full.",
        ),
    ],
)
def test_why_a_check_has_its_status(known: CheckState | None, words: str) -> None:
    assert check_reason(CHECK, known, UTC) == words


def seen(**fields: object) -> MonitorState:
    return MonitorState(**{"version": 1, "status": "up", "last_at": PING, "last_ms": 141.6} | fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (None, "It was just made."),
        (seen(status="new"), "No result yet; it is probed every minute."),
        (seen(last_status=204), "Answered with 204 in 142 ms at 10:50."),
        (
            seen(pending_change=PendingChange(since=PING, at=PING, region="riga", cause="Connection failed: refused")),
            "Being confirmed since 10:50: Connection failed: refused.",
        ),
        (
            seen(
                status="down",
                cause="Connection timed out: after 30 s",
                down_since=PING,
                confirmed_by=tuple(ConfirmingResult(region=one, at=PING, took=1) for one in ("riga", "oslo", "riga")),
            ),
            "Connection timed out: after 30 s, since 10:50, found from oslo, riga.",
        ),
        (seen(status="down", cause="Unexpected status: 503.", down_since=PING), "Unexpected status: 503, since 10:50."),
        (seen(unobserved=True), "No result since 10:50; no prober has reported."),
        (seen(unobserved=True, unprobed="no sockets left"), "No result since 10:50: no sockets left."),
        (seen(maintained=True), "In maintenance: results are recorded and change nothing."),
        (seen(status="paused"), "Paused: it is not probed."),
    ],
)
def test_why_a_monitor_has_its_status(known: MonitorState | None, words: str) -> None:
    assert monitor_reason(MONITOR, known, UTC) == words


def test_moments_are_those_of_the_readers_clock() -> None:
    assert check_reason(CHECK, state(late=True), KOLKATA) == (
        "No ping since 16:20, expected 17:20; down at 17:25 if none comes."
    )
    assert KOLKATA.at(PING) == (
        '<time datetime="2026-03-02T10:50:00+00:00" title="2026-03-02T10:50:00Z">2026-03-02 16:20:00 IST</time>'
    )
    assert "70 min" not in KOLKATA.ago(PING)
    assert ">1 h 10 min ago<" in KOLKATA.ago(PING)
    assert ">in 10 min<" in UTC.ago(NOW + 10 * MINUTE)
    assert in_reach("at 2026-03-02T10:50:00+00:00, 1 day, 2:00:00 late", KOLKATA) == "at 16:20, 1 d 2 h late"
    assert in_reach("of 10.0.0.1:12:30", UTC) == "of 10.0.0.1:12:30"


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (Simple(period=86_400), "every day"),
        (Simple(period=172_800), "every 2 days"),
        (Simple(period=604_800), "every week"),
        (Simple(period=5_400), "every 90 minutes"),
        (Simple(period=3_661), "every 3661 seconds"),
        (parse_schedule("0 3 * * *", "Europe/Berlin"), "At 03:00 every day (Europe/Berlin)"),
        (parse_schedule("*-*-* 04:00", "UTC"), "OnCalendar *-*-* 04:00 (UTC)"),
    ],
)
def test_a_schedule_is_told_in_words(schedule: Schedule, words: str) -> None:
    assert schedule_words(schedule) == words


def test_limits_mutes_and_acknowledgements_are_told_in_words() -> None:
    assert (span_words(0), span_words(5_430)) == ("none", "1 h 30 min 30 s")
    assert limits_words(CHECK) == "grace 5 min"
    assert limits_words(replace(CHECK, run_limit=7_200)) == "grace 5 min, runs at most 2 h"
    assert [muted_words(one, UTC) for one in (None, "forever", "recovery", NOW)] == [
        "",
        "muted",
        "muted until it recovers",
        "muted until 12:00",
    ]
    said = Acknowledged(at=NOW, by="", request="r")
    assert acknowledged_words(said) == "acknowledged by somebody"
    assert acknowledged_words(replace(said, by="eve")) == "acknowledged by eve"
