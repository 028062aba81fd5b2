"""Windows of maintenance that are over are forgotten by the `projects` fold, after they have been shown for a while."""

from processors.fold.contract import EVERY, Session
from processors.fold.view import View
from processors.projects.fold import Projects
from processors.projects.maintenance import SHOWN
from schemas.base import SECOND
from schemas.ids import new_id
from schemas.maintenance import Once, Recurring, Window
from schemas.requests import MaintenanceCreate, MaintenanceDelete, MaintenanceFields, MaintenanceUpdate
from schemas.schedules import Cron
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
