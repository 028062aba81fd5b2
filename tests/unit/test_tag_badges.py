"""Badges of all checks and of tags: their addresses, and what they tell. Over the real folds, in memory."""

from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.secrets.badge_links import ALL, BadgeLinks, badge_links
from infra.secrets.secrets import Vault
from ingest.ping.urls import is_ping
from tests.harness import OTHER_KEY, READ_KEY, Harness
from tests.raw_request import ask

MINUTE = 60
FORMS = {"svg", "svg3", "json", "json3", "shields", "shields3"}


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def made(harness: Harness, tags: str, **fields: Any) -> str:
    body = {"name": "backup", "timeout": MINUTE, "grace": MINUTE, "tags": tags} | fields
    return str((await harness.client.post("/api/v3/checks/", json=body)).json()["uuid"])


async def listed(harness: Harness, version: int = 3, key: str = READ_KEY) -> dict[str, dict[str, str]]:
    answer = await harness.client.get(f"/api/v{version}/badges/", headers={"X-Api-Key": key})
    assert answer.status_code == 200
    badges: dict[str, dict[str, str]] = answer.json()["badges"]
    return badges


async def told(harness: Harness, url: str) -> Any:
    answer = await harness.client.get(httpx.URL(url).raw_path.decode(), headers={"X-Api-Key": "nobody's"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "public, max-age=15"
    return answer.json()


@pytest.mark.parametrize("version", [1, 2, 3])
async def test_the_list_has_every_tag_once_and_a_badge_of_all(harness: Harness, version: int) -> None:
    assert set(await listed(harness, version)) == {"*"}
    await made(harness, "prod  db")
    await made(harness, "web prod")
    badges = await listed(harness, version)
    assert list(badges) == ["*", "db", "prod", "web"]
    assert all(set(urls) == FORMS for urls in badges.values())
    urls = [url for one in badges.values() for url in one.values()]
    assert len(set(urls)) == 24
    assert all(url.startswith(f"{harness.settings.base_url}/badge/{harness.project}/") for url in urls)
    assert not any(is_ping(httpx.URL(url).path) for url in urls)
    assert set(await listed(harness, version, OTHER_KEY)) == {"*"}


async def test_two_and_three_states_of_some_of_the_checks(harness: Harness) -> None:
    pinged, _, other = await made(harness, "prod db"), await made(harness, "prod"), await made(harness, "web")
    badges = await listed(harness)

    async def both(tag: str) -> list[dict[str, Any]]:
        return [await told(harness, badges[tag][form]) for form in ("json", "json3")]

    assert await both("*") == [{"status": "up", "total": 3, "grace": 0, "down": 0}] * 2
    harness.log.ping(pinged)
    harness.log.tick(MINUTE + 10)
    late = {"total": 2, "grace": 1, "down": 0}
    assert await both("prod") == [{"status": "up", **late}, {"status": "late", **late}]
    assert await both("web") == [{"status": "up", "total": 1, "grace": 0, "down": 0}] * 2
    harness.log.ping(other)
    harness.log.tick(MINUTE)
    assert await both("prod") == [{"status": "down", "total": 2, "grace": 0, "down": 1}] * 2
    assert [one["status"] for one in await both("*")] == ["down", "down"]
    assert await told(harness, badges["db"]["shields"]) == {
        "schemaVersion": 1, "label": "db", "message": "down", "color": "critical",
    }  # fmt: skip
    assert (await told(harness, badges["*"]["shields3"]))["label"] == harness.settings.site_name


async def test_a_tag_that_is_gone_is_up_and_has_no_checks(harness: Harness) -> None:
    id = await made(harness, "prod")
    url = (await listed(harness))["prod"]["json"]
    await harness.client.delete(f"/api/v3/checks/{id}")
    assert set(await listed(harness)) == {"*"}
    harness.log.tick(3)
    assert await told(harness, url) == {"status": "up", "total": 0, "grace": 0, "down": 0}


@pytest.mark.parametrize(
    "tag",
    ["größe", "a/b", "a.b.svg", "a%2Fb", "..", ".", "?x#y", "5BF66975-D4C7-4BF5-BCC8-B8D8A82EA278", "a//b", "-2", "A"],
)
async def test_any_tag_can_stand_in_an_address(harness: Harness, tag: str) -> None:
    await made(harness, tag)
    await made(harness, "other")
    badges = await listed(harness)
    answer = await ask(harness.app, "GET", httpx.URL(badges[tag]["json3"]).raw_path.decode())
    assert (answer.status, answer.body) == (200, b'{"status":"up","total":1,"grace":0,"down":0}')
    drawn = await ask(harness.app, "GET", httpx.URL(badges[tag]["svg"]).raw_path.decode())
    assert drawn.headers["content-type"] == "image/svg+xml; charset=utf-8"
    assert ElementTree.fromstring(drawn.body).get("aria-label")


async def test_a_badge_is_asked_for_by_its_tag(harness: Harness) -> None:
    await made(harness, "prod")
    path = httpx.URL((await listed(harness))["prod"]["svg"]).raw_path.decode()
    first = await harness.client.get(path)
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    again = await harness.client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


async def test_what_was_not_signed_here_is_not_there(harness: Harness) -> None:
    await made(harness, "prod db")
    links, project, other = harness.badge_links, harness.project, harness.other
    two = links.path(project, "prod", "svg", 2)
    signature = two.split("/")[3]
    three = signature.removesuffix("-2")
    wrong = [
        two.replace("prod", "db"),
        two.replace("prod", "PROD"),
        two.replace("prod.svg", ".svg"),
        two.replace(project, other),
        two.replace(".svg", ".png"),
        two.replace(".svg", ""),
        two.replace(signature, three + "-3"),
        two.replace(signature, three[:7]),
        two.replace(signature, three + "-2-2"),
        two.replace(signature, three.swapcase() if three.swapcase() != three else "A" * 8),
        f"/badge/{project}/{signature}.svg",
        BadgeLinks(b"another key").path(project, "prod", "svg", 2),
        links.path("no project", "*", "svg", 3),
        f"/badge/{project}/größer.svg",
    ]
    for path in wrong:
        answer = await harness.client.get(path)
        assert (answer.status_code, answer.json()) == (404, {"error": "not found"}), path
        assert answer.headers["Access-Control-Allow-Origin"] == "*", path
    harness.log.broken = True
    assert (await harness.client.get(links.path("no project", "*", "svg", 3))).status_code == 503


def test_addresses_survive_a_restart_and_change_with_the_secret_key() -> None:
    paths = [badge_links(Vault(key, "x")).path("p", "prod", "json", 3) for key in (b"a" * 32, b"a" * 32, b"b" * 32)]
    assert paths[0] == paths[1] != paths[2]


@given(st.text(max_size=8), st.text(max_size=8), st.sampled_from([2, 3]), st.text(max_size=3))
def test_a_signature_holds_for_its_project_and_tag_only(tag: str, other: str, states: Any, more: str) -> None:
    links = BadgeLinks(b"key")
    signature = links.path("p", tag, "svg", states).split("/")[3].removesuffix(".svg" if tag == ALL else "")
    assert links.states("p", tag, signature) == states
    if other != tag:
        assert links.states("p", other, signature) is None
    assert links.states("q", tag, signature) is None
    if more and signature + more != signature + "-2":
        assert links.states("p", tag, signature + more) is None
