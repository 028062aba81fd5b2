"""Every field that a file may have counts: it is sent, read back, exported, and put back when it is taken out."""

import base64
from typing import Any

import pytest
from msgspec import structs

from pingfold.declared.kinds import KINDS
from pingfold.declared.kinds.kind import ANY_INSTALLATION
from pingfold.declared.problems import InvalidDeclarations
from query_api.declarations import SECTIONS
from tests.declared_world import World, loaded_text

HTTP = {"url": "https://a.example/"}
TCP = {"type": "tcp", "host": "db.example", "port": 5432}
DNS = {"type": "dns", "host": "a.example"}
SMTP = {"type": "smtp", "host": "mail.example", "port": 25}
DAILY = {"schedule": "0 2 * * *"}
WINDOW = {"schedule": "0 3 * * 0", "duration_minutes": 60}
ONCE = {"starts_at": "2099-03-01T10:00:00Z", "ends_at": "2099-03-01T12:00:00Z"}
PAGE = {"title": "Main"}
LOGO = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"x" * 90).decode()
# A field beside what its thing needs: of each that a file may have, a value that is not as by default.
CASES: dict[str, dict[str, tuple[dict[str, Any], Any]]] = {
    "checks": {
        "channels": ({}, []), "tags": ({}, ["db"]), "desc": ({}, "words"), "failure_kw": ({}, "ERROR"),
        "filter_subject": ({}, True), "filter_body": ({}, True), "filter_http_body": ({}, True),
        "filter_default_fail": ({}, True), "grace": ({}, 60), "late_limit": ({}, 60), "manual_resume": ({}, True),
        "methods": ({}, "POST"), "name": ({}, "Words"), "run_limit": ({}, 60), "schedule": ({}, "0 3 * * *"),
        "start_kw": ({}, "BEGIN"), "success_kw": ({}, "OK"), "timeout": ({}, 60), "tz": (DAILY, "Europe/Riga"),
    },
    "monitors": {
        "channels": (HTTP, []), "depends_on": (HTTP, ["Other"]), "type": (DNS, "tcp"), "url": (HTTP, "https://b.example/"),
        "host": (TCP, "other.example"), "port": (TCP, 1), "method": (HTTP, "POST"), "head_first": (HTTP, True),
        "interval_seconds": (HTTP, 30), "timeout_seconds": (HTTP, 3), "headers": (HTTP, {"A": "b"}),
        "body": (HTTP | {"method": "POST"}, "words"), "regions": (HTTP, ["local"]),
        "excluded_regions": (HTTP, ["local"]), "expected_statuses": (HTTP, [204]), "keyword": (HTTP, "ready"),
        "keyword_absent": (HTTP | {"keyword": "no"}, True), "follow_redirects": (HTTP, False),
        "max_redirects": (HTTP, 3), "families": (HTTP, "each"), "verify_certificate": (HTTP, False),
        "confirmations": (HTTP, 5), "recoveries": (HTTP, 5), "confirm_interval_seconds": (HTTP, 7),
        "paused": (HTTP, True), "apdex_threshold_ms": (HTTP, 125), "published": (HTTP, True),
        "dependency_wait_seconds": (HTTP, 7), "dns_resolver": (DNS, "192.0.2.53"), "dns_record": (DNS, "MX"),
        "dns_expected": (DNS, "192.0.2.1"), "smtp_tls": (SMTP, "required"),
    },
    "status_pages": {
        "title": (PAGE, "Other"), "description": (PAGE, "words"), "components": (PAGE, [{"check": "other"}]),
        "password": (PAGE, "open sesame"), "sections": (PAGE, [{"title": "Web", "description": "words"}]),
        "logo": (PAGE, LOGO), "accent": (PAGE, "#AA00ff"), "domain": (PAGE, "Status.Bücher.example."),
    },
    "maintenance": {
        "starts_at": (ONCE, "2099-03-01T11:00:00Z"), "ends_at": (ONCE, "2099-03-01T13:00:00Z"),
        "schedule": (WINDOW, "0 4 * * 0"), "duration_minutes": (WINDOW, 5), "timezone": (WINDOW, "Europe/Riga"),
        "tags": (WINDOW, ["db"]), "checks": (WINDOW, ["other"]), "monitors": (WINDOW, ["Other"]),
    },
}  # fmt: skip
EACH = [(section, field) for section, fields in CASES.items() for field in fields]
# Fields of channels are of a kind each: tests/unit/test_declarations_apply.py sets and clears them.
ELSEWHERE = {"channels"}


@pytest.mark.parametrize("section", SECTIONS)
def test_there_is_a_case_for_each_field(section: str) -> None:
    if section not in ELSEWHERE:
        assert {*CASES[section], "formerly"} == {field.name for field in structs.fields(SECTIONS[section][1])}


@pytest.mark.parametrize(("section", "field"), EACH)
def test_a_field_that_is_declared_counts(section: str, field: str) -> None:
    """A field that were read and never looked at would leave what is declared as it is."""
    plain, value = CASES[section][field]
    kind = KINDS[section]
    if field == "type":
        with pytest.raises(InvalidDeclarations):
            loaded_text({section: {"a": plain | {field: value}}})
        return
    before, after = (kind.judged("a", given, ANY_INSTALLATION) for given in (plain, plain | {field: value}))
    assert before != after
    shown = kind.written(after.fields)
    assert field in shown or (field, section) in {("channels", "checks"), ("channels", "monitors")}


@pytest.mark.parametrize("field", CASES["status_pages"])
def test_each_field_of_a_page_is_set_read_back_and_cleared(field: str) -> None:
    world = World()
    world.apply({"checks": {"other": {}}})
    plain, value = CASES["status_pages"][field]
    assert world.apply({"status_pages": {"p": plain}}) == ["+ status_pages/p"]
    whole = {"status_pages": {"p": plain | {field: value}}}
    assert world.apply(whole) == ["~ status_pages/p"]
    assert world.apply(whole) == []
    told = world.export()
    assert world.apply(told.text, environment=dict.fromkeys(told.variables, str(value))) == []
    if field == "password":  # what a file does not tell stays
        assert world.apply({"status_pages": {"p": plain}}) == []
    else:
        assert world.apply({"status_pages": {"p": plain}}) == ["~ status_pages/p"]
    assert world.apply({"status_pages": {"p": plain}}) == []


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("logo: 'data:image/png;base64,AAAA'", "status_pages.p.logo: is no PNG picture"),
        ("logo: https://a.example/logo.png", "status_pages.p.logo: must be a picture as a data: URL"),
        ("accent: red", "status_pages.p.accent: holds what is not allowed there"),
        ("domain: 'https://status.example.org/'", "status_pages.p.domain: "),
        ("domain: localhost", "status_pages.p.domain: must be a host name with a dot"),
        ("sections: [{title: A}, {title: A}]", "status_pages.p.sections: two have the title 'A'"),
        ("sections: [{title: A, words: b}]", "status_pages.p.sections[0]: there is no such field: words"),
    ],
)
def test_a_page_that_cannot_look_so_is_refused_with_its_place(page: str, words: str) -> None:
    with pytest.raises(InvalidDeclarations) as refused:
        loaded_text(f"status_pages:\n  p:\n    title: P\n    {page}\n")
    assert words in str(refused.value)
    assert str(refused.value).startswith("0.yml:4:")
