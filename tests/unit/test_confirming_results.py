"""The results that made a monitor down stand in its notices: region, time, reason, status and duration of each."""

from typing import Any

import jsonschema_rs

from processors.monitors.quorum import MOST_RESULTS
from schemas.deliveries import DeliveryRequested
from schemas.monitor_states import MonitorState
from schemas.probes import DependencyChanged
from schemas.published import schema_of
from tests.folding import of_type
from tests.monitor_story import Story, t


def told(effects: Any) -> list[list[dict[str, Any]]]:
    """The results in each request for a delivery."""
    return [request.data["monitor"]["last_results"] for request in of_type(effects, DeliveryRequested)]


def held(story: Story) -> int:
    """How many results the state holds for notices."""
    return len(story.state.confirmed_by)


def is_settled(story: Story) -> bool:
    """Whether no change is pending."""
    return story.state.pending_change is None


def test_each_result_that_confirmed_it_is_told_with_its_reason() -> None:
    story = Story("a", "b", "c", confirmations=2)
    story.probe(0)
    first = story.region(1)
    assert told(story.probe(1, ok=False, failure="status", detail="503", status=503, took=20_500)) == []
    effects = story.confirm(ok=False, detail="after 30 s", took=30_000_000)
    [results] = told(effects)
    assert [(one["region"] == first, one["status"], one["confirmation"]) for one in results] == [
        (True, "down", 0), (False, "down", 1),
    ]  # fmt: skip
    assert [(one["error"], one["status_code"], one["response_time_ms"]) for one in results] == [
        ("Unexpected status: 503", 503, 20.5), ("Connection timed out: after 30 s", None, 30_000.0),
    ]  # fmt: skip
    assert results[0]["checked_at"] == "2024-01-01T00:01:00+00:00"
    [request] = of_type(effects, DeliveryRequested)
    schema = schema_of(DeliveryRequested)["$defs"]["DeliveryRequested"]["properties"]["data"]
    assert jsonschema_rs.is_valid(schema["properties"]["monitor"], request.data["monitor"])
    assert held(story) == 2
    story.probe(2)
    story.confirm(ok=True)
    assert held(story) == 0


def test_a_result_that_said_otherwise_is_told_too() -> None:
    story = Story("a", "b", "c", confirmations=2)
    story.probe(0)
    story.probe(1, ok=False)
    assert told(story.confirm(ok=True)) == []
    [results] = told(story.confirm(ok=False))
    assert [(one["status"], one["error"]) for one in results] == [
        ("down", "Connection timed out"), ("up", None), ("down", "Connection timed out"),
    ]  # fmt: skip


def test_of_many_the_first_and_the_newest_are_kept() -> None:
    story = Story("a", "b", "c", confirmations=10)
    story.probe(0)
    well = next(region for region in "abc" if region != story.region(1))
    story.probe(1, ok=False, detail="the first")
    results: list[list[dict[str, Any]]] = []
    while not results:
        results = told(story.confirm(ok=story.confirmation().region == well))
        change = story.state.pending_change
        assert change is None or len(change.results) <= MOST_RESULTS
    [kept] = results
    newest = kept[-1]["confirmation"]
    assert newest > MOST_RESULTS
    assert [one["confirmation"] for one in kept] == [0, *range(newest - MOST_RESULTS + 2, newest + 1)]
    assert kept[0]["error"] == "Connection timed out: the first"
    assert {one["status"] for one in kept if one["region"] == well} == {"up"}


def test_a_recovery_and_a_change_that_is_rejected_keep_nothing() -> None:
    story = Story("a", "b", "c", confirmations=2, recoveries=2)
    story.probe(0)
    story.probe(1, ok=False)
    story.confirm(ok=True)
    story.confirm(ok=True)
    assert is_settled(story)
    story.probe(2, ok=False)
    story.confirm(ok=False)
    story.probe(3, ok=True)
    change = story.state.pending_change
    assert change is not None
    assert change.results == ()


def test_a_notice_that_is_held_back_tells_them_when_it_is_sent() -> None:
    story = Story(depends_on=("router",), dependency_wait=60)
    story.probe(0)
    assert told(story.probe(1, ok=False, detail="held back")) == []
    assert held(story) == 1
    [results] = told(story.tick(story.time + 100))
    assert [one["error"] for one in results] == ["Connection timed out: held back"]


def test_what_is_muted_is_told_at_the_end_and_forgotten_when_it_is_over() -> None:
    story = Story(mute_until=t(600))
    story.probe(0)
    assert told(story.probe(1, ok=False, detail="muted")) == []
    [results, *_] = told(story.tick(700))
    assert results[0]["error"] == "Connection timed out: muted"
    again = Story(mute_until=t(6_000))
    again.probe(0)
    again.probe(1, ok=False)
    assert held(again) == 1
    again.probe(2)
    assert held(again) == 0


def test_a_reminder_tells_what_each_region_saw_last() -> None:
    story = Story(interval=60)
    story.probe(0)
    story.probe(1, ok=False)
    n = 2
    reminders: list[DeliveryRequested] = []
    while not reminders:
        reminders = of_type(story.probe(n, ok=False), DeliveryRequested)
        n += 1
    [reminder] = reminders
    assert reminder.notices == ("monitor.still_down",)
    [result] = reminder.data["monitor"]["last_results"]
    assert set(result) == {"checked_at", "status", "region"}


def test_what_people_who_are_sent_the_state_get_has_none_of_it() -> None:
    story = Story(depends_on=("router",), dependency_wait=60)
    story.probe(0)
    story.probe(1, ok=False)
    [request] = of_type(story.tick(story.time + 100), DeliveryRequested)
    assert request.about is not None
    assert isinstance(request.about.state, MonitorState)
    assert request.about.state.confirmed_by == ()
    assert DependencyChanged not in map(type, story.effects)
