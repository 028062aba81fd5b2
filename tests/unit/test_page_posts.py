"""Posts of status pages and those who are mailed them: the APIs, the pages of the public, and the folds, in memory."""

from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from infra.secrets.confirmation_links import SUBSCRIPTIONS_PATH
from schemas.base import SECOND, encode
from schemas.deliveries import DeliveryAttempted
from schemas.ids import new_id
from schemas.page_subscribers import CONFIRM_WITHIN, MOST_UNCONFIRMED, PageSubscribe, subscriber_id
from schemas.topics import DELIVERIES, PROJECTS, TRANSITIONS
from tests.harness import Harness
from tests.public_pages import PAGES, ask, later, make, make_full, shown

ANN = "ann@example.org"
ATOM = "{http://www.w3.org/2005/Atom}"
HOSTILE = "<script>alert(1)</script>\"'&\x0b]]>"


@pytest.fixture
def harness() -> Harness:
    return Harness(smtp_host="mail.example.org", smtp_from="Pingfold <pingfold@example.org>")


async def write(harness: Harness, page: dict[str, Any], expected: int = 201, **fields: Any) -> dict[str, Any]:
    body = {"title": "Payments fail", "text": "We look into it."} | fields
    answer = await ask(harness, "POST", f"{PAGES}/{page['id']}/posts", body)
    assert answer.status_code == expected, answer.text
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


# ---- subscribing


async def test_nobody_learns_who_subscribes(harness: Harness) -> None:
    page = await make(harness)
    await subscribe(harness, page)
    told = [(await sign_up(harness, page, address)).text for address in (ANN, "new@example.org", "ANN@example.org")]
    assert len(set(told)) == 1
    asked = [value for _, value in harness.log.of(DELIVERIES) if value["type"] == "confirmation.requested"]
    assert [one["address"] for one in asked] == [ANN, "new@example.org"]  # who has confirmed is not asked again


@pytest.mark.parametrize(
    "address", ["", "ann", "ann@", "a b@example.org", "ann@example.org\r\nBcc: b@example.org", HOSTILE]
)
async def test_what_is_no_address_is_refused_in_words(harness: Harness, address: str) -> None:
    page = await make(harness, title=HOSTILE)
    answer = await sign_up(harness, page, address)
    assert answer.status_code == 400
    assert "That is no mail address" in answer.text
    assert "<script" not in answer.text
    assert harness.log.directory.page_news.subscribers_of(page["id"]) == []


async def test_one_client_subscribes_few_addresses(harness: Harness) -> None:
    page = await make(harness)
    told = [await sign_up(harness, page, f"a{number}@example.org") for number in range(6)]
    assert [each.status_code for each in told] == [200] * 5 + [429]
    assert int(told[-1].headers["Retry-After"]) > 0


async def test_a_page_without_mail_takes_nobody() -> None:
    harness = Harness()
    page = await make(harness)
    assert "Subscribe" not in (await shown(harness, page)).text
    assert (await sign_up(harness, page)).status_code == 404


async def test_who_does_not_confirm_in_time_is_forgotten(harness: Harness) -> None:
    page = await make(harness)
    await sign_up(harness, page)
    link = way(harness, page)
    harness.log.tick(CONFIRM_WITHIN / SECOND + 1)
    assert harness.log.directory.page_news.subscribers_of(page["id"]) == []
    for answer in (await harness.client.get(link), await harness.client.post(link, data={"answer": "confirm"})):
        assert answer.status_code == 410
        assert "There is no such subscription" in answer.text


async def test_an_old_link_still_unsubscribes_and_confirms_nothing(harness: Harness) -> None:
    page = await make(harness)
    await sign_up(harness, page)
    old = way(harness, page, expires=harness.log.time - SECOND)
    assert (await harness.client.post(old, data={"answer": "confirm"})).status_code == 410
    assert (await harness.client.post(old, data={"answer": "end"})).status_code == 200
    assert harness.log.directory.page_news.subscribers_of(page["id"]) == []
    assert (await harness.client.post(f"{old}x", data={"answer": "end"})).status_code == 404
    forged = await harness.client.post(f"{old[:-4]}AAAA", data={"List-Unsubscribe": "One-Click"})
    assert forged.status_code == 404


async def test_reading_the_page_of_a_link_changes_nothing(harness: Harness) -> None:
    page = await make(harness, title="Shop")
    await sign_up(harness, page)
    shown = await harness.client.get(way(harness, page))
    assert "Yes, send me its posts" in shown.text
    [waiting] = harness.log.directory.page_news.subscribers_of(page["id"])
    assert waiting.confirmed is None
    nothing = await harness.client.post(way(harness, page), data={"answer": "perhaps"})
    assert nothing.status_code == 400


async def test_a_page_that_is_removed_ends_its_posts_and_subscribers(harness: Harness) -> None:
    page = await make(harness)
    ann = await subscribe(harness, page)
    post = await write(harness, page)
    assert (await ask(harness, "DELETE", f"{PAGES}/{page['id']}")).status_code == 200
    news = harness.log.directory.page_news
    assert (news.posts_of(page["id"]), news.subscriber(ann), news.post(post["id"])) == ([], None, None)
    assert pending(harness, ann) == []


async def test_an_address_that_the_sender_gives_up_is_removed(harness: Harness) -> None:
    page = await make(harness)
    ann = await subscribe(harness, page)
    await write(harness, page)
    # Attempt after attempt fails, for longer than a channel is kept.
    for _ in range(60):
        waiting = list(harness.log.delivery_states.pending(ann))
        if not waiting:
            break
        for one in waiting:
            delivery = one.delivery
            if delivery.due is None:
                failed = DeliveryAttempted(
                    delivery=delivery.id, attempt=delivery.attempt, at=harness.log.time, error="no such mailbox"
                )
                harness.log.send(DELIVERIES.name, ann, encode(failed))
        harness.log.tick(12 * 3_600)
        if harness.log.directory.page_news.subscriber(ann) is None:
            break
        await write(harness, page)
    assert harness.log.directory.page_news.subscriber(ann) is None


# ---- posts


async def test_updates_and_edits_keep_what_was_said(harness: Harness) -> None:
    page = await make(harness)
    ann = await subscribe(harness, page)
    post = await write(harness, page)
    path = f"{PAGES}/{page['id']}/posts/{post['id']}"
    harness.log.tick(60)
    added = await ask(harness, "POST", f"{path}/updates", {"text": "All well.", "status": "resolved"})
    assert (added.status_code, added.json()["data"]["status"]) == (201, "resolved")
    edited = await ask(harness, "PATCH", f"{path}/updates/1", {"text": "We look into payments."})
    [first, second] = edited.json()["data"]["updates"]
    assert (first["text"], [each["text"] for each in first["former_texts"]]) == (
        "We look into payments.",
        ["We look into it."],
    )
    assert (second["number"], second["status"]) == (2, "resolved")
    assert len(pending(harness, ann)) == 2  # nobody is mailed an edit
    renamed = await ask(harness, "PATCH", path, {"title": "Payments failed"})
    assert renamed.json()["data"]["title"] == "Payments failed"
    later(harness)
    text = (await shown(harness, page)).text
    for words in ("Resolved in the last 14 days", "Payments failed", "We look into payments.", "edited 2025-"):
        assert words in text
    assert "We look into it." not in text
    [told] = (await ask(harness, "GET", f"{PAGES}/{page['id']}/posts")).json()["data"]
    assert told["resolved_at"] is not None
    assert (await ask(harness, "DELETE", path)).status_code == 200
    assert (await ask(harness, "GET", path)).status_code == 404


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"text": "x" * 2_001}, "text"),
        ({"status": "well"}, "status"),
        ({"affected": ["nobody"]}, "nobody"),
        ({"strange": 1}, "strange"),
    ],
)
async def test_a_post_that_cannot_be_is_refused_by_its_field(
    harness: Harness, fields: dict[str, Any], word: str
) -> None:
    page = await make(harness)
    told = await write(harness, page, 400, **fields)
    assert word in told["message"]


async def test_a_post_sent_twice_is_one(harness: Harness) -> None:
    page = await make(harness)
    ann = await subscribe(harness, page)
    body = {"title": "Payments fail", "text": "We look into it."}
    headers = {"Authorization": "Bearer pp_live_" + "m" * 32, "Idempotency-Key": "once"}
    path = f"{PAGES}/{page['id']}/posts"
    told = [await harness.client.post(path, json=body, headers=headers) for _ in range(2)]
    assert [each.status_code for each in told] == [201, 200]
    assert len(harness.log.directory.page_news.posts_of(page["id"])) == len(pending(harness, ann)) == 1


async def test_others_see_neither_posts_nor_subscribers(harness: Harness) -> None:
    page = await make(harness)
    post = await write(harness, page)
    ann = await subscribe(harness, page)
    for method, path in (
        ("GET", "posts"),
        ("GET", f"posts/{post['id']}"),
        ("DELETE", f"posts/{post['id']}"),
        ("GET", "subscribers"),
        ("DELETE", f"subscribers/{ann}"),
    ):
        assert (await ask(harness, method, f"{PAGES}/{page['id']}/{path}", key="p" * 32)).status_code == 404
    other = await make(harness)
    assert (await ask(harness, "GET", f"{PAGES}/{other['id']}/posts/{post['id']}")).status_code == 404
    assert (await ask(harness, "DELETE", f"{PAGES}/{other['id']}/subscribers/{ann}")).status_code == 404


async def test_hostile_posts_are_only_text(harness: Harness) -> None:
    page = await make(harness, title=HOSTILE)
    await write(harness, page, title=HOSTILE, text=HOSTILE)
    text = (await shown(harness, page)).text
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    feed = ElementTree.fromstring((await shown(harness, page, ".atom")).content)
    [entry] = feed.iter(f"{ATOM}entry")
    assert "<script>alert(1)</script>" in (entry.findtext(f"{ATOM}content") or "")


async def test_a_page_with_many_strangers_takes_no_more(harness: Harness) -> None:
    page = await make(harness)
    for number in range(MOST_UNCONFIRMED):
        subscribing = PageSubscribe(
            request=new_id(), at=harness.log.time, page=page["id"], address=f"a{number}@example.org"
        )
        harness.request(harness.project, subscribing)
    assert (await sign_up(harness, page)).status_code == 429
    requests = [value for _, value in harness.log.of(PROJECTS) if value["type"] == "page.subscribe"]
    assert len(requests) == MOST_UNCONFIRMED + 1
