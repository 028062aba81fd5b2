"""Monitors that are paused, defined anew and removed; their time; and those that cannot be judged."""

from collections.abc import Set as AbstractSet
from typing import Any

import pytest
from msgspec.structs import replace

from processors.fold.contract import Effect
from processors.fold.partition_time import END_OF_TIME
from processors.monitors import expiry as monitor_expiry
from processors.monitors.transitions import pass_empty_slot
from schemas.base import Micros, encode
from schemas.dead_letters import DeadLetter
from schemas.ids import derived_id
from schemas.monitor_states import MonitorState, visible_status
from schemas.monitors import Monitor, ProbeTarget
from schemas.probes import MonitorDefined, ProbeCompleted
from schemas.transitions import StatusChanged
from tests.folding import of_type
from tests.monitor_outcomes import LIMIT, RECOVERED, told_as, without_effect
from tests.monitor_story import MONITOR, Story, changes, moves, notices, t

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
