"""Maintenance of monitors in the fold: nothing alerts, nothing is judged, and afterwards all is as before."""

from typing import Any

import pytest

from schemas.dead_letters import DeadLetter
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.maintenance import Maintenance, Once, Recurring, Window
from schemas.monitor_states import MaintenanceCopy, visible_status
from schemas.probes import MaintenanceDefined, MaintenanceRemoved
from schemas.requests import MuteEnded
from schemas.schedules import Cron
from schemas.transitions import StatusChanged
from tests.folding import of_type
from tests.monitor_story import MONITOR, Story, changes, notices, t

WINDOW = derived_id("test", "window")


def window(story: Story, at: float, what: Window, version: int = 1, **fields: Any) -> list[Any]:
    made: dict[str, Any] = {"id": WINDOW, "project": "p", "created": t(0), "revised": t(at), "name": "deploy"}
    maintenance = Maintenance(**made | {"version": version, "window": what} | fields)
    return story.tell(MaintenanceDefined(at=t(at), maintenance=maintenance), at, key=WINDOW)


def once(start: float, end: float) -> Once:
    return Once(t(start), t(end))


def up_story(**definition: Any) -> Story:
    story = Story(**{"confirmations": 2} | definition)
    story.probe(0)
    story.probe(1)
    return story


def test_nothing_is_judged_while_a_window_is_open() -> None:
    story = up_story()
    assert window(story, 70, once(100, 400)) == []
    assert changes(story.tick(101)) == [("up", "maintenance", "maintenance", 100)]
    for slot in (2, 3, 4):
        assert story.probe(slot, ok=False) == []
    assert (visible_status(story.state), story.state.last_ok, story.state.incident) == ("maintenance", False, None)
    assert changes(story.tick(401)) == [("maintenance", "up", "maintenance", 400)]
    # It is probed at once, and judged again.
    begun = story.state.begun
    assert t(400) <= begun <= t(401)
    assert notices(story.probe(0, ok=False) + story.confirm(ok=False)) == ["monitor.down", "incident.created"]
    assert story.state.down_since == begun


def test_empty_slots_are_not_noticed_in_maintenance() -> None:
    story = up_story()
    window(story, 70, once(100, 4000))
    story.tick(101)
    assert story.tick(3900) == []
    assert changes(story.tick(4001)) == [("maintenance", "up", "maintenance", 4000)]
    assert changes(story.tick(4100)) == [("up", "not_observed", "gap", 4000)]


def test_one_that_is_down_stays_down_until_it_comes_back() -> None:
    story = up_story()
    story.probe(2, ok=False)
    story.confirm(ok=False)
    assert story.state.status == "down"
    window(story, 130, once(140, 1000))
    assert story.tick(141) == []
    assert visible_status(story.state) == "down"
    effects = story.probe(3)
    assert [one[:2] for one in changes(effects)] == [("down", "up"), ("up", "maintenance")]
    assert notices(effects) == ["monitor.recovered", "incident.resolved"]
    assert story.probe(4, ok=False) == []


def test_a_mute_that_ends_in_a_window_tells_after_it_what_nobody_was_told() -> None:
    story = up_story(confirmations=1, mute_until=t(1_000))
    [change] = of_type(story.probe(2, ok=False), StatusChanged)
    window(story, 500, once(900, 1_600))
    assert notices(story.tick(900)) == []
    told = story.tick(1_000)
    assert (len(of_type(told, MuteEnded)), notices(told)) == (1, [])
    story.folding.restart()
    assert notices(story.tick(1_599)) == []
    [request] = of_type(story.tick(1_600), DeliveryRequested)
    assert (request.notices[0], request.transition) == ("monitor.down", change.id)
    assert notices(story.tick(1_700)) == []


def test_what_comes_back_in_a_window_after_a_mute_was_told_to_nobody() -> None:
    story = up_story(confirmations=1, mute_until=t(1_000))
    story.probe(2, ok=False)
    window(story, 500, once(900, 1_600))
    story.tick(1_000)
    assert notices(story.probe(18)) == []
    assert story.state.maintained
    assert notices(story.tick(1_700)) == []


def test_a_mute_that_is_lifted_in_a_window_tells_after_it() -> None:
    story = up_story(confirmations=1, mute_until="forever")
    story.probe(2, ok=False)
    window(story, 500, once(900, 1_600))
    story.tick(1_000)
    assert notices(story.define(story.time, mute_until=None) + story.tick(1_599)) == []
    removed = story.tell(MaintenanceRemoved(at=t(1_599), id=WINDOW), 1_599, key=WINDOW)
    assert notices(removed + story.tick(1_600)) == ["monitor.down", "incident.created"]


def test_who_muted_what_they_knew_to_be_down_is_told_again_after_a_window() -> None:
    story = up_story(confirmations=1)
    story.probe(2, ok=False)
    story.define(story.time, mute_until=t(1_000))
    window(story, 500, once(900, 1_600))
    told = story.tick(900) + story.tick(1_000)
    assert (len(of_type(told, MuteEnded)), notices(told)) == (1, [])
    story.folding.restart()
    assert notices(story.tick(1_600)) == ["monitor.down"]
    assert notices(story.tick(1_700)) == []


def test_a_window_that_is_open_when_it_is_made() -> None:
    story = up_story()
    assert changes(window(story, 150, once(100, 400))) == [("up", "maintenance", "maintenance", 150)]


def test_a_window_that_is_removed_or_changed_while_it_is_open() -> None:
    story = up_story()
    window(story, 70, once(100, 400))
    story.tick(101)
    assert changes(window(story, 200, once(300, 500), version=2)) == [("maintenance", "up", "maintenance", 200)]
    assert window(story, 210, once(100, 400), version=1) == []
    assert changes(story.tick(301)) == [("up", "maintenance", "maintenance", 300)]
    removed = story.tell(MaintenanceRemoved(at=t(310), id=WINDOW), 310, key=WINDOW)
    assert changes(removed) == [("maintenance", "up", "maintenance", 310)]


def test_a_monitor_that_is_made_or_resumed_in_a_window_is_in_it() -> None:
    story = Story()
    window(story, 5, once(0, 10_000))
    assert visible_status(story.state) == "maintenance"
    story.define(20, paused=True)
    assert visible_status(story.state) == "paused"
    assert changes(story.define(30, paused=False))[-1][:2] == ("new", "maintenance")


def test_only_those_it_covers() -> None:
    story = up_story()
    assert window(story, 90, once(80, 400), monitors=(derived_id("other"),)) == []
    assert window(story, 91, once(80, 400), version=2, project="q") == []
    assert changes(window(story, 92, once(80, 400), version=3, monitors=(MONITOR,))) != []


def test_every_day_again() -> None:
    story = up_story(interval=3600)
    window(story, 70, Recurring(Cron("0 2 * * *", "UTC"), 3600))
    told = []
    for hour in range(1, 75):
        told += changes(story.tick(hour * 3600))
    moves = [(was, now, at) for was, now, _, at in told if "maintenance" in (was, now)]
    assert [at for _, now, at in moves if now == "maintenance"] == [(2 + 24 * day) * 3600 for day in range(4)]
    assert [at for was, _, at in moves if was == "maintenance"] == [(3 + 24 * day) * 3600 for day in range(3)]


@pytest.mark.parametrize("what", [Once(5, 5), Recurring(Cron("0 2 * *", "UTC"), 60), Recurring(Cron("@x", "UTC"), 60)])
def test_a_window_that_nobody_could_follow_is_refused(what: Window) -> None:
    story = up_story()
    window(story, 70, what)
    assert len(of_type(story.effects, DeadLetter)) == 1
    assert not [key for key in story.folding.committed if key.startswith("maintenance/")]


def test_the_copy_says_whether_it_is_open() -> None:
    story = up_story()
    window(story, 70, once(100, 400))
    assert story.folding.state(MaintenanceCopy, f"maintenance/{WINDOW}").until is None
    story.tick(100)
    assert story.folding.state(MaintenanceCopy, f"maintenance/{WINDOW}").until == t(400)


def test_a_window_that_is_over_is_dropped_and_may_come_again() -> None:
    story = up_story()
    window(story, 70, once(100, 400))
    key = f"maintenance/{WINDOW}"
    story.tick(101)
    assert key in story.folding.committed
    story.tick(400)
    assert key not in story.folding.committed
    assert story.tell(MaintenanceRemoved(at=t(402), id=WINDOW), 402, key=WINDOW) == []
    # It is changed, and opens once more.
    window(story, 410, once(500, 600), version=2)
    assert changes(story.tick(501)) == [("up", "maintenance", "maintenance", 500)]
    assert changes(story.tick(601)) == [("maintenance", "up", "maintenance", 600)]
    # One that nobody ever saw open.
    window(story, 610, once(620, 621), version=3)
    story.tick(619)
    assert key in story.folding.committed
    story.tick(625)
    assert key not in story.folding.committed


def test_a_window_that_recurs_is_never_over() -> None:
    story = up_story()
    window(story, 70, Recurring(schedule=Cron("*/10 * * * *", "UTC"), duration=60))
    for at in (601, 700, 86_400):
        story.tick(at)
    assert f"maintenance/{WINDOW}" in story.folding.committed
