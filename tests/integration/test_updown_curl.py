"""Every route of updown.io's API as its documentation calls them: with curl, in each spelling, over real sockets.

The folds are real, the log is in memory.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from infra.http_server.bounds import BOUNDS
from tests.http_client import HttpServer
from tests.updown_client import FIELDS, UPDOWN_KEY, UPDOWN_READ_KEY, updown

CURL = shutil.which("curl")
pytestmark = pytest.mark.skipif(CURL is None, reason="not run: there is no curl")

HOOK = "https://hooks.example.com/updown?a=1&b=2"
PATIENCE = 60.0


class Api:
    """key: as it is given in a header."""

    def __init__(self, endpoint: str, key: str = UPDOWN_KEY) -> None:
        self.endpoint, self.key = endpoint, key

    def __call__(self, method: str, path: str, *options: str, key: bool = True) -> tuple[int, Any]:
        """Status and JSON of an answer. No redirect is followed: there must be none."""
        assert CURL is not None
        header = ("-H", f"X-API-KEY: {self.key}") if key else ()
        command = [CURL, "-q", "-sS", "--noproxy", "*", "-X", method, *header, *options, "-w", "\n%{http_code}"]
        done = subprocess.run(
            [*command, f"{self.endpoint}/api/{path}"], capture_output=True, text=True, timeout=PATIENCE, check=True
        )
        body, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(body)


@pytest.fixture
def api() -> Iterator[Api]:
    with HttpServer(updown(regions=("fra", "mia"), test_sends_per_hour=0).app, BOUNDS) as server:
        yield Api(f"http://127.0.0.1:{server.port}")


@pytest.mark.parametrize("slash", ["", "/"])
def test_checks(api: Api, slash: str) -> None:
    assert api("GET", f"checks{slash}") == (200, [])
    status, made = api(
        "POST", f"checks{slash}", "-d", "url=https://shop.example.com", "-d", "period=30",
        "-d", "custom_headers[X-A]=b", "-d", "disabled_locations[]=mia",
        "--data-urlencode", "string_match=up & running",
    )  # fmt: skip
    assert (status, list(made)) == (201, FIELDS)
    assert made == made | {
        "url": "https://shop.example.com", "period": 30, "custom_headers": {"X-A": "b"},
        "disabled_locations": ["mia"], "string_match": "up & running",
    }  # fmt: skip
    path = f"checks/{made['token']}"
    assert api("GET", f"{path}{slash}") == (200, made)
    assert "metrics" in api("GET", f"{path}{slash}", "-G", "-d", "metrics=true")[1]
    status, changed = api("PUT", f"{path}{slash}", "-d", "enabled=false", "-d", "disabled_locations[]=")
    assert (status, changed["enabled"], changed["disabled_locations"]) == (200, False, [])
    said = json.dumps({"mute_until": "recovery", "apdex_t": 0.25})
    for type in ("application/json", "application/x-www-form-urlencoded"):  # the second is what `curl -d` says of it
        status, changed = api("PUT", f"{path}{slash}", "-d", said, "-H", f"Content-Type: {type}")
        assert (status, changed["mute_until"], changed["apdex_t"]) == (200, "recovery", 0.25)
    times = ("-G", "--data-urlencode", "from=2 hours ago", "--data-urlencode", "to=now")
    assert api("GET", f"{path}/metrics{slash}", *times)[1]["requests"]["samples"] == 0
    for group in ("time", "host"):
        assert api("GET", f"{path}/metrics{slash}", *times, "-d", f"group={group}") == (200, {})
    assert api("GET", f"{path}/downtimes{slash}", "-G", "-d", "page=1", "-d", "results=true") == (200, [])
    assert api("DELETE", f"{path}{slash}") == (200, {"deleted": True})
    assert api("GET", f"{path}{slash}") == (404, {"error": "Check not found"})


def test_pulse(api: Api) -> None:
    status, made = api(
        "POST", "checks", "-d", "type=pulse", "--data-urlencode", "period=25 hours", "-d", "alias=Backup"
    )
    assert (status, made["type"], made["period"], made["alias"]) == (201, "pulse", 90_000, "Backup")
    assert made["url"].split("/")[-2] == made["token"]
    assert api("GET", f"checks/{made['token']}")[1]["url"].endswith("/********")
    assert api("PUT", f"checks/{made['token']}", "-d", "period=3600")[1]["url"] == made["url"]


@pytest.mark.parametrize("slash", ["", "/"])
def test_recipients(api: Api, slash: str) -> None:
    _, check = api("POST", "checks", "-d", "url=https://shop.example.com")
    assert api("GET", f"recipients{slash}") == (200, [])
    status, made = api(
        "POST", f"recipients{slash}", "-d", "type=webhook", "-d", "name=Ops", "--data-urlencode", f"value={HOOK}"
    )
    assert (status, list(made)) == (201, ["id", "type", "name", "value"])
    assert (made["type"], made["name"], made["value"]) == ("webhook", "Ops", HOOK)
    assert api("GET", f"recipients{slash}") == (200, [made])
    assert api("GET", f"checks/{check['token']}")[1]["recipients"] == [made["id"]]
    _, other = api(
        "POST", f"recipients{slash}", "-d", "type=webhook", "-d", "value=https://b.example.com/", "-d", "selected=0"
    )
    assert api("GET", f"checks/{check['token']}")[1]["recipients"] == [made["id"]]
    _, changed = api("PUT", f"checks/{check['token']}", "-d", f"recipients[]={other['id']}")
    assert changed["recipients"] == [other["id"]]
    status, sent = api("POST", f"recipients/{made['id']}/test{slash}", "-d", "event=check.up")
    assert (status, sent["event"]) == (202, "check.up")
    assert api("DELETE", f"recipients/{made['id'].replace(':', '%3A')}{slash}") == (200, {"deleted": True})
    assert api("DELETE", f"recipients/{other['id']}{slash}") == (200, {"deleted": True})
    assert api("DELETE", f"recipients/{other['id']}{slash}") == (404, {"error": "Recipient not found"})
    status, refused = api("POST", f"recipients{slash}", "-d", "type=sms", "-d", "value=+3312345678")
    assert (status, "sms" in refused["error"]) == (400, True)


@pytest.mark.parametrize("slash", ["", "/"])
def test_webhooks(api: Api, slash: str) -> None:
    assert api("GET", f"webhooks{slash}") == (200, [])
    status, made = api("POST", f"webhooks{slash}", "--data-urlencode", f"url={HOOK}")
    assert (status, made) == (201, {"id": made["id"], "url": HOOK})
    assert api("GET", f"webhooks{slash}") == (200, [made])
    assert [one["id"] for one in api("GET", "recipients")[1]] == [made["id"]]
    assert api("DELETE", f"webhooks/{made['id']}{slash}") == (200, {"deleted": True})
    assert api("GET", "recipients") == (200, [])


@pytest.mark.parametrize("pages", ["status_pages", "status-pages", "status_pages/", "status-pages/"])
def test_status_pages(api: Api, pages: str) -> None:
    _, check = api("POST", "checks", "-d", "url=https://shop.example.com")
    status, made = api(
        "POST", pages, "-d", f"checks[]={check['token']}", "-d", "name=Shops", "-d", "visibility=protected",
        "-d", "access_key=open",
    )  # fmt: skip
    assert (status, made["checks"], made["access_key"]) == (201, [check["token"]], "open")
    assert api("GET", pages) == (200, [made])
    one = f"{pages.rstrip('/')}/{made['token']}{'/' if pages.endswith('/') else ''}"
    assert api("PUT", one, "-d", "visibility=public")[1]["visibility"] == "public"
    assert api("DELETE", one) == (200, {"deleted": True})
    assert api("GET", pages) == (200, [])


@pytest.mark.parametrize("slash", ["", "/"])
def test_nodes_need_no_key(api: Api, slash: str) -> None:
    status, nodes = api("GET", f"nodes{slash}", key=False)
    assert (status, list(nodes)) == (200, ["fra", "mia"])
    for of in ("ips", "ipv4", "ipv6"):
        assert api("GET", f"nodes/{of}{slash}", key=False) == (200, [])


def test_a_key_in_each_of_its_places(api: Api) -> None:
    assert api("GET", f"checks?api-key={UPDOWN_KEY}", key=False) == (200, [])
    assert api("GET", "checks", "-G", "-d", f"api-key={UPDOWN_READ_KEY}", key=False) == (200, [])
    body = ("-d", f"api-key={UPDOWN_KEY}", "-d", "url=https://shop.example.com")
    assert api("POST", "checks", *body, key=False)[0] == 201
    said = json.dumps({"api-key": UPDOWN_KEY, "url": "https://other.example.com"})
    assert api("POST", "checks", "-H", "Content-Type: application/json", "-d", said, key=False)[0] == 201
    assert api("GET", "checks", key=False)[0] == 401
    reader = Api(api.endpoint, UPDOWN_READ_KEY)
    assert len(reader("GET", "checks", "--compressed")[1]) == 2
    assert reader("POST", "checks", "-d", "url=https://third.example.com")[0] == 403


def test_what_curl_sends_by_mistake_is_told(api: Api) -> None:
    assert api("POST", "checks", "-F", "url=https://shop.example.com")[0] == 400
    assert api("PATCH", "checks", "-d", "url=https://shop.example.com") == (405, {"error": "Method Not Allowed"})
    assert api("GET", "nothing")[0] == 404
    assert api("POST", "checks", "-d", "{'url': 'https://shop.example.com'}")[0] == 400
    assert api("GET", "checks") == (200, [])
