"""What a set of declarations makes has a name of its own: the `projects` fold refuses the second one."""

from collections.abc import Callable

import pytest

from processors.fold.contract import Session
from processors.fold.view import View
from processors.projects.fold import Projects
from schemas.definitions import Channel
from schemas.escalations import Step
from schemas.ids import new_id
from schemas.incident_requests import EscalationCreate, EscalationFields
from schemas.maintenance import Once
from schemas.monitors import ProbeTarget
from schemas.rejections import RejectionCode
from schemas.requests import (
    ChannelCreate,
    CheckCreate,
    CheckFields,
    MaintenanceCreate,
    MaintenanceFields,
    MonitorCreate,
    MonitorDelete,
    MonitorFields,
    MonitorUpdate,
    ProjectsRequest,
    StatusPageCreate,
    StatusPageFields,
)
from tests.projects_desk import NOW, Desk

Make = Callable[[Desk, str, str], ProjectsRequest]
TARGET = ProbeTarget(url="https://shop.example.com/")


def check(desk: Desk, name: str, managed_by: str) -> ProjectsRequest:
    fields = CheckFields(slug=name, managed_by=managed_by)
    return CheckCreate(request=new_id(), at=desk.at, id=new_id(), fields=fields)


def monitor(desk: Desk, name: str, managed_by: str) -> ProjectsRequest:
    fields = MonitorFields(name=name, target=TARGET, managed_by=managed_by)
    return MonitorCreate(request=new_id(), at=desk.at, id=new_id(), fields=fields)


def page(desk: Desk, name: str, managed_by: str) -> ProjectsRequest:
    fields = StatusPageFields(title="T", slug=name, managed_by=managed_by)
    return StatusPageCreate(request=new_id(), at=desk.at, id=new_id(), fields=fields)


def window(desk: Desk, name: str, managed_by: str) -> ProjectsRequest:
    fields = MaintenanceFields(name=name, window=Once(NOW, NOW + 60_000_000), managed_by=managed_by)
    return MaintenanceCreate(request=new_id(), at=desk.at, id=new_id(), partitions=1, fields=fields)


def channel(desk: Desk, name: str, managed_by: str) -> ProjectsRequest:
    made = Channel(
        id=new_id(), project=desk.project, kind="webhook", url="https://a.example/", created=0, name=name,
        managed_by=managed_by,
    )  # fmt: skip
    return ChannelCreate(request=new_id(), at=desk.at, channel=made)


def policy(desk: Desk, name: str, managed_by: str) -> ProjectsRequest:
    fields = EscalationFields(name=name, steps=(Step(5, own=True),), managed_by=managed_by)
    return EscalationCreate(request=new_id(), at=desk.at, id=new_id(), fields=fields)


each_kind = pytest.mark.parametrize("make", [check, monitor, page, window, channel, policy])


@pytest.fixture
def desk() -> Desk:
    return Desk()


@each_kind
def test_the_second_one_is_refused(desk: Desk, make: Make) -> None:
    first = make(desk, "a", "set")
    assert desk.ask(first).outcome == "made"
    for other in ("set", "another"):
        second = desk.ask(make(desk, "a", other))
        assert (second.outcome, second.code, second.detail) == ("refused", RejectionCode.NAME_TAKEN, "a")
    assert desk.ask(make(desk, "b", "set")).outcome == "made"
    assert desk.ask(first).outcome == "found"  # the same request, that came twice


@each_kind
def test_what_no_set_makes_may_share_a_name(desk: Desk, make: Make) -> None:
    assert desk.ask(make(desk, "a", "")).outcome == "made"
    assert desk.ask(make(desk, "a", "")).outcome == "made"
    assert desk.ask(make(desk, "a", "set")).code is RejectionCode.NAME_TAKEN


def test_a_name_that_is_given_up_is_free(desk: Desk) -> None:
    first, second = (desk.ask(monitor(desk, name, "set")) for name in ("a", "b"))
    desk.ask(MonitorUpdate(request=new_id(), at=desk.at, id=first.id, fields=MonitorFields(name="c")))
    desk.ask(MonitorDelete(request=new_id(), at=desk.at, id=second.id))
    assert [desk.ask(monitor(desk, name, "set")).outcome for name in "abc"] == ["made", "made", "refused"]


def test_a_restart_knows_the_same(desk: Desk) -> None:
    kinds = (monitor, page, window, channel, policy)
    for make in kinds:
        desk.ask(make(desk, "a", "set"))
    desk.session = Session(Projects(), 0, View(dict(desk.session.view.items())))
    assert [desk.ask(make(desk, name, "set")).outcome for make in kinds for name in "ab"] == ["refused", "made"] * len(
        kinds
    )
