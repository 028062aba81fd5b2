"""An answer that is not as the document says is noticed."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest

from tests.conformance import Document
from tests.harness import Harness

USAGE = {"monitors_used": 1, "monitors_active": 1, "monitors_limit": None, "checks_last_24h": 0, "plan": "free"}


HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


@cache
def document() -> Document:
    return Document(Harness().app)


def held(body: Any, status: int = 200, headers: Sequence[str] = HEADERS) -> None:
    document().check("GET", "/api/v1/account/usage", status, headers, json.dumps(body).encode())


def test_what_is_as_told_passes() -> None:
    held(USAGE)
    held({"error": "unauthorized", "message": "Invalid API key."}, 401)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (USAGE | {"more": 1}, 200),
        (USAGE | {"plan": None}, 200),
        ({"plan": "free"}, 200),
        (USAGE, 201),
        (USAGE, 401),
    ],
)
def test_what_is_not_fails(body: Any, status: int) -> None:
    with pytest.raises(AssertionError):
        held(body, status)


def test_an_answer_of_another_form_is_no_json() -> None:
    for path, told in (("/api/nodes/ips", True), ("/api/nodes", False)):
        asked = ("GET", path, 200, HEADERS, b"192.0.2.1", "text/plain; charset=utf-8")
        if told:
            document().check(*asked)
            continue
        with pytest.raises(json.JSONDecodeError):
            document().check(*asked)


def test_headers() -> None:
    with pytest.raises(AssertionError):
        held(USAGE, headers=HEADERS[:2])
