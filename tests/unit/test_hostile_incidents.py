"""Whatever is sent about incidents, mutes and escalations is answered, and never by a fault of ours."""

import json
from typing import Any

import pytest

from schemas.ids import new_id
from tests.harness import OTHER_KEY, WRITE_KEY, Harness
from tests.poppaping_client import OTHERS_KEY, V1, made, with_key

HOSTILE: list[Any] = [
    None,
    True,
    -1,
    2**63,
    10**400,
    1e308,
    "",
    " ",
    "\x00",
    "\ud800",
    "\u202e",
    "x" * 200_000,
    [],
    ["\x00"] * 3,
    {},
    {"a": {"b": []}},
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+14:00",
    "-2147483648-01-01",
    "99999999999999999999",
    "2026-02-30T00:00:00",
    "forever",
    "recovery",
    new_id(),
]
WRITES = [
    ("POST", "/incidents/{thing}/acknowledge", ("by", "comment", "until")),
    ("DELETE", "/incidents/{thing}/acknowledge", ("by", "comment")),
    ("POST", "/incidents/{thing}/comments", ("by", "comment")),
    ("POST", "/tag-mutes", ("tag", "mute_until")),
    ("PATCH", "/alert-channels/{channel}", ("mute_until",)),
    ("POST", "/escalation-policies", ("name", "steps", "repeat", "monitor_ids")),
    ("PATCH", "/escalation-policies/{policy}", ("name", "steps", "repeat", "monitor_ids")),
]
WHOLE: dict[str, Any] = {
    "/incidents/{thing}/comments": {"comment": "x"},
    "/tag-mutes": {"tag": "db"},
    "/escalation-policies": {"name": "x", "steps": []},
}
PATHS = ["", "x", "%00", "%ff", "%2e%2e", "..", "x" * 5_000, "%F0%9F%98%80", "null", new_id(), new_id().upper()]


@pytest.fixture
def harness() -> Harness:
    harness = with_key(Harness())
    harness.client.headers["X-Api-Key"] = WRITE_KEY
    return harness


async def ids(harness: Harness) -> dict[str, str]:
    thing = (await made(harness, confirmations=1))["id"]
    harness.log.probe(thing, ok=False)
    harness.log.tick(1)
    body = {"name": "x", "steps": []}
    policy = (await harness.client.post(f"{V1}/escalation-policies", json=body)).json()["data"]["id"]
    return {"thing": thing, "channel": harness.make_channel("hook"), "policy": policy}


async def sent(harness: Harness, method: str, path: str, body: object) -> int:
    answer = await harness.client.request(
        method, f"{V1}{path}", content=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    return answer.status_code


@pytest.mark.parametrize(
    ("method", "path", "fields"), WRITES, ids=lambda value: value if isinstance(value, str) else ""
)
async def test_every_field_of_every_write(harness: Harness, method: str, path: str, fields: tuple[str, ...]) -> None:
    known = await ids(harness)
    for field in (*fields, "unknown"):
        for value in HOSTILE:
            status = await sent(harness, method, path.format(**known), WHOLE.get(path, {}) | {field: value})
            assert status in (200, 201, 400, 403, 409, 413), (field, str(value)[:40], status)
            harness.log.tick(1)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff", b'{"by":"\\ud800"}', b'{"a":' * 2_000, b"{}" * 2])
async def test_bodies_that_are_none(harness: Harness, body: bytes) -> None:
    known = await ids(harness)
    for method, path, _ in WRITES:
        answer = await harness.client.request(method, f"{V1}{path.format(**known)}", content=body)
        assert answer.status_code in (200, 400), (method, path, answer.text)


async def test_ids_that_are_none(harness: Harness) -> None:
    for id in PATHS:
        for method, path, _ in WRITES:
            if "{" in path:
                place = path.format(thing=id, channel=id, policy=id)
                assert await sent(harness, method, place, WHOLE.get(path, {})) in (400, 404, 405), (method, place)
        for place in (f"/incidents/{id}", f"/tag-mutes/{id}"):
            for method in ("GET", "DELETE"):
                # Without an id it is the list.
                assert await sent(harness, method, place, {}) in ((200, 404, 405) if id in ("", "..") else (404, 405))


@pytest.mark.parametrize(
    "query", ["type=%00", "type=any&search=%00", "type=any&search=%ff", "status=x", "monitor_id=%00", "page=0",
              "page=99999999999999999999", "type=heartbeat&page=1000000000", "type=any&per_page=-1", "of=checks"],
)  # fmt: skip
async def test_lists_of_what_is_not_there(harness: Harness, query: str) -> None:
    answer = await harness.client.get(f"{V1}/incidents?{query}")
    assert answer.status_code in (200, 400), answer.text


async def test_those_of_other_projects_are_not_there(harness: Harness) -> None:
    known = await ids(harness)
    others = {"Authorization": f"Bearer {OTHERS_KEY}", "X-Api-Key": OTHER_KEY}
    for method, path, _ in WRITES:
        if "{" in path:
            place = f"{V1}{path.format(**known)}"
            answer = await harness.client.request(method, place, json=WHOLE.get(path, {}), headers=others)
            assert answer.status_code == 404, (method, path, answer.text)
