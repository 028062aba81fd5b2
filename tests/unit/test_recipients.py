"""Recipients of mail confirm once: the API, the page of the link, and both folds, in memory."""

from typing import Any

import httpx
import pytest

from infra.budgets import Budget, Budgets
from infra.secrets.confirmation_links import PATH
from schemas.base import SECOND, encode
from schemas.definitions import Channel
from schemas.deliveries import DeliveryAttempted, DeliveryRequested, Endpoint
from schemas.ids import new_id
from schemas.recipients import (
    LINK_VALID,
    MOST_ADDRESSES,
    MOST_MAILS,
    MOST_REQUESTS,
    mailbox_id,
    recipient_id,
)
from schemas.requests import ChannelCreate, ChannelFields, ChannelUpdate, RecipientUnblock
from schemas.topics import DELIVERIES, PROJECTS, TRANSITIONS
from tests.harness import POP_KEY, WRITE_KEY, Harness

CHANNELS = "/api/v1/alert-channels"
OPS = "ops@example.org"
DAY = 86_400


@pytest.fixture
def api() -> Harness:
    return open_api()


def open_api(**settings: Any) -> Harness:
    api = Harness(smtp_host="mail.example.org", smtp_from="Pingfold <pingfold@example.org>", **settings)
    del api.client.headers["X-Api-Key"]
    api.client.headers["Authorization"] = f"Bearer {POP_KEY}"
    return api


def data(answer: httpx.Response, status: int = 200, error: str | None = None) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.json().get("error") == error
    return answer.json().get("data")


async def mail(api: Harness, *addresses: str, **fields: Any) -> dict[str, Any]:
    """A new e-mail channel, as the API shows it."""
    body = {"channel_type": "email", "addresses": list(addresses or (OPS,)), **fields}
    channel: dict[str, Any] = data(await api.client.post(CHANNELS, json=body), 201)
    return channel


async def shown(api: Harness, channel: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = data(await api.client.get(f"{CHANNELS}/{channel['id']}"))
    return found


def asked(api: Harness) -> list[str]:
    """The addresses that projects wanted to be asked."""
    return sorted(event["address"] for _, event in api.log.of(DELIVERIES) if event["type"] == "confirmation.requested")


def mailed(api: Harness, address: str = OPS) -> int:
    """How many requests are being mailed to an address."""
    return api.log.delivery_states.count(mailbox_id(address))


def finished(api: Harness, key: str) -> list[tuple[str, str]]:
    """How the deliveries of a channel or a mailbox ended, and why."""
    return [
        (event["outcome"], event.get("detail", ""))
        for of, event in api.log.of(TRANSITIONS)
        if of == key and event["type"] == "delivery.finished"
    ]


def tell(api: Harness, channel: dict[str, Any]) -> None:
    """Something goes down."""
    request = DeliveryRequested(transition=new_id(), at=api.log.time, notices=("monitor.down",), data={})
    api.log.send(DELIVERIES.name, channel["id"], encode(request))


def link(api: Harness, address: str = OPS, project: str = "", expires: int | None = None) -> str:
    until = api.log.time + LINK_VALID if expires is None else expires
    return PATH + api.links.token(recipient_id(project or api.project, address), until)


async def press(api: Harness, button: str, **of: Any) -> httpx.Response:
    """Open the page of the link and press a button of the form."""
    return await api.client.post(link(api, **of), data={"answer": button})


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


# ---- limits


async def test_asking_again_is_limited_for_an_address(api: Harness) -> None:
    channel = await mail(api)
    again = f"{CHANNELS}/{channel['id']}/confirmation"
    for _ in range(MOST_REQUESTS - 1):
        assert data(await api.client.post(again), 202)["unconfirmed"] == [OPS]
    answer = await api.client.post(again)
    assert (answer.status_code, answer.json()["error"]) == (429, "too_many_confirmations")
    old = await api.client.post(f"/api/v3/channels/{channel['id']}/confirmation", headers={"X-Api-Key": WRITE_KEY})
    assert old.status_code == 429
    assert len(asked(api)) == mailed(api) == MOST_REQUESTS
    # Nor does it help to make and to change channels.
    for _ in range(3):
        other = await mail(api)
        await api.client.patch(f"{CHANNELS}/{other['id']}", json={"addresses": [OPS.upper()]})
    assert len(asked(api)) == MOST_REQUESTS
    await press(api, "confirm")
    answer = await api.client.post(again)
    assert (answer.status_code, answer.json()["error"]) == (409, "nothing_to_confirm")


async def test_a_mailbox_is_not_flooded_by_spellings_nor_by_projects(api: Harness) -> None:
    keys = ["p" * 32, POP_KEY]
    for n in range(MOST_MAILS + 3):
        api.client.headers["Authorization"] = f"Bearer {keys[n % 2]}"
        channel = await mail(api, f"Ops+{n}@Example.org")
        assert channel["unconfirmed"] == [f"Ops+{n}@Example.org"]
    assert mailed(api) == MOST_MAILS
    assert (
        finished(api, mailbox_id(OPS))
        == [("removed", f"{MOST_MAILS} requests to confirm were mailed to this mailbox within a day")] * 3
    )
    told = {pending.delivery.to for pending in api.log.delivery_states.pending(mailbox_id(OPS))}
    assert told == {(f"Ops+{n}@Example.org",) for n in range(MOST_MAILS)}


async def test_a_project_does_not_ask_the_whole_world(api: Harness) -> None:
    for n in range(MOST_ADDRESSES // 10):
        await mail(api, *(f"a{n}-{i}@example.org" for i in range(10)))
    await press(api, "confirm", address="a0-0@example.org")
    before = len(asked(api))
    two = ["b1@example.org", "b2@example.org"]
    answer = await api.client.post(CHANNELS, json={"channel_type": "email", "addresses": two})
    assert (answer.status_code, answer.json()["error"]) == (429, "too_many_confirmations")
    assert len(asked(api)) == before
    assert (await mail(api, "b1@example.org"))["unconfirmed"] == ["b1@example.org"]
    assert (await mail(api, "b1@example.org", "a0-0@example.org"))["unconfirmed"] == ["b1@example.org"]
    api.client.headers["Authorization"] = f"Bearer {'p' * 32}"
    assert (await mail(api, "b2@example.org"))["unconfirmed"] == ["b2@example.org"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ops@example.org", "OPS+x@Example.ORG", True),
        ("a.b.c@gmail.com", "abc+spam@googlemail.com", True),
        ("a.b@example.org", "ab@example.org", False),
        ("+x@example.org", "x@example.org", False),
        ("a@example.org", "a@example.com", False),
    ],
)
def test_which_addresses_are_one_mailbox(one: str, other: str, same: bool) -> None:
    assert (mailbox_id(one) == mailbox_id(other)) is same


# ---- who needs none


def old_channel(api: Harness, *addresses: str) -> str:
    """A channel as a former version asked for it."""
    channel = Channel(id=new_id(), project=api.project, kind="email", url="", created=0, addresses=addresses)
    api.request(api.project, ChannelCreate(request=new_id(), at=api.log.time, channel=channel))
    return channel.id


async def test_channels_of_former_versions_are_confirmed(api: Harness) -> None:
    old = old_channel(api, OPS)
    tell(api, {"id": old})
    assert api.log.delivery_states.count(old) == 1
    assert (await mail(api, OPS))["unconfirmed"] == []
    changed = await api.client.patch(f"{CHANNELS}/{old}", json={"addresses": [OPS, "new@example.org"]})
    assert data(changed)["unconfirmed"] == ["new@example.org"]
    assert asked(api) == ["new@example.org"]


async def test_a_closed_installation_asks_nobody_but_heeds_who_has_blocked() -> None:
    api = open_api(mail_confirmation="off")
    assert (await mail(api))["unconfirmed"] == []
    assert asked(api) == []
    data(await api.client.post(f"{CHANNELS}/{(await mail(api))['id']}/test"), 202)
    strict = await_confirmation(api, "no@example.org")
    await press(api, "block", address="no@example.org")
    again = await mail(api, "no@example.org")
    assert (again["unconfirmed"], again["blocked"]) == (["no@example.org"], ["no@example.org"])
    assert strict != again["id"]


def await_confirmation(api: Harness, *addresses: str) -> str:
    """A channel that was asked for while the setting was on."""
    channel = Channel(id=new_id(), project=api.project, kind="email", url="", created=0, addresses=addresses)
    api.request(api.project, ChannelCreate(request=new_id(), at=api.log.time, channel=channel, confirm=True))
    return channel.id


async def test_a_change_while_it_is_off_confirms() -> None:
    api = open_api(mail_confirmation="off")
    id = await_confirmation(api, OPS)
    assert data(await api.client.get(f"{CHANNELS}/{id}"))["unconfirmed"] == [OPS]
    assert data(await api.client.patch(f"{CHANNELS}/{id}", json={}))["unconfirmed"] == []


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
