"""How often an address, a mailbox and a project may be asked for a confirmation, and who need not be asked."""

import pytest

from schemas.recipients import (
    MOST_ADDRESSES,
    MOST_MAILS,
    MOST_REQUESTS,
    mailbox_id,
)
from tests.harness import POP_KEY, WRITE_KEY, Harness
from tests.recipients_world import (
    CHANNELS,
    OPS,
    asked,
    await_confirmation,
    data,
    finished,
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


async def test_a_change_while_it_is_off_confirms() -> None:
    api = open_api(mail_confirmation="off")
    id = await_confirmation(api, OPS)
    assert data(await api.client.get(f"{CHANNELS}/{id}"))["unconfirmed"] == [OPS]
    assert data(await api.client.patch(f"{CHANNELS}/{id}", json={}))["unconfirmed"] == []
