"""How notices put what is known into words: gaps that are joined, and moments in one form."""

import json

import pytest

from processors.checks.messages import unjudgeable
from processors.sender.email_renderer import EmailRenderer
from processors.sender.notice_body import render_body
from query_api.test_sends import data_of_test
from schemas.base import SECOND
from schemas.check_states import CheckState
from schemas.deliveries import Delivery, Endpoint
from schemas.notices import Notice
from schemas.ticks import Gap


def gap(start: float, end: float | None) -> Gap:
    return Gap(start=int(start * SECOND), cause="unreachable", end=None if end is None else int(end * SECOND))


def told(*gaps: Gap) -> str:
    """What is told, with seconds instead of moments of the first minute of 1970."""
    words = unjudgeable(CheckState(version=1), None, gaps)
    assert words.startswith("no ping yet; Pingfold could not be reached from ")
    return words.partition("reached ")[2].replace("1970-01-01T00:00:", "").replace("+00:00", "")


@pytest.mark.parametrize(
    ("gaps", "words"),
    [
        ([gap(1, 2)], "from 01 to 02"),
        ([gap(10, 40), gap(15, 40)], "from 10 to 40"),
        ([gap(10, 40), gap(15, 20), gap(30, 50)], "from 10 to 50"),
        ([gap(10, 20.2), gap(20.9, 30)], "from 10 to 30"),
        ([gap(10, 20), gap(21, 30)], "from 10 to 20, from 21 to 30"),
        ([gap(10, 20), gap(30, 40), gap(15, None)], "from 10 on"),
        ([gap(10, 20), gap(30, None)], "from 10 to 20, from 30 on"),
        ([gap(at, at + 1) for at in range(10, 30, 5)], "from 10 to 11, from 15 to 16, from 20 to 21 and 1 more times"),
        ([gap(at, at + 9) for at in range(10, 40, 5)], "from 10 to 44"),
    ],
)
def test_gaps_that_overlap_are_one(gaps: list[Gap], words: str) -> None:
    assert told(*gaps) == words


def test_a_mail_writes_all_moments_alike() -> None:
    detail = "no ping since 2026-01-15T01:00:00+00:00; Pingfold could not be reached from 2026-01-15T01:10:00+00:00 on"
    body = {
        "event": "monitor.not_observed",
        "timestamp": "2026-01-15T02:00:00+00:00",
        "data": {
            "monitor": {"id": "m", "name": "T+00:00", "last_ping": "2026-01-15T01:00:00+00:00"},
            "incident": None,
            "detail": detail,
        },
    }
    delivery = Delivery(
        id="d", event="e", channel="c", notice="monitor.not_observed", body=json.dumps(body), first_due=0
    )
    endpoint = Endpoint(id="c", project="p", url="", notices=(), secret="", kind="email", addresses=("a@b.c",))
    mail = EmailRenderer("Pingfold", "watch@example.org").write(delivery, endpoint).decode().replace("=\r\n", "")
    assert (
        "Cause: no ping since 2026-01-15 01:00:00 UTC; Pingfold could not be reached from 2026-01-15 01:10:00" in mail
    )
    assert "Last ping: 2026-01-15 01:00:00 UTC" in mail
    assert "T01:" not in mail


@pytest.mark.parametrize(
    ("notice", "subject"),
    [
        ("monitor.performance_drop", "Test: Test answers slower: Apdex dropped 47%"),
        ("monitor.still_down", "Test: Test is still down"),
    ],
)
def test_a_mail_says_what_changes_no_status(notice: Notice, subject: str) -> None:
    data = data_of_test(notice, 1_700_000_000 * SECOND)
    delivery = Delivery(
        id="d", event="e", channel="c", notice=notice, body=render_body(notice, 0, data, "https://a.test"), first_due=0
    )
    endpoint = Endpoint(id="c", project="p", url="", notices=(), secret="", kind="email", addresses=("a@b.c",))
    mail = EmailRenderer("Pingfold", "watch@example.org").write(delivery, endpoint).decode().replace("=\r\n", "")
    assert f"Subject: [Pingfold] {subject}\r\n" in mail
    if notice == "monitor.performance_drop":
        assert (
            "Cause: Apdex dropped 47%: 0.51 in the last hour, and 0.975 or more in each of the 5 hours before" in mail
        )
        assert "2023-11-14 21:00:00 UTC  0.51" in mail
        assert mail.count("UTC  0.") + mail.count("UTC  1.0") == 6
    else:
        assert "Cause: A test was asked for" in mail
