"""Posts of status pages and those who are mailed them: the APIs, the pages of the public, and the folds, in memory."""

from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from infra.secrets.confirmation_links import SUBSCRIPTIONS_PATH
from schemas.page_subscribers import CONFIRM_WITHIN, subscriber_id
from schemas.topics import TRANSITIONS
from tests.harness import Harness
from tests.public_pages import PAGES, ask, later, make, make_full, shown

ANN = "ann@example.org"
ATOM = "{http://www.w3.org/2005/Atom}"
HOSTILE = "<script>alert(1)</script>\"'&\x0b]]>"


@pytest.fixture
def harness() -> Harness:
    return Harness(smtp_host="mail.example.org", smtp_from="Pingfold <pingfold@example.org>")


async def write(harness: Harness, page: dict[str, Any], status: int = 201, **fields: Any) -> dict[str, Any]:
    body = {"title": "Payments fail", "text": "We look into it."} | fields
    answer = await ask(harness, "POST", f"{PAGES}/{page['id']}/posts", body)
    assert answer.status_code == status, answer.text
    told: dict[str, Any] = answer.json().get("data") or answer.json()
    return told


async def sign_up(harness: Harness, page: dict[str, Any], address: str = ANN) -> httpx.Response:
    return await harness.client.post(f"/status/{page['id']}/subscribe", data={"address": address})


def way(harness: Harness, page: dict[str, Any], address: str = ANN, expires: int | None = None) -> str:
    until = harness.log.time + CONFIRM_WITHIN if expires is None else expires
    return SUBSCRIPTIONS_PATH + harness.subscription_links.token(subscriber_id(page["id"], address), until)


async def subscribe(harness: Harness, page: dict[str, Any], address: str = ANN) -> str:
    assert (await sign_up(harness, page, address)).status_code == 200
    answer = await harness.client.post(way(harness, page, address), data={"answer": "confirm"})
    assert answer.status_code == 200, answer.text
    return subscriber_id(page["id"], address)


def pending(harness: Harness, subscriber: str) -> list[str]:
    return [each.delivery.notice for each in harness.log.delivery_states.pending(subscriber)]


async def test_a_post_is_shown_fed_and_mailed_to_who_confirmed(harness: Harness) -> None:
    page, _, check = await make_full(harness)
    ann = await subscribe(harness, page)
    assert (await sign_up(harness, page, "bob@example.org")).status_code == 200  # and never confirms
    post = await write(harness, page, affected=[check])
    assert (post["status"], post["affected"], len(post["updates"])) == ("investigating", [check], 1)
    later(harness)
    text = (await shown(harness, page)).text
    for words in ("Payments fail", "We look into it.", "Investigating", "Affected: <bdi>Nightly backup</bdi>"):
        assert words in text
    assert check not in text
    feed = ElementTree.fromstring((await shown(harness, page, ".atom")).content)
    [entry] = feed.iter(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}title") == "Payments fail (investigating)"
    assert "We look into it." in (entry.findtext(f"{ATOM}content") or "")
    [told] = (await shown(harness, page, ".json")).json()["posts"]
    assert (told["title"], told["status"], told["affected_components"]) == (
        "Payments fail",
        "investigating",
        ["Nightly backup"],
    )
    assert pending(harness, ann) == ["status-page.post"]
    assert pending(harness, subscriber_id(page["id"], "bob@example.org")) == []


async def test_one_click_unsubscribes_and_forgets_the_address(harness: Harness) -> None:
    page = await make(harness)
    ann = await subscribe(harness, page)
    await write(harness, page)
    link = way(harness, page)
    answer = await harness.client.post(link, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert "Unsubscribed" in answer.text
    assert pending(harness, ann) == []
    assert harness.log.directory.page_news.subscriber(ann) is None
    assert (await ask(harness, "GET", f"{PAGES}/{page['id']}/subscribers")).json()["data"] == []
    # Again, as mail programs do: it is ended.
    assert (await harness.client.post(link, data={"List-Unsubscribe": "One-Click"})).status_code == 200
    await write(harness, page)
    assert pending(harness, ann) == []
    trail = "".join(str(value) for _, value in harness.log.of(TRANSITIONS) if value["type"] == "thing.changed")
    assert ANN not in trail
