"""The pages of mutes, message templates and reports: what is set, and who may change it."""

import pytest

from tests.harness import POP_KEY, Harness
from tests.people_world import member, owner
from tests.web_browser import form_of

KEY = {"Authorization": f"Bearer {POP_KEY}"}


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def test_tags_are_muted_and_the_mute_is_lifted(harness: Harness) -> None:
    browser = await owner(harness)
    answer = await browser.send_form("/mutes", {"tag": "db", "minutes": "60"}, f"/mutes/{harness.project}")
    assert answer.headers["Location"] == "/mutes?done=muted"
    [mute] = harness.log.directory.tag_mutes_of(harness.project)
    page = (await browser.get("/mutes")).text
    assert '<bdi class="tag">db</bdi> until 16:06' in page
    await browser.send_form("/mutes", {}, f"{mute.id}/lift")
    assert "<bdi class" not in (await browser.get("/mutes")).text
    for fields in ({"tag": "two words", "minutes": "60"}, {"tag": "db", "minutes": "soon"}):
        answer = await browser.send_form("/mutes", fields, f"/mutes/{harness.project}")
        assert (answer.status_code, 'role="alert"' in answer.text) == (400, True)


async def test_everything_that_is_muted_is_listed(harness: Harness) -> None:
    channel = harness.make_channel("pager")
    monitor = (
        await harness.client.post(
            "/api/v1/monitors",
            json={"name": "Shop", "url": "https://a.example/", "mute_until": "recovery"},
            headers=KEY,
        )
    ).json()
    assert "data" in monitor, monitor
    await harness.client.patch(f"/api/v1/alert-channels/{channel}", json={"mute_until": "forever"}, headers=KEY)
    page = (await (await owner(harness)).get("/mutes")).text
    assert "<bdi>Shop</bdi></a> until it has recovered" in page
    assert "<bdi>pager</bdi></a> until somebody ends it" in page


async def test_templates_are_listed_and_removed(harness: Harness) -> None:
    body = {"name": "Short", "title": "Look here", "events": ["monitor.down"]}
    made = await harness.client.post("/api/v1/message-templates", json=body, headers=KEY)
    assert made.status_code == 201, made.text
    browser = await owner(harness)
    page = (await browser.get("/templates")).text
    assert "<bdi>Short</bdi>" in page
    assert "When it is down; for all channels." in page
    id = made.json()["data"]["id"]
    answer = await browser.send_form(f"/templates/{id}/remove", {}, "/remove")
    assert answer.headers["Location"] == "/templates?done=removed"
    assert harness.log.directory.template(id) is None


async def test_reports_are_set(harness: Harness) -> None:
    channel = harness.make_channel("team")
    browser = await owner(harness)
    path = f"/projects/{harness.project}/reports"
    fields = {"weekly": "on", "timezone": "Europe/Riga", "alert_channel_ids": channel}
    answer = await browser.send_form(path, fields, "/reports")
    assert answer.status_code == 303, answer.text
    settings = harness.log.directory.report_settings(harness.project)
    assert settings is not None
    assert (settings.weekly, settings.monthly, settings.timezone) == (True, False, "Europe/Riga")
    assert settings.channels == (channel,)
    answer = await browser.send_form(path, {"timezone": "Mars", "alert_channel_ids": channel}, "/reports")
    assert (answer.status_code, 'id="error-timezone"' in answer.text) == (400, True)


async def test_viewers_change_nothing_and_others_see_nothing(harness: Harness) -> None:
    boss = await owner(harness)
    await boss.send_form("/mutes", {"tag": "db", "minutes": "forever"}, f"/mutes/{harness.project}")
    await boss.send_form("/mutes", {"tag": "theirs", "minutes": "forever"}, f"/mutes/{harness.other}")
    [mine] = harness.log.directory.tag_mutes_of(harness.project)
    [theirs] = harness.log.directory.tag_mutes_of(harness.other)
    bob = await member(harness, "viewer")
    page = (await bob.get("/mutes")).text
    assert "db" in page
    assert "theirs" not in page
    assert 'action="/mutes' not in page
    token = form_of((await bob.get("/sign-out")).text, "/sign-out")[1]
    asked = {
        f"/mutes/{harness.project}": 403, f"/mutes/{mine.id}/lift": 403, f"/mutes/{harness.other}": 404,
        f"/mutes/{theirs.id}/lift": 404, f"/projects/{harness.project}/reports": 403,
        f"/projects/{harness.other}/reports": 404,
    }  # fmt: skip
    for path, status in asked.items():
        assert (await bob.post(path, data=token | {"tag": "x", "minutes": "60"})).status_code == status, path
    assert len(harness.log.directory.tag_mutes_of(harness.project)) == 1
