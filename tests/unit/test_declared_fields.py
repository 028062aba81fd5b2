"""Every field that a file may have counts: it is sent, read back, exported, and put back when it is taken out."""

import base64
from typing import Any

import pytest
from msgspec import structs

from pingfold.declared.kinds import KINDS
from pingfold.declared.kinds.kind import ANY_INSTALLATION
from pingfold.declared.planning import Options
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
STEP = {"after_minutes": 5, "own_channels": True}
POLICY = {"steps": [STEP]}
PAGE = {"title": "Main"}
SECRET = "open sesame"
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
        "password": (PAGE, SECRET), "sections": (PAGE, [{"title": "Web", "description": "words"}]),
        "logo": (PAGE, LOGO), "accent": (PAGE, "#AA00ff"), "domain": (PAGE, "Status.Bücher.example."),
    },
    "maintenance": {
        "starts_at": (ONCE, "2099-03-01T11:00:00Z"), "ends_at": (ONCE, "2099-03-01T13:00:00Z"),
        "schedule": (WINDOW, "0 4 * * 0"), "duration_minutes": (WINDOW, 5), "timezone": (WINDOW, "Europe/Riga"),
        "tags": (WINDOW, ["db"]), "checks": (WINDOW, ["other"]), "monitors": (WINDOW, ["Other"]),
    },
    "escalations": {
        "steps": (
            POLICY,
            [{"after_minutes": 9, "channels": ["Chat"], "on_call": ["Night"]}, STEP | {"after_minutes": 10}],
        ),
        "repeat": (POLICY, None), "monitors": (POLICY, ["Other"]), "checks": (POLICY, ["other"]),
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


@pytest.mark.parametrize("section", ["status_pages", "escalations"])
def test_each_field_is_set_read_back_and_cleared(section: str) -> None:
    world = World()
    chat = {"type": "slack", "url": "https://hooks.slack.com/services/T00000000/B00000000/" + "x" * 24}
    world.apply({"checks": {"other": {}}, "monitors": {"Other": HTTP}, "channels": {"Chat": chat}})
    on_call(world, "Night")
    plain = {section: {"p": PAGE if section == "status_pages" else POLICY}}
    assert world.apply(plain) == [f"+ {section}/p"]
    for field, (needed, value) in CASES[section].items():
        whole = {section: {"p": needed | {field: value}}}
        assert world.apply(whole) == [f"~ {section}/p"], field
        assert world.apply(whole) == [], field
        told = world.export(f"{section}/p")
        assert told.left_out == ()
        assert world.apply(told.text, environment=dict.fromkeys(told.variables, SECRET)) == [], field
        # What a file does not tell has its default again, and a password stays.
        assert world.apply(plain) == ([] if field == "password" else [f"~ {section}/p"]), field
        assert world.apply(plain) == [], field


def on_call(world: World, name: str) -> str:
    """A rotation, made by hand; its id."""
    channel = next(one.id for one in world.present() if one.section == "channels")
    handover = {"every_days": 7, "weekday": "monday", "time": "09:00"}
    body = {"name": name, "handover": handover, "turns": [{"name": "Ann", "alert_channel_ids": [channel]}]}
    id: str = world.api.call("poppaping", "POST", "/api/v1/on-call", body)["id"]
    return id


POLICY_FILE = """
managed_by: night
channels:
  Chat: {type: webhook, url: "https://hooks.example.com/x"}
checks: {backup: {}}
monitors:
  Shop: {url: "https://shop.example.com/"}
escalations:
  Shop first:
    repeat: null
    monitors: [Shop]
    checks: [backup]
    steps:
      - {after_minutes: 5, own_channels: true}
      - {after_minutes: 15, channels: [Chat]}
"""


def test_a_policy_follows_what_it_is_for(world: World) -> None:
    made = ["channels/Chat", "checks/backup", "monitors/Shop", "escalations/Shop first"]
    assert world.apply(POLICY_FILE) == [f"+ {one}" for one in made]
    renamed = POLICY_FILE.replace("Shop first:", "Shop second:\n    formerly: Shop first")
    assert world.apply(renamed) == ["~ escalations/Shop second"]
    world.api.call("healthchecks", "DELETE", f"/api/v3/checks/{key_of(world, 'backup')}")
    assert "checks: [backup]" not in world.export().text
    assert world.apply(world.export().text) == []
    assert world.apply("managed_by: night", options=Options(prune=True)) == [
        "- escalations/Shop second", "- monitors/Shop", "- channels/Chat",
    ]  # fmt: skip


def test_a_policy_for_what_is_gone_is_never_for_everything(world: World) -> None:
    """Without the names of what is gone it would be for all that no other policy names."""
    world.apply(POLICY_FILE)
    gone = {one: key_of(world, one) for one in ("backup", "Shop")}
    world.api.call("healthchecks", "DELETE", f"/api/v3/checks/{gone['backup']}")
    world.api.call("poppaping", "DELETE", f"/api/v1/monitors/{gone['Shop']}")
    with pytest.raises(InvalidDeclarations, match="there is no monitor"):
        world.plan(world.export().text)


def test_a_step_that_tells_nobody_any_more_is_not_exported(world: World) -> None:
    world.apply(POLICY_FILE)
    world.api.call("poppaping", "DELETE", f"/api/v1/alert-channels/{key_of(world, 'Chat')}")
    exported = world.export()
    [words] = exported.left_out
    assert words == (
        "the escalation policy 'Shop first' is left out: its step after 15 minutes tells nobody any more; correct it"
    )
    assert world.apply(exported.text) == []


@pytest.fixture
def world() -> World:
    return World()


def key_of(world: World, key: str) -> str:
    return next(one.id for one in world.present() if one.key == key)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("logo: 'data:image/png;base64,AAAA'", "status_pages.p.logo: is no PNG picture"),
        ("logo: https://a.example/logo.png", "status_pages.p.logo: must be a picture as a data: URL"),
        ("accent: red", "status_pages.p.accent: holds what is not allowed there"),
        ("domain: 'https://status.example.org/'", "status_pages.p.domain: "),
        ("domain: localhost", "status_pages.p.domain: must be a host name with a dot"),
        ("sections: [{title: A}, {title: A}]", "status_pages.p.sections: two have the title 'A'"),
        ("sections: [{title: A, words: b}]", "status_pages.p.sections[0].words: there is no such field"),
        (
            "sections: [{title: A, colapsed: true}]",
            "status_pages.p.sections[0].colapsed: there is no such field: is collap",
        ),
        ("slug: q", "status_pages.p.slug: there is no such field: a thing is named by its key"),
    ],
)
def test_a_page_that_cannot_look_so_is_refused_with_its_place(page: str, words: str) -> None:
    with pytest.raises(InvalidDeclarations) as refused:
        loaded_text(f"status_pages:\n  p:\n    title: P\n    {page}\n")
    assert words in str(refused.value)
    assert str(refused.value).startswith("0.yml:4:")


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("{}", "0.yml:1:15: escalations.p: the field 'steps' is missing"),
        ("{steps: [{after_minutes: 5}]}", "escalations.p.steps[0]: tells nobody: give 'channels', 'on_call' or"),
        (
            "{steps: [{after_minutes: 0, own_channels: true}]}",
            "escalations.p.steps[0].after_minutes: must be at least 1",
        ),
        (
            "{steps: [{after_minutes: 5, own_channels: true}, {after_minutes: 5, own_channels: true}]}",
            "escalations.p.steps: each step must come later than the one before",
        ),
        ("{steps: [], repeat: -1}", "escalations.p.repeat: must be at least 0"),
        (
            "{steps: [{after_minutes: 5, own_chanels: true}]}",
            "escalations.p.steps[0].own_chanels: there is no such field: is own_channels meant?",
        ),
        ("{steps: [], monitor_ids: []}", "escalations.p.monitor_ids: there is no such field: is monitors meant?"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_with_its_place(policy: str, words: str) -> None:
    with pytest.raises(InvalidDeclarations) as refused:
        loaded_text(f"escalations: {{p: {policy}}}")
    assert words in str(refused.value)


def test_a_rotation_that_there_is_not(world: World) -> None:
    file = "escalations: {p: {steps: [{after_minutes: 5, on_call: [Nobody]}]}}"
    with pytest.raises(InvalidDeclarations, match="there is no on-call rotation 'Nobody', here or in the project"):
        world.plan(file)
