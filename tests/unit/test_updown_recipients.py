"""Recipients of the updown API, and its old endpoint of webhooks, over the real folds, in memory."""

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from schemas.base import encode
from schemas.deliveries import DeliveryAttempted
from schemas.topics import DELIVERIES
from tests.harness import POP_KEY, WRITE_KEY, Harness
from tests.updown_client import OTHERS_KEY, UPDOWN_KEY, UPDOWN_READ_KEY, updown

URL = "https://hooks.example/updown"


@pytest.fixture
def api() -> Harness:
    return updown(smtp_host="mail.example.org", smtp_from="a@b.example", mail_confirmation="off", test_sends_per_hour=3)


async def ask(api: Harness, method: str, path: str, status: int = 200, **given: Any) -> Any:
    answer = await api.client.request(method, f"/api/{path}", **given)
    assert answer.status_code == status, answer.text
    return answer.json()


async def made(api: Harness, **fields: Any) -> Any:
    return await ask(api, "POST", "recipients", 201, json={"type": "webhook", "value": URL} | fields)


async def listed(api: Harness, path: str = "recipients") -> Any:
    return await ask(api, "GET", path)


def reported(api: Harness, recipient: Any, status: int = 200) -> list[Any]:
    """What is sent to a recipient, as the sender would report it."""
    number = recipient["id"].partition(":")[2]
    channels = api.log.directory.channels_of(api.project)
    [channel] = [one for one in channels if number in (str(one.number), one.id)]
    bodies = []
    for pending in api.log.delivery_states.pending(channel.id):
        delivery = pending.delivery
        bodies.append(json.loads(delivery.body))
        attempt = DeliveryAttempted(delivery=delivery.id, attempt=1, at=api.log.time, status=status)
        api.log.send(DELIVERIES.name, channel.id, encode(attempt))
    return bodies


async def test_a_webhook_is_made_listed_and_deleted(api: Harness) -> None:
    one = await made(api)
    assert one == {"id": one["id"], "type": "webhook", "name": URL, "value": URL}
    assert list(one) == ["id", "type", "name", "value"]
    kind, _, number = one["id"].partition(":")
    assert (kind, number.isdigit()) == ("webhook", True)
    assert await listed(api) == [one]
    assert await ask(api, "DELETE", f"recipients/{one['id']}") == {"deleted": True}
    assert await listed(api) == []


@pytest.mark.parametrize("end", ["", "/"])
@pytest.mark.parametrize("spelled", [str, lambda id: quote(id, safe="")])
async def test_an_id_may_be_percent_encoded_and_a_path_may_end_with_a_slash(
    api: Harness, spelled: Any, end: str
) -> None:
    one = await made(api)
    assert await ask(api, "GET", f"recipients{end}") == [one]
    assert await ask(api, "DELETE", f"recipients/{spelled(one['id'])}{end}") == {"deleted": True}


async def test_a_label_is_the_name_and_the_value_stays(api: Harness) -> None:
    one = await made(api, name="Ops")
    assert (one["name"], one["value"]) == ("Ops", URL)


@pytest.mark.parametrize(
    ("value", "name", "shown"),
    [
        ("tech@example.com", "tech@example.com", "tech@example.com"),
        ("Company <tech@example.com>", "tech@example.com", "Company <tech@example.com>"),
        (" <tech@example.com> ", "tech@example.com", "tech@example.com"),
    ],
)
async def test_an_address(api: Harness, value: str, name: str, shown: str) -> None:
    one = await made(api, type="email", value=value)
    assert (one["type"], one["name"], one["value"]) == ("email", name, shown)
    assert one["id"].startswith("email:")


@pytest.mark.parametrize("form", [False, True])
@pytest.mark.parametrize("selected", [None, True, False])
async def test_it_is_selected_on_every_check_unless_asked_otherwise(
    api: Harness, selected: bool | None, form: bool
) -> None:
    check = await ask(api, "POST", "checks", 201, json={"url": "https://shop.example", "recipients": []})
    fields: dict[str, Any] = {"type": "webhook", "value": URL}
    if selected is not None:
        fields["selected"] = str(selected).lower() if form else selected
    one = await ask(api, "POST", "recipients", 201, **({"data": fields} if form else {"json": fields}))
    seen = await ask(api, "GET", f"checks/{check['token']}")
    assert seen["recipients"] == ([] if selected is False else [one["id"]])


async def test_recipients_are_chosen_per_check(api: Harness) -> None:
    first, second = await made(api), await made(api, value=f"{URL}/2")
    check = await ask(api, "POST", "checks", 201, json={"url": "https://shop.example", "recipients": [second["id"]]})
    assert check["recipients"] == [second["id"]]
    changed = await ask(api, "PUT", f"checks/{check['token']}", json={"recipients": [first["id"], second["id"]]})
    assert sorted(changed["recipients"]) == sorted([first["id"], second["id"]])
    await ask(api, "DELETE", f"recipients/{first['id']}")
    assert (await ask(api, "GET", f"checks/{check['token']}"))["recipients"] == [second["id"]]


async def test_channels_of_other_apis_are_recipients_once(api: Harness) -> None:
    bearer, key = {"Authorization": f"Bearer {POP_KEY}", "X-Api-Key": ""}, {"X-Api-Key": WRITE_KEY}
    for body in (
        {"channel_type": "webhook", "url": URL, "name": "Pager"},
        {"channel_type": "ntfy", "server": "https://ntfy.example", "topic": "t"},
    ):
        answer = await api.client.post("/api/v1/alert-channels", json=body, headers=bearer)
        assert answer.status_code == 201, answer.text
    form = {"kind": "email", "email": "ops@example.org", "name": "Desk"}
    assert (await api.client.post("/api/v3/channels/", json=form, headers=key)).status_code == 201
    own = await made(api)
    found = await listed(api)
    assert sorted((one["type"], one["name"], one["value"]) for one in found) == [
        ("email", "ops@example.org", "Desk <ops@example.org>"),
        ("ntfy", "https://ntfy.example/t", "https://ntfy.example/t"),
        ("webhook", "Pager", URL),
        ("webhook", URL, URL),
    ]
    assert len({one["id"] for one in found}) == 4
    mine = (await api.client.get("/api/v1/alerts", headers=bearer)).json()["data"]
    assert len(mine) == 4
    assert [one["channel_type"] for one in mine if one["config"].get("timezone")] == ["updown"]
    for one in found:
        if one != own:
            assert await ask(api, "DELETE", f"recipients/{one['id']}") == {"deleted": True}
    assert await listed(api) == [own]


async def test_a_read_only_key_sees_no_value_and_writes_nothing(api: Harness) -> None:
    hook, mail = await made(api, value=f"{URL}?token=SECRET"), await made(api, type="email", value="ops@example.org")
    named = await made(api, name="Pager")
    answer = await api.client.get("/api/recipients", headers={"X-Api-Key": UPDOWN_READ_KEY})
    assert "SECRET" not in answer.text
    assert "ops@" not in answer.text
    found = {one["id"]: one for one in answer.json()}
    assert found[hook["id"]] == {"id": hook["id"], "type": "webhook", "name": "hooks.example"}
    assert found[named["id"]]["name"] == "Pager"
    assert found[mail["id"]]["name"] == mail["id"]
    for method, path in (("POST", "recipients"), ("DELETE", f"recipients/{hook['id']}")):
        refused = await api.client.request(method, f"/api/{path}", headers={"X-Api-Key": UPDOWN_READ_KEY})
        assert refused.status_code == 403
    assert "SECRET" not in (await api.client.get("/api/webhooks", headers={"X-Api-Key": UPDOWN_READ_KEY})).text


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"type": "sms"}, "make an alert channel of type twilio"),
        ({"type": "telegram"}, "make an alert channel of type telegram"),
        ({"type": "slack_compatible", "value": "https://hooks.slack.com/"}, "Value must be the whole URL"),
        ({"type": "msteams", "value": "no url"}, "Value must be an http or https URL"),
        ({"type": "pigeon"}, 'Type is not included in the list (given: "pigeon")'),
        ({"type": None}, "Type is not included in the list (given: null)"),
        ({"type": ["webhook"]}, "Type is not included in the list"),
        ({"type": "ntfy"}, 'Type is not included in the list (given: "ntfy")'),
        ({"value": ""}, "Value can't be blank (given: \"\")"),
        ({"value": None}, "Value can't be blank (given: null)"),
        ({"value": {"a": 1}}, "Value is not a text"),
        ({"value": "no url"}, 'Value must be an http or https URL (given: "no url")'),
        ({"value": "ftp://example.org"}, "Value must be an http or https URL"),
        ({"value": "http://127.0.0.1/"}, "Value may not be called"),
        ({"value": "https://x/" + "x" * 3_000}, "Value is too long"),
        ({"type": "email", "value": "nobody"}, "Value must be at most 20 e-mail addresses"),
        ({"type": "email", "value": "a@b.example\r\nBcc: c@d.example"}, "Value must be at most 20 e-mail addresses"),
        ({"name": "x" * 101}, "Name is too long"),
        ({"selected": "perhaps"}, 'Selected is not included in the list (given: "perhaps")'),
        ({"timezone": "Moon/Base"}, 'Timezone is not the name of an IANA time zone (given: "Moon/Base")'),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused_in_a_sentence(api: Harness, fields: Any, error: str) -> None:
    given = {"type": "webhook", "value": URL} | fields
    answer = await ask(api, "POST", "recipients", 400, json=given)
    assert error in answer["error"]
    assert await listed(api) == []


@pytest.mark.parametrize("id", ["webhook:1", "webhook:", "x", ":", "email:{number}", "%00", "9" * 300])
async def test_what_is_not_there_is_not_found(api: Harness, id: str) -> None:
    one = await made(api)
    id = id.replace("{number}", one["id"].partition(":")[2])
    assert await ask(api, "DELETE", f"recipients/{id}", 404) == {"error": "Recipient not found"}
    assert await ask(api, "POST", f"recipients/{id}/test", 404) == {"error": "Recipient not found"}
    assert await listed(api) == [one]


async def test_a_recipient_of_another_account_is_not_there(api: Harness) -> None:
    one = await made(api)
    api.client.headers["X-Api-Key"] = OTHERS_KEY
    assert await listed(api) == []
    assert await ask(api, "DELETE", f"recipients/{one['id']}", 404) == {"error": "Recipient not found"}
    api.client.headers["X-Api-Key"] = UPDOWN_KEY
    assert await listed(api) == [one]


# ---- tests on demand


@pytest.mark.parametrize("event", [None, "check.down", "check.up"])
async def test_a_test_event_is_of_the_sample_check(api: Harness, event: str | None) -> None:
    one = await made(api)
    given = {} if event is None else {"json": {"event": event}}
    sent = await ask(api, "POST", f"recipients/{one['id']}/test", 202, **given)
    assert sent["event"] == (event or "check.down")
    [[told]] = reported(api, one)
    assert (told["event"], told["check"]["token"]) == (sent["event"], "xyz0")
    assert told["check"]["url"] == "https://updown.io"


async def test_other_kinds_get_a_test_in_their_own_form(api: Harness) -> None:
    mail = await made(api, type="email", value="ops@example.org")
    await ask(api, "POST", f"recipients/{mail['id']}/test", 202)
    [told] = reported(api, mail, 250)
    assert (told["event"], told["data"]["test"]) == ("monitor.down", True)


async def test_tests_are_limited_for_all_apis_together(api: Harness) -> None:
    one = await made(api)
    [channel] = api.log.directory.channels_of(api.project)
    bearer = {"Authorization": f"Bearer {POP_KEY}", "X-Api-Key": ""}
    for _ in range(2):
        await ask(api, "POST", f"recipients/{one['id']}/test", 202)
    test = f"/api/v1/alert-channels/{channel.id}/test"
    assert (await api.client.post(test, headers=bearer)).status_code == 202
    refused = await api.client.post(f"/api/recipients/{one['id']}/test")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3600")
    assert "PINGFOLD_TEST_SENDS_PER_HOUR" in refused.json()["error"]
    assert (await api.client.post(test, headers=bearer)).status_code == 429


async def test_the_old_test_send_of_channels_sends_the_sample_check_too(api: Harness) -> None:
    one = await made(api)
    [channel] = api.log.directory.channels_of(api.project)
    bearer = {"Authorization": f"Bearer {POP_KEY}", "X-Api-Key": ""}
    path = f"/api/v1/alert-channels/{channel.id}"
    sent = (await api.client.post(f"{path}/test", headers=bearer)).json()["data"]
    [[told]] = reported(api, one)
    assert told["check"]["token"] == "xyz0"
    for _ in range(2):  # a test that is sent again counts as one
        again = await api.client.post(f"{path}/deliveries/{sent['id']}/replay", headers=bearer)
        assert again.status_code == 202, again.text
        reported_again(api, channel.id)
    assert (await api.client.post(f"{path}/deliveries/{sent['id']}/replay", headers=bearer)).status_code == 429


def reported_again(api: Harness, channel: str) -> None:
    for pending in api.log.delivery_states.pending(channel):
        delivery = pending.delivery
        attempt = DeliveryAttempted(
            delivery=delivery.id, attempt=1, at=api.log.time, status=200, replay=delivery.replay
        )
        api.log.send(DELIVERIES.name, channel, encode(attempt))


@pytest.mark.parametrize("event", ["check.ssl_valid", "", 7, None, "check.exploded"])
async def test_other_test_events_are_refused(api: Harness, event: Any) -> None:
    one = await made(api)
    answer: httpx.Response = await api.client.post(f"/api/recipients/{one['id']}/test", json={"event": event})
    assert answer.status_code == (202 if event in ("", None) else 400), answer.text


async def test_nothing_is_sent_to_an_address_that_nobody_has_confirmed() -> None:
    api = updown(smtp_host="mail.example.org", smtp_from="a@b.example", mail_confirmation="on")
    mail = await made(api, type="email", value="ops@example.org")
    answer = await ask(api, "POST", f"recipients/{mail['id']}/test", 409)
    assert answer["error"] == "Nobody has confirmed that mail may be sent to ops@example.org"


async def test_mail_needs_a_mail_server() -> None:
    api = updown()
    given = {"type": "email", "value": "ops@example.org"}
    assert "need a mail server" in (await ask(api, "POST", "recipients", 400, json=given))["error"]


# ---- the old endpoint


async def test_the_old_endpoint_of_webhooks(api: Harness) -> None:
    await made(api, type="email", value="ops@example.org")
    hook = await ask(api, "POST", "webhooks", 201, data={"url": URL})
    assert (list(hook), hook["url"]) == (["id", "url"], URL)
    other = await made(api, value=f"{URL}/2")
    assert sorted(await listed(api, "webhooks"), key=str) == sorted(
        [hook, {"id": other["id"], "url": f"{URL}/2"}], key=str
    )
    number = hook["id"].partition(":")[2]
    assert await ask(api, "DELETE", f"webhooks/{number}") == {"deleted": True}
    assert await ask(api, "DELETE", f"webhooks/{quote(other['id'], safe='')}/") == {"deleted": True}
    assert await listed(api, "webhooks") == []
    [mail] = await listed(api)
    assert mail["type"] == "email"
    assert await ask(api, "DELETE", f"webhooks/{mail['id']}", 404) == {"error": "Webhook not found"}
    assert await listed(api) == [mail]


@pytest.mark.parametrize("given", [{}, {"url": ""}, {"url": None}, {"url": "nowhere"}, {"url": ["https://a.example"]}])
async def test_a_webhook_without_a_url_is_refused(api: Harness, given: Any) -> None:
    answer = await ask(api, "POST", "webhooks", 400, json=given)
    assert "rl " in answer["error"] or "URL" in answer["error"]
    assert await listed(api, "webhooks") == []
