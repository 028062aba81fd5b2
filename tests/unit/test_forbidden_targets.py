"""Addresses that may not be reached are refused when somebody names them, in every API, and the refusal says why."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from infra.egress.guard import Guard
from tests.harness import POP_KEY, Harness

ALLOWED = "10.0.0.0/8"
SAYS = "(PINGFOLD_PRIVATE_TARGETS can allow it)"


def pop(harness: Harness, method: str, path: str, body: Any) -> Any:
    headers = {"Authorization": f"Bearer {POP_KEY}"}
    return harness.client.request(method, f"/api/v1{path}", json=body, headers=headers)


def must_be_refused(answer: httpx.Response, field: str) -> None:
    assert answer.status_code == 400, answer.text
    words = answer.json().get("message") or answer.json()["error"]
    assert SAYS in words
    assert field in words


MONITORS = [
    ({"url": "http://10.0.0.1/"}, "'url'"),
    ({"url": "https://10.0.0.1:8443/x"}, "'url'"),
    ({"url": "http://[::ffff:10.0.0.1]/"}, "'url'"),
    ({"type": "tcp", "host": "10.0.0.1", "port": 5432}, "'host'"),
    ({"type": "tls", "host": "10.0.0.1", "port": 443}, "'host'"),
    ({"type": "icmp", "host": "10.0.0.1"}, "'host'"),
    ({"type": "dns", "host": "example.org", "dns_resolver": "10.0.0.1"}, "'dns_resolver'"),
]


@pytest.mark.parametrize(("fields", "field"), MONITORS)
async def test_a_monitor_of_such_an_address_is_refused_unless_it_is_allowed(fields: dict[str, Any], field: str) -> None:
    harness = Harness()
    must_be_refused(await pop(harness, "POST", "/monitors", {"name": "m"} | fields), field)
    made = await pop(harness, "POST", "/monitors", {"name": "m", "url": "https://example.org/"})
    path = f"/monitors/{made.json()['data']['id']}"
    must_be_refused(await pop(harness, "PATCH", path, fields), field)
    for allowed in (ALLOWED, f"{ALLOWED}@{harness.project}"):
        allowing = Harness(private_targets=allowed)
        assert (await pop(allowing, "POST", "/monitors", {"name": "m"} | fields)).status_code == 201


async def test_localhost_is_refused_and_pingfold_itself_whatever_is_allowed() -> None:
    must_be_refused(await pop(Harness(), "POST", "/monitors", {"name": "m", "url": "http://localhost:3000/"}), "'url'")
    answer = await pop(
        Harness(private_targets="127.0.0.0/8"), "POST", "/monitors", {"name": "m", "url": "http://127.0.0.1:8000/"}
    )
    assert (answer.status_code, "closed to probes and webhooks" in answer.text) == (400, True)


async def test_a_monitor_that_was_allowed_once_can_still_be_changed_otherwise() -> None:
    harness = Harness(private_targets=ALLOWED)
    made = await pop(harness, "POST", "/monitors", {"name": "m", "url": "http://10.0.0.1/"})
    path = f"/monitors/{made.json()['data']['id']}"
    harness.app.state.deps = replace(harness.app.state.deps, guard=Guard())
    assert (await pop(harness, "PATCH", path, {"name": "other", "paused": True})).status_code == 200
    must_be_refused(await pop(harness, "PATCH", path, {"url": "http://10.0.0.2/"}), "'url'")


async def test_a_webhook_to_such_an_address_is_refused_in_both_apis() -> None:
    harness = Harness()
    url = "http://10.1.2.3/x"
    body = {"channel_type": "webhook", "url": url}
    must_be_refused(await pop(harness, "POST", "/alert-channels", body), "'url'")
    must_be_refused(await harness.client.post("/api/v3/channels/", json={"kind": "webhook", "url": url}), "url")
    made = await pop(harness, "POST", "/alert-channels", body | {"url": "https://hooks.example.org/"})
    path = f"/alert-channels/{made.json()['data']['id']}"
    must_be_refused(await pop(harness, "PATCH", path, {"url": url}), "'url'")
    assert (await pop(harness, "PATCH", path, {"name": "n"})).status_code == 200

    allowing = Harness(private_targets="10.1.2.3:80")
    assert (await pop(allowing, "POST", "/alert-channels", body)).status_code == 201
    assert (await allowing.client.post("/api/v3/channels/", json={"url": url})).status_code == 201
    must_be_refused(await pop(allowing, "POST", "/alert-channels", body | {"url": "http://10.1.2.3:81/"}), "'url'")


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.1.", "192.0.2.1.1"])
async def test_an_address_in_disguise_is_refused_by_every_api_whatever_is_allowed(host: str) -> None:
    harness = Harness(private_targets="0.0.0.0/0,::/0")
    url = f"https://{host}:8443/x"
    monitor = await pop(harness, "POST", "/monitors", {"name": "m", "url": "https://example.org/"})
    channel = await pop(
        harness, "POST", "/alert-channels", {"channel_type": "webhook", "url": "https://hooks.example.org/"}
    )
    answers = [
        await pop(harness, "POST", "/monitors", {"name": "m", "url": url}),
        await pop(harness, "POST", "/monitors", {"name": "m", "type": "tcp", "host": host, "port": 443}),
        await pop(harness, "POST", "/monitors", {"name": "m", "type": "tls", "host": host, "port": 443}),
        await pop(harness, "POST", "/monitors", {"name": "m", "type": "icmp", "host": host}),
        await pop(harness, "POST", "/monitors", {"name": "m", "type": "dns", "host": host}),
        await pop(
            harness, "POST", "/monitors", {"name": "m", "type": "dns", "host": host, "dns_resolver": "192.0.2.53"}
        ),
        await pop(harness, "PATCH", f"/monitors/{monitor.json()['data']['id']}", {"url": url}),
        await pop(harness, "POST", "/alert-channels", {"channel_type": "webhook", "url": url}),
        await pop(harness, "PATCH", f"/alert-channels/{channel.json()['data']['id']}", {"url": url}),
        await harness.client.post("/api/v3/channels/", json={"kind": "webhook", "url": url}),
    ]
    for answer in answers:
        assert answer.status_code == 400, answer.text
        assert f"'{host}' is no host name, nor an IP address in its usual form" in answer.text
    resolver = {"name": "m", "type": "dns", "host": "example.org", "dns_resolver": host}
    assert (await pop(harness, "POST", "/monitors", resolver)).status_code == 400
