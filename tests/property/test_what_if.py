"""What would have been is what a Pingfold with those settings would have come to, had it heard the same: over random
histories of checks and monitors, with gaps, pauses, windows of maintenance, mutes and regions in trouble."""

from collections.abc import Iterable
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from processors.checks.fold import Checks
from processors.fold.contract import Fold, Record
from processors.monitors.fold import Monitors
from processors.what_if.alerts import AlertLog, Room
from processors.what_if.comparison import compare
from processors.what_if.dependencies import words_room
from processors.what_if.overlay import Overlay
from processors.what_if.refold import Refold, Start, WordsRefold
from processors.what_if.selection import Selection
from schemas.base import encode
from schemas.definitions import Check
from schemas.monitors import Monitor
from schemas.pings import CheckDefined
from schemas.schedules import Cron, OnCalendar, Simple
from schemas.what_if.settings import Changes
from tests import check_courses as of_checks
from tests import monitor_courses as of_monitors
from tests.folding import Folding
from tests.what_if_courses import (
    SPAN,
    TAKES,
    ChecksWriter,
    check_changes,
    courses_of_checks,
    monitor_changes,
    monitors_redefined,
    related,
    what_if,
    with_own_words,
)


def redefined_check(check: Check, changes: Changes) -> Check:
    """A definition in which the settings stand from the beginning; written without a look at the overlay."""
    for name, value in sorted(((change.name, change.value) for change in changes), key=lambda one: one[0] == "tz"):
        schedule: Any = check.schedule
        if name == "period":
            if not any(change.name == "schedule" for change in changes):
                check = replace(check, schedule=Simple(value))  # type: ignore[arg-type]
        elif name == "schedule":
            tz = getattr(schedule, "tz", "UTC")
            cron = Cron(str(value), tz) if str(value).startswith("*") else OnCalendar(str(value), tz)
            check = replace(check, schedule=cron)
        elif name == "tz":
            if not isinstance(schedule, Simple):
                check = replace(check, schedule=replace(schedule, tz=str(value)))
        elif name == "mute":
            check = replace(check, mute_until=None)
        elif name != "maintenance":
            check = replace(check, **{name: value})
    return check


def redefined_monitor(monitor: Monitor, changes: Changes, chosen: frozenset[str]) -> Monitor:
    """The same of a monitor; what another is made to depend on says to others that it is down."""
    relied_on = {id for change in changes if change.name == "depends_on" for id in change.value or ()}  # type: ignore[union-attr]
    if monitor.id in relied_on:
        monitor = replace(monitor, depended_on=True)
    if monitor.id not in chosen:
        return monitor
    for change in changes:
        value: Any = change.value
        if change.name == "depends_on":
            value = tuple(id for id in value if id != monitor.id)
        monitor = replace(monitor, **{change.name: value})
    return monitor


def fresh_log(fold: Fold, records: Iterable[Record], chosen: frozenset[str]) -> AlertLog:
    """What a fold comes to that hears the records one by one."""
    folding, log = Folding(fold), AlertLog(SPAN, TAKES, Room(), chosen)
    for record in records:
        log.hear(folding.feed([record]), folding.progress.time)
    log.end(folding.progress.time)
    return log


def fresh_checks(records: Iterable[Record], changes: Changes, chosen: frozenset[str]) -> AlertLog:
    names = {change.name for change in changes}
    heard: list[Record] = []
    for record in records:
        value = record.value or b""
        if b'"maintenance.' in value[:24] and "maintenance" in names:
            continue
        if b'"tag.' in value[:14] and "mute" in names:
            continue
        if b'"check.defined"' in value[:24]:
            event = msgspec.json.decode(value, type=CheckDefined)
            if event.check.id in chosen:
                value = encode(replace(event, check=redefined_check(event.check, changes)))
        heard.append(record._replace(value=value))
    return fresh_log(Checks(), heard, chosen)


@settings(max_examples=150, deadline=None)
@given(courses_of_checks, check_changes, check_changes, st.sets(of_checks.checks, min_size=1))
def test_checks_come_to_what_they_would_have(
    course: list[tuple[float, Any]], one: Changes, other: Changes, ids: set[str]
) -> None:
    journal, chosen = list(ChecksWriter().write(course)), frozenset(ids)
    was, *imagined = what_if(Checks(), journal, [one, other], chosen)
    for log, changes in zip([was, *imagined], [(), one, other], strict=True):
        fresh = fresh_checks(journal, changes, chosen)
        assert log.alerts == fresh.alerts
        assert log.watched == fresh.watched


@settings(max_examples=150, deadline=None)
@given(of_monitors.anything, monitor_changes, st.sets(of_monitors.monitors, min_size=1))
def test_monitors_come_to_what_they_would_have(
    course: list[tuple[float, Any]], changes: Changes, ids: set[str]
) -> None:
    raw = monitors_redefined(of_monitors.Writer().write(course), related)
    chosen = frozenset(ids)
    fresh = fresh_log(
        Monitors(),
        with_own_words(monitors_redefined(raw, lambda monitor: redefined_monitor(monitor, changes, chosen))),
        chosen,
    )
    relied_on = frozenset(
        id
        for change in changes
        if change.name == "depends_on"
        for id in change.value or ()  # type: ignore[union-attr]
    )
    recorded, told_anew = with_own_words(raw), chosen | relied_on
    overlay = Overlay(changes, chosen, relied_on, told_anew)
    words = WordsRefold(Monitors(), 3, Selection(told_anew), [overlay], SPAN, Start({}), words_room())
    words.feed(recorded)
    refold = Refold(
        Monitors(), 3, Selection(chosen), [overlay], SPAN, Start({}), takes=TAKES, words=words.words
    )  # fmt: skip
    refold.feed(recorded)
    refold.finish()
    was, imagined = (course.log for course in refold.courses)
    before = fresh_log(Monitors(), recorded, chosen)
    assert (was.alerts, was.watched) == (before.alerts, before.watched)
    assert (imagined.alerts, imagined.watched) == (fresh.alerts, fresh.watched)


@settings(max_examples=60, deadline=None)
@given(courses_of_checks)
def test_without_settings_all_that_was_sent_is_kept(course: list[tuple[float, Any]]) -> None:
    journal = list(ChecksWriter().write(course))
    was, imagined = what_if(Checks(), journal, [()], frozenset(of_checks.CHECKS))
    assert {one.verdict for one in compare(was, imagined)} <= {"kept"}
    assert was.watched == imagined.watched
