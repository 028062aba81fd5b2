"""Filters of lists in the PoppaPing API, and parameters that are none."""

from typing import Any

import pytest

from tests.all_routes import KEYS, NOBODY, World
from tests.harness import Harness
from tests.poppaping_client import V1, fault, made, with_key
from tests.raw_request import ask


@pytest.fixture
def harness() -> Harness:
    return with_key(Harness())


async def listed(harness: Harness, query: str, of: str = "monitors") -> tuple[list[str], dict[str, int]]:
    """The names, or the monitors of incidents, on a page, and its `meta`."""
    answer = await harness.client.get(f"{V1}/{of}?{query}")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return [one.get("name") or one["monitor_id"] for one in told["data"]], told["meta"]


async def some(harness: Harness) -> dict[str, str]:
    """Ten monitors: web sites of which three are down and one is paused, two ports, one name."""
    ids = {}

    async def make(name: str, **fields: Any) -> None:
        ids[name] = (await made(harness, name=name, **fields))["id"]
        harness.log.tick(0.01)  # lists are in the order of these moments

    for number in range(7):
        await make(f"Größe {number}", url=f"https://shop{number}.example/", confirmations=1)
    for port in (22, 25):
        await make(f"port {port}", type="tcp", host="a.example", port=port)
    await make("name", type="dns", host="b.example")
    harness.log.tick(1)
    for number in range(3):
        harness.log.probe(ids[f"Größe {number}"], ok=False)
    harness.log.probe(ids["Größe 3"])
    harness.log.tick(1)
    assert (await harness.client.post(f"{V1}/monitors/{ids['Größe 4']}/pause")).status_code == 200
    return ids


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=down", ["Größe 0", "Größe 1", "Größe 2"]),
        ("status=up", ["Größe 3"]),
        ("status=paused&status=up", ["Größe 3", "Größe 4"]),
        ("status=maintenance", []),
        ("type=tcp", ["port 22", "port 25"]),
        ("type=tcp&type=dns", ["port 22", "port 25", "name"]),
        ("search=GR%C3%96SSE+3", ["Größe 3"]),
        ("search=größe 3", ["Größe 3"]),
        ("search=SHOP5.", ["Größe 5"]),
        ("search=a.example", ["port 22", "port 25"]),
        ("search=nothing", []),
        ("type=http&status=down&search=1", ["Größe 1"]),
        ("_=1700000000", [f"Größe {number}" for number in range(7)] + ["port 22", "port 25", "name"]),
    ],
)
async def test_monitors_are_found(harness: Harness, query: str, found: list[str]) -> None:
    await some(harness)
    shown, meta = await listed(harness, query)
    assert shown == found
    assert meta == {"page": 1, "per_page": 25, "total": len(found), "total_pages": 1}


async def test_pages_are_of_what_matches(harness: Harness) -> None:
    await some(harness)
    seen = []
    for page in (1, 2, 3):
        shown, meta = await listed(harness, f"status=down&per_page=1&page={page}")
        assert meta == {"page": page, "per_page": 1, "total": 3, "total_pages": 3}
        seen += shown
    assert seen == ["Größe 0", "Größe 1", "Größe 2"]
    assert (await listed(harness, "status=down&per_page=1&page=4"))[0] == []


async def test_a_status_follows_what_is_shown(harness: Harness) -> None:
    """Whatever the status of a monitor is, it is found by it, and by no other."""
    await some(harness)
    statuses = ("pending", "up", "down", "paused", "maintenance", "unknown")
    found = {status: (await harness.client.get(f"{V1}/monitors?status={status}")).json()["data"] for status in statuses}
    assert all(one["current_status"] == status for status, shown in found.items() for one in shown)
    assert sum(map(len, found.values())) == 10


async def test_incidents_are_found_by_their_monitor(harness: Harness) -> None:
    ids = await some(harness)
    assert set((await listed(harness, "type=http", "incidents"))[0]) == {ids[f"Größe {number}"] for number in range(3)}
    assert (await listed(harness, "type=tcp", "incidents"))[0] == []
    shown, meta = await listed(harness, "search=shop1&status=open", "incidents")
    assert (shown, meta["total"]) == ([ids["Größe 1"]], 1)
    upper = ids["Größe 2"].upper()
    assert (await listed(harness, f"monitor_id={upper}", "incidents"))[0] == [ids["Größe 2"]]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("monitors?stauts=down", "Unknown query parameter 'stauts': did you mean 'status'? Known: page, per_page, "),
        ("monitors?Status=down", "did you mean 'status'?"),
        ("monitors?tag=x", "Unknown query parameter 'tag'"),
        ("incidents?monitor=x", "did you mean 'monitor_id'?"),
        ("account?x=1", "there are none here"),
        (f"monitors/{NOBODY}/uptime?periode=7d", "did you mean 'period'?"),
    ],
)
async def test_a_parameter_that_is_none_is_told(harness: Harness, path: str, words: str) -> None:
    answer = await harness.client.get(f"{V1}/{path}")
    assert fault(answer) == (400, "validation_error")
    assert words in answer.json()["message"]


async def test_no_route_ignores_a_parameter() -> None:
    """Reads and changes: what stands in the query of a change was meant for its body."""
    world = await World().fill()
    found = 0
    for place in world.places():
        for verb in place.verbs if place.api == "poppaping" else ():
            answer = await ask(world.app, verb, f"{place.path}?nobody=1", place.key, b"{}")
            assert answer.status == 400, (verb, place)
            assert b"'nobody'" in answer.body
            assert (await ask(world.app, verb, f"{place.path}?nobody=1", {}, b"{}")).status == 401, place
            found += 1
    assert found > 25
    answer = await ask(world.app, "GET", "/api/v3/audit/?actr=x", KEYS["management"])
    assert (answer.status, b"did you mean 'actor'?" in answer.body) == (400, True)


async def test_compatible_apis_ignore_parameters() -> None:
    """As those they are like: clients send some to get around caches. Links to pages are shared with all sorts of."""
    world = await World().fill()
    for place in world.places():
        if place.api in ("management", "updown", None) and "GET" in place.verbs and "/audit" not in place.path:
            plain = await ask(world.app, "GET", place.path, place.key)
            answer = await ask(world.app, "GET", f"{place.path}?nobody=1&utm_source=x", place.key)
            assert answer.status == plain.status, place
            if place.path != "/metrics":
                # Pages for people name the address to which their forms lead back.
                assert answer.body.replace(b"?nobody=1&amp;utm_source=x", b"") == plain.body, place
