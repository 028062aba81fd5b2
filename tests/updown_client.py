"""A client of the updown API over the real folds, in memory."""

from typing import Any

import httpx

from infra.secrets.secrets import stored_api_key
from schemas.definitions import KeyKind
from schemas.ids import new_id
from schemas.requests import KeyCreate
from tests.harness import Harness

CHECKS = "/api/checks"
UPDOWN_KEY, UPDOWN_READ_KEY = "ud_" + "u" * 24, "ro-" + "u" * 20
OTHERS_KEY = "ud_" + "o" * 24  # of the harness's other project
URL = "https://shop.example.com/"
# In the order in which they stand in an answer.
FIELDS = [
    "token", "url", "type", "alias", "last_status", "uptime", "down", "down_since", "up_since", "error", "period",
    "apdex_t", "string_match", "enabled", "published", "disabled_locations", "recipients", "last_check_at",
    "next_check_at", "created_at", "mute_until", "favicon_url", "custom_headers", "http_verb", "http_body",
]  # fmt: skip


def with_updown_keys(harness: Harness) -> Harness:
    """Keys of this API for both projects."""
    keys: list[tuple[str, KeyKind, str]] = [
        (UPDOWN_KEY, "updown", harness.project),
        (UPDOWN_READ_KEY, "updown-readonly", harness.project),
        (OTHERS_KEY, "updown", harness.other),
    ]
    for text, kind, project in keys:
        key = stored_api_key(text, kind, project, harness.log.time)
        harness.request(project, KeyCreate(request=new_id(), at=harness.log.time, key=key))
    return harness


def updown(**settings: Any) -> Harness:
    """A harness whose client shows a key that writes."""
    return show(with_updown_keys(Harness(**settings)), UPDOWN_KEY)


def show(harness: Harness, key: str) -> Harness:
    harness.client.headers["X-Api-Key"] = key
    return harness


async def made(harness: Harness, **parameters: Any) -> dict[str, Any]:
    answer = await harness.client.post(CHECKS, json={"url": URL} | parameters)
    assert answer.status_code == 201, answer.text
    check: dict[str, Any] = answer.json()
    return check


async def seen(harness: Harness, token: str) -> dict[str, Any]:
    answer = await harness.client.get(f"{CHECKS}/{token}")
    assert answer.status_code == 200, answer.text
    check: dict[str, Any] = answer.json()
    return check


def fault(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"error"}
    return answer.status_code, body["error"]


def id_of(harness: Harness, token: str) -> str:
    """The id of the check or monitor with a token."""
    [id] = [one.id for one in harness.log.directory.monitors_of(harness.project) if token in (one.token, one.id)]
    return id
