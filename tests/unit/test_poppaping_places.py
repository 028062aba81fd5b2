"""Fields that the updown API has, and that the PoppaPing API offers in its own style."""

from typing import Any

import httpx
import pytest

from tests.harness import POP_KEY, Harness
from tests.updown_client import CHECKS, UPDOWN_KEY, with_updown_keys

MONITORS = "/api/v1/monitors"


@pytest.fixture
def harness() -> Harness:
    made = with_updown_keys(Harness(regions="one,two,three"))
    made.client.headers.update({"Authorization": f"Bearer {POP_KEY}", "X-Api-Key": UPDOWN_KEY})
    return made


async def make(harness: Harness, **fields: Any) -> httpx.Response:
    return await harness.client.post(MONITORS, json={"name": "Shop", "url": "https://shop.example.com/"} | fields)


async def change(harness: Harness, id: str, **fields: Any) -> dict[str, Any]:
    answer = await harness.client.patch(f"{MONITORS}/{id}", json=fields)
    assert answer.status_code == 200, answer.text
    changed: dict[str, Any] = answer.json()["data"]
    return changed


async def test_both_apis_show_and_change_the_same(harness: Harness) -> None:
    made = (await make(harness, apdex_threshold_ms=250, published=True, excluded_regions=["two"])).json()["data"]
    [check] = (await harness.client.get(CHECKS)).json()
    assert (check["apdex_t"], check["published"], check["disabled_locations"]) == (0.25, True, ["two"])
    assert (await harness.client.get(f"/status/{check['token']}")).status_code == 200
    changed = {"apdex_t": 1.0, "published": False, "disabled_locations": ["one"]}
    assert (await harness.client.put(f"{CHECKS}/{check['token']}", json=changed)).status_code == 200
    told = (await harness.client.get(f"{MONITORS}/{made['id']}")).json()["data"]
    shown = {name: told[name] for name in ("apdex_threshold_ms", "published", "excluded_regions", "regions")}
    assert shown == {"apdex_threshold_ms": 1_000, "published": False, "excluded_regions": ["one"], "regions": []}


async def test_credentials_of_a_url_are_told_of_and_not_told(harness: Harness) -> None:
    url = "https://me:secret@shop.example.com/"
    check = (await harness.client.post(CHECKS, json={"url": url})).json()
    [monitor] = (await harness.client.get(MONITORS)).json()["data"]
    assert (monitor["has_credentials"], "secret" in str(monitor)) == (True, False)
    answer = await harness.client.patch(f"{MONITORS}/{monitor['id']}", json=monitor)
    assert answer.json()["data"]["has_credentials"] is True
    await harness.client.put(f"{CHECKS}/{check['token']}", json={"url": check["url"]})
    assert (await harness.client.get(f"{MONITORS}/{monitor['id']}")).json()["data"]["has_credentials"] is False


async def test_where_it_is_probed_from(harness: Harness) -> None:
    id = (await make(harness, excluded_regions=["two", "two"])).json()["data"]["id"]

    def probed_from() -> tuple[str, ...]:
        monitor = harness.log.directory.monitor(id)
        assert monitor is not None
        return monitor.probed_from

    assert probed_from() == ("one", "three")
    await change(harness, id, name="Store")
    assert probed_from() == ("one", "three")
    assert (await change(harness, id, regions=["two"]))["excluded_regions"] == []
    assert probed_from() == ("two",)
    assert (await change(harness, id, excluded_regions=["one"]))["regions"] == ["two"]
    assert probed_from() == ("two",)
    await change(harness, id, regions=[], excluded_regions=["one"])
    assert probed_from() == ("two", "three")
    await change(harness, id, excluded_regions=None)
    assert probed_from() == ("one", "two", "three")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"excluded_regions": ["one", "two", "three"]}, "must leave a region"),
        ({"excluded_regions": ["four"]}, "Unknown region 'four'"),
        ({"excluded_regions": "one"}, "excluded_regions"),
        ({"apdex_threshold_ms": 0}, "apdex_threshold_ms"),
        ({"apdex_threshold_ms": 60_001}, "apdex_threshold_ms"),
        ({"published": "yes"}, "published"),
    ],
)
async def test_what_is_refused(harness: Harness, fields: dict[str, Any], words: str) -> None:
    answer = await make(harness, **fields)
    assert answer.status_code == 400
    assert words in answer.json()["message"]
