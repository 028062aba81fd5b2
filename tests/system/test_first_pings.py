"""Checks that come into being by a ping (docs/design.md, statements 1 and 6)."""

import asyncio
from collections import Counter

import aiohttp
import pytest

from schemas.topics import PROJECTS
from tests.pingfold_process import Pingfold

pytestmark = pytest.mark.system


def test_a_hundred_first_pings_make_one_check(pingfold: Pingfold) -> None:
    """Statement 1: a hundred at once: one check, one 201, no refusal, all hundred counted."""
    url = f"{pingfold.url}/ping/{pingfold.credentials.ping_key}/hundred"

    async def ping(session: aiohttp.ClientSession) -> tuple[int, str]:
        async with session.get(url, params={"create": "1"}) as answer:
            return answer.status, await answer.text()

    async def all_at_once() -> list[tuple[int, str]]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            return await asyncio.gather(*(ping(session) for _ in range(100)))

    assert Counter(asyncio.run(all_at_once())) == {(201, "Created"): 1, (200, "OK"): 99}
    (check,) = pingfold.by_slug("hundred")
    assert check["n_pings"] == 100
    assert [ping["n"] for ping in pingfold.pings(check["uuid"])] == list(range(100, 0, -1))


def test_a_refused_first_ping_leaves_nothing_behind(pingfold: Pingfold) -> None:
    """Statement 6: whatever is wrong with a ping, it makes no check; nothing was even asked for."""
    key = pingfold.credentials.ping_key
    create = {"create": "1"}
    twice = [pingfold.create(f"twin-{number}", slug="left-twin") for number in range(2)]
    refused = {
        ("GET", f"/ping/{key}/left-rid", "create=1&rid=nonsense"): (400, "invalid uuid format"),
        ("GET", f"/ping/{key}/left-status/256", "create=1"): (400, "invalid url format"),
        ("GET", f"/ping/{key}/left-action/begin", "create=1"): (400, "invalid url format"),
        ("GET", f"/ping/{key}/Left-Case", "create=1"): (400, "invalid url format"),
        ("GET", f"/ping/{key}/{'l' * 101}", "create=1"): (400, "invalid url format"),
        ("GET", f"/ping/{key}x/left-key", "create=1"): (404, "not found"),
        ("GET", f"/ping/{key}/left-two", "create=2"): (404, "not found"),
        ("GET", f"/ping/{key}/left-true", "create=true"): (404, "not found"),
        ("GET", f"/ping/{key}/left-upper", "CREATE=1"): (404, "not found"),
        ("GET", f"/ping/{key}/left-twin", "create=1"): (409, "ambiguous slug"),
        ("PUT", f"/ping/{key}/left-verb", "create=1"): (405, "method not allowed"),
        ("DELETE", f"/ping/{key}/left-delete", "create=1"): (405, "method not allowed"),
    }
    for (method, path, query), wanted in refused.items():
        answer = pingfold.request(method, f"{path}?{query}")
        assert (answer.status_code, answer.text) == wanted, (method, path, query)
    assert pingfold.request("OPTIONS", f"/ping/{key}/left-options", params=create).status_code == 204
    slugs = [check["slug"] for check in pingfold.ask("GET", "/checks/")["checks"]]
    assert [slug for slug in slugs if slug.startswith("l") and "lll" in slug] == []
    assert [slug for slug in slugs if slug.lower().startswith("left-")] == ["left-twin", "left-twin"]
    assert [pingfold.check(check)["n_pings"] for check in twice] == [0, 0]
    asked = [value.get("fields", {}).get("slug", "") for value in pingfold.values(PROJECTS)]
    # Only the ambiguous one could be decided by nobody but the fold, or was known to be so beforehand.
    assert {slug for slug in asked if slug.lower().startswith("left-") or "lll" in slug} <= {"left-twin"}
