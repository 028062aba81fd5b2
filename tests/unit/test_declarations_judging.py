"""Declarations that are wrong: each fault is told with its place, its field and what to do, all of them at once."""

import pytest

from pingfold.declared.problems import InvalidDeclarations
from tests.declared_world import loaded_text

SLACK = "https://hooks.slack.com/services/T00000000/B00000000/" + "x" * 24


def told(*files: str) -> str:
    with pytest.raises(InvalidDeclarations) as refused:
        loaded_text(*files)
    return str(refused.value)


def test_a_text_that_was_not_filled_is_told_once() -> None:
    chat, hook = (
        "{type: slack, url: '${CHAT}', digest: 5}",
        "{type: webhook, url: 'https://a.example/', secret: '${S}'}",
    )
    lines = told(f"channels:\n  chat: {chat}\n  hook: {hook}").splitlines()
    assert [line.partition(": ")[2].partition(":")[0] for line in lines] == [
        "channels.chat.url", "channels.chat.digest", "channels.hook.secret",
    ]  # fmt: skip
    assert "the environment has no variable CHAT" in lines[0]
    assert "the environment has no variable S" in lines[2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "5",
            "0.yml:1:1: a file holds sections (channels, checks, monitors, status_pages, maintenance, escalations)",
        ),
        ("checks: []", "0.yml:1:1: checks: holds things by their keys, and this is a list"),
        ("chekcs: {}", "0.yml:1:1: chekcs: there is no such field: is checks meant?"),
        ("managed_by: A", "0.yml:1:1: managed_by: may hold only a-z, 0-9, - and _"),
        ("checks: {a: 5}", "0.yml:1:10: checks.a: is a check with fields, and this is a number"),
        ("checks: {A: {}}", "0.yml:1:10: checks.A: the key may hold only a-z, 0-9, - and _"),
        ("checks: {'': {}}", "0.yml:1:10: checks.: the key must have at least 1 characters"),
        ("checks: {a: {grace: 20m}}", "0.yml:1:14: checks.a.grace: must be a number, and this is a text: write it in"),
        ("checks: {a: {grace: 5}}", "checks.a.grace: must be at least 60"),
        ("checks: {a: {grace: null}}", "checks.a.grace: must be a number, and this is nothing"),
        ("checks: {a: {manual_resume: yes}}", "checks.a.manual_resume: 'yes' is a text here: write true or false"),
        (
            "checks: {a: {tags: [b, 1.10]}}",
            "0.yml:1:24: checks.a.tags[1]: must be a text, and this is a number: put it",
        ),
        ("checks: {a: {tags: ['b c']}}", "0.yml:1:21: checks.a.tags[0]: holds what is not allowed there"),
        ("checks: {a: {channels: '*'}}", "checks.a.channels: must be a list, and this is a text"),
        ("checks: {a: {schedule: x y}}", "checks.a.schedule: is not a valid cron or OnCalendar expression"),
        ("checks: {a: {schedule: '0 2 * * *', tz: Mars}}", "0.yml:1:37: checks.a.tz: is not a valid timezone"),
        ("checks: {a: {schedule: '0 2 * * *', timeout: 60}}", "checks.a.timeout: is for a check without a schedule"),
        ("checks: {a: {tz: UTC}}", "checks.a.tz: is the time zone of a schedule: give one"),
        ('checks: {a: {desc: "\\0"}}', "checks.a.desc: has unexpected value"),
        ("monitors: {M: {}}", "0.yml:1:12: monitors.M.url: is required for a monitor of type 'http'"),
        ("monitors: {M: {url: 'ftp://a/'}}", "monitors.M.url: must begin with http:// or https://"),
        ("monitors: {M: {url: 'https://a/', port: 5}}", "monitors.M.port: is for another type of monitor"),
        ("monitors: {M: {type: tcp, host: a, port: 1, url: 'https://a/'}}", "monitors.M.url: is for another"),
        ("monitors: {M: {url: 'https://a/', headers: {'a b': x}}}", "monitors.M.headers: holds what is not"),
        ("monitors: {M: {url: 'https://a/', dns_record: A}}", "monitors.M.dns_record: is for a monitor of type"),
        ("channels: {o: {}}", "0.yml:1:12: channels.o: the field 'type' is missing"),
        ("channels: {o: {type: fax}}", "channels.o.type: Invalid enum value 'fax'"),
        ("channels: {o: {type: email}}", "channels.o.addresses: must name at least one e-mail address"),
        ("channels: {o: {type: slack, url: 'https://a/'}}", "channels.o.url: must be the whole URL that Slack"),
        (f"channels: {{o: {{type: slack, url: '{SLACK}', language: xx}}}}", "channels.o.language: must be one of de"),
        ("channels: {o: {type: webhook, url: 'https://a/', email: a}}", "channels.o.email: is not of a channel"),
        ("channels: {o: {type: webhook, url: 'https://a/', events: [x]}}", "channels.o.events[0]: Invalid enum"),
        ("status_pages: {p: {}}", "0.yml:1:16: status_pages.p: the field 'title' is missing"),
        ("status_pages: {p: {title: t, password: short}}", "status_pages.p.password: must have at least 8 characters"),
        (
            "status_pages: {p: {title: t, components: [{}]}}",
            "0.yml:1:43: status_pages.p.components[0]: names one thing",
        ),
        (
            "status_pages: {p: {title: t, components: [{x: 1}]}}",
            "0.yml:1:44: status_pages.p.components[0].x: there is no such field",
        ),
        (
            "status_pages: {p: {title: t, components: [{monitr: a}]}}",
            "status_pages.p.components[0].monitr: there is no such field: is monitor meant?",
        ),
        (
            "status_pages: {p: {title: t, components: [{check: a}, {check: a}]}}",
            "0.yml:1:55: status_pages.p.components[1]: names what the page has already",
        ),
        ("maintenance: {w: {}}", "0.yml:1:15: maintenance.w: give 'starts_at' and 'ends_at', or 'schedule' and"),
        (
            "maintenance: {w: {duration_minuts: 5}}",
            "maintenance.w.duration_minuts: there is no such field: is duration_mi",
        ),
        (
            "maintenance: {w: {mute_until: x}}",
            "maintenance.w.mute_until: there is no such field: mutes are not declared",
        ),
        ("checks: {c: {mute_until: x}}", "checks.c.mute_until: there is no such field: mutes are not declared"),
        ("channels: {o: {type: webhook, url: 'https://a/', quiet_hours: {form: '1:00'}}}", "is from meant?"),
        ("maintenance: {w: {duration: 5m}}", "maintenance.w.duration: there is no such field"),
        (
            "maintenance: {w: {starts_at: '2026-01-01', ends_at: x}}",
            "maintenance.w.ends_at: is no time: write one such",
        ),
        (
            "maintenance: {w: {schedule: x, duration_minutes: 5}}",
            "0.yml:1:19: maintenance.w.schedule: is not an OnCalen",
        ),
        (
            "maintenance: {w: {starts_at: '2026-01-02T00:00:00Z', ends_at: '2026-01-01T00:00:00Z'}}",
            "maintenance.w: A window must end after it begins",
        ),
    ],
)
def test_a_fault_has_its_place_and_says_what_to_do(text: str, words: str) -> None:
    assert words in told(text)


def test_all_faults_of_all_files_are_told_in_order() -> None:
    found = told("checks:\n  a: {grace: 1, foo: 2}\n  b: {timeout: x}\n", "a: [", "checks: {a: {}}\nmonitors: {M: {}}")
    assert [line.partition(": ")[0] for line in found.splitlines()] == [
        "0.yml:2:7", "0.yml:2:17", "0.yml:3:7", "1.yml:2:1", "2.yml:2:12",
    ]  # fmt: skip


def test_one_key_in_two_files_is_refused() -> None:
    found = told("checks: {a: {}}", "# another\nchecks: {b: {}, a: {}}")
    assert found == "1.yml:2:17: checks.a: is declared twice (first in 0.yml:1:10): remove one of them"
    with pytest.raises(InvalidDeclarations, match="is declared twice"):
        loaded_text("checks: {a: {}}\n---\nchecks: {a: {}}")


def test_a_secret_is_in_no_error() -> None:
    with pytest.raises(InvalidDeclarations) as refused:
        loaded_text(
            "checks: {a: {grace: '${S}', manual_resume: '${S}'}}\nchannels: {o: {type: slack, url: '${S}'}}",
            environment={"S": "very-secret-5"},
        )
    assert "very-secret-5" not in str(refused.value)


def test_an_empty_file_declares_nothing() -> None:
    assert loaded_text("", "# nothing\n", "---\n") == ([], frozenset())
    assert loaded_text("checks:\nmanaged_by: shop") == ([], frozenset({"shop"}))
