"""Monitors of every kind are made, changed and deleted in the browser, by the requests that programs make."""

import re
from typing import Any

import pytest

from infra.secrets.secrets import of_monitor
from schemas.base import SECOND
from schemas.monitors import Monitor
from schemas.probe_kinds import PROBE_KINDS
from tests.harness import Harness
from tests.people_world import member, owner
from tests.web_browser import Browser, fields_of, form_of

HOSTILE = "<script>alert(1)</script>\"'&"
TARGETS: dict[str, dict[str, str]] = {
    "http": {"url": "https://shop.example.com/", "method": "POST", "headers": "X-Token: a:b\nX-B: c", "body": "{}"},
    "tcp": {"host": "db.example.com", "port": "5432"},
    "tls": {"host": "db.example.com", "port": "636"},
    "icmp": {"host": "router.example.com"},
    "dns": {"host": "example.com", "dns_record": "MX", "dns_expected": "10 mail.example.com."},
    "smtp": {"host": "mail.example.com", "smtp_tls": "required"},
}


@pytest.fixture
def harness() -> Harness:
    return Harness()


def monitors(harness: Harness) -> list[Monitor]:
    return sorted(harness.log.directory.monitors_of(harness.project), key=lambda one: one.created)


async def made(harness: Harness, browser: Browser, kind: str = "http", **fields: Any) -> Monitor:
    page = await browser.get(f"/monitors/new?type={kind}&project={harness.project}")
    typed = fields_of(page, "/monitors/new") | {"name": f"A {kind}"} | TARGETS[kind] | fields
    answer = await browser.post("/monitors/new", data=typed)
    assert answer.status_code == 303, re.findall(r'class="problem".*', answer.text)
    monitor = monitors(harness)[-1]
    assert answer.headers["Location"] == f"/monitors/{monitor.id}?note=made"
    return monitor


async def test_there_is_a_form_for_every_kind() -> None:
    assert set(TARGETS) == set(PROBE_KINDS)


@pytest.mark.parametrize("kind", TARGETS)
async def test_a_monitor_is_made_and_changed(harness: Harness, kind: str) -> None:
    ann = await member(harness, "editor")
    choices = (await ann.get("/monitors/new")).text
    assert f"/monitors/new?type={kind}&amp;project={harness.project}" in choices
    channel = harness.make_channel("ops")
    monitor = await made(harness, ann, kind, interval_seconds="5 minutes")
    assert (monitor.kind, monitor.interval, monitor.channels) == (kind, 300, (channel,))
    path = f"/monitors/{monitor.id}/edit"
    page = await ann.get(path)
    same = await ann.post(path, data=fields_of(page, "/edit"))
    assert (same.headers["Location"], monitors(harness)[0].version) == (f"/monitors/{monitor.id}?note=saved", 1)
    answer = await ann.post(path, data=fields_of(page, "/edit") | {"name": HOSTILE, "confirmations": "3"})
    assert answer.status_code == 303
    changed = monitors(harness)[0]
    assert (changed.name, changed.confirmations, changed.target) == (HOSTILE, 3, monitor.target)
    assert "<script>alert" not in (await ann.get(path)).text


async def test_what_is_secret_stays_and_is_not_shown(harness: Harness) -> None:
    admin = await owner(harness)
    monitor = await made(harness, admin)
    path = f"/monitors/{monitor.id}/edit"
    page = await admin.get(path)
    assert ("a:b" in page.text, "X-Token: [hidden]" in page.text) == (False, True)
    typed = fields_of(page, "/edit") | {"headers": "X-Token: [hidden]\nX-New: d"}
    assert (await admin.post(path, data=typed)).status_code == 303
    sealed = harness.app.state.deps.decrypt(monitors(harness)[0].target.sealed, of_monitor(monitor.id))
    assert ("a:b" in sealed, "X-New" in sealed, "X-B" in sealed, '"body":"{}"' in sealed) == (True, True, False, True)
    page = await admin.get(path)
    assert (await admin.post(path, data=fields_of(page, "/edit") | {"no_body": "on"})).status_code == 303
    shown = await harness.client.get(f"/api/v1/monitors/{monitor.id}", headers={"X-Api-Key": "pp_live_" + "m" * 32})
    assert shown.json()["data"]["has_body"] is False


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("url", "", "URL is required"),
        ("url", "ftp://a.example/", ""),
        ("expected_statuses", "ok", "Statuses that are up must be whole numbers"),
        ("headers", "no colon", "Headers must have a name, a colon and a value in each line"),
        ("timeout_seconds", "1 day", "Must be at most 120."),
        ("confirmations", "11", "Must be at most 10."),
        ("confirmations", "0", "Must be at least 1."),
        ("confirmations", "1.5", "Must be a whole number."),
        ("keyword", "x" * 1_001, "Must have at most 1000 characters."),
    ],
)
async def test_an_error_stands_beside_its_field(harness: Harness, field: str, value: str, words: str) -> None:
    admin = await owner(harness)
    page = await admin.get(f"/monitors/new?type=http&project={harness.project}")
    typed = fields_of(page, "/monitors/new") | {"name": HOSTILE, "url": "https://a.example/", field: value}
    answer = await admin.post("/monitors/new", data=typed)
    assert (answer.status_code, monitors(harness)) == (400, [])
    assert re.search(rf'id="error-{field}">{words}', answer.text), re.findall(r'class="problem".*', answer.text)
    shown = fields_of(answer, "/monitors/new")
    assert (shown["name"], shown[field], shown["once"]) == (HOSTILE, value, typed["once"])
    assert "<script>alert" not in answer.text


async def test_a_form_sent_twice_makes_one_monitor(harness: Harness) -> None:
    admin = await owner(harness)
    page = await admin.get(f"/monitors/new?type=tcp&project={harness.project}")
    typed = fields_of(page, "/monitors/new") | {"name": "a"} | TARGETS["tcp"]
    answers = [await admin.post("/monitors/new", data=typed) for _ in range(2)]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert len(monitors(harness)) == 1


async def test_the_second_of_two_editors_is_told(harness: Harness) -> None:
    admin = await owner(harness)
    monitor = await made(harness, admin, "tcp")
    path = f"/monitors/{monitor.id}/edit"
    mine = fields_of(await admin.get(path), "/edit")
    theirs = mine | {"name": HOSTILE, "port": "1"}
    assert (await admin.post(path, data=theirs)).status_code == 303
    answer = await admin.post(path, data=mine | {"name": "Mine"})
    assert (answer.status_code, "to: &lt;script&gt;" in answer.text) == (409, True)
    shown = fields_of(answer, "/edit")
    assert (shown["name"], shown["port"], monitors(harness)[0].name) == ("Mine", "1", HOSTILE)
    assert (await admin.post(path, data=shown)).status_code == 303
    assert (monitors(harness)[0].name, monitors(harness)[0].target.port) == ("Mine", 1)


async def test_viewers_are_shown_no_forms(harness: Harness) -> None:
    monitor = await made(harness, await owner(harness))
    ann = await member(harness, "viewer")
    page = (await ann.get(f"/monitors/{monitor.id}")).text
    assert ("/edit" in page, "/pause" in page) == (False, False)
    _, token = form_of((await ann.get("/sign-out")).text, "/sign-out")
    for what in ("edit", "delete", "pause", "resume"):
        answer = await ann.post(f"/monitors/{monitor.id}/{what}", data=token)
        assert (answer.status_code, "Only owners and editors" in answer.text) == (403, True)
    for path in (f"/monitors/{monitor.id}/edit", f"/monitors/{monitor.id}/delete", "/monitors/new"):
        assert (await ann.get(path)).status_code == 403
    assert (await ann.post("/monitors/new", data=token | {"project": harness.project})).status_code == 403
    assert monitors(harness) == [monitor]


async def test_a_monitor_is_paused_resumed_muted_and_deleted(harness: Harness) -> None:
    ann = await member(harness, "editor")
    monitor = await made(harness, ann)
    path = f"/monitors/{monitor.id}"
    for what, paused in (("pause", True), ("resume", False)):
        answer = await ann.send_form(path, {}, f"/{what}")
        assert (answer.headers["Location"], monitors(harness)[0].paused) == (f"{path}?note={what}d", paused)
    page = await ann.get(f"{path}/edit")
    assert (
        await ann.post(f"{path}/edit", data=fields_of(page, "/edit") | {"mute_until": "for 1 day"})
    ).status_code == 303
    assert monitors(harness)[0].mute_until == harness.log.time // SECOND * SECOND + 86_400 * SECOND
    assert "not until" in (await ann.get(f"{path}/edit")).text
    assert (await ann.send_form(f"{path}/delete", {}, "/delete")).headers["Location"] == "/?note=deleted"
    assert monitors(harness) == []


@pytest.mark.parametrize("kind", TARGETS)
async def test_a_copy_is_filled_in_but_for_what_is_secret(harness: Harness, kind: str) -> None:
    ann = await member(harness, "editor")
    like = await made(harness, ann, kind, interval_seconds="5 minutes", published="on")
    page = await ann.get(f"/monitors/new?copy={like.id}")
    assert (page.status_code, "a:b" in page.text) == (200, False)
    lacks = re.findall(r'id="note-(\w+)"><bdi>([^<]*)', page.text)
    if kind == "http":
        secret = "stored encrypted and"
        assert [name for name, words in lacks if secret in words] == ["headers", "body"]
        assert "X-Token, X-B" in page.text
    else:
        assert not lacks
    answer = await ann.post("/monitors/new", data=fields_of(page, "/monitors/new"))
    assert answer.status_code == 303, re.findall(r'class="problem".*', answer.text)
    [copy] = [one for one in monitors(harness) if one.id != like.id]
    assert (copy.name, copy.interval, copy.published) == (f"A {kind} (copy)", 300, False)
    assert (copy.target.host, copy.target.url, copy.target.options) == (
        like.target.host,
        like.target.url,
        like.target.options,
    )
    assert not copy.target.sealed
