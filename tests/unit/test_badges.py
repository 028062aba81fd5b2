"""Badges of checks, over the real folds, in memory."""

import asyncio
from typing import Any, cast
from xml.etree import ElementTree

import httpx
import pytest

from ingest.ping.urls import is_ping
from query_api.healthchecks.check_object import badge_key
from query_api.pages.badges import BadgeKeys
from schemas.base import SECOND
from tests.harness import Harness

CHECKS = "/api/v3/checks/"
MINUTE = 60


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def made(harness: Harness, **fields: Any) -> tuple[str, str]:
    """A check that pings each minute; its id and the path of its badge without the ending."""
    body = {"name": "backup", "timeout": MINUTE, "grace": MINUTE} | fields
    check = (await harness.client.post(CHECKS, json=body)).json()
    return check["uuid"], httpx.URL(check["badge_url"]).path.removesuffix(".svg")


async def told(harness: Harness, path: str) -> Any:
    answer = await harness.client.get(path, headers={"X-Api-Key": "nobody's"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "public, max-age=15"
    return answer.json()


async def both(harness: Harness, path: str) -> tuple[str, str]:
    """The status of two, and of three."""
    three = path.replace("/b/2/", "/b/3/")
    return (await told(harness, f"{path}.json"))["status"], (await told(harness, f"{three}.json"))["status"]


async def test_the_address_that_is_told_shows_the_badge(harness: Harness) -> None:
    id, path = await made(harness, name="Nightly & <b>")
    assert not is_ping(path)
    answer = await harness.client.get(f"{path}.svg")
    assert answer.headers["Content-Type"] == "image/svg+xml; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert ElementTree.fromstring(answer.content).get("aria-label") == "Nightly & <b>: up"
    assert id not in path + answer.text
    assert (await harness.client.head(f"{path}.svg")).status_code == 200


async def test_statuses(harness: Harness) -> None:
    id, path = await made(harness)
    assert await both(harness, path) == ("up", "up")  # new
    harness.log.ping(id)
    harness.log.tick(MINUTE + 10)
    assert await both(harness, path) == ("up", "late")
    late = await told(harness, f"{path.replace('/2/', '/3/')}.json")
    assert late == {"status": "late", "total": 1, "grace": 1, "down": 0}
    # Two states do not tell it, but count it, as on Healthchecks.
    assert await told(harness, f"{path}.json") == late | {"status": "up"}
    harness.log.tick(MINUTE)
    assert await both(harness, path) == ("down", "down")
    assert (await told(harness, f"{path}.json"))["down"] == 1
    assert await told(harness, f"{path}.shields") == {
        "schemaVersion": 1, "label": "backup", "message": "down", "color": "critical",
    }  # fmt: skip


async def test_a_badge_without_a_name_does_not_tell_the_ping_url(harness: Harness) -> None:
    id, path = await made(harness, name="")
    for ending in ("svg", "json", "shields"):
        assert id not in (await harness.client.get(f"{path}.{ending}")).text
    assert (await told(harness, f"{path}.shields"))["label"] == harness.settings.site_name


async def test_checks_come_and_go(harness: Harness) -> None:
    first, first_path = await made(harness)
    assert await both(harness, first_path) == ("up", "up")
    _, second_path = await made(harness)
    assert (await harness.client.delete(f"{CHECKS}{first}")).status_code == 200
    assert (await harness.client.get(f"{first_path}.svg")).status_code == 404
    assert await both(harness, second_path) == ("up", "up")


async def test_what_is_no_badge(harness: Harness) -> None:
    id, path = await made(harness)
    for wrong in (f"/b/2/{id}.svg", f"{path}.png", f"{path}", path.replace("/2/", "/4/") + ".svg", "/b/2/x.svg"):
        answer = await harness.client.get(wrong)
        assert (answer.status_code, answer.json()) == (404, {"error": "not found"}), wrong
    harness.log.broken = True
    assert (await harness.client.get(f"/b/2/{id}.svg")).status_code == 503


async def test_a_fold_that_stands_calls_nobody_late(harness: Harness) -> None:
    id, path = await made(harness)
    harness.log.ping(id)
    harness.log.held = {"pings"}
    harness.log.time += 2 * MINUTE * SECOND
    assert await both(harness, path) == ("up", "up")


class Directory:
    """Checks that are asked for by their ids; how often all of them were."""

    def __init__(self, ids: list[str]) -> None:
        self.ids, self.asked = ids, 0

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def newest_check(self) -> str | None:
        return self.ids[-1] if self.ids else None

    def check_ids(self) -> list[str]:
        self.asked += 1
        return list(self.ids)

    def check(self, id: str) -> Any:
        return id or None


async def test_the_keys_of_many_checks_are_reckoned_while_others_get_their_turn() -> None:
    """The first badge of 200,000 checks held up every ping for seconds, each unknown one for milliseconds."""
    directory = Directory([f"check {number}" for number in range(5_000)])
    keys = BadgeKeys(cast(Any, directory))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    found = await asyncio.gather(*(keys.check(badge_key(f"check {number}")) for number in (0, 17, 4_999)))
    task.cancel()
    assert cast(Any, found) == ["check 0", "check 17", "check 4999"]
    assert turns > 50
    for _ in range(100):
        assert await keys.check("unknown") is None
    assert directory.asked == 1
    directory.ids.append("new")
    assert cast(Any, await keys.check(badge_key("new"))) == "new"
    assert directory.asked == 2
