"""Two people who save one form in the same moment: the second is told, and loses nothing that he typed."""

import pytest

from schemas.ids import new_id
from schemas.requests import (
    CheckFields,
    CheckUpdate,
    MaintenanceFields,
    MaintenanceUpdate,
    MonitorFields,
    MonitorUpdate,
    ProjectsRequest,
    StatusPageFields,
    StatusPageUpdate,
)
from tests.people_world import owner
from tests.web_world import WebWorld


def faster(world: WebWorld, what: str) -> ProjectsRequest:
    """The same change by somebody else, which is decided first."""
    request, at, ids = new_id(), world.harness.log.now(), world.ids
    match what:
        case "check":
            return CheckUpdate(request=request, at=at, id=ids["check"], fields=CheckFields(name="theirs"))
        case "monitor":
            return MonitorUpdate(request=request, at=at, id=ids["monitor"], fields=MonitorFields(name="theirs"))
        case "window":
            fields = MaintenanceFields(name="theirs")
            return MaintenanceUpdate(request=request, at=at, id=ids["window"], partitions=2, fields=fields)
        case _:
            return StatusPageUpdate(request=request, at=at, id=ids["page"], fields=StatusPageFields(title="theirs"))


@pytest.mark.parametrize(
    ("what", "route", "name"),
    [
        ("check", "/checks/{code}/edit", "name"),
        ("monitor", "/monitors/{id}/edit", "name"),
        ("window", "/maintenance/{id}/edit", "name"),
        ("page", "/status-pages/{id}", "title"),
    ],
)
async def test_the_second_is_told_and_keeps_what_he_typed(what: str, route: str, name: str) -> None:
    world = await WebWorld().fill()
    harness, boss = world.harness, await owner(world.harness)
    form = next(one for one in world.forms() if one.route == route)
    fields = await form.fields(boss) | {name: "mine"}
    harness.log.overtaking.append((harness.project, faster(world, what)))
    refused = await boss.post(form.to, data=fields)
    assert (refused.status_code, "Somebody else has changed this" in refused.text) == (409, True)
    assert 'value="mine"' in refused.text
    directory, ids = harness.log.directory, world.ids
    there = {
        "check": directory.check(ids["check"]),
        "monitor": directory.monitor(ids["monitor"]),
        "window": directory.window(ids["window"]),
        "page": directory.page(ids["page"]),
    }[what]
    assert getattr(there, name) == "theirs"
    again = await boss.post(form.to, data=fields)  # what he saw first is still not what there is
    assert again.status_code == 409
