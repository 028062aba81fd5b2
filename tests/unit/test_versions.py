"""A change may name the version that it was made from: of two who change a thing at the same moment, one is told."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.ids import new_id
from schemas.reports import ReportFields, ReportSchedule
from schemas.requests import (
    ChannelFields,
    ChannelUpdate,
    CheckFields,
    CheckUpdate,
    MaintenanceFields,
    MaintenanceUpdate,
    MonitorFields,
    MonitorUpdate,
    ProjectsRequest,
)
from tests.harness import POP_KEY, WRITE_KEY, Harness
from tests.people_world import member
from tests.updown_client import with_updown_keys
from tests.web_browser import fields_of

WINDOW = {"starts_at": "2026-01-01T00:00:00+00:00", "ends_at": "2026-01-02T00:00:00+00:00", "name": "W"}
# What is made under a path, and what is changed of it.
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "/api/v1/monitors": ({"name": "M", "url": "https://a.example/"}, {"name": "N"}, {"name": "O"}),
    "/api/v1/status-pages": ({"title": "S"}, {"title": "T"}, {"title": "U"}),
    "/api/v1/maintenance-windows": (WINDOW, {"name": "X"}, {"name": "Y"}),
    "/api/v1/message-templates": ({"name": "T", "title": "{{ what }}"}, {"name": "U"}, {"name": "V"}),
    "/api/v1/escalation-policies": ({"name": "E", "steps": []}, {"name": "F"}, {"name": "G"}),
    "/api/v1/on-call": ({"name": "R", "turns": []}, {"name": "S"}, {"name": "T"}),
    "/api/v1/alert-channels": (
        {"channel_type": "webhook", "url": "https://a.example/", "name": "C"}, {"name": "D"}, {"mute_until": "forever"}
    ),
    "/api/v3/checks/": ({"name": "C", "timeout": 60}, {"name": "D"}, {"name": "E"}),
}  # fmt: skip


class Client:
    def __init__(self) -> None:
        self.harness = with_updown_keys(Harness())
        self.channel = self.harness.make_channel("ops")

    async def call(self, method: str, path: str, body: Any = None, version: object = None) -> Any:
        management = path.startswith("/api/v3/")
        headers = {"X-Api-Key": WRITE_KEY} if management else {"Authorization": f"Bearer {POP_KEY}"}
        if version is not None:
            headers["Pingfold-If-Version"] = str(version)
        return await self.harness.client.request(method, path, json=body, headers=headers)

    async def make(self, path: str) -> str:
        body = KINDS[path][0]
        if "steps" in body:
            body = body | {"steps": [{"after_minutes": 5, "alert_channel_ids": [self.channel]}]}
        if "turns" in body:
            body = body | {"turns": [{"alert_channel_ids": [self.channel]}]}
        answer = await self.call("POST", path, body)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        return f"{path.rstrip('/')}/{made['uuid'] if 'uuid' in made else made['data']['id']}"


@pytest.mark.parametrize("kind", KINDS)
async def test_the_second_of_two_is_told(kind: str) -> None:
    client, (_, first, second) = Client(), KINDS[kind]
    thing = await client.make(kind)
    change = "POST" if kind.startswith("/api/v3/") else "PATCH"
    seen = (await client.call("GET", thing)).headers["Pingfold-Version"]
    won = await client.call(change, thing, first, seen)
    assert won.status_code == 200, won.text
    lost = await client.call(change, thing, second, seen)
    assert lost.status_code == 409, "made from what is not there any more"
    assert "Pingfold-Version" not in lost.headers
    now = (await client.call("GET", thing)).headers["Pingfold-Version"]
    assert int(now) == int(seen) + 1
    again = await client.call(change, thing, second, now)
    assert again.status_code == 200, again.text
    assert (await client.call("GET", thing)).headers["Pingfold-Version"] == str(int(now) + 1)
    assert (await client.call(change, thing, first)).status_code == 200, "who names none is never refused"
    assert (await client.call("DELETE", thing, version=seen)).status_code == 409
    assert (await client.call("GET", thing)).status_code == 200


@pytest.mark.parametrize("version", ["x", "-1", "1.0", '"1"', "9" * 16, ""])
async def test_what_is_no_version_is_refused(version: str) -> None:
    client = Client()
    for kind, change in (("/api/v1/monitors", "PATCH"), ("/api/v3/checks/", "POST")):
        thing = await client.make(kind)
        refused = await client.call(change, thing, KINDS[kind][1], version)
        assert refused.status_code == 400, refused.text
        assert "Pingfold-If-Version must be a version" in refused.text


async def test_settings_of_reports_have_a_version_before_they_are_set() -> None:
    client, path = Client(), "/api/v1/reports/schedule"
    body = {"weekly": True, "alert_channel_ids": [client.channel]}
    assert (await client.call("PATCH", path, body, 0)).status_code == 200
    assert (await client.call("PATCH", path, {"weekly": False}, 0)).status_code == 409
    assert (await client.call("PATCH", path, {"weekly": False}, 1)).status_code == 200


def test_requests_of_before_name_none() -> None:
    assert ReportSchedule(request=new_id(), at=1, fields=ReportFields()).based_on is None


RACES: dict[str, tuple[str, ProjectsRequest]] = {
    "/api/v3/checks/": (
        "/checks/{}/edit",
        CheckUpdate(request=new_id(), at=0, id="", fields=CheckFields(name="Theirs")),
    ),
    "/api/v1/monitors": (
        "/monitors/{}/edit",
        MonitorUpdate(request=new_id(), at=0, id="", fields=MonitorFields(name="Theirs")),
    ),
    "/api/v1/alert-channels": (
        "/channels/{}/edit",
        ChannelUpdate(request=new_id(), at=0, id="", fields=ChannelFields(name="Theirs")),
    ),
    "/api/v1/maintenance-windows": (
        "/maintenance/{}/edit",
        MaintenanceUpdate(request=new_id(), at=0, id="", partitions=2, fields=MaintenanceFields(name="Theirs")),
    ),
}


@pytest.mark.parametrize("kind", RACES)
async def test_of_two_who_save_in_the_same_moment_the_second_is_told(kind: str) -> None:
    client = Client()
    harness, ann = client.harness, await member(client.harness, "editor")
    id = (await client.make(kind)).rpartition("/")[2]
    page, faster = RACES[kind][0].format(id), replace(RACES[kind][1], id=id, at=harness.log.time)
    typed = fields_of(await ann.get(page), "/edit") | {"name": "Mine"}
    harness.log.overtaking.append((harness.project, faster))
    second = await ann.post(page, data=typed)
    assert second.status_code == 409
    assert "Somebody else has changed this at the same moment" in second.text
    assert fields_of(second, "/edit")["name"] == "Mine", "what was typed stays"
    again = await ann.post(page, data=fields_of(second, "/edit"))
    assert again.status_code == 409
    assert "Somebody else has changed this meanwhile, to: Theirs. Yours is kept here." in again.text
    assert name_of(await client.call("GET", f"{kind.rstrip('/')}/{id}")) == "Theirs"
    assert (await ann.post(page, data=fields_of(again, "/edit"))).status_code == 303
    assert name_of(await client.call("GET", f"{kind.rstrip('/')}/{id}")) == "Mine"


def name_of(answer: Any) -> str:
    told = answer.json()
    name: str = told.get("data", told)["name"]
    return name
