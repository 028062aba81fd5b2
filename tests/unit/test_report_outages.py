"""Reports after outages, restarts and failures: each is sent once, or is told to be missing."""

from typing import Any

import msgspec
import pytest

from infra.clickhouse.client import ClickHouseUnavailable
from query_api.reports.maker import SETTLED, ReportMaker
from schemas.base import SECOND, Micros
from schemas.reports import GIVEN_UP_AFTER
from schemas.times import read_iso
from tests.harness import WRITE_KEY, Harness
from tests.poppaping_client import made, with_key
from tests.report_world import DAY, MONDAY, deps_of, maker, move_to, pending, requested, schedule


@pytest.fixture
def harness() -> Harness:
    harness = with_key(Harness())
    harness.client.headers["X-Api-Key"] = WRITE_KEY
    return harness


async def test_a_restart_between_due_and_sent(harness: Harness) -> None:
    await schedule(harness, weekly=True, monthly=True, alert_channel_ids=[harness.make_channel("hook")])
    harness.log.restart()
    july = read_iso("2025-07-01T00:00:00")
    move_to(harness, july)
    harness.log.restart()
    assert pending(harness) == [("week", "2025-06-30"), ("month", "2025-07-01")]
    move_to(harness, july + SETTLED + 60 * SECOND)
    harness.log.restart()
    await maker(harness).look()
    harness.log.restart()
    assert [each["data"]["report"]["period"] for each in requested(harness)] == ["week", "month"]
    assert [each["at"] for each in requested(harness)] == [read_iso("2025-06-30T00:00:00"), july]


async def test_after_an_outage_of_weeks_the_newest_is_sent(harness: Harness) -> None:
    await schedule(harness, weekly=True, alert_channel_ids=[harness.make_channel("hook")])
    move_to(harness, MONDAY + 30 * DAY)
    assert pending(harness) == [("week", "2025-07-14")]
    await maker(harness).look()
    assert len(requested(harness)) == 1


async def test_after_an_outage_the_report_has_its_time_whenever_that_ends(harness: Harness) -> None:
    """Days after the end of a week or a month: history is there, so nobody is told that it is not."""
    await schedule(harness, weekly=True, monthly=True, alert_channel_ids=[harness.make_channel("hook")])
    back = MONDAY + 34 * DAY  # a Sunday, the 20th
    move_to(harness, back)
    assert pending(harness) == [("week", "2025-07-14"), ("month", "2025-07-01")]
    harness.report_history.written = False  # it still takes in what came meanwhile
    await maker(harness).look()
    assert requested(harness) == []
    harness.report_history.written = True
    await maker(harness).look()
    assert [each["data"]["report"]["complete"] for each in requested(harness)] == [True, True]
    assert pending(harness) == []


async def test_after_an_outage_a_report_is_given_up_by_the_time_since_then(harness: Harness) -> None:
    await schedule(harness, weekly=True, alert_channel_ids=[harness.make_channel("hook")])
    back = MONDAY + 31 * DAY
    move_to(harness, back)
    move_to(harness, back + GIVEN_UP_AFTER - SECOND)
    assert requested(harness) == []
    move_to(harness, back + GIVEN_UP_AFTER)
    assert ["history was not available" in each["data"]["detail"] for each in requested(harness)] == [True]


async def test_one_that_fails_each_time_keeps_no_others_waiting(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await schedule(harness, weekly=True, alert_channel_ids=[harness.make_channel("hook")])
    move_to(harness, MONDAY + SETTLED + 60 * SECOND)
    directory, history = harness.log.directory, harness.report_history
    [(project, due)] = directory.pending_reports()
    slow = ["slow 1", "slow 2"]
    monkeypatch.setattr(directory, "pending_reports", lambda: [(each, due) for each in (*slow, project)])
    asked: list[str] = []
    answer = history.incidents

    async def incidents(which: str, *more: Any) -> Any:
        asked.append(which)
        if which in slow:
            raise ClickHouseUnavailable("it takes too long")
        return await answer(which, *more)

    monkeypatch.setattr(history, "incidents", incidents)
    made = maker(harness)
    for _ in range(3):
        await made.look()
        harness.log.tick(61)  # each of them may be tried again
    assert asked[:3] == [*slow, project]
    assert len(requested(harness)) == 1


async def test_while_history_is_away_the_report_waits(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    await schedule(harness, weekly=True, alert_channel_ids=[harness.make_channel("hook")])
    move_to(harness, MONDAY + 3_600 * SECOND)

    async def away(*_: object) -> None:
        raise ClickHouseUnavailable("it is away")

    with monkeypatch.context() as patched:
        patched.setattr(harness.report_history, "gaps", away)
        await maker(harness).look()
    harness.report_history.written = False
    await maker(harness).look()
    assert pending(harness) == [("week", "2025-06-16")]
    assert requested(harness) == []
    harness.report_history.written = True
    await maker(harness, behind=["probe-results/1"]).look()
    assert requested(harness) == []
    await maker(harness).look()
    assert [each["data"]["report"]["complete"] for each in requested(harness)] == [True]


async def test_history_that_stays_behind_is_told(harness: Harness) -> None:
    await schedule(harness, weekly=True, alert_channel_ids=[harness.make_channel("hook")])
    harness.report_history.written = False
    move_to(harness, MONDAY)
    move_to(harness, MONDAY + DAY + 60 * SECOND)
    await maker(harness).look()
    [sent] = requested(harness)
    assert sent["data"]["report"]["complete"] is False
    assert "History did not have all of it." in sent["data"]["detail"]


async def test_a_report_that_could_not_be_made_is_told_to_be_missing(harness: Harness) -> None:
    await schedule(harness, weekly=True, alert_channel_ids=[harness.make_channel("hook")])
    move_to(harness, MONDAY)
    move_to(harness, MONDAY + GIVEN_UP_AFTER - SECOND)
    assert requested(harness) == []
    move_to(harness, MONDAY + GIVEN_UP_AFTER)
    [sent] = requested(harness)
    assert sent["data"]["report"]["label"] == "2025-06-16"
    assert "history was not available for 3 days" in sent["data"]["detail"]
    assert pending(harness) == []
    await maker(harness).look()
    assert len(requested(harness)) == 1


async def test_what_fails_for_one_project_is_made_for_the_others(harness: Harness) -> None:
    """A defect in the report of one must not keep the others from theirs."""
    await schedule(harness, weekly=True, alert_channel_ids=[harness.make_channel("hook")])
    move_to(harness, MONDAY + SETTLED + 60 * SECOND)
    directory, deps = harness.log.directory, deps_of(harness)
    [(project, due)] = directory.pending_reports()
    broken = msgspec.structs.replace(due, timezone="UTC", before=None)
    made = ReportMaker(deps, lambda _: [], "0")
    found = [("0", broken), (project, due)]
    directory.pending_reports = lambda: found  # type: ignore[method-assign]
    await made.look()
    assert len(requested(harness)) == 1


async def test_while_results_are_rolled_up_nothing_is_computed(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(harness)
    await schedule(harness, weekly=True, alert_channel_ids=[harness.make_channel("hook")])
    move_to(harness, MONDAY + SETTLED + 60 * SECOND)
    history = harness.report_history
    asked: list[str] = []
    times = history.times

    async def counted(*which: Any) -> Any:
        asked.append("times")
        return await times(*which)

    async def behind() -> Micros:
        return MONDAY

    monkeypatch.setattr(history, "times", counted)
    with monkeypatch.context() as patched:
        patched.setattr(history, "rolled_to", behind)
        for _ in range(3):
            await maker(harness).look()
    assert (asked, requested(harness)) == ([], [])
    await maker(harness).look()
    assert (asked, len(requested(harness))) == (["times"], 1)
