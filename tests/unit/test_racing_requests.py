"""Requests that another one has overtaken: what one process looked up is gone or changed when the fold decides."""

from typing import Any

import httpx
import pytest

from schemas.base import SECOND
from schemas.decisions import Decision
from schemas.ids import new_id
from schemas.monitors import ProbeTarget
from schemas.requests import (
    ChannelDelete,
    CheckCreate,
    CheckDelete,
    CheckFields,
    CheckUpdate,
    MaintenanceDelete,
    MonitorDelete,
    MonitorFields,
    MonitorUpdate,
    ProjectsRequest,
    StatusPageDelete,
)
from schemas.schedules import Cron
from tests.harness import POP_KEY, Harness

V1 = "/api/v1"
V3 = "/api/v3"
POPPAPING = {"Authorization": f"Bearer {POP_KEY}"}
WEBHOOK = {"channel_type": "webhook", "url": "https://a.test/"}
NOT_FOUND = {"error": "not found"}


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def made(harness: Harness, path: str, **body: Any) -> str:
    """Makes a thing by the PoppaPing API; answers its id."""
    answer = await harness.client.post(f"{V1}{path}", json=body, headers=POPPAPING)
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["data"]["id"]
    return id


async def new_monitor(harness: Harness, name: str = "m") -> str:
    return await made(harness, "/monitors", name=name, url="https://api.example.com/")


def once(**body: Any) -> dict[str, Any]:
    """A body of a window of maintenance."""
    return {"name": "Deploy", "starts_at": "2033-01-01T10:00:00Z", "ends_at": "2033-01-01T11:00:00Z", **body}


def deleting(harness: Harness, kind: type[Any], id: str, **more: Any) -> None:
    """Another process has the thing deleted just before the next request is decided."""
    request: ProjectsRequest = kind(request=new_id(), at=harness.log.time, id=id, **more)
    harness.log.overtaking.append((harness.project, request))


async def poppaping(harness: Harness, method: str, path: str, /, **body: Any) -> tuple[int, Any]:
    answer = await harness.client.request(method, f"{V1}{path}", json=body or None, headers=POPPAPING)
    return answer.status_code, answer.json()


async def management(harness: Harness, method: str, path: str, **body: Any) -> tuple[int, Any]:
    answer: httpx.Response = await harness.client.request(method, f"{V3}{path}", json=body or None)
    return answer.status_code, answer.json()


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_window_that_was_just_deleted(harness: Harness, method: str) -> None:
    id = await made(harness, "/maintenance-windows", **once())
    deleting(harness, MaintenanceDelete, id, partitions=2)
    body = {"name": "other"} if method == "PATCH" else {}
    missing = {"error": "not_found", "message": "Maintenance window not found."}
    assert await poppaping(harness, method, f"/maintenance-windows/{id}", **body) == (404, missing)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_window_of_a_monitor_that_was_just_deleted(harness: Harness, method: str) -> None:
    monitor, other = await new_monitor(harness), await new_monitor(harness, "other")
    path = "/maintenance-windows"
    if method == "PATCH":
        path += "/" + await made(harness, path, **once(monitor_ids=[other]))
    deleting(harness, MonitorDelete, monitor)
    message = f"Field 'monitor_ids': there is no monitor or check '{monitor}'."
    answer = await poppaping(harness, method, path, **once(monitor_ids=[monitor, other]))
    assert answer == (400, {"error": "validation_error", "message": message})


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/channels/{}"), ("POST", "/channels/{}/rotate-secret")], ids=["delete", "rotate"]
)
async def test_a_channel_that_was_just_deleted_management(harness: Harness, method: str, path: str) -> None:
    id = harness.make_channel("hook")
    deleting(harness, ChannelDelete, id)
    assert await management(harness, method, path.format(id)) == (404, NOT_FOUND)


@pytest.mark.parametrize(
    ("method", "end", "body"),
    [("PATCH", "", {"name": "n"}), ("DELETE", "", {}), ("POST", "/rotate-secret", {"overlap_seconds": 0})],
)
async def test_a_channel_that_was_just_deleted_poppaping(
    harness: Harness, method: str, end: str, body: dict[str, Any]
) -> None:
    id = harness.make_channel("hook")
    deleting(harness, ChannelDelete, id)
    missing = {"error": "not_found", "message": "Alert channel not found."}
    assert await poppaping(harness, method, f"/alert-channels/{id}{end}", **body) == (404, missing)


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_a_check_that_was_just_deleted(harness: Harness, method: str) -> None:
    id = (await management(harness, "POST", "/checks/", name="c"))[1]["uuid"]
    deleting(harness, CheckDelete, id)
    body = {"name": "other"} if method == "POST" else {}
    assert await management(harness, method, f"/checks/{id}", **body) == (404, NOT_FOUND)


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"name": "n"}), ("DELETE", {})])
async def test_a_monitor_that_was_just_deleted(harness: Harness, method: str, body: dict[str, Any]) -> None:
    id = await new_monitor(harness)
    deleting(harness, MonitorDelete, id)
    missing = {"error": "not_found", "message": "Monitor not found."}
    assert await poppaping(harness, method, f"/monitors/{id}", **body) == (404, missing)


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"title": "n"}), ("DELETE", {})])
async def test_a_status_page_that_was_just_deleted(harness: Harness, method: str, body: dict[str, Any]) -> None:
    id = await made(harness, "/status-pages", title="Page")
    deleting(harness, StatusPageDelete, id)
    missing = {"error": "not_found", "message": "Status page not found."}
    assert await poppaping(harness, method, f"/status-pages/{id}", **body) == (404, missing)


async def test_a_monitor_named_in_a_field_was_just_deleted(harness: Harness) -> None:
    id = await new_monitor(harness)
    deleting(harness, MonitorDelete, id)
    message = f"Field 'components': no such component: {id}."
    answer = await poppaping(harness, "POST", "/status-pages", title="t", components=[{"type": "monitor", "id": id}])
    assert answer == (400, {"error": "validation_error", "message": message})
    id = await new_monitor(harness)
    deleting(harness, MonitorDelete, id)
    message = f"Field 'depends_on': depends on no such monitor: {id}."
    answer = await poppaping(harness, "POST", "/monitors", name="d", url="https://a.test/", depends_on=[id])
    assert answer == (400, {"error": "validation_error", "message": message})


async def test_a_channel_named_in_a_field_was_just_deleted(harness: Harness) -> None:
    id = harness.make_channel("hook")
    deleting(harness, ChannelDelete, id)
    body = {"name": "d", "url": "https://a.test/", "alert_channel_ids": [id]}
    message = f"Field 'alert_channel_ids': invalid channel identifier: {id}."
    answer = await poppaping(harness, "POST", "/monitors", **body)
    assert answer == (400, {"error": "validation_error", "message": message})
    other = harness.make_channel("other")
    deleting(harness, ChannelDelete, other)
    answer = await management(harness, "POST", "/checks/", channels=other)
    assert answer == (400, {"error": f"invalid channel identifier: {other}"})


# ---- what depends on the check that the fold finds


def overtaken_by(harness: Harness, id: str, **fields: Any) -> None:
    """Another process changes a check just before the next request is decided."""
    request = CheckUpdate(request=new_id(), at=harness.log.time, id=id, fields=CheckFields(**fields))
    harness.log.overtaking.append((harness.project, request))


async def checked(harness: Harness, version: int = 3, **body: Any) -> dict[str, Any]:
    answer = await harness.client.post(f"/api/v{version}/checks/", json=body)
    assert answer.status_code in (200, 201), answer.text
    check: dict[str, Any] = answer.json()
    return check


async def test_an_upsert_keeps_the_time_zone_of_the_check_that_it_finds(harness: Harness) -> None:
    id = (await checked(harness, name="job", schedule="0 2 * * *"))["uuid"]
    overtaken_by(harness, id, schedule=Cron("0 2 * * *", "Europe/Riga"))
    check = await checked(harness, name="job", schedule="0 3 * * *", unique=["name"])
    assert (check["uuid"], check["schedule"], check["tz"]) == (id, "0 3 * * *", "Europe/Riga")


async def test_an_upsert_whose_check_was_just_deleted_goes_by_the_next_oldest(harness: Harness) -> None:
    first = await checked(harness, name="job", schedule="0 2 * * *", tz="Asia/Tokyo")
    second = await checked(harness, name="job", schedule="0 2 * * *", tz="Europe/Riga")
    deleting(harness, CheckDelete, first["uuid"])
    check = await checked(harness, name="job", schedule="0 3 * * *", unique=["name"])
    assert (check["uuid"], check["tz"]) == (second["uuid"], "Europe/Riga")
    deleting(harness, CheckDelete, second["uuid"])
    check = await checked(harness, name="job", schedule="0 3 * * *", unique=["name"])
    assert check["uuid"] not in (first["uuid"], second["uuid"])
    assert (check["schedule"], check["tz"]) == ("0 3 * * *", "UTC")


async def test_an_upsert_leaves_the_slug_of_a_check_that_was_just_made(harness: Harness) -> None:
    made = CheckCreate(
        request=new_id(), at=harness.log.time, id=new_id(), fields=CheckFields(name="My Job", slug="own")
    )
    harness.log.overtaking.append((harness.project, made))
    check = await checked(harness, version=1, name="My Job", unique=["name"])
    assert (check["slug"], check["ping_url"].rpartition("/")[2]) == ("own", made.id)


async def test_changes_of_the_schedule_and_of_its_zone_at_once_both_count(harness: Harness) -> None:
    id = (await checked(harness, name="job", schedule="0 2 * * *"))["uuid"]
    overtaken_by(harness, id, schedule=Cron("0 5 * * *", "UTC"))
    assert (await management(harness, "POST", f"/checks/{id}", tz="Europe/Riga"))[0] == 200
    check = (await management(harness, "GET", f"/checks/{id}"))[1]
    assert (check["schedule"], check["tz"]) == ("0 5 * * *", "Europe/Riga")


async def test_the_filter_stays_on_while_another_process_sets_the_other_keyword(harness: Harness) -> None:
    id = (await checked(harness, subject="ok"))["uuid"]
    overtaken_by(harness, id, failure_kw="bad")
    assert (await management(harness, "POST", f"/checks/{id}", subject=""))[1]["filter_subject"] is True
    assert (await management(harness, "POST", f"/checks/{id}", subject_fail=""))[1]["filter_subject"] is False


async def test_an_expression_without_a_run_in_the_zone_of_its_check(harness: Harness) -> None:
    id = (await checked(harness, schedule="0 2 * * *", tz="America/New_York"))["uuid"]
    status, answer = await management(harness, "POST", f"/checks/{id}", schedule="2024-03-10 02:30")
    error = "json validation error: schedule is not a valid cron or OnCalendar expression"
    assert (status, answer) == (400, {"error": error})


async def test_changes_of_what_is_probed_at_once_all_count(harness: Harness) -> None:
    id = await new_monitor(harness)
    path = f"/monitors/{id}"
    target = ProbeTarget(url="https://api.example.com/", keyword="well")
    request = MonitorUpdate(
        request=new_id(), at=harness.log.time, id=id, fields=MonitorFields(target=target), based_on=1
    )
    harness.log.overtaking.append((harness.project, request))
    status, answer = await poppaping(harness, "PATCH", path, method="POST")
    assert (status, answer["data"]["method"], answer["data"]["keyword"]) == (200, "POST", "well")


async def test_a_change_that_is_overtaken_again_and_again_is_a_conflict(harness: Harness) -> None:
    id = await new_monitor(harness)
    ask = harness.log.ask

    async def overtaken(project: str, request: ProjectsRequest, timeout: float = 5.0) -> Decision:
        faster = MonitorUpdate(request=new_id(), at=harness.log.time, id=id, fields=MonitorFields(name=new_id()))
        harness.log.overtaking.append((project, faster))
        return await ask(project, request, timeout)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(harness.log, "ask", overtaken)
        status, answer = await poppaping(harness, "PATCH", f"/monitors/{id}", method="HEAD")
    assert (status, answer["error"]) == (409, "conflict")
    assert (await poppaping(harness, "PATCH", f"/monitors/{id}", method="HEAD"))[0] == 200


async def test_a_request_of_a_wrong_clock_is_answered_and_changes_nothing(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.log, "now", lambda: harness.log.time + 3600 * SECOND)
    wrong = "dated more than 60 s ahead"
    status, answer = await management(harness, "POST", "/checks/", name="c")
    assert (status, answer["error"]) == (503, f"the change is not made: the clock of a server is wrong ({wrong})")
    status, answer = await poppaping(harness, "POST", "/monitors", name="m", url="https://a.test/")
    assert (status, answer["error"]) == (503, "unavailable")
    assert answer["message"] == f"The change is not made: the clock of a server is wrong ({wrong})."
    assert (await management(harness, "GET", "/checks/"))[1] == {"checks": []}
