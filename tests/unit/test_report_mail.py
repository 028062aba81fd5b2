"""A report as people get it: by mail, in a chat, as a webhook. Whatever names hold, nothing of it is taken for more."""

import email
import re
from email.message import EmailMessage
from email.policy import default
from typing import Any

import msgspec
import pytest

from processors.sender.email_renderer import EmailRenderer
from processors.sender.messages import message_of
from processors.sender.notice_body import render_body
from processors.sender.notice_facts import facts_of
from processors.sender.own_links import OwnLinks
from processors.sender.report_facts import report_facts
from query_api.history.reports import Counted, Span3, StateTime, Took
from query_api.reports.figures import (
    Figures,
    Thing,
    away_of,
    flappiest_of,
    incidents_of,
    observed_of,
    rows_of,
    slowest_of,
)
from query_api.reports.objects import ReportNamed, ReportObject, ReportSpan, ReportUnacknowledged
from query_api.reports.summary import content_of, summary_of
from schemas.base import SECOND
from schemas.deliveries import Delivery, Endpoint
from schemas.duration_words import duration_words
from schemas.languages.catalogues import CATALOGUES, ENGLISH, LANGUAGES, sentence
from schemas.languages.reading import Reading
from schemas.reports import MOST_CONTENT
from schemas.times import iso, read_iso

START = read_iso("2025-06-09T00:00:00+03:00")
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
SPAN = Span3(START - 7 * DAY, START, START + 7 * DAY)
SITE = "https://up.example"
HOSTILE = '<b>x</b> & "y"\r\nBcc: all@example.org\u202e`${7*7}` {{ 7*7 }}'


def report_of(names: list[str], **fields: Any) -> ReportObject:
    """A report of things that were down for an hour each, twice."""
    things = [Thing(f"id{n}", name, "http" if n % 2 else "heartbeat", None) for n, name in enumerate(names)]
    times = [StateTime(thing.id, "up", 6 * DAY, 7 * DAY) for thing in things]
    times += [StateTime(thing.id, "down", HOUR, 0) for thing in things]
    counted = {thing.id: Counted(thing.id, 2, 0, HOUR // 2, HOUR, 0) for thing in things}
    responses = {thing.id: Took(120_000, 3_400_000) for thing in things if thing.kind == "http"}
    runs = {thing.id: Took(60 * SECOND, 90 * SECOND) for thing in things if thing.kind == "heartbeat"}
    observed = observed_of(things, times, SPAN)
    rows = rows_of(things, Figures(observed, counted, responses, runs))
    away = away_of([(START + HOUR, START + 2 * HOUR), (START + 90 * 60 * SECOND, None)], SPAN, START + 3 * HOUR)
    known: dict[str, Any] = {
        "period": "week",
        "start": iso(SPAN.start),
        "end": iso(SPAN.end),
        "previous": ReportSpan(start=iso(SPAN.before), end=iso(SPAN.start)),
        "timezone": "Europe/Riga",
        "project": "Shop",
        "complete": True,
        "uptime_percentage": 99.31,
        "previous_uptime_percentage": 100.0,
        "incidents": incidents_of(counted.values()),
        "monitors_total": len(rows),
        "monitors": rows,
        "slowest": slowest_of(rows, runs=False),
        "slowest_runs": slowest_of(rows, runs=True),
        "flappiest": flappiest_of(rows),
        "unacknowledged_total": len(things),
        "unacknowledged": [
            ReportUnacknowledged(
                id=f"i{n}", monitor_id=thing.id, name=thing.name, started_at=iso(START), resolved_at=None, cause=HOSTILE
            )
            for n, thing in enumerate(things[:10])
        ],
        "without_channel_total": 1,
        "without_channel": [ReportNamed(monitor_id="id0", name=names[0] if names else "")],
        "away_seconds": away.seconds,
        "away_total": away.total,
        "away": away.listed,
    }
    return ReportObject(**known | fields)


def delivery_of(content: dict[str, Any], name: str = "Weekly report of Shop", **data: Any) -> Delivery:
    monitor = {"id": "p", "name": name, "url": "/", "kind": "project", "current_status": "up"}
    told = {"monitor": monitor, "incident": None, "detail": content.get("summary", ""), "report": content} | data
    body = render_body("project.report", SPAN.end, told, SITE)
    return Delivery(id="d-1", event="e-1", channel="c", notice="project.report", body=body, first_due=0)


def endpoint(**options: Any) -> Endpoint:
    to = ("a@example.org",)
    return Endpoint(
        id="c", project="p", url="", notices=(), secret="", kind="email", addresses=to, site=SITE, options=options
    )


def mail_of(delivery: Delivery, **options: Any) -> tuple[EmailMessage, str, str]:
    """The mail, its plain text and its HTML."""
    raw = EmailRenderer("Pingfold", "alerts@example.org").write(delivery, endpoint(**options))
    mail = email.message_from_bytes(raw, policy=default)
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    return mail, plain.get_content(), html.get_content()


def test_a_mail_tells_every_section() -> None:
    mail, plain, html = mail_of(delivery_of(content_of(report_of(["backup", "shop"]))))
    assert mail["Subject"] == "[Pingfold] Weekly report of Shop"
    assert "mailto:" in str(mail["List-Unsubscribe"])
    for text in (plain, html):
        for told in (
            "2025-06-09 to 2025-06-15 (Europe/Riga)",
            "Uptime 99.31 % (100 % before). 4 incidents, the longest 30 min, all together 2 h.",
            *("backup", "shop", "99.31 %", "100 %", "3,400 ms", "90 s", "2 times", "Nobody acknowledged"),
            *("nobody would be told", "Pingfold itself was away for 2 h", f"{SITE}/"),
        ):
            assert told in text, f"{told}\n{text}"
    assert 'name="viewport"' in html


def test_no_name_is_taken_for_more() -> None:
    mail, plain, html = mail_of(delivery_of(content_of(report_of([HOSTILE, HOSTILE])), name=HOSTILE))
    assert mail["Bcc"] is None
    assert mail["To"] == "a@example.org"
    assert "<b>x</b>" not in html
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert "{{ 7*7 }}" in plain
    assert not [line for line in plain.splitlines() if line.startswith("Bcc:")]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"summary": "The figures could not be read."},
        {"monitors": "x", "incidents": [], "away": [1, None], "uptime_percentage": "1", "slowest": [{"p50": []}]},
        {"monitors": [{}] * 1_000, "uptime_percentage": 10**400, "monitors_total": -1, "unacknowledged_total": True},
        {"from": 1, "to": None, "timezone": {}, "flappiest": [{"name": {}}], "without_channel": [[]]},
    ],
)
def test_a_report_may_hold_anything(content: dict[str, Any]) -> None:
    delivery = delivery_of(content)
    mail_of(delivery)
    assert message_of(delivery, endpoint()).says == "Weekly report of Shop"


def test_in_a_chat_it_is_three_lines() -> None:
    message = message_of(delivery_of(content_of(report_of(["backup", "shop"]))), endpoint())
    assert (message.says, message.tone, message.cause) == ("Weekly report of Shop", "good", "")
    assert [(row.label, row.value) for row in message.rows] == [
        ("Uptime", "99.31 % (100 % before)"),
        ("Incidents", "4 (0 before), the longest 30 min"),
        (
            "Look at",
            "2 incidents that nobody acknowledged, 1 things that would tell nobody, Pingfold was away for 2 h",
        ),
    ]
    assert message.page == f"{SITE}/"
    missing = message_of(delivery_of({"summary": "The figures could not be read."}), endpoint())
    assert [(row.label, row.value) for row in missing.rows] == [("Report", "The figures could not be read.")]


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {ENGLISH}))
def test_it_is_told_in_the_language_and_the_zone_of_its_channel(language: str) -> None:
    content = content_of(report_of(["backup", "shop"], complete=False))
    content["unacknowledged"][0]["cause"] = "Connection timed out"
    delivery, options = delivery_of(content, test=True), {"language": language, "timezone": "Asia/Tokyo"}
    mail, plain, html = mail_of(delivery, **options)
    english = [text for key, text in CATALOGUES[ENGLISH].items() if key.startswith("report.") and text != "Incidents"]
    for text in (plain, html):
        for words in [*english, "Connection timed out", "Uptime"]:
            for piece in filter(None, re.split(r"\{\w+\}", words)):
                assert len(piece) < 5 or piece.strip() not in text, piece
        assert "JST" in text
        assert " UTC" not in text
    assert sentence(language, "report.week", name="Shop") in mail["Subject"]
    assert f'<html lang="{language}">' in html
    told = message_of(delivery, endpoint(**options))
    assert [row.label for row in told.rows] == [
        sentence(language, f"report.{key}") for key in ("uptime", "incidents", "look_at")
    ]
    facts = facts_of("project.report", msgspec.json.decode(delivery.body)["data"], SITE, Reading(language))
    assert facts["cause"].startswith(f"{sentence(language, 'report.uptime')}: 99.31 %")


def test_links_lead_to_the_address_of_now() -> None:
    links = OwnLinks("https://new.example", "https://new.example/pulse/")
    delivery = links.of_delivery(delivery_of(content_of(report_of(["shop"]))), endpoint())
    assert msgspec.json.decode(delivery.body)["data"]["monitor"]["url"] == "https://new.example/"


def test_what_is_sent_fits_into_a_notice() -> None:
    """Of very many things with very long names the worst are sent; the numbers of all are told."""
    names = [f"{n} " + "\N{SNOWMAN}" * 1_000 for n in range(1_000)]
    content = content_of(report_of(names))
    assert len(msgspec.json.encode(content)) <= MOST_CONTENT
    assert content["monitors_total"] == 1_000
    assert 0 < len(content["monitors"]) <= 50
    _, plain, _ = mail_of(delivery_of(content))
    assert f"and {1_000 - len(content['monitors'])} more" in plain


def test_a_test_says_so() -> None:
    _, plain, html = mail_of(delivery_of(content_of(report_of(["shop"])), test=True))
    assert "This is a test, sent on request." in plain
    assert "This is a test, sent on request." in html


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"monitors_total": 0}, "There is nothing to watch."),
        ({"uptime_percentage": None}, "Nothing was observed."),
        ({"previous_uptime_percentage": None}, "Uptime 99.31 %."),
        ({"complete": False}, "History did not have all of it."),
        ({"without_channel_total": 3}, "3 things would tell nobody."),
    ],
)
def test_the_summary(fields: dict[str, Any], said: str) -> None:
    assert said in summary_of(report_of(["a"], **fields))


def test_shares_are_never_rounded_up_to_all() -> None:
    things = [Thing("a", "a", "http", None)]
    observed = observed_of(things, [StateTime("a", "up", 365 * DAY, 0), StateTime("a", "down", 1, 0)], SPAN)
    assert observed["a"].uptime(0) == 99.999
    facts = report_facts({"report": {"uptime_percentage": 99.999, "previous_uptime_percentage": 100.0}})
    assert (facts["uptime"], facts["before"]) == ("99.999 %", "100 %")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((0, "0 s"), (0.2, "1 s"), (59.4, "59 s"), (59.6, "1 min"), (89, "1 min"), (3_569, "59 min"), (3_571, "1 h")),
        *((12_000, "3 h 20 min"), (47 * 3_600, "47 h"), (48 * 3_600, "2 d"), (52 * 3_600, "2 d 4 h")),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words


def test_spans_in_which_pingfold_was_away_are_joined() -> None:
    gaps = [(START - HOUR, START + HOUR), (START + HOUR, START + 2 * HOUR), (START + 5 * HOUR, None), (0, START)]
    away = away_of(gaps, SPAN, START + 6 * HOUR)
    assert (away.seconds, away.total) == (3 * 3_600, 2)
    assert [(one.start, one.end) for one in away.listed] == [
        (iso(START), iso(START + 2 * HOUR)),
        (iso(START + 5 * HOUR), iso(START + 6 * HOUR)),
    ]
