"""The link by which people acknowledge an incident, in the message of every kind of channel that people read."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from infra.apprise_library.messages import Call, Verdict
from infra.secrets.incident_links import PATH, IncidentLink, IncidentLinks
from processors.sender.channels import apprise, ntfy
from processors.sender.channels.sending import Clients, Outgoing, Services
from processors.sender.lanes import Secrets
from processors.sender.own_links import OwnLinks
from processors.sender.webhooks import DeliveryResult, Exchange
from processors.sender.wording import worded
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.channels.messages import MessageKind
from schemas.channels.twilio import fits
from schemas.deliveries import Delivery, Endpoint
from schemas.ids import derived_id
from schemas.message_templates import Wording
from tests.service_channels import AT, INCIDENT, MONITOR, SITE, attempt, content_of, data_of, delivery_of, message
from tests.services import SERVICES

LINKS = IncidentLinks(b"key")
THING, OPEN, CHANNEL = (derived_id("test", name) for name in ("thing", "incident", "channel"))
OWN = OwnLinks(SITE, f"{SITE}/pulse/", LINKS)
URL = f"{SITE}{PATH}{LINKS.token(THING, OPEN, CHANNEL)}"
ENDPOINT = Endpoint(id=CHANNEL, project="p", url="https://x.example", notices=(), secret="", site=SITE)
TOLD = ("monitor.down", "incident.created", "monitor.still_down")


def delivery(notice: str = "monitor.down", name: str = "Shop", **incident: Any) -> Delivery:
    """What the sender is given: a delivery whose links lead here."""
    monitor = {"id": THING, **{key: value for key, value in MONITOR.items() if key != "id"}, "name": name}
    data = {"monitor": monitor, "incident": {"id": OPEN} | {**INCIDENT, "id": OPEN} | incident}
    return OWN.of_delivery(replace(delivery_of(notice, data), channel=CHANNEL), ENDPOINT)


@pytest.mark.parametrize("kind", SERVICES)
@pytest.mark.parametrize("notice", TOLD)
async def test_every_service_gets_it_and_takes_the_message(kind: str, notice: str) -> None:
    service = SERVICES[kind]()
    result = await attempt(service, delivery(notice))
    assert (result.error, len(service.taken)) == ("", 1)
    assert URL in content_of(service).replace("%3A", ":").replace("%2F", "/")


@pytest.mark.parametrize("kind", SERVICES)
@pytest.mark.parametrize("said", [{"acknowledgement": {"by": "Ada"}}, None])
async def test_not_when_it_is_over_or_acknowledged(kind: str, said: dict[str, Any] | None) -> None:
    service = SERVICES[kind]()
    sent = delivery("monitor.recovered", resolved_at="2025-06-15T16:06:40+00:00") if said is None else delivery(**said)
    await attempt(service, sent)
    assert len(service.taken) == 1
    assert PATH not in content_of(service).replace("%2F", "/")


@pytest.mark.parametrize("kind", SERVICES)
async def test_a_long_message_keeps_it_whole_and_no_address_is_markup(kind: str) -> None:
    for name in ("x" * 5_000, "\N{BOMB}" * 3_000):
        service = SERVICES[kind]()
        await attempt(service, delivery(name=name, cause="y" * 9_000))
        assert len(service.taken) == 1
        assert kind == "twilio" or URL in content_of(service)
    for site in ("https://x.example/a)b", 'https://x.example/"', "https://x.example/<b>", "javascript:x"):
        told = message("monitor.down", data_of("monitor.down") | {"incident": INCIDENT | {"acknowledge_url": site}})
        assert told.acknowledge == ""


def request_of(kind: str, secret: str) -> Any:
    found = CHANNEL_KINDS[kind]
    assert isinstance(found, MessageKind)
    told = message("monitor.down", acknowledge=URL)
    return json.loads(found.request(told, ENDPOINT, secret).body)


def test_slack_has_a_button_that_calls_nobody_and_others_the_address() -> None:
    [facts] = request_of("slack", "https://hooks.slack.com/services/T/B/x")["attachments"][:1]
    assert facts["actions"] == [{"type": "button", "text": "Acknowledge", "url": URL}]
    assert "callback_id" not in facts
    [facts] = request_of("slack", "https://chat.example.org/hooks/x")["attachments"][:1]
    assert "actions" not in facts
    assert facts["fields"][-1] == {"title": "Acknowledge", "value": URL, "short": False}


def test_buttons_and_links_of_the_others() -> None:
    [attachment] = request_of("msteams", "https://x.example/w?sig=1")["attachments"]
    first = attachment["content"]["actions"][0]
    assert first == {"type": "Action.OpenUrl", "title": "Acknowledge", "url": URL}
    [card] = request_of("googlechat", "https://chat.example.org/v1/spaces/a/messages?key=1&token=2")["cardsV2"]
    buttons = card["card"]["sections"][0]["widgets"][-1]["buttonList"]["buttons"]
    assert [button["text"] for button in buttons] == ["Acknowledge", "Open"]
    assert buttons[0]["onClick"] == {"openLink": {"url": URL}}
    [embed] = request_of("discord", "https://discord.example/api/webhooks/1/x")["embeds"]
    assert embed["fields"][0] == {"name": "Acknowledge", "value": f"[I take care of it]({URL})"}
    facts = request_of("mattermost", "https://chat.example.org/hooks/x")["attachments"][0]
    assert facts["fields"][-1]["value"] == f"[I take care of it]({URL})"
    assert "actions" not in facts


async def test_a_pager_has_it_beside_the_page() -> None:
    service = SERVICES["pushover"]()
    await attempt(service, delivery())
    [taken] = service.taken
    assert (taken["url"], taken["url_title"]) == (URL, "Acknowledge")
    assert taken["message"].endswith(f"\n{SITE}/")
    service = SERVICES["pagerduty"]()
    await attempt(service, delivery())
    assert service.taken[0]["links"][0] == {"href": URL, "text": "Acknowledge"}


@pytest.mark.parametrize(
    ("name", "cause", "has_link", "has_page"),
    [
        ("Shop", "HTTP 500", True, True),
        ("x" * 500, "y" * 500, True, False),
        ("Büro ~ {a}", "HTTP 500", True, True),
        ("Магазин", "HTTP 500", True, False),
    ],
)
async def test_an_sms_has_the_links_that_three_parts_have_room_for(
    name: str, cause: str, has_link: bool, has_page: bool
) -> None:
    service = SERVICES["twilio"]()
    await attempt(service, delivery(name=name, cause=cause))
    body = service.taken[0]["Body"]
    assert (URL in body, f" {SITE}/ " in body) == (has_link, has_page)
    assert fits(body)


async def test_a_link_that_leaves_no_room_for_the_message_is_left_out() -> None:
    service, long = SERVICES["twilio"](), replace(delivery(), body="")
    data = {"monitor": MONITOR, "incident": INCIDENT | {"acknowledge_url": f"https://x.example/{'a' * 440}"}}
    await attempt(service, replace(long, body=delivery_of("monitor.down", data).body))
    assert service.taken[0]["Body"].endswith(f"HTTP 500 {SITE}/")


# ---- the kinds whose messages are made elsewhere


def outgoing(kind: str, sent: Delivery) -> Outgoing:
    endpoint = replace(ENDPOINT, kind=kind, secret="sealed", options={"topic": "alerts"})
    return Outgoing(endpoint, sent, Secrets("gotify://x.example/token"), AT, False)


async def test_ntfy_has_a_button_that_opens_the_page() -> None:
    posted: list[dict[str, str]] = []

    async def exchange(method: str, url: str, headers: Any, body: bytes, **_: Any) -> Exchange:
        posted.append(dict(headers))
        return Exchange(DeliveryResult(200))

    async def post(*_: Any) -> DeliveryResult:
        raise AssertionError("nothing is posted")

    for sent in (delivery(), delivery("monitor.recovered")):
        await ntfy.send(outgoing("ntfy", sent), Clients(post, None, services=Services(exchange)))
    # A topic without a token is read by strangers, who could acknowledge.
    public = outgoing("ntfy", delivery())
    await ntfy.send(
        public._replace(endpoint=replace(public.endpoint, secret="")), Clients(post, None, services=Services(exchange))
    )
    assert posted[0]["Actions"] == f"view, Acknowledge, {URL}"
    assert ["Actions" in headers for headers in posted] == [True, False, False]
    odd = {"says": "x", "page": "", "acknowledge": "https://x.example/a,b;c=d,e'f"}
    assert ntfy.headers_of("monitor.down", odd)["Actions"] == "view, Acknowledge, https://x.example/a%2Cb%3Bc=d%2Ce%27f"


async def test_apprise_has_it_as_a_line() -> None:
    asked: list[Call] = []

    async def ask(call: Call) -> Verdict:
        asked.append(call)
        return Verdict(taken=True)

    async def exchange(*_: Any, **__: Any) -> Exchange:
        raise AssertionError("nothing is sent")

    async def post(*_: Any) -> DeliveryResult:
        raise AssertionError("nothing is posted")

    await apprise.send(outgoing("apprise", delivery()), Clients(post, None, services=Services(exchange, ask)))
    assert f"\nAcknowledge: {URL}\n" in asked[0].text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"kind": "ntfy", "secret": ""}, "|Shop"),
        ({"kind": "ntfy", "secret": "sealed"}, f"{URL}|Shop"),
        ({"kind": "apprise", "url": "ntfys://ntfy.sh", "secret": "sealed"}, "|Shop"),
        ({"kind": "slack", "secret": "sealed"}, f"{URL}|Shop"),
    ],
)
def test_no_template_tells_it_where_strangers_read_along(fields: dict[str, Any], told: str) -> None:
    wording = Wording(name="t", text="{{ acknowledge }}|{{ name }}")
    made, why = worded(replace(delivery(), wording=wording), replace(ENDPOINT, **fields))
    assert why == ""
    assert made.wording is not None
    assert made.wording.text == told


def test_the_link_is_of_the_channel_that_is_told() -> None:
    assert LINKS.read(URL.rpartition("/")[2]) == IncidentLink(THING, OPEN, CHANNEL)
