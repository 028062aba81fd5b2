"""Windows of maintenance that are over are forgotten by the `projects` fold, after they have been shown for a while."""

from typing import Any

import pytest

from processors.fold.contract import EVERY, Session
from processors.fold.view import View
from processors.projects.fold import Projects
from processors.projects.maintenance import SHOWN
from schemas.base import SECOND
from schemas.decisions import Decision
from schemas.ids import new_id
from schemas.maintenance import Once, Recurring, Window
from schemas.requests import (
    MaintenanceCreate,
    MaintenanceDelete,
    MaintenanceEnd,
    MaintenanceExtend,
    MaintenanceFields,
    MaintenanceUpdate,
)
from schemas.schedules import Cron
from schemas.times import LAST
from schemas.topics import PROBE_RESULTS
from tests.projects_desk import NOW, Desk

HOUR = 3_600 * SECOND


def window(desk: Desk, what: Window) -> str:
    id, fields = new_id(), MaintenanceFields(name="w", window=what)
    request = MaintenanceCreate(request=new_id(), at=desk.at, id=id, partitions=1, fields=fields)
    assert desk.ask(request).outcome == "made"
    return id


def known(desk: Desk) -> set[str]:
    return {key.removeprefix("maintenance/") for key, _ in desk.session.view.items() if key.startswith("maintenance/")}


def test_every_partition_is_told_whatever_the_request_says_of_their_number() -> None:
    desk = Desk()
    id = window(desk, Once(NOW, NOW + HOUR))
    assert [(effect.key, effect.partition) for effect in desk.effects if effect.topic is PROBE_RESULTS] == [(id, EVERY)]
    desk.ask(MaintenanceDelete(request=new_id(), at=NOW, id=id, partitions=7))
    assert [(effect.key, effect.partition) for effect in desk.effects if effect.topic is PROBE_RESULTS] == [(id, EVERY)]


def test_a_window_is_forgotten_when_it_has_been_over_for_long() -> None:
    desk = Desk()
    desk.tick(NOW)
    first, second = (window(desk, Once(NOW, NOW + hours * HOUR)) for hours in (1, 2))
    always = window(desk, Recurring(schedule=Cron("0 3 * * *", "UTC"), duration=3_600))
    desk.tick(NOW + HOUR + SHOWN - 1)
    assert known(desk) == {first, second, always}
    desk.tick(NOW + HOUR + SHOWN)
    assert known(desk) == {second, always}
    desk.tick(NOW + 100 * SHOWN)
    assert known(desk) == {always}
    gone = desk.ask(MaintenanceDelete(request=new_id(), at=desk.at, id=first, partitions=1))
    assert (gone.outcome, gone.reason) == ("refused", "no such window")


def test_one_that_is_extended_stays() -> None:
    desk = Desk()
    desk.tick(NOW)
    id = window(desk, Once(NOW, NOW + HOUR))
    later = MaintenanceFields(window=Once(NOW, NOW + SHOWN))
    desk.ask(MaintenanceUpdate(request=new_id(), at=NOW, id=id, partitions=1, fields=later))
    desk.tick(NOW + HOUR + SHOWN)
    assert known(desk) == {id}
    desk.tick(NOW + 2 * SHOWN)
    assert known(desk) == set()


def test_whoever_takes_the_partition_over_forgets_it_too() -> None:
    desk = Desk()
    desk.tick(NOW)
    window(desk, Once(NOW, NOW + HOUR))
    desk.session = Session(Projects(), 0, View(dict(desk.session.view.items())))
    desk.tick(NOW + 2 * SHOWN)
    assert known(desk) == set()


# ---- windows over checks; those that hooks begin, extend and end


def begun(desk: Desk, key: str = "", **fields: Any) -> Decision:
    wanted = MaintenanceFields(name="w", window=Once(desk.at, desk.at + HOUR), **fields)
    return desk.ask(MaintenanceCreate(request=new_id(), at=desk.at, id=new_id(), partitions=1, fields=wanted, key=key))


def told(desk: Desk) -> list[str]:
    """Which journals heard of the newest request, in every partition."""
    return [effect.topic.name for effect in desk.effects if effect.partition == EVERY]


def test_only_what_concerns_checks_is_told_to_them() -> None:
    desk = Desk()
    check = desk.create(name="c").id
    for fields in ({"checks": (check,)}, {"tags": ("web",)}, {"everything": True}):
        desk.effects.clear()
        id = begun(desk, **fields).id
        assert told(desk) == ["probe-results", "pings"]
    desk.effects.clear()
    begun(desk)
    assert told(desk) == ["probe-results"]
    desk.effects.clear()
    change = MaintenanceFields(everything=False)
    desk.ask(MaintenanceUpdate(request=new_id(), at=desk.at, id=id, partitions=1, fields=change))
    assert told(desk) == ["probe-results", "pings"]  # they know it, and it is no more about them
    desk.effects.clear()
    desk.ask(MaintenanceDelete(request=new_id(), at=desk.at, id=id, partitions=1))
    assert told(desk) == ["probe-results"]


def test_a_key_is_free_again_when_its_window_is_over() -> None:
    desk = Desk()
    desk.tick(NOW)
    first = begun(desk, "k", everything=True)
    assert (first.outcome, begun(desk, "k").outcome, begun(desk, "k").id) == ("made", "found", first.id)
    desk.session = Session(Projects(), 0, View(dict(desk.session.view.items())))  # the next owner knows it, too
    assert begun(desk, "k").id == first.id
    assert begun(desk, "other").outcome == "made"
    desk.ask(MaintenanceEnd(request=new_id(), at=desk.at + SECOND, id=first.id, partitions=1))
    desk.tick(NOW + 2 * SECOND)
    desk.at = NOW + 2 * SECOND
    second = begun(desk, "k")
    assert (second.outcome, second.id != first.id) == ("made", True)
    desk.ask(MaintenanceDelete(request=new_id(), at=desk.at, id=second.id, partitions=1))
    assert begun(desk, "k").outcome == "made"


def test_the_later_end_counts_whichever_comes_first() -> None:
    for order in ((2, 3), (3, 2), (3, 1)):
        desk = Desk()
        desk.tick(NOW)
        id = begun(desk).id
        for hours in order:
            until = NOW + hours * HOUR
            request = MaintenanceExtend(request=new_id(), at=desk.at, id=id, partitions=1, until=until)
            assert desk.ask(request).outcome == "updated"
        assert desk.session.view.get(f"maintenance/{id}").window == Once(NOW, NOW + 3 * HOUR)


def test_what_is_not_open_is_not_extended() -> None:
    desk = Desk()
    desk.tick(NOW)
    id = begun(desk).id
    ended = MaintenanceEnd(request=new_id(), at=NOW + SECOND, id=id, partitions=1)
    assert desk.ask(ended).outcome == "updated"
    again = MaintenanceEnd(request=new_id(), at=NOW + 9 * SECOND, id=id, partitions=1)
    assert desk.ask(again).outcome == "updated"
    assert desk.session.view.get(f"maintenance/{id}").window == Once(NOW, NOW + SECOND)
    late = MaintenanceExtend(request=new_id(), at=NOW + 9 * SECOND, id=id, partitions=1, until=NOW + HOUR)
    assert desk.ask(late).reason == "the window is not open"
    planned = window(desk, Once(NOW + HOUR, NOW + 2 * HOUR))
    for request in (
        MaintenanceEnd(request=new_id(), at=NOW, id=planned, partitions=1),
        MaintenanceExtend(request=new_id(), at=NOW, id=planned, partitions=1, until=NOW + 3 * HOUR),
    ):
        assert desk.ask(request).reason == "the window is not open"


def test_a_check_that_is_not_there_is_not_covered() -> None:
    desk = Desk()
    assert begun(desk, checks=("nothing",)).reason == "covers no such monitor or check: nothing"


def test_a_window_lasts_until_a_time_that_can_be_told() -> None:
    desk = Desk()
    desk.tick(NOW)
    id = begun(desk).id
    until = MaintenanceExtend(request=new_id(), at=NOW, id=id, partitions=1, until=LAST + SECOND)
    assert "cannot last until then" in desk.refusal(until)


def test_the_same_schedule_again_opens_nothing_that_was_ended() -> None:
    """A client that changes the name sends back the schedule that it has read."""
    desk = Desk()
    desk.tick(NOW)
    always = Recurring(schedule=Cron("* * * * *", "UTC"), duration=60)
    id = window(desk, always)
    desk.ask(MaintenanceEnd(request=new_id(), at=NOW, id=id, partitions=1))
    ended = desk.session.view.get(f"maintenance/{id}").window
    assert ended.changed is not None

    def change(what: Window) -> Window:
        fields = MaintenanceFields(name="another", window=what)
        desk.ask(MaintenanceUpdate(request=new_id(), at=NOW, id=id, partitions=1, fields=fields))
        found: Window = desk.session.view.get(f"maintenance/{id}").window
        return found

    assert change(always) == ended
    longer = Recurring(schedule=Cron("* * * * *", "UTC"), duration=120)
    assert change(longer) == longer


def test_windows_that_are_not_over_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processors.projects.maintenance.MOST_WINDOWS", 2)
    desk = Desk()
    desk.tick(NOW)
    ids = [begun(desk).id for _ in range(2)]
    refused = begun(desk)
    assert (refused.outcome, refused.code) == ("refused", "limit_reached")
    desk.ask(MaintenanceEnd(request=new_id(), at=NOW, id=ids[0], partitions=1))
    desk.tick(NOW + 2 * SECOND)
    desk.at = NOW + 2 * SECOND
    assert begun(desk).outcome == "made"
    again = MaintenanceFields(window=Once(desk.at, desk.at + HOUR))
    request = MaintenanceUpdate(request=new_id(), at=desk.at, id=ids[0], partitions=1, fields=again)
    assert desk.ask(request).outcome == "refused"
    rename = MaintenanceUpdate(
        request=new_id(), at=desk.at, id=ids[1], partitions=1, fields=MaintenanceFields(name="x")
    )
    assert desk.ask(rename).outcome == "updated"


def test_what_windows_name_together_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processors.projects.maintenance.MOST_TOGETHER", 3)
    desk = Desk()
    desk.tick(NOW)
    id = begun(desk, tags=("a", "b")).id
    assert begun(desk, tags=("a", "c")).outcome == "refused"
    assert begun(desk, tags=("c",)).outcome == "made"

    def name(*tags: str) -> str:
        fields = MaintenanceFields(tags=tags)
        return desk.ask(MaintenanceUpdate(request=new_id(), at=NOW, id=id, partitions=1, fields=fields)).outcome

    assert [name("a", "b", "c"), name("x", "y"), name("x"), name("x", "y")] == [
        "refused",
        "updated",
        "updated",
        "updated",
    ]


def test_windows_that_are_over_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deployments make one a minute; nobody reads thousands."""
    monkeypatch.setattr("processors.projects.maintenance.MOST_OVER", 3)
    monkeypatch.setattr("processors.projects.maintenance.MOST_WINDOWS", 2)
    desk = Desk()
    desk.tick(NOW)
    always = window(desk, Recurring(Cron("0 3 * * *", "UTC"), 60))
    made = []
    for number in range(12):
        desk.at = NOW + number * HOUR
        desk.tick(desk.at)
        made.append(window(desk, Once(desk.at, desk.at + HOUR)))
    assert known(desk) == {always, *made[-6:]}
