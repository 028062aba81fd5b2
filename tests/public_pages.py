"""What tests of status pages do: make pages and what stands on them, and look at them as the public does."""

from base64 import b64encode
from typing import Any

import httpx

from query_api.pages.status import HOLD
from schemas.base import SECOND
from tests.harness import POP_KEY, Harness

PAGES = "/api/v1/status-pages"
PASSWORD = "open: sésame"


async def ask(
    harness: Harness, method: str, path: str, body: Any = None, key: str = POP_KEY, host: str = ""
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"} | ({"Host": host} if host else {})
    return await harness.client.request(method, path, json=body, headers=headers)


async def make(harness: Harness, **fields: Any) -> dict[str, Any]:
    answer = await ask(harness, "POST", PAGES, {"title": "Example"} | fields)
    assert answer.status_code == 201, answer.text
    page: dict[str, Any] = answer.json()["data"]
    return page


async def make_check(harness: Harness, name: str = "Backup", **fields: Any) -> str:
    answer = await harness.client.post("/api/v3/checks/", json={"name": name} | fields)
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["uuid"]
    return id


async def make_monitor(harness: Harness, name: str = "Website") -> str:
    answer = await ask(harness, "POST", "/api/v1/monitors", {"name": name, "url": "https://example.com/"})
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["data"]["id"]
    return id


def component(type: str, id: str, **more: str) -> dict[str, str]:
    return {"type": type, "id": id, **more}


async def make_full(harness: Harness, **fields: Any) -> tuple[dict[str, Any], str, str]:
    """A page of a monitor and a check, both up."""
    monitor, check = await make_monitor(harness), await make_check(harness)
    harness.log.probe(monitor)
    harness.log.ping(check)
    components = [component("monitor", monitor, group="Public"), component("check", check, name="Nightly backup")]
    return await make(harness, components=components, **fields), monitor, check


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"anybody:{password}".encode()).decode()}


async def shown(harness: Harness, page: dict[str, Any], suffix: str = "", **headers: str) -> httpx.Response:
    return await harness.client.get(f"/status/{page['id']}{suffix}", headers=headers)


def later(harness: Harness) -> None:
    """So late that nothing kept is shown any more."""
    harness.log.tick(HOLD / SECOND)
