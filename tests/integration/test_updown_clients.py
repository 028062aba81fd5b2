"""Public clients of updown.io, of two languages, against the updown API: real sockets, the real folds in memory."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from infra.http_server.bounds import BOUNDS
from tests.http_client import HttpServer
from tests.public_clients import PublicClients, installed
from tests.updown_client import UPDOWN_KEY, UPDOWN_READ_KEY, updown

PYTHON = """
import json, sys
import updownio

key, endpoint = sys.argv[1:]
checks = updownio.service("checks", api_key=key, endpoint=endpoint)
pages = updownio.service("status_pages", api_key=key, endpoint=endpoint)
said = {}
said["none"] = checks.list()
said["made"] = checks.add("https://shop.example.com/", {
    "period": 30, "apdex_t": 0.25, "enabled": True, "alias": "Shop", "string_match": "welcome",
    "recipients": [], "disabled_locations": ["fra"], "custom_headers": {"X-A": "b"},
})
token = said["made"]["token"]
said["shown"] = checks.show(token)
said["found"] = checks.show(url="https://shop.example.com/")
said["changed"] = checks.update(token, data={"period": 300, "disabled_locations": [], "published": True})
said["metrics"] = checks.metrics(token, params={"from": "2 hours ago", "to": "now"})
said["by_time"] = checks.metrics(token, params={"group": "time"})
said["by_host"] = checks.metrics(token, params={"group": "host"})
said["downtimes"] = checks.downtimes(token, params={"page": 1, "results": True})
nodes = updownio.service("nodes", api_key=key, endpoint=endpoint)
said["nodes"] = [nodes.list(), nodes.ips(), nodes.ipv4(), nodes.ipv6()]
recipients = updownio.service("recipients", api_key=key, endpoint=endpoint)
said["recipient"] = recipients.add("webhook", "https://hooks.example.com/", {"name": "Ops"})
said["recipients"] = recipients.list()
said["chosen"] = checks.show(token)["recipients"]
said["recipient_deleted"] = recipients.delete(said["recipient"]["id"])
said["page"] = pages.add([token], {"name": "Shops", "visibility": "protected"})
said["pages"] = pages.list()
said["page_deleted"] = pages.delete(said["page"]["token"])
try:
    checks.add("https://shop.example.com")
except updownio.UpDownIoError as error:
    said["twice"] = error.status_code
said["deleted"] = checks.delete(token)
try:
    checks.show(token)
except updownio.UpDownIoError as error:
    said["gone"] = error.status_code
print(json.dumps(said))
"""

# The client has updown.io's address written into it; only where its requests go is changed.
NODE = """
const [key, readKey, endpoint] = process.argv.slice(-3);
const request = require('request');
require.cache[require.resolve('request')].exports = (options, done) =>
  request({...options, url: options.url.replace('https://updown.io', endpoint)}, done);
const Updown = require('node-updown');
(async () => {
  const updown = new Updown(key), said = {};
  said.none = await updown.getChecks();
  said.made = await updown.addCheck('https://news.example.com', 60, 'ignored');
  said.changed = await updown.modifyCheck(said.made.token, 'https://news.example.com/today', 600);
  said.metrics = await updown.getMetrics(said.made.token, Date.UTC(2025, 5, 15, 8), Date.UTC(2025, 5, 15, 11), true);
  said.downtime = await updown.getDowntime(said.made.token, 1);
  said.listed = await new Updown(readKey).getChecks();
  said.refused = await new Updown(readKey).addCheck('https://other.example.com', 60);
  said.twice = await updown.addCheck('http://news.example.com/today/', 60);
  said.deleted = await updown.deleteCheck(said.made.token);
  said.gone = await updown.deleteCheck(said.made.token);
  console.log(JSON.stringify(said));
})();
"""


@pytest.fixture(scope="module")
def clients() -> PublicClients:
    try:
        return installed()
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"not run: the registries do not hand the clients out: {error}")


@pytest.fixture
def endpoint() -> Iterator[str]:
    with HttpServer(updown(regions=("fra", "mia")).app, BOUNDS) as server:
        yield f"http://127.0.0.1:{server.port}"


def test_the_client_of_python(clients: PublicClients, endpoint: str) -> None:
    said: dict[str, Any] = clients.python(PYTHON, UPDOWN_KEY, endpoint)
    assert said["none"] == []
    made = said["made"]
    assert made == made | {
        "url": "https://shop.example.com/",
        "period": 30,
        "apdex_t": 0.25,
        "enabled": True,
        "alias": "Shop",
        "string_match": "welcome",
        "disabled_locations": ["fra"],
        "custom_headers": {"X-A": "b"},
    }
    assert said["shown"] == said["found"] == made
    assert said["changed"] == said["changed"] | {"period": 300, "disabled_locations": [], "published": True}
    assert said["metrics"]["requests"]["samples"] == 0
    assert (said["by_time"], said["by_host"], said["downtimes"]) == ({}, {}, [])
    assert list(map(type, said["nodes"])) == [dict, list, list, list]
    assert (said["recipients"], said["chosen"]) == ([said["recipient"]], [said["recipient"]["id"]])
    assert said["recipient_deleted"] is True
    assert (said["page"]["checks"], said["pages"]) == ([made["token"]], [said["page"]])
    assert said["page_deleted"] is True
    assert (said["twice"], said["deleted"], said["gone"]) == (400, True, 404)


def test_the_client_of_node(clients: PublicClients, endpoint: str) -> None:
    said: dict[str, Any] = clients.node(NODE, UPDOWN_KEY, UPDOWN_READ_KEY, endpoint)
    assert said["none"] == []
    assert (said["made"]["url"], said["made"]["period"], said["made"]["alias"]) == (
        "https://news.example.com",
        60,
        None,
    )
    assert (said["changed"]["url"], said["changed"]["period"]) == ("https://news.example.com/today", 600)
    assert (said["metrics"], said["downtime"]) == ({}, [])
    assert said["listed"] == [said["changed"]]
    assert set(said["refused"]) == {"error"}
    assert said["twice"] == {"error": 'URL is already registered (given: "news.example.com/today")'}
    assert (said["deleted"], said["gone"]) == ({"deleted": True}, {"error": "Check not found"})
