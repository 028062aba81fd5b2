"""Monitors of DNS through the PoppaPing API: whom they ask, for what, and what must be in the answer; and domains."""

from typing import Any

import pytest

from schemas.base import SECOND
from tests.harness import Harness
from tests.poppaping_client import V1, fault, made, seen, with_key

DNS = {"type": "dns", "host": "example.com", "url": None}


def asked(monitor: dict[str, Any]) -> tuple[str | None, str | None, str | None]:
    return monitor["dns_resolver"], monitor["dns_record"], monitor["dns_expected"]


@pytest.fixture
def harness() -> Harness:
    return with_key(Harness(private_targets="192.0.2.0/24,2001:db8::/32"))


async def make(harness: Harness, **fields: Any) -> dict[str, Any]:
    body = {name: value for name, value in (DNS | {"name": "Names"} | fields).items() if value is not None}
    answer = await harness.client.post(f"{V1}/monitors", json=body)
    assert answer.status_code == 201, answer.text
    monitor: dict[str, Any] = answer.json()["data"]
    return monitor


@pytest.mark.parametrize(
    ("resolver", "record", "expected", "kept"),
    [
        ("192.0.2.53", "MX", "10 mail.example.com", ("192.0.2.53", "MX", "10 mail.example.com")),
        ("192.0.2.53:53", "A", "192.0.2.1", ("192.0.2.53", "A", "192.0.2.1")),
        ("[2001:DB8:0::53]:5353", "AAAA", "2001:db8:0::1", ("[2001:db8::53]:5353", "AAAA", "2001:db8::1")),
        ("2001:db8::53", "TXT", ' "v=spf1"  -all ', ("2001:db8::53", "TXT", '"v=spf1"  -all')),
        ("", "", "2001:db8::1", (None, None, "2001:db8::1")),
        ("", "CAA", "", (None, "CAA", None)),
    ],
)
async def test_a_resolver_and_an_answer(
    harness: Harness, resolver: str, record: str, expected: str, kept: tuple[str | None, ...]
) -> None:
    monitor = await make(harness, dns_resolver=resolver, dns_record=record, dns_expected=expected)
    assert asked(monitor) == kept
    assert asked(await seen(harness, monitor["id"])) == kept
    definition = harness.log.directory.monitor(monitor["id"])
    assert definition is not None
    target = definition.target
    assert (target.resolver, target.record, target.expected) == tuple(one or "" for one in kept)


async def test_only_what_is_given_changes(harness: Harness) -> None:
    monitor = await make(harness, dns_resolver="192.0.2.53", dns_record="MX", dns_expected="mail.example.com")
    path = f"{V1}/monitors/{monitor['id']}"

    async def changed(**fields: Any) -> tuple[str | None, str | None, str | None]:
        answer = await harness.client.patch(path, json=fields)
        assert answer.status_code == 200, answer.text
        return asked(answer.json()["data"])

    assert await changed(interval_seconds=30) == ("192.0.2.53", "MX", "mail.example.com")
    assert await changed(dns_expected=None) == ("192.0.2.53", "MX", None)
    assert await changed(dns_record="A", dns_expected="192.0.2.1") == ("192.0.2.53", "A", "192.0.2.1")
    assert await changed(dns_resolver="") == (None, "A", "192.0.2.1")
    # What is expected must still make sense.
    assert fault(await harness.client.patch(path, json={"dns_record": "AAAA"})) == (400, "validation_error")
    assert await changed(dns_record=None) == (None, None, "192.0.2.1")
    # As it was answered it can be sent back, whatever the kind becomes.
    assert await changed(**dict.fromkeys(("dns_resolver", "dns_record", "dns_expected"))) == (None, None, None)
    await changed(dns_resolver="192.0.2.53")
    assert await changed(type="tcp", host="example.com", port=1) == (None, None, None)
    assert await changed(dns_resolver=None, dns_record=None, dns_expected="") == (None, None, None)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"dns_resolver": "dns.example.com"}, "'dns_resolver' must be an IP address"),
        ({"dns_resolver": "192.0.2.53:0"}, "'dns_resolver' must be an IP address"),
        ({"dns_resolver": "192.0.2.53:65536"}, "'dns_resolver' must be an IP address"),
        ({"dns_resolver": "192.0.2.53/24"}, "'dns_resolver' must be an IP address"),
        ({"dns_resolver": "fe80::1%eth0"}, "'dns_resolver' must be an IP address"),
        ({"dns_resolver": "[192.0.2.53]:53"}, "'dns_resolver' must be an IP address"),
        ({"dns_resolver": " 192.0.2.53"}, "'dns_resolver' must be an IP address"),
        ({"dns_resolver": "1" * 101}, "'dns_resolver'"),
        ({"dns_resolver": 53}, "'dns_resolver'"),
        ({"dns_record": "mx"}, "'dns_record'"),
        ({"dns_record": "ANY"}, "'dns_record'"),
        ({"dns_expected": "example.com"}, "'dns_expected' must be an IP address"),
        ({"dns_record": "A", "dns_expected": "2001:db8::1"}, "'dns_expected' must be an IPv4 address"),
        ({"dns_record": "AAAA", "dns_expected": "192.0.2.1"}, "'dns_expected' must be an IPv6 address"),
        ({"dns_record": "TXT", "dns_expected": "x" * 1001}, "'dns_expected'"),
        ({"dns_record": "TXT", "dns_expected": "a\nb"}, "'dns_expected'"),
        (
            {"type": "tcp", "port": 1, "dns_resolver": "192.0.2.53"},
            "'dns_resolver' is for a monitor of type 'dns' only",
        ),
        ({"type": "icmp", "dns_record": "A"}, "'dns_record' is for a monitor of type 'dns' only"),
        (
            {"type": "http", "host": None, "url": "http://example.com/", "dns_expected": "192.0.2.1"},
            "'dns_expected' is for a monitor of type 'dns' only",
        ),
    ],
)
async def test_what_is_wrong_is_said(harness: Harness, fields: dict[str, Any], words: str) -> None:
    body = {name: value for name, value in (DNS | {"name": "Names"} | fields).items() if value is not None}
    answer = await harness.client.post(f"{V1}/monitors", json=body)
    assert fault(answer) == (400, "validation_error")
    assert words in answer.json()["message"]


async def test_when_the_domain_expires_is_shown(harness: Harness) -> None:
    monitor = await made(harness)
    assert monitor["domain_expires_at"] is None
    harness.log.probe(monitor["id"], domain_expires=1_818_129_600 * SECOND)
    assert (await seen(harness, monitor["id"]))["domain_expires_at"] == "2027-08-13T04:00:00+00:00"
