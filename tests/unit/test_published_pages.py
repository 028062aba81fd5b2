"""The public page of a check that is `published`, at its token: there while it is, in every form, for everybody."""

from urllib.parse import urlsplit

import pytest

from query_api.pages.status import HOLD
from schemas.base import SECOND
from tests.harness import Harness
from tests.updown_client import CHECKS, made, updown

FORMS = ("", ".json", ".atom", "/badge.svg")


@pytest.fixture
def harness() -> Harness:
    return updown()


async def statuses(harness: Harness, token: str) -> list[int]:
    return [(await harness.client.get(f"/status/{token}{form}")).status_code for form in FORMS]


async def test_it_is_there_while_the_check_is_published(harness: Harness) -> None:
    token = (await made(harness, alias="Shop", published=True))["token"]
    assert await statuses(harness, token) == [200] * 4
    [monitor] = harness.log.directory.monitors_of(harness.project)
    told = (await harness.client.get(f"/status/{token}.json")).json()
    assert told["page"]["title"] == "Shop"
    assert told["page"]["url"].endswith(f"/status/{token}")
    assert [one["name"] for one in told["components"]] == ["Shop"]
    for form in FORMS:
        assert monitor.id not in (await harness.client.get(f"/status/{token}{form}")).text
    assert (await harness.client.put(f"{CHECKS}/{token}", json={"published": False})).status_code == 200
    assert await statuses(harness, token) == [404] * 4
    assert (await harness.client.put(f"{CHECKS}/{token}", json={"published": True})).status_code == 200
    assert await statuses(harness, token) == [200] * 4
    assert (await harness.client.delete(f"{CHECKS}/{token}")).status_code == 200
    assert await statuses(harness, token) == [404] * 4


async def test_it_shows_what_is_now(harness: Harness) -> None:
    token = (await made(harness, alias="Shop", published=True))["token"]
    [monitor] = harness.log.directory.monitors_of(harness.project)
    harness.log.probe(monitor.id)
    harness.log.tick(HOLD / SECOND)
    assert (await harness.client.get(f"/status/{token}.json")).json()["status"] == "operational"
    assert (await harness.client.put(f"{CHECKS}/{token}", json={"alias": "Store"})).status_code == 200
    assert "Store" in (await harness.client.get(f"/status/{token}")).text  # a change is seen at once


async def test_others_have_no_such_page(harness: Harness) -> None:
    token = (await made(harness, alias="Shop"))["token"]
    pulse = (await made(harness, url="", type="pulse", published=True))["token"]
    for each in (token, pulse, "zzzz", token.upper(), f"{token}-", "%00%00%00%00", "../x"):
        assert set(await statuses(harness, each)) == {404}, each


async def test_without_an_alias_it_tells_the_host_alone(harness: Harness) -> None:
    check = await made(harness, url="https://shop.example.com:8443/cart?token=hush", published=True)
    for form in FORMS:
        told = (await harness.client.get(f"/status/{check['token']}{form}")).text
        assert "shop.example.com" in told, form
        assert not [secret for secret in ("hush", "cart", "8443") if secret in told], form
    assert (await harness.client.put(f"{CHECKS}/{check['token']}", json={"alias": "Shop"})).status_code == 200
    assert "Shop" in (await harness.client.get(f"/status/{check['token']}")).text


async def test_a_status_page_tells_the_host_alone_as_well(harness: Harness) -> None:
    check = await made(harness, url="https://shop.example.com/cart?token=hush")
    public = {"name": "P", "visibility": "public"}
    page = await harness.client.post("/api/status_pages", json=public | {"checks": [check["token"]]})
    assert page.status_code == 201, page.text
    told = (await harness.client.get(f"{urlsplit(page.json()['url']).path}.json")).json()
    assert [one["name"] for one in told["components"]] == ["shop.example.com"]
