"""Settings as an operator gives them: environment variables in, one frozen object or a clear refusal out."""

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from infra.egress.allowed import Allowed, parse_allowed
from infra.settings.errors import wrong_settings
from infra.settings.ignored import fixed_partitions
from infra.settings.settings import UNANNOUNCED_BODY_LIMIT
from tests.given_settings import Given
from tests.given_settings import given as given


def test_nothing_need_be_set(given: Given) -> None:
    settings = given()
    assert (settings.host, settings.port, settings.data) == ("127.0.0.1", 8000, Path("data"))
    assert (settings.site_name, settings.slugs, settings.pings_per_minute) == ("Pingfold", "chosen", 5)
    assert settings.body_limit == settings.ping_body_limit == 100_000
    assert settings.private_targets == ()
    assert not settings.test_clock
    assert settings.kafka_bootstrap_servers is settings.clickhouse_url is settings.secret_key is settings.key is None


def test_mail_says_which_setting_it_lacks(given: Given) -> None:
    assert given().mail_needs == "PINGFOLD_SMTP_HOST"
    assert given(PINGFOLD_SMTP_HOST="mail.example.org").mail_needs == "PINGFOLD_SMTP_FROM"
    assert given(PINGFOLD_SMTP_FROM="Watch <watch@example.org>").mail_needs is None


@pytest.mark.parametrize("sender", ["nobody", "a b", "@", "Watch <>", "a@b c>"])
def test_a_sender_of_mail_is_an_address(given: Given, sender: str) -> None:
    with pytest.raises(ValidationError, match="an address is expected"):
        given(PINGFOLD_SMTP_FROM=sender)


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("PINGFOLD_SMTP_PORT", "", "smtp_port", None),
        ("PINGFOLD_SMTP_PORT", "2525", "smtp_port", 2525),
        ("PINGFOLD_SMTP_TLS", "none", "smtp_tls", "none"),
        ("PINGFOLD_HOST", "::", "host", "::"),
        ("PINGFOLD_PORT", "65535", "port", 65535),
        ("PINGFOLD_DATA", "/var/lib/pingfold", "data", Path("/var/lib/pingfold")),
        ("PINGFOLD_SITE_NAME", "Büro", "site_name", "Büro"),
        ("PINGFOLD_PING_ENDPOINT", "https://hc.example.org/", "ping_endpoint", "https://hc.example.org/"),
        ("PINGFOLD_SLUGS", "from-name", "slugs", "from-name"),
        ("PINGFOLD_PINGS_PER_MINUTE", "0", "pings_per_minute", 0),
        ("PINGFOLD_WORKERS", "4", "workers", 4),
        ("PINGFOLD_TEST_CLOCK", "1", "test_clock", True),
        ("PINGFOLD_RETENTION_PINGS", "90d", "retention_pings", 90 * 86_400),
        ("PINGFOLD_RETENTION_PROBE_RESULTS", "forever", "retention_probe_results", None),
        ("PINGFOLD_HISTORY_PING_BODIES", "", "history_ping_bodies", None),
        ("PINGFOLD_PARTITIONS", "64", "partitions", 64),
        ("KAFKA_BOOTSTRAP_SERVERS", "k1:9092,k2:9092", "kafka_bootstrap_servers", "k1:9092,k2:9092"),
        ("CLICKHOUSE_URL", "https://ch:8443/db", "clickhouse_url", "https://ch:8443/db"),
    ],
)
def test_a_variable_sets_its_field(given: Given, name: str, text: str, field: str, value: Any) -> None:
    assert getattr(given(**{name: text}), field) == value


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka_bootstrap_servers"),
        ("CLICKHOUSE_URL", "clickhouse_url"),
        ("PINGFOLD_PING_ENDPOINT", "ping_endpoint"),
        ("PINGFOLD_URL", "url"),
        ("PINGFOLD_KEY", "key"),
    ],
)
def test_an_empty_variable_is_as_good_as_none(given: Given, name: str, field: str) -> None:
    assert getattr(given(**{name: ""}), field) is None


@pytest.mark.parametrize(
    ("text", "announced", "kept"),
    [
        ("none", None, UNANNOUNCED_BODY_LIMIT),
        (" None ", None, UNANNOUNCED_BODY_LIMIT),
        ("0", 0, 0),
        ("10000", 10_000, 10_000),
        ("1000000", 1_000_000, 1_000_000),
    ],
)
def test_body_limit(given: Given, text: str, announced: int | None, kept: int) -> None:
    settings = given(PINGFOLD_PING_BODY_LIMIT=text)
    assert settings.ping_body_limit == announced
    assert settings.body_limit == kept


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("", ()),
        (" 192.0.2.53, [2001:db8::53]:5353,", (("192.0.2.53", 53), ("2001:db8::53", 5353))),
    ],
)
def test_resolvers(given: Given, text: str, servers: tuple[tuple[str, int], ...]) -> None:
    assert given(PINGFOLD_RESOLVERS=text).resolvers == servers


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("", ("resolver", "gateway")),
        (" None ", ()),
        ("gateway", ("gateway",)),
        (
            "Resolver, 192.0.2.1,192.0.2.1,[2001:db8::1]:53",
            ("resolver", ("192.0.2.1", 443), ("2001:db8::1", 53)),
        ),
    ],
)
def test_what_probers_ask_about_their_own_network(given: Given, text: str, targets: tuple[object, ...]) -> None:
    assert given().control_targets == ("resolver", "gateway")
    assert given(PINGFOLD_CONTROL_TARGETS=text).control_targets == targets


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("", "https://data.iana.org/rdap/dns.json"),
        ("none", None),
        (" None ", None),
        ("http://127.0.0.1:8080/dns.json", "http://127.0.0.1:8080/dns.json"),
    ],
)
def test_whom_probers_ask_when_domains_expire(given: Given, text: str, url: str | None) -> None:
    assert given(PINGFOLD_RDAP=text).rdap == url


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("127.0.0.0/8", ["127.0.0.0/8"]),
        (" 127.0.0.0/8, fd00::/8 ,10.1.2.3,", ["127.0.0.0/8", "fd00::/8", "10.1.2.3/32"]),
    ],
)
def test_networks(given: Given, text: str, networks: list[str]) -> None:
    settings = given(PINGFOLD_PRIVATE_TARGETS=text, PINGFOLD_TRUSTED_PROXIES=text)
    assert settings.trusted_proxies == tuple(map(ip_network, networks))
    assert settings.private_targets == tuple(Allowed(ip_network(network)) for network in networks)


PROJECT = "6f1c4f5e-8b9d-4c6e-9a53-2c1d1f0f4a11"


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("127.0.0.1:9000", Allowed(ip_network("127.0.0.1/32"), 9000)),
        ("10.0.0.0/8:443", Allowed(ip_network("10.0.0.0/8"), 443)),
        ("[::1]:9000", Allowed(ip_network("::1/128"), 9000)),
        ("[fd00::/8]:443", Allowed(ip_network("fd00::/8"), 443)),
        ("hooks.internal:8080", Allowed(None, 8080, name="hooks.internal")),
        (f"10.1.0.0/16@{PROJECT}", Allowed(ip_network("10.1.0.0/16"), None, PROJECT)),
        (f"127.0.0.1:9000@{PROJECT}", Allowed(ip_network("127.0.0.1/32"), 9000, PROJECT)),
    ],
)
def test_private_targets_with_a_port_or_of_a_project(given: Given, text: str, allowed: Allowed) -> None:
    assert parse_allowed(text) == allowed
    assert given(PINGFOLD_PRIVATE_TARGETS=f"192.168.0.0/16, {text}").private_targets[1] == allowed


def test_settings_do_not_change(given: Given) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        given().port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("ping.example.org", "http://ping.example.org:8000"),
    ],
)
def test_addresses(given: Given, host: str, base: str) -> None:
    settings = given(PINGFOLD_HOST=host)
    assert settings.base_url == base
    assert settings.ping_base == f"{base}/ping/"


@pytest.mark.parametrize(
    ("told", "base"),
    [
        ("https://pingfold.example.org", "https://pingfold.example.org"),
        ("https://example.org:8443/up/", "https://example.org:8443/up"),
        ("https://example.org/apis/api", "https://example.org/apis/api"),
        ("http://[2001:db8::1]/", "http://[2001:db8::1]"),
        ("", "http://127.0.0.1:8000"),
    ],
)
def test_what_the_world_calls_us(given: Given, told: str, base: str) -> None:
    settings = given(PINGFOLD_BASE_URL=told)
    assert (settings.base_url, settings.ping_base) == (base, f"{base}/ping/")
    assert settings.local_url == "http://127.0.0.1:8000"


BELOW_APIS = [f"https://a{path}" for path in ("/api", "/api/", "/api/v1", "/api/v3/x", "/api/checks/", "/%61pi/v1")]


@pytest.mark.parametrize(
    "told", ["example.org", "ftp://example.org", "https://", "https://a b/", "https://a/?q", "/up", *BELOW_APIS]
)
def test_what_the_world_cannot_call_us(given: Given, told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        given(PINGFOLD_BASE_URL=told)
    assert wrong_settings(refused.value)[0].startswith("PINGFOLD_BASE_URL is ")


def test_the_ping_endpoint_comes_before_the_address(given: Given) -> None:
    assert given(PINGFOLD_PING_ENDPOINT="https://hc-ping.com/").ping_base == "https://hc-ping.com/"


def test_the_partition_count_is_that_of_the_first_start(given: Given) -> None:
    assert fixed_partitions(given(), 16) is None
    settings = given(PINGFOLD_PARTITIONS="16")
    assert fixed_partitions(settings, 16) is None
    assert "PINGFOLD_PARTITIONS=16 has no effect: this deployment was made with 8 partitions" in str(
        fixed_partitions(settings, 8)
    )
