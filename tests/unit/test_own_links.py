"""Links of ours in what is sent: those of now, whatever address was known when a channel or an event was made."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from processors.sender.own_links import OwnLinks
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.deliveries import Delivery, Endpoint
from schemas.notices import NOTICES

NOW = OwnLinks("https://up.example/pingfold", "https://ping.example/pulse/")
INNER = "http://127.0.0.1:8000"


def endpoint(kind: Any, site: str = INNER) -> Endpoint:
    return Endpoint(
        id="c", project="p", url="https://example.com/", notices=NOTICES, secret="", kind=kind, site=site
    )  # fmt: skip


def delivery(body: object) -> Delivery:
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return Delivery(id="d", event="e", channel="c", notice="monitor.down", body=text, first_due=0)


def notice(kind: str, url: str) -> dict[str, Any]:
    monitor = {"id": "m", "name": 'Büro "x"', "url": url, "kind": kind, "current_status": "down"}
    return {"event": "monitor.down", "timestamp": "t", "data": {"monitor": monitor, "incident": None, "n": [1, 2.5]}}


@pytest.mark.parametrize("kind", [name for name, kind in CHANNEL_KINDS.items() if kind.body != "push event"])
@pytest.mark.parametrize(
    ("thing", "url", "sent"),
    [
        ("heartbeat", "/checks/m", "https://up.example/pingfold/checks/m"),
        ("heartbeat", f"{INNER}/checks/m", "https://up.example/pingfold/checks/m"),
        ("heartbeat", "https://old.example/below/checks/m", "https://up.example/pingfold/checks/m"),
        ("channel", "/", "https://up.example/pingfold/"),
        ("channel", f"{INNER}/", "https://up.example/pingfold/"),
        ("http", "https://shop.example/checks/m", "https://shop.example/checks/m"),
        ("http", f"{INNER}/", f"{INNER}/"),
    ],
)
def test_the_page_of_a_thing_is_below_the_address_of_now(kind: str, thing: str, url: str, sent: str) -> None:
    asked = delivery(notice(thing, url))
    made = NOW.of_delivery(asked, endpoint(kind))
    assert made.body == delivery(notice(thing, sent)).body  # and nothing else is changed, byte for byte
    assert NOW.of_delivery(made, endpoint(kind)) == made


def test_events_of_the_push_api() -> None:
    def body(pulse: str, details: str) -> list[dict[str, Any]]:
        check = {"token": "abcd", "url": pulse, "type": "pulse"}
        return [{"event": "check.down", "check": check, "downtime": {"id": "i", "details_url": details}}]

    sent = delivery(body("https://ping.example/pulse/abcd/********", "https://up.example/pingfold/downtimes/i"))
    for site in ("", INNER, "https://old.example/pulse"):
        asked = delivery(body(f"{site}/pulse/abcd/********", f"{site}/downtimes/i"))
        assert NOW.of_delivery(asked, endpoint("updown", site)).body == sent.body


def test_what_is_probed_keeps_its_url_in_the_push_api() -> None:
    check = {"token": "abcd", "url": "https://shop.example/pulse/x", "type": "https"}
    asked = delivery([{"event": "check.ssl_valid", "check": check, "ssl": {"details_url": None}}])
    assert NOW.of_delivery(asked, endpoint("updown")).body == asked.body


@pytest.mark.parametrize(
    "body",
    ["", '{"kind":"heartbeat"', '"\\"kind\\":\\"heartbeat\\""', '[{"url":"/x"}]', '{"data":{"monitor":[],"url":"/"}}'],
)
@pytest.mark.parametrize("kind", CHANNEL_KINDS)
def test_a_body_that_is_no_notice_is_sent_as_it_is(kind: str, body: str) -> None:
    asked = replace(delivery(None), body=body)
    assert NOW.of_delivery(asked, endpoint(kind)).body == body


def test_an_endpoint_tells_the_address_of_now() -> None:
    here = endpoint("webhook", NOW.site)
    assert NOW.of_endpoint(endpoint("webhook")) == here
    assert NOW.of_endpoint(here) is here
