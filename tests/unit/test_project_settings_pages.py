"""The pages of projects: made by the owner of the instance, keys and secrets rotated by those who may change one."""

import re

import pytest

from schemas.message_templates import TemplateCopy
from schemas.topics import DELIVERIES, PROJECTS
from tests.harness import POP_KEY, Harness
from tests.people_world import member, owner
from tests.web_browser import form_of


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def test_the_owner_of_the_instance_makes_a_project(harness: Harness) -> None:
    browser = await owner(harness)
    page = await browser.get("/projects")
    first = await browser.send_form_of(page, {"name": "Backups"}, "/projects")
    assert first.status_code == 303
    shown = (await browser.get(first.headers["Location"])).text
    assert "The project was created." in shown
    assert "<h1><bdi>Backups</bdi></h1>" in shown
    second = await browser.send_form_of(page, {"name": "Backups"}, "/projects")
    assert [one.name for one in harness.log.directory.projects.values()].count("Backups") == 1
    assert second.status_code in (303, 409)
    answer = await browser.send_form("/projects", {"name": ""}, "/projects")
    assert (answer.status_code, "A name of 1 to 100 characters" in answer.text) == (400, True)


async def test_others_make_none(harness: Harness) -> None:
    ann = await member(harness, "owner")
    page = (await ann.get("/projects")).text
    assert "New project" not in page
    assert "other" not in re.findall(r"<bdi>(\w+)</bdi></a></th>", page)
    token = form_of((await ann.get("/sign-out")).text, "/sign-out")[1]
    assert (await ann.post("/projects", data=token | {"name": "Mine"})).status_code == 403
    assert (await ann.get(f"/projects/{harness.other}")).status_code == 404
    for path in ("ping-key", "webhook-secret"):
        assert (await ann.post(f"/projects/{harness.other}/{path}", data=token)).status_code == 404


async def test_a_ping_key_and_a_secret_are_rotated(harness: Harness) -> None:
    ann = await member(harness, "editor")
    before = harness.log.directory.projects[harness.project]
    path = f"/projects/{harness.project}"
    assert before.ping_key in (await ann.get(path)).text
    answer = await ann.send_form(path, {}, "/ping-key")
    assert answer.headers["Location"] == f"{path}?done=ping-key"
    now = harness.log.directory.projects[harness.project]
    assert now.ping_key != before.ping_key
    page = (await ann.get(path)).text
    assert now.ping_key in page
    assert "The previous key works until" in page
    secret = re.search(r'value="(whsec_[^"]*)"', (await ann.send_form(path, {}, "/webhook-secret")).text)
    assert secret is not None
    assert secret[1] not in (await ann.get(path)).text


async def test_viewers_see_no_ping_key(harness: Harness) -> None:
    await harness.client.post("/api/v3/checks/", json={"name": "job", "tags": "web"})
    bob = await member(harness, "viewer")
    path = f"/projects/{harness.project}"
    page = (await bob.get(path)).text
    assert harness.log.directory.projects[harness.project].ping_key not in page
    assert 'action="/projects' not in page
    assert "/metrics/" in page
    assert '<bdi class="tag">web</bdi>' in page
    token = form_of((await bob.get("/sign-out")).text, "/sign-out")[1]
    before = harness.log.directory.projects[harness.project]
    for rotated in ("ping-key", "webhook-secret"):
        answer = await bob.post(f"{path}/{rotated}", data=token)
        assert answer.status_code in (401, 403), answer.text
    assert harness.log.directory.projects[harness.project] == before


async def test_a_project_is_renamed(harness: Harness) -> None:
    ann, path = await member(harness, "editor"), f"/projects/{harness.project}"
    assert (await ann.send_form(path, {"name": " The <b>shop</b> "}, "/name")).status_code == 303
    assert harness.log.directory.projects[harness.project].name == "The <b>shop</b>"
    assert "<h1><bdi>The &lt;b&gt;shop&lt;/b&gt;</bdi></h1>" in (await ann.get(path)).text
    for name in ("", "x" * 101):
        refused = await ann.send_form(path, {"name": name}, "/name")
        assert (refused.status_code, "A name of 1 to 100 characters" in refused.text) == (400, True)
    answer = await harness.client.post("/api/v3/project/rename", json={"name": "Again"})
    assert answer.json() == {"id": harness.project, "name": "Again"}
    for wrong in ({}, {"name": ""}, {"name": "  "}, {"name": "x" * 101}, {"name": 1}, {"name": "a", "b": 1}):
        refused = await harness.client.post("/api/v3/project/rename", json=wrong)
        assert refused.status_code == 400, refused.text
    eve = await member(harness, "viewer", "eve@example.org")
    token = form_of((await eve.get("/sign-out")).text, "/sign-out")[1]
    assert (await eve.post(f"{path}/name", data=token | {"name": "Mine"})).status_code == 403
    assert ">Rename</button>" not in (await eve.get(path)).text


async def test_messages_name_a_project_as_it_is_called_now(harness: Harness) -> None:
    harness.make_channel("ops")
    fields = {"name": "T", "title": "{{ project }}: {{ what }}"}
    headers = {"Authorization": f"Bearer {POP_KEY}"}
    made = await harness.client.post("/api/v1/message-templates", json=fields, headers=headers)
    assert made.status_code == 201
    await harness.client.post("/api/v3/project/rename", json={"name": "Renamed"})
    for partition in range(harness.log.partitions):
        records = harness.log.records_of(DELIVERIES, partition).values()
        assert [one.project_name for one in records if isinstance(one, TemplateCopy)] == ["Renamed"]


async def test_a_report_is_sent_at_once(harness: Harness) -> None:
    ann, path = await member(harness, "editor"), f"/projects/{harness.project}/reports"
    nobody = await ann.send_form(path, {"send": "week"}, "/reports")
    assert (nobody.status_code, "It was sent to nobody" in nobody.text) == (400, True)
    body = {"weekly": True, "alert_channel_ids": [harness.make_channel("ops")]}
    headers = {"Authorization": f"Bearer {POP_KEY}"}
    set_ = await harness.client.patch("/api/v1/reports/schedule", json=body, headers=headers)
    assert set_.status_code == 200, set_.text
    for period in ("week", "month"):
        sent = await ann.send_form(path, {"send": period}, "/reports")
        assert sent.status_code == 303, sent.text
    assert "The report is on its way." in (await ann.get(sent.headers["Location"])).text
    asked = [event for _, event in harness.log.of(PROJECTS)]
    kinds = [event["kind"] for event in asked if event["type"] == "report.made" and event.get("channels")]
    assert kinds == ["week", "month"]


async def test_a_webhook_gets_another_secret(harness: Harness) -> None:
    ann, channel = await member(harness, "editor"), harness.make_channel("ops")
    before = harness.log.directory.channel(channel)
    shown = await ann.send_form(f"/channels/{channel}", {}, "/secret")
    secret = re.search(r'id="secret" [^>]*value="([^"]{20,})"', shown.text)
    assert secret is not None, shown.text
    after = harness.log.directory.channel(channel)
    assert before is not None
    assert after is not None
    assert after.secret not in (before.secret, None)
    assert secret[1] not in (await ann.get(f"/channels/{channel}")).text, "it is shown once"
