"""Monitors of a running Pingfold, by its PoppaPing API."""

from typing import Any

from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold
from tests.website import Website


def call(pingfold: Pingfold, method: str, path: str, body: Any = None, *, key: str = "") -> Any:
    """A call of the PoppaPing API that must succeed; its `data`. key: empty: that of the first project."""
    headers = {"Authorization": f"Bearer {key or pingfold.credentials.poppaping_key}"}
    answer = pingfold.request(method, f"/api/v1{path}", headers=headers, json=body)
    assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json()["data"]


def status(pingfold: Pingfold, id: str) -> str:
    return str(call(pingfold, "GET", f"/monitors/{id}")["current_status"])


def make(pingfold: Pingfold, site: Website, **fields: Any) -> str:
    body = {"name": "Production API", "url": site.url, "interval_seconds": 2, "timeout_seconds": 2} | fields
    return str(call(pingfold, "POST", "/monitors", body)["id"])


def await_status(pingfold: Pingfold, id: str, wanted: str, timeout: float = 60.0) -> None:
    wait_until(lambda: status(pingfold, id) == wanted, timeout, f"the monitor is {wanted}")
