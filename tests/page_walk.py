"""Looks at every page of a running Pingfold as its owner does, several at a time."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import httpx

from tests.all_pages import page_paths, things_to_make
from tests.monitor_calls import call
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold

_AT_ONCE = 8


class Seen(NamedTuple):
    """A page as it was answered. took: seconds."""

    status: int
    text: str
    took: float


def browser_of(pingfold: Pingfold) -> httpx.Client:
    """A browser of the owner of the instance."""
    auth = ("admin", str(pingfold.credentials.admin_password))
    headers = {"Sec-Fetch-Site": "same-origin"}
    return httpx.Client(base_url=pingfold.url, auth=auth, headers=headers, timeout=30.0, trust_env=False)


def every_page(pingfold: Pingfold, check: str) -> list[str]:
    """The path of every page, among them those of this check, whose last ping failed."""
    incident = wait_until(
        lambda: next(
            (
                one["id"]
                for one in call(pingfold, "GET", "/incidents?status=open&type=heartbeat")
                if one["monitor_id"] == check
            ),
            "",
        ),
        what="the check has an incident",
    )
    project = pingfold.credentials.project
    channel = call(pingfold, "GET", "/alert-channels")[0]["id"]
    ids = {"check": check, "incident": incident, "channel": channel, "project": project}
    for name, path, body in things_to_make(ids):
        ids[name] = call(pingfold, "POST", path.removeprefix("/api/v1"), body)["id"]
    return page_paths(ids)


def look(browser: httpx.Client, paths: Sequence[str]) -> dict[str, Seen]:
    """All of these pages."""

    def one(path: str) -> Seen:
        began = time.monotonic()
        answer = browser.get(path)
        return Seen(answer.status_code, answer.text, time.monotonic() - began)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(paths, pool.map(one, paths), strict=True))
