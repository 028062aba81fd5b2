"""Requests with many pings, in memory."""

import json
from collections.abc import Iterable
from typing import Any

from tests.ping_world import Reply, World

BULK = "/ping/bulk"
TWIN = f"{1:08d}-0000-4000-8000-000000000000"


def lines(*objects: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in objects)


def told(reply: Reply) -> list[tuple[int, int, str]]:
    found = [json.loads(line) for line in reply.body.splitlines()]
    ends = [one.pop("unread", False) for one in found]
    assert ends == [one["answer"].endswith("those after it were not read") for one in found]
    assert all(set(one) == {"line", "status", "answer"} for one in found)
    return [(one["line"], one["status"], one["answer"]) for one in found]


async def post(world: World, body: bytes | Iterable[bytes | None], url: str = BULK, **headers: str) -> Reply:
    return await world.ask(url, "POST", headers, body)
