"""Recipients of mail confirm once: the API, the page of the link, and both folds, in memory."""

from typing import Any

import pytest

from infra.budgets import Budget, Budgets
from infra.secrets.confirmation_links import PATH
from schemas.base import SECOND, encode
from schemas.deliveries import DeliveryAttempted, Endpoint
from schemas.recipients import (
    LINK_VALID,
    mailbox_id,
)
from schemas.requests import ChannelFields, ChannelUpdate, RecipientUnblock
from schemas.topics import DELIVERIES, PROJECTS, TRANSITIONS
from tests.harness import POP_KEY, WRITE_KEY, Harness
from tests.recipients_world import (
    CHANNELS,
    OPS,
    asked,
    await_confirmation,
    data,
    finished,
    link,
    mail,
    mailed,
    old_channel,
    open_api,
    press,
    tell,
)


@pytest.fixture
def api() -> Harness:
    return open_api()


async def shown(api: Harness, channel: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = data(await api.client.get(f"{CHANNELS}/{channel['id']}"))
    return found


def answers(api: Harness) -> list[str]:
    return [value["type"] for _, value in api.log.of(PROJECTS) if value["type"].startswith("recipient.")]


# ---- nothing before the owner has confirmed


async def test_a_new_address_gets_one_request_to_confirm_and_nothing_else(api: Harness) -> None:
    channel = await mail(api)
    assert (channel["unconfirmed"], channel["blocked"]) == ([OPS], [])
    assert (asked(api), mailed(api)) == ([OPS], 1)
    [pending] = api.log.delivery_states.pending(mailbox_id(OPS))
    assert (pending.delivery.notice, pending.delivery.to) == ("recipient.confirmation", (OPS,))
    tell(api, channel)
    assert finished(api, channel["id"]) == [("unconfirmed", "nobody has confirmed an address of the channel")]
    assert api.log.delivery_states.count(channel["id"]) == 0
    [line] = data(await api.client.get(f"{CHANNELS}/{channel['id']}/deliveries"))
    assert (line["status"], line["attempts"]) == ("unconfirmed", 0)
    for path in ("test", f"deliveries/{line['id']}/replay"):
        answer = await api.client.post(f"{CHANNELS}/{channel['id']}/{path}")
        assert (answer.status_code, answer.json()["error"]) == (409, "channel_unconfirmed")
        assert OPS in answer.json()["message"]


async def test_the_address_is_confirmed_by_the_form_and_not_by_looking_at_it(api: Harness) -> None:
    channel = await mail(api)
    for method in ("GET", "HEAD", "GET"):
        page = await api.client.request(method, link(api))
        assert page.status_code == 200
    assert 'value="confirm"' in page.text
    assert "never mail me from here again" in page.text
    assert (await shown(api, channel))["unconfirmed"] == [OPS]
    assert answers(api) == []
    page = await press(api, "confirm")
    assert page.status_code == 200
    assert "Confirmed." in page.text
    assert (await shown(api, channel))["unconfirmed"] == []
    assert answers(api) == ["recipient.confirm"]
    await press(api, "confirm")
    assert answers(api) == ["recipient.confirm"]
    data(await api.client.post(f"{CHANNELS}/{channel['id']}/test"), 202)
    assert api.log.delivery_states.count(channel["id"]) == 1


async def test_what_was_not_sent_can_be_sent_after_the_confirmation(api: Harness) -> None:
    channel = await mail(api)
    tell(api, channel)
    await press(api, "confirm")
    body = {"failed_since": "2020-01-01T00:00:00Z"}
    again = data(await api.client.post(f"{CHANNELS}/{channel['id']}/deliveries/replay", json=body), 202)
    assert again == {"replayed": 1, "more": False}
    assert api.log.delivery_states.count(channel["id"]) == 1


async def test_the_page_names_what_is_down_among_what_the_recipient_is_told_of(api: Harness) -> None:
    await mail(api)
    headers = {"X-Api-Key": WRITE_KEY}
    for name, channels in (("told <of>", "*"), ("not told of", "")):
        made = await api.client.post("/api/v3/checks/", json={"name": name, "channels": channels}, headers=headers)
        api.log.ping(made.json()["uuid"], "fail")
    page = await press(api, "confirm")
    assert "told &lt;of&gt;" in page.text
    assert "not told of" not in page.text
    assert "Down now" not in (await api.client.get(link(api))).text


async def test_a_second_channel_with_the_address_needs_no_confirmation(api: Harness) -> None:
    first = await mail(api)
    second = await mail(api, "OPS@Example.org")
    assert second["unconfirmed"] == ["OPS@Example.org"]
    assert len(asked(api)) == 1
    await press(api, "confirm")
    third = await mail(api, "Ops@example.org", "new@example.org")
    assert third["unconfirmed"] == ["new@example.org"]
    assert [(await shown(api, one))["unconfirmed"] for one in (first, second)] == [[], []]
    await api.client.delete(f"{CHANNELS}/{first['id']}")
    assert (await mail(api))["unconfirmed"] == []
    assert asked(api) == ["new@example.org", OPS]


async def test_the_answer_is_of_one_project(api: Harness) -> None:
    await mail(api)
    await press(api, "confirm")
    api.client.headers["Authorization"] = f"Bearer {'p' * 32}"
    theirs = await mail(api)
    assert theirs["unconfirmed"] == [OPS]
    assert (await press(api, "confirm", project=api.other)).status_code == 200
    assert (await shown(api, theirs))["unconfirmed"] == []


# ---- blocking


async def test_who_blocks_gets_no_request_again_of_any_project(api: Harness) -> None:
    channel = await mail(api)
    page = await press(api, "block")
    assert "Blocked." in page.text
    assert mailed(api) == 0
    assert finished(api, mailbox_id(OPS)) == [("removed", "the owner of the address wants no mail from here")]
    now = await shown(api, channel)
    assert (now["unconfirmed"], now["blocked"]) == ([OPS], [OPS])
    answer = await api.client.post(f"{CHANNELS}/{channel['id']}/confirmation")
    assert (answer.status_code, answer.json()["error"]) == (409, "recipients_blocked")
    answer = await api.client.post(f"{CHANNELS}/{channel['id']}/test")
    assert (answer.status_code, answer.json()["error"]) == (409, "channel_unconfirmed")
    assert "wants no mail" in answer.json()["message"]
    again = await mail(api)
    assert (again["unconfirmed"], len(asked(api))) == ([OPS], 1)
    api.client.headers["Authorization"] = f"Bearer {'p' * 32}"
    theirs = await mail(api, "Ops+alerts@example.org")
    assert theirs["blocked"] == ["Ops+alerts@example.org"]
    assert mailed(api) == 0
    assert len(finished(api, mailbox_id(OPS))) == 2


async def test_who_blocks_stops_the_mail_of_every_channel_of_the_project_and_of_no_other(api: Harness) -> None:
    api.client.headers["Authorization"] = f"Bearer {'p' * 32}"
    theirs = await mail(api)
    await press(api, "confirm", project=api.other)
    api.client.headers["Authorization"] = f"Bearer {POP_KEY}"
    old = old_channel(api, OPS, "night@example.org")
    ours = await mail(api, OPS)
    assert ours["unconfirmed"] == []  # an old channel has it
    # There is no link for an address that was never asked: only one who was asked can block.
    assert (await press(api, "block")).status_code == 404
    await mail(api, "more@example.org")
    older = old_channel(api, "more@example.org")
    await press(api, "block", address="more@example.org")
    for id, unconfirmed in ((older, ("more@example.org",)), (old, ()), (ours["id"], ())):
        channel = api.log.directory.channel(id)
        assert channel is not None
        assert channel.unconfirmed == unconfirmed
    api.client.headers["Authorization"] = f"Bearer {'p' * 32}"
    assert (await shown(api, theirs))["unconfirmed"] == []


async def test_the_newest_answer_counts(api: Harness) -> None:
    channel = await mail(api)
    other = await mail(api, OPS, "night@example.org")
    await press(api, "confirm")
    tell(api, channel)
    tell(api, other)
    await press(api, "block")
    assert finished(api, channel["id"]) == [("unconfirmed", "nobody has confirmed an address of the channel")]
    assert (await shown(api, other))["unconfirmed"] == [OPS, "night@example.org"]
    await press(api, "confirm")
    assert ((await shown(api, channel))["unconfirmed"], (await shown(api, channel))["blocked"]) == ([], [])
    assert answers(api) == ["recipient.confirm", "recipient.block", "recipient.confirm"]


async def test_the_audit_trail_tells_of_the_answer_and_not_of_the_link(api: Harness) -> None:
    await mail(api)
    await api.client.post(link(api), data={"answer": "confirm"}, headers={"X-Forwarded-For": "203.0.113.9"})
    entries = [one for _, one in api.log.of(TRANSITIONS) if one["type"] == "thing.changed"]
    answered = entries[-1]
    assert answered["actor"] == {"kind": "page", "address": "203.0.113.9"}
    assert (answered["kind"], answered["name"], answered["others"]) == ("recipient", OPS, 1)
    assert [change["field"] for change in answered["changes"]] == ["confirmed_at"]
    assert link(api).removeprefix(PATH) not in repr(entries)


async def test_a_channel_says_why_its_owner_was_not_reached(api: Harness) -> None:
    channel = await mail(api)
    assert channel["confirmation_error"] is None
    deliver(api, OPS, None, f"{OPS}: 550 no such user")
    assert (await shown(api, channel))["confirmation_error"] == f"{OPS}: 550 no such user"
    api.client.headers["Authorization"] = f"Bearer {'p' * 32}"
    assert (await mail(api))["confirmation_error"] is None
    api.client.headers["Authorization"] = f"Bearer {POP_KEY}"
    await press(api, "confirm")
    assert (await shown(api, channel))["confirmation_error"] is None


async def test_an_operator_lets_projects_ask_again(api: Harness) -> None:
    channel = await mail(api)
    api.client.headers["Authorization"] = f"Bearer {'p' * 32}"
    theirs = await mail(api)
    await press(api, "block")
    assert (await shown(api, theirs))["blocked"] == [OPS]
    data(await api.client.post(f"{CHANNELS}/{theirs['id']}/confirmation"), 409, error="recipients_blocked")
    unblock = RecipientUnblock(request="u", at=api.log.time, address="OPS@example.org")
    api.log.send(PROJECTS.name, api.project, encode(unblock))
    assert api.log.decisions["u"].outcome == "updated"
    for one, key in ((theirs, "p" * 32), (channel, POP_KEY)):
        api.client.headers["Authorization"] = f"Bearer {key}"
        now = await shown(api, one)
        assert (now["unconfirmed"], now["blocked"]) == ([OPS], [])
        data(await api.client.post(f"{CHANNELS}/{one['id']}/confirmation"), 202)
    assert mailed(api) == 2
    await press(api, "confirm")
    assert (await shown(api, channel))["unconfirmed"] == []


async def test_minds_are_not_changed_without_end(api: Harness) -> None:
    api.app.state.recipients._changes = Budgets(Budget(10, 60.0), lambda: 0.0)
    await mail(api)
    pages = [await press(api, button) for _ in range(8) for button in ("confirm", "block")]
    assert [page.status_code for page in pages[:11]] == [200] * 10 + [429]
    assert len(answers(api)) == 10


# ---- the page


@pytest.mark.parametrize("token", ["x", "A" * 50, "%00", "é", "a/b"])
async def test_a_link_that_nobody_made_opens_nothing(api: Harness, token: str) -> None:
    for method in ("GET", "POST"):
        answer = await api.client.request(
            method, PATH + token, data={"answer": "confirm"} if method == "POST" else None
        )
        assert answer.status_code == 404
    assert answers(api) == []


async def test_a_link_that_has_expired_opens_nothing(api: Harness) -> None:
    channel = await mail(api)
    url = link(api, expires=api.log.time + 60 * SECOND)
    api.log.tick(60)
    for answer in (await api.client.get(url), await api.client.post(url, data={"answer": "confirm"})):
        assert answer.status_code == 410
        assert "expired" in answer.text
    assert (await shown(api, channel))["unconfirmed"] == [OPS]


@pytest.mark.parametrize(
    "body", ["", "answer=", "answer=yes", "answer=confirm&answer=block", "a=1&b=2&c=3&d=4&answer=confirm", "%ff=%00"]
)
async def test_what_is_no_answer_changes_nothing(api: Harness, body: str) -> None:
    channel = await mail(api)
    answer = await api.client.post(link(api), content=body)
    assert answer.status_code == 400
    assert (await shown(api, channel))["unconfirmed"] == [OPS]


async def test_the_page_is_kept_by_nobody_and_runs_nothing(api: Harness) -> None:
    await mail(api)
    for answer in (await api.client.get(link(api)), await press(api, "confirm"), await api.client.get(PATH + "x")):
        headers = answer.headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Robots-Tag"] == "noindex"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "form-action 'self'" in policy
        assert "frame-ancestors 'none'" in policy


async def test_an_answer_that_cannot_be_recorded_says_so(api: Harness) -> None:
    await mail(api)
    api.log.broken = True
    assert (await press(api, "confirm")).status_code == 503
    unknown = link(api, "nobody@example.org")
    assert (await api.client.get(unknown)).status_code == 503
    api.log.broken = False
    assert (await api.client.get(unknown)).status_code == 404


# ---- the folds


def test_an_update_of_a_former_version_asks_nobody(api: Harness) -> None:
    id = await_confirmation(api, OPS)
    fields = ChannelFields(addresses=(OPS, "b@example.org"))
    api.log.send(PROJECTS.name, api.project, encode(ChannelUpdate(request="r", at=api.log.time, id=id, fields=fields)))
    channel = api.log.directory.channel(id)
    assert channel is not None
    assert (channel.addresses, channel.unconfirmed) == ((OPS, "b@example.org"), ())


async def test_a_link_is_not_asked_for_again_while_it_is_valid_and_is_afterwards(api: Harness) -> None:
    await mail(api)
    deliver(api, OPS)
    jump(api, LINK_VALID // SECOND - 10)
    await mail(api)
    assert len(asked(api)) == 1
    jump(api, 20)
    await mail(api)
    assert len(asked(api)) == 2


def jump(api: Harness, seconds: int) -> None:
    """Time passes in one step."""
    api.log.time += (seconds - 1) * SECOND
    api.log.tick(1)


def deliver(api: Harness, address: str, status: int | None = 250, error: str = "") -> None:
    """What the sender reports of the requests to an address."""
    for pending in api.log.delivery_states.pending(mailbox_id(address)):
        attempt = pending.delivery.attempt
        done = DeliveryAttempted(delivery=pending.id, attempt=attempt, at=api.log.time, status=status, error=error)
        api.log.send(DELIVERIES.name, mailbox_id(address), encode(done))


def test_the_confirmed_addresses_of_an_endpoint() -> None:
    endpoint = Endpoint(
        id="c", project="p", url="", notices=(), secret="", kind="email", addresses=("a@b", "c@d"), unconfirmed=("a@b",)
    )
    assert endpoint.confirmed == ("c@d",)
