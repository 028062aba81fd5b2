"""Settings that are refused, or that have no effect: each is named, with what was expected."""

from base64 import b64encode

import pytest
from pydantic import ValidationError

from infra.settings.errors import unknown_settings, wrong_settings
from infra.settings.ignored import ignored_settings
from infra.settings.settings import Settings
from tests.given_settings import Given
from tests.given_settings import given as given

MAIL = {"PINGFOLD_SMTP_HOST": "mail", "PINGFOLD_SMTP_FROM": "a@example.org"}
SECRET_KEY = b64encode(bytes(range(32))).decode()


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("PINGFOLD_PORT", "http", "port"),
        ("PINGFOLD_PORT", "0", "port"),
        ("PINGFOLD_PORT", "65536", "port"),
        ("PINGFOLD_PING_BODY_LIMIT", "-1", "ping_body_limit"),
        ("PINGFOLD_PING_BODY_LIMIT", "1000001", "1000000"),
        ("PINGFOLD_PING_BODY_LIMIT", "unlimited", "ping_body_limit"),
        ("PINGFOLD_SLUGS", "mine", "'chosen' or 'from-name'"),
        ("PINGFOLD_PINGS_PER_MINUTE", "-1", "pings_per_minute"),
        ("PINGFOLD_WORKERS", "0", "workers"),
        ("PINGFOLD_RDAP", "ftp://example.org/", "rdap"),
        ("PINGFOLD_RESOLVERS", "dns.example.org", "resolvers"),
        ("PINGFOLD_CONTROL_TARGETS", "router", "router is none of these: resolver, gateway, an IP address"),
        ("PINGFOLD_CONTROL_TARGETS", "none,gateway", "none is none of these"),
        ("PINGFOLD_PARTITIONS", "0", "partitions"),
        ("PINGFOLD_RETENTION_PINGS", "90", "a duration is expected, such as 90d, 12h or forever"),
        ("PINGFOLD_HISTORY_PINGS", "30m", "at least 1h is expected"),
        ("PINGFOLD_PRIVATE_TARGETS", "10.0.0.1/8", "10.0.0.1/8 has host bits set"),
        ("PINGFOLD_PRIVATE_TARGETS", "127.0.0.0/8;10.0.0.0/8", "private_targets"),
        ("PINGFOLD_PRIVATE_TARGETS", "localhost", "'localhost' does not appear to be an IPv4 or IPv6 network"),
        ("PINGFOLD_PRIVATE_TARGETS", "127.0.0.1:65536", "has no port that there can be"),
        ("PINGFOLD_PRIVATE_TARGETS", "127.0.0:80", "does not appear to be an IPv4 or IPv6 network"),
        ("PINGFOLD_PRIVATE_TARGETS", "10.0.0.0/8@ops", "'ops' is not the id of a project"),
    ],
)
def test_a_refusal_names_the_setting_and_only_that(given: Given, name: str, text: str, told: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        given(**{name: text}, PINGFOLD_SECRET_KEY=SECRET_KEY, PINGFOLD_KEY="hcw_secret")
    assert told in str(refusal.value)
    assert [f"PINGFOLD_{error['loc'][0]}".upper() for error in refusal.value.errors()] == [name]
    assert "secret" not in str(refusal.value)
    assert SECRET_KEY not in str(refusal.value)


def test_nothing_secret_is_shown(given: Given) -> None:
    settings = given(PINGFOLD_SECRET_KEY=SECRET_KEY, PINGFOLD_KEY="hcw_secret")
    assert (settings.secret_key, settings.key) == (SECRET_KEY, "hcw_secret")
    assert "secret" not in f"{settings!r} {settings}"
    assert SECRET_KEY not in f"{settings!r} {settings}"


def test_the_password_of_clickhouse_is_not_shown(given: Given) -> None:
    settings = given(CLICKHOUSE_URL="https://pingfold:top-secret@ch:8443")
    assert "secret" not in f"{settings!r} {settings}"


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("PINGFOLD_PORT", "http", "PINGFOLD_PORT is 'http': a whole number from 1 to 65535 is expected"),
        ("PINGFOLD_PORT", "65536", "PINGFOLD_PORT is '65536': a whole number from 1 to 65535 is expected"),
        ("PINGFOLD_WORKERS", "1.5", "PINGFOLD_WORKERS is '1.5': a whole number of at least 1 is expected"),
        ("PINGFOLD_CONNECTIONS_PER_PEER", "-1", "PINGFOLD_CONNECTIONS_PER_PEER is '-1': a whole number of at least 0"),
        ("PINGFOLD_PING_BODY_LIMIT", "x", "PINGFOLD_PING_BODY_LIMIT is 'x': a whole number from 0 to 1000000"),
        ("PINGFOLD_HEARTBEAT_SECONDS", "often", "PINGFOLD_HEARTBEAT_SECONDS is 'often': a number from 1.0 to 3600.0"),
        ("PINGFOLD_TEST_CLOCK", "perhaps", "PINGFOLD_TEST_CLOCK is 'perhaps': 0 or 1 is expected"),
        ("PINGFOLD_SLUGS", "mine", "PINGFOLD_SLUGS is 'mine': 'chosen' or 'from-name' is expected"),
        ("PINGFOLD_REGIONS", ",", "PINGFOLD_REGIONS: at least one is expected"),
        ("PINGFOLD_REGIONS", "a,Old Riga", "PINGFOLD_REGIONS is 'Old Riga': a name of at most 40 lower-case letters"),
        ("PINGFOLD_RDAP", "x", "PINGFOLD_RDAP is 'x': a URL is expected, such as"),
        ("PINGFOLD_RETENTION_PINGS", "90", "PINGFOLD_RETENTION_PINGS is '90': a duration is expected, such as 90d"),
        ("PINGFOLD_BASE_URL", "example.org", "PINGFOLD_BASE_URL is 'example.org': an address is expected, such as"),
        ("PINGFOLD_KAFKA_HEAP", "384", "PINGFOLD_KAFKA_HEAP is '384': a size is expected, such as 384m or 1g"),
        ("PINGFOLD_KAFKA_HEAP", "1g -Dx=y", "PINGFOLD_KAFKA_HEAP is '1g -Dx=y': a size is expected, such as"),
        ("PINGFOLD_DISK_RESERVE", "much", "PINGFOLD_DISK_RESERVE is 'much': a size is expected, such as 2G"),
        (
            "PINGFOLD_SECRET_KEY",
            "hush",
            "PINGFOLD_SECRET_KEY: 32 bytes in base64 are expected (`openssl rand -base64 32`",
        ),
        ("PINGFOLD_METRICS_KEY", "hush", "PINGFOLD_METRICS_KEY: 16 to 200 letters, digits and signs without blanks"),
        ("PINGFOLD_HEARTBEAT_URL", "hush", "PINGFOLD_HEARTBEAT_URL: a URL is expected, such as"),
    ],
)
def test_a_refusal_is_a_sentence_with_the_name_the_value_and_what_is_expected(
    given: Given, name: str, text: str, line: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        given(**{name: text})
    (told,) = wrong_settings(refused.value)
    assert told.startswith(line)
    assert "hush" not in told


WRONG = "\N{SNOWMAN} wrong"


def test_no_setting_is_refused_in_the_words_of_a_library(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every setting that does not take any text."""
    told = 0
    for name, field in Settings.model_fields.items():
        variable = field.validation_alias if isinstance(field.validation_alias, str) else f"PINGFOLD_{name.upper()}"
        with monkeypatch.context() as patched:
            patched.setenv(variable, WRONG)
            try:
                Settings()
            except ValidationError as refused:
                told += 1
                for line in wrong_settings(refused):
                    assert line.startswith((f"{variable} is ", f"{variable}: "))
                    assert any(words in line for words in ("expected", "is none of", "does not appear to be"))
                    assert not any(
                        words in line for words in ("nput should", "alue error", "uple should", "tring should")
                    )
    assert told > 30


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("PINGFOLD_RETENTION_PINGZ", "PINGFOLD_RETENTION_PINGZ is no setting; is PINGFOLD_RETENTION_PINGS meant?"),
        ("PINGFOLD_PUBLIC_ADDRESS", "PINGFOLD_PUBLIC_ADDRESS is no setting"),
        ("PINGFOLD_BASE_URL", None),
        ("PINGFOLD_INSTANCE", None),
        ("PINGFOLD_TEST_KAFKA_IMAGE", None),
        ("PINGFLOD_PORT", "PINGFLOD_PORT is no setting; is PINGFOLD_PORT meant?"),
        ("pnigfold_base_url", "pnigfold_base_url is no setting; is PINGFOLD_BASE_URL meant?"),
        ("PINGFOLDPORT", "PINGFOLDPORT is no setting; is PINGFOLD_PORT meant?"),
        ("PINGFOLD-PORT", "PINGFOLD-PORT is no setting; is PINGFOLD_PORT meant?"),
        ("PINGDOM_PORT", None),
        ("PORT", None),
        ("PINGFOLD", None),
        ("PINGFOLD_PORT_8000_TCP_ADDR", None),
        ("PINGFOLD_SERVICE_HOST", None),
        ("PATH", None),
    ],
)
def test_a_name_that_is_no_setting_is_told_with_the_nearest_one(name: str, line: str | None) -> None:
    told = unknown_settings([name, "PINGFOLD_PORT", "KAFKA_BOOTSTRAP_SERVERS"])
    assert [one[: len(line or "")] for one in told] == ([] if line is None else [line])


def test_what_kubernetes_tells_of_services_beside_it_is_no_setting() -> None:
    links = [
        f"{service}_{part}"
        for service in ("PINGFOLD_WEB", "PINGFOLD2")
        for part in ("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_80_TCP", "PORT_80_TCP_ADDR")
    ]
    assert unknown_settings(links) == []
    assert unknown_settings([*links, "PINGFOLD_WEB_HOST"]) == [
        "PINGFOLD_WEB_HOST is no setting; is PINGFOLD_HOST meant?"
    ]
    # Without such a service it is one that is misspelt.
    assert unknown_settings(["PINGFOLD2_PORT"]) == ["PINGFOLD2_PORT is no setting; is PINGFOLD_PORT meant?"]


@pytest.mark.parametrize(
    ("environment", "lines"),
    [
        ({}, []),
        (MAIL, ["PINGFOLD_SMTP_HOST is set and PINGFOLD_BASE_URL is not: recipients are asked to confirm"]),
        (MAIL | {"PINGFOLD_BASE_URL": "https://ping.example.org"}, []),
        (MAIL | {"PINGFOLD_MAIL_CONFIRMATION": "off"}, []),
        ({"PINGFOLD_SMTP_HOST": "mail"}, ["PINGFOLD_SMTP_HOST is set and PINGFOLD_SMTP_FROM is not"]),
        ({"PINGFOLD_SMTP_FROM": "a@example.org"}, ["PINGFOLD_SMTP_FROM is set and PINGFOLD_SMTP_HOST is not"]),
        (
            MAIL | {"PINGFOLD_BASE_URL": "https://ping.example.org", "PINGFOLD_SMTP_PASSWORD": "hush"},
            ["PINGFOLD_SMTP_PASSWORD is set and PINGFOLD_SMTP_USER is not"],
        ),
        (
            {"PINGFOLD_KAFKA_HEAP": "1g", "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092"},
            ["PINGFOLD_KAFKA_HEAP is of the embedded server, and KAFKA_BOOTSTRAP_SERVERS names another one"],
        ),
        (
            {"PINGFOLD_KAFKA_SASL_PASSWORD": "hush", "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092"},
            ["PINGFOLD_KAFKA_SASL_PASSWORD is set and PINGFOLD_KAFKA_SECURITY_PROTOCOL is not sasl_plaintext or"],
        ),
        (
            {
                "PINGFOLD_KAFKA_SSL_CA_LOCATION": "ca.pem",
                "PINGFOLD_KAFKA_SECURITY_PROTOCOL": "sasl_plaintext",
                "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
            },
            ["PINGFOLD_KAFKA_SSL_CA_LOCATION is set and PINGFOLD_KAFKA_SECURITY_PROTOCOL is not ssl or sasl_ssl"],
        ),
        (
            {"PINGFOLD_KAFKA_SASL_USERNAME": "me", "PINGFOLD_KAFKA_SASL_PASSWORD": "hush"},
            ["PINGFOLD_KAFKA_SASL_USERNAME is set and KAFKA_BOOTSTRAP_SERVERS is not"],
        ),
    ],
)
def test_what_is_set_and_has_no_effect_is_told(given: Given, environment: dict[str, str], lines: list[str]) -> None:
    told = ignored_settings(given(**environment))
    assert [one[: len(line)] for one, line in zip(told, lines, strict=True)] == lines
    assert "hush" not in str(told)
