"""Many things of the overview are changed at once; what failed is told."""

import re
from typing import Any

import httpx
import pytest

from tests.harness import OTHER_KEY, POP_KEY, Harness
from tests.people_world import member, owner
from tests.web_browser import Browser, form_of

HOSTILE = "<b>job</b>"


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def things(harness: Harness) -> tuple[str, str, str]:
    """Two checks and a monitor."""
    checks = [
        await harness.client.post("/api/v3/checks/", json={"name": name, "tags": "a b"}) for name in (HOSTILE, "x")
    ]
    body = {"name": "Shop", "url": "https://shop.example.com/"}
    made = await harness.client.post("/api/v1/monitors", json=body, headers={"X-Api-Key": POP_KEY})
    return checks[0].json()["uuid"], checks[1].json()["uuid"], made.json()["data"]["id"]


async def sent(browser: Browser, action: str, chosen: Any, **fields: str) -> httpx.Response:
    return await browser.send_form("/?tag=", {"do": action, "thing": chosen} | fields, "/bulk")


async def test_many_are_paused_and_resumed(harness: Harness) -> None:
    first, second, monitor = await things(harness)
    ann = await member(harness, "editor")
    page = (await ann.get("/")).text
    assert page.count('class="pick"') == 3
    for action, paused in (("pause", True), ("resume", False), ("resume", False)):
        answer = await sent(ann, action, [first, monitor])
        assert (answer.status_code, answer.headers["Location"]) == (303, "/?tag=&note=done")
        states = [harness.log.states.state(id) for id in (first, second)]
        assert [state is not None and state.status == "paused" for state in states] == [paused, False]
        found = harness.log.directory.monitor(monitor)
        assert found is not None
        assert found.paused is paused


async def test_tags_are_put_on_and_taken_off(harness: Harness) -> None:
    first, second, monitor = await things(harness)
    ann = await member(harness, "editor")

    def tags() -> list[str]:
        found = [harness.log.directory.check(id) for id in (first, second)]
        return [one.tags for one in found if one is not None]

    assert (await sent(ann, "add-tag", [first, second], tag="prod")).status_code == 303
    assert tags() == ["a b prod", "a b prod"]
    assert (await sent(ann, "remove-tag", [first, second], tag="a")).status_code == 303
    assert tags() == ["b prod", "b prod"]
    answer = await sent(ann, "add-tag", [first, monitor], tag="night")
    assert (answer.status_code, tags()[0]) == (409, "b prod night")
    for words in ("1 could not be changed; 1 is done", "Shop", "Monitors have no tags."):
        assert words in answer.text
    long = await sent(ann, "add-tag", [first], tag="x" * 500)
    assert (long.status_code, "Tags is too long" in long.text, "&lt;b&gt;job" in long.text) == (409, True, True)


async def test_a_channel_is_put_on_many_and_taken_off(harness: Harness) -> None:
    first, _, monitor = await things(harness)
    ops, other = harness.make_channel("ops"), harness.make_channel("<b>other</b>")
    ann, directory = await member(harness, "editor"), harness.log.directory
    assert "&lt;b&gt;other&lt;/b&gt;" in (await ann.get("/")).text

    def told() -> list[list[str]]:
        found = [directory.check(first), directory.monitor(monitor)]
        return [sorted(one.channels) for one in found if one is not None]

    assert told() == [[], []]
    for action, channel, wanted in (
        ("add-channel", ops, [ops]),
        ("add-channel", ops, [ops]),
        ("add-channel", other, sorted([ops, other])),
        ("remove-channel", ops, [other]),
    ):
        answer = await sent(ann, action, [first, monitor], channel=channel)
        assert (answer.status_code, told()) == (303, [wanted, wanted])
    for channel in ("", "none"):
        assert (await sent(ann, "add-channel", [first], channel=channel)).status_code == 400
    elsewhere = await harness.client.post("/api/v3/checks/", json={"name": "secret"}, headers={"X-Api-Key": OTHER_KEY})
    admin = await owner(harness)
    answer = await sent(admin, "add-channel", [elsewhere.json()["uuid"]], channel=ops)
    assert (answer.status_code, "The channel is of another project." in answer.text) == (409, True)


async def test_many_are_deleted_once_it_is_confirmed(harness: Harness) -> None:
    first, second, monitor = await things(harness)
    ann, directory = await member(harness, "editor"), harness.log.directory
    elsewhere = await harness.client.post("/api/v3/checks/", json={"name": "secret"}, headers={"X-Api-Key": OTHER_KEY})
    page = await sent(ann, "delete", [first, monitor, elsewhere.json()["uuid"], HOSTILE])
    assert (page.status_code, "these 2 things" in page.text, "secret" in page.text) == (200, True, False)
    assert directory.check(first) is not None
    path, _ = form_of(page.text, "/bulk")
    token = form_of(page.text, "/bulk")[1]["form_token"]
    named = re.findall(r'name="thing" value="([^"]*)"', page.text)
    assert {*named} == {first, monitor}
    body = {"form_token": token, "back": "/?tag=a", "do": "delete-for-good", "thing": named}
    answer = await ann.post(path, data=body)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?tag=a&note=done")
    gone = [directory.check(first), directory.check(second), directory.monitor(monitor)]
    assert [one is None for one in gone] == [True, False, True]
    again = await ann.post(path, data=body)
    assert (again.status_code, again.headers["Location"]) == (303, "/?tag=a&note=done")
    harness.app.state.taken_forms.clear()  # another process says that they are not there any more
    assert (await ann.post(path, data=body)).status_code == 409
    assert "There is nothing to delete" in (await sent(ann, "delete", [first])).text


async def test_what_cannot_be_is_told(harness: Harness) -> None:
    first, *_ = await things(harness)
    ann = await member(harness, "editor")
    elsewhere = await harness.client.post("/api/v3/checks/", json={"name": "secret"}, headers={"X-Api-Key": OTHER_KEY})
    for action, chosen, fields in (
        ("pause", [], {}),
        ("shout", [first], {}),
        ("add-tag", [first], {"tag": "two words"}),
        ("pause", [f"{n}" for n in range(201)], {}),
    ):
        assert (await sent(ann, action, chosen, **fields)).status_code == 400
    answer = await sent(ann, "pause", [elsewhere.json()["uuid"], HOSTILE])
    assert (answer.status_code, "secret" in answer.text, HOSTILE in answer.text) == (409, False, False)
    assert "2 could not be changed." in answer.text


async def test_viewers_are_shown_no_boxes(harness: Harness) -> None:
    first, *_ = await things(harness)
    assert 'class="pick"' in (await (await owner(harness)).get("/")).text
    ann = await member(harness, "viewer")
    page = (await ann.get("/")).text
    assert ('class="pick"' in page, "/bulk" in page) == (False, False)
    _, token = form_of((await ann.get("/sign-out")).text, "/sign-out")
    answer = await ann.post("/dashboard/bulk", data=token | {"do": "pause", "thing": first})
    assert (answer.status_code, "Only owners and editors" in answer.text) == (403, True)
    state = harness.log.states.state(first)
    assert state is not None
    assert state.status != "paused"
