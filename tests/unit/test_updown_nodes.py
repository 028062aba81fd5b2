"""The nodes in the updown API: anybody may ask (docs/compatibility/updown.md, "Nodes")."""

import pytest

from infra.settings.nodes import Node
from tests.harness import Harness
from tests.updown_client import fault, updown

FRA = Node("fra", "192.0.2.10", "2001:db8::10", "Frankfurt", "Germany", "de", 50.11, 8.68)
NODES = (Node("hooks", "192.0.2.20"), FRA)
EMPTY = dict.fromkeys(("ip", "ip6", "city", "country", "country_code", "lat", "lng"))


@pytest.fixture
def harness() -> Harness:
    """A client without a key."""
    made = updown(regions=("tok", "fra"), nodes=NODES)
    del made.client.headers["X-API-KEY"]
    return made


async def test_nodes_by_their_codes(harness: Harness) -> None:
    answer = await harness.client.get("/api/nodes")
    assert answer.status_code == 200
    assert list(answer.json()) == ["tok", "fra", "hooks"]
    assert answer.json() == {
        "tok": EMPTY,
        "fra": {
            "ip": "192.0.2.10",
            "ip6": "2001:db8::10",
            "city": "Frankfurt",
            "country": "Germany",
            "country_code": "de",
            "lat": 50.11,
            "lng": 8.68,
        },
        "hooks": EMPTY | {"ip": "192.0.2.20"},
    }


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("ips", ["2001:db8::10", "192.0.2.10", "192.0.2.20"]),
        ("ipv4", ["192.0.2.10", "192.0.2.20"]),
        ("ipv6", ["2001:db8::10"]),
    ],
)
async def test_lists_of_addresses(harness: Harness, path: str, found: list[str]) -> None:
    for query in ("", "?format=json", "?format=", "?_=1", "/", "/?format=json&api-key=nonsense"):
        answer = await harness.client.get(f"/api/nodes/{path}{query}")
        assert (answer.status_code, answer.json()) == (200, found)
        assert answer.headers["Content-Type"] == "application/json"
    for query in ("?format=txt", "/?format=txt"):
        answer = await harness.client.get(f"/api/nodes/{path}{query}")
        assert (answer.status_code, answer.text) == (200, "\n".join(found))
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


async def test_another_format(harness: Harness) -> None:
    answer = await harness.client.get("/api/nodes/ips?format=xml")
    assert fault(answer) == (400, 'Format is not included in the list (given: "xml")')
    answer = await harness.client.get("/api/nodes/ips?format[]=txt")
    assert fault(answer) == (400, 'Format is not included in the list (given: ["txt"])')
    answer = await harness.client.get("/api/nodes/ips?format=%FF")
    assert fault(answer) == (400, "The parameters are not valid UTF-8")


async def test_without_any_address() -> None:
    harness = updown(regions=("tok",))
    assert (await harness.client.get("/api/nodes")).json() == {"tok": EMPTY}
    for path in ("ips", "ipv4", "ipv6"):
        assert (await harness.client.get(f"/api/nodes/{path}")).json() == []
        assert (await harness.client.get(f"/api/nodes/{path}?format=txt")).text == ""


async def test_caches_and_scripts(harness: Harness) -> None:
    for path in ("/api/nodes", "/api/nodes/ips", "/api/nodes/ips?format=txt"):
        answer = await harness.client.get(path, headers={"Origin": "https://status.example.org"})
        assert answer.headers["Cache-Control"] == "public, max-age=30"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        known = {"If-None-Match": answer.headers["ETag"]}
        assert (await harness.client.get(path, headers=known)).status_code == 304
    assert (await harness.client.options("/api/nodes/ips")).status_code == 204
    head = await harness.client.head("/api/nodes/ips")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize("verb", ["POST", "PUT", "DELETE"])
async def test_nobody_changes_nodes(harness: Harness, verb: str) -> None:
    assert (await harness.client.request(verb, "/api/nodes")).status_code == 405


async def test_a_node_alone_is_not_served(harness: Harness) -> None:
    assert fault(await harness.client.get("/api/nodes/fra")) == (404, "Not found")
