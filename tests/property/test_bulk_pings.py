"""A request with many pings does what as many single requests do, however its body is cut."""

import asyncio
import itertools
import json
from typing import Any
from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ping_world import KEY, SLUG, UNKNOWN, UUID, World

TWIN = f"{1:08d}-0000-4000-8000-000000000000"
RIDS = ("123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174001")

CHECKS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.sampled_from([{"uuid": UUID}, {"uuid": TWIN}, {"uuid": UNKNOWN}]),
    st.builds(
        lambda slug, key, create: {"slug": slug, "ping_key": key} | ({"create": True} if create else {}),
        st.sampled_from([SLUG, "twin", "nothing", "new", "newer"]),
        st.sampled_from([KEY, "another-key"]),
        st.booleans(),
    ),
)
SIGNALS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.sampled_from([{}, {"kind": "start"}, {"kind": "fail"}, {"kind": "log"}]),
    st.integers(0, 255).map(lambda status: {"exitstatus": status}),
)
PINGS = st.builds(
    lambda check, signal, rid, body: check | signal | ({"rid": rid} if rid else {}) | ({"body": body} if body else {}),
    CHECKS,
    SIGNALS,
    st.sampled_from([None, *RIDS]),
    st.text(max_size=12),
)
# What single pings of cron jobs are told as a success.
SAME = {"200 OK (not found)": "404 not found", "200 OK (rate limited)": "429 rate limit exceeded"}


def url_of(ping: dict[str, Any]) -> str:
    end = ping.get("exitstatus", "" if ping.get("kind", "success") == "success" else ping.get("kind"))
    path = f"/{ping['uuid']}" if "uuid" in ping else f"/{ping['ping_key']}/{ping['slug']}"
    query = {"rid": ping["rid"]} if "rid" in ping else {}
    return f"{path}/{end}".rstrip("/") + f"?{urlencode(query | ({'create': 1} if 'create' in ping else {}))}"


def world() -> World:
    return World(pings_per_minute=3, logs_per_minute=2, bytes_per_day=60, ping_body_limit=8)


def recorded(world: World) -> list[Any]:
    """What stands in the log, by names that do not depend on new ids."""
    names = {made.id: made.fields.slug for made in world.projects.asked}
    return [
        (names.get(key, key), ping.kind, ping.exitstatus, ping.rid, ping.body, ping.body_base64)
        for key, ping in world.sink.pings
    ]


@settings(max_examples=30, deadline=None)
@given(st.lists(PINGS, max_size=14), st.lists(st.integers(min_value=0), max_size=5))
def test_many_pings_at_once_are_many_pings(pings: list[dict[str, Any]], cuts: list[int]) -> None:
    async def singly() -> tuple[list[str], list[Any]]:
        one = world()
        told = []
        for ping in pings:
            line = (await one.ask(url_of(ping), "POST", body=ping.get("body", "").encode())).line
            told.append(SAME.get(line, line))
        return told, recorded(one)

    async def together() -> tuple[list[str], list[Any]]:
        one = world()
        body = b"".join(json.dumps(ping).encode() + b"\n" for ping in pings)
        edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
        reply = await one.ask("/ping/bulk", "POST", body=[body[a:b] for a, b in itertools.pairwise(edges)])
        found = [json.loads(line) for line in reply.body.splitlines()]
        assert [told["line"] for told in found] == list(range(1, len(pings) + 1))
        assert reply.status == (200 if all(told["status"] < 300 for told in found) else 207)
        return [f"{told['status']} {told['answer']}" for told in found], recorded(one)

    assert asyncio.run(together()) == asyncio.run(singly())
