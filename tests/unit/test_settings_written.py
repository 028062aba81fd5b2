"""How settings may be written: empty, with blanks, in quotation marks; URLs, servers and senders of mail."""

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings.errors import misread_settings, unknown_settings, wrong_settings
from infra.settings.senders import MailSender, parse_sender
from infra.settings.settings import Settings
from infra.settings.written import FOREIGN
from tests.given_settings import Given
from tests.given_settings import given as given

VARIABLES = {
    name: field.validation_alias if isinstance(field.validation_alias, str) else f"PINGFOLD_{name.upper()}"
    for name, field in Settings.model_fields.items()
}


@pytest.mark.parametrize("blank", ["", "  ", "\t\r\n"])
@pytest.mark.parametrize("name", VARIABLES)
def test_an_empty_variable_is_as_good_as_none(given: Given, name: str, blank: str) -> None:
    unset, empty = given(), given(**{VARIABLES[name]: blank})
    assert empty == unset
    assert empty.model_fields_set == unset.model_fields_set


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("port", " 9000\r", 9000),
        ("site_name", " Büro \r\n", "Büro"),
        ("admin_password", " open sesame\r", "open sesame"),
        ("smtp_password", " open sesame \r\n", " open sesame "),
        ("slugs", "from-name ", "from-name"),
        ("public_url", " https://h/ ", "https://h"),
        ("trusted_proxies", "none", ()),
    ],
)
def test_blanks_around_a_value_do_not_count(given: Given, name: str, text: str, value: Any) -> None:
    assert getattr(given(**{VARIABLES[name]: text}), name) == value


@pytest.mark.parametrize("name", VARIABLES)
def test_what_an_env_file_gave_wrong_is_told(name: str) -> None:
    variable = VARIABLES[name]
    fine = {variable: 'say "x" and "y" or it\'s', "OTHER": '"x"'}
    assert misread_settings(fine) == []
    for text, words in (('"x"', "quotation mark"), (" 'x' ", "quotation mark"), ("a\nb", "control character")):
        told = misread_settings({variable.lower(): text})
        assert len(told) == (name not in FOREIGN)
        assert all(words in line and line.startswith(variable.lower()) for line in told)
    assert "not UTF-8" in misread_settings({variable: "B\udcfcro"})[0]


def test_a_name_counts_in_any_case() -> None:
    assert unknown_settings(["pingfold_port", "Pingfold_Prot", "pingfold_port_80_tcp"]) == [
        "Pingfold_Prot is no setting; is PINGFOLD_PORT meant?"
    ]


@pytest.mark.parametrize("argument", ["up", "web", "worker", "replay", "migrate"])
def test_a_command_ends_with_a_line_for_each(argument: str) -> None:
    environment = {"PINGFOLD_PROT": "9000", "PINGFOLD_PORT": '"9000"'}
    ended = subprocess.run(
        [sys.executable, "-m", "pingfold", argument], capture_output=True, text=True, env=environment, timeout=120
    )
    assert ended.returncode == 1
    unknown, quoted = ended.stderr.splitlines()
    assert unknown == "pingfold: PINGFOLD_PROT is no setting; is PINGFOLD_PORT meant?"
    assert quoted.startswith("pingfold: PINGFOLD_PORT begins and ends with a quotation mark")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("ping_endpoint", "https://hc-ping.com", "https://hc-ping.com/"),
        ("ping_endpoint", "https://hc-ping.com/", "https://hc-ping.com/"),
        ("ping_endpoint", "https://h/ping//", "https://h/ping/"),
        ("public_url", "HTTPS://Up.Example.org:8443/Up/", "https://up.example.org:8443/Up"),
        ("public_url", "https://h/büro x".replace(" x", ""), "https://h/b%C3%BCro"),
        ("url", "http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("kafka_bootstrap_servers", " k1, [::1]:9093,", "k1:9092,[::1]:9093"),
        ("clickhouse_url", "https://u:p@ch:8443/db/", "https://u:p@ch:8443/db/"),
        ("smtp_host", "mail.example.org.", "mail.example.org."),
        ("smtp_host", "[::1]", "::1"),
    ],
)
def test_addresses_as_people_write_them(given: Given, name: str, text: str, value: str) -> None:
    assert getattr(given(**{VARIABLES[name]: text}), name) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ping_endpoint", "hc-ping.com"),
        ("ping_endpoint", "https://hc-ping.com/?x"),
        ("public_url", "https://h:99999"),
        ("public_url", "https://h/api"),
        ("url", "localhost:8000"),
        ("kafka_bootstrap_servers", ","),
        ("kafka_bootstrap_servers", "::1"),
        ("kafka_bootstrap_servers", "kafka://k1:9092"),
        ("kafka_bootstrap_servers", "k1:9092/"),
        ("kafka_bootstrap_servers", "k1:0"),
        ("clickhouse_url", "ch:8123"),
        ("clickhouse_url", "http://hush:hush@ch:port"),
        ("smtp_host", "mail.example.org:587"),
        ("smtp_host", "smtp://mail.example.org"),
    ],
)
def test_addresses_that_are_none(given: Given, name: str, text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        given(**{VARIABLES[name]: text})
    [line] = wrong_settings(refused.value)
    assert line.startswith(VARIABLES[name])
    assert " expected" in line
    assert "hush" not in line


@pytest.mark.parametrize(
    ("text", "sender"),
    [
        ("a@b.test", ("", "a@b.test")),
        ("<a@b.test>", ("", "a@b.test")),
        ("Watch <a@b.test>", ("Watch", "a@b.test")),
        ("Büro, Nord <a@b.test>", ("Büro, Nord", "a@b.test")),
        ("[PROD] x <a@b>", ("[PROD] x", "a@b")),
        ('"Doe, John \\"Jo\\"" <a@b.test>', ('Doe, John "Jo"', "a@b.test")),
        ("O'Neil (ops); team: x@y <a@b.test>", ("O'Neil (ops); team: x@y", "a@b.test")),
        ("監視 <a@b.test>", ("監視", "a@b.test")),
        ("X <a@bücher.test>", ("X", "a@xn--bcher-kva.test")),
    ],
)
def test_senders_of_mail(given: Given, text: str, sender: tuple[str, str]) -> None:
    assert parse_sender(str(given(PINGFOLD_SMTP_FROM=text).smtp_from)) == MailSender(*sender)


@pytest.mark.parametrize(
    "text",
    [
        "nobody", "a b", "@", "Watch <>", "a@b c>", "X <a@b>, Y <c@d>", "a@b, c@d", "a@b (Name)", "Name a@b.test",
        "X <a@b> <c@d>", "büro@b.test", "X <a@bücher .test>", f"{'x' * 201} <a@b.test>",
    ],
)  # fmt: skip
def test_what_is_no_sender(given: Given, text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        given(PINGFOLD_SMTP_FROM=text)
    [line] = wrong_settings(refused.value)
    assert line.startswith("PINGFOLD_SMTP_FROM is ")
    assert "an address is expected, such as Pingfold <pingfold@example.org>" in line
