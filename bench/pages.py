"""Milliseconds that a page of the web application takes at the server, with 1,000 checks and monitors there.

One request at a time over one connection, as a browser's; the median counts. `processor`: what the web process itself
took for each, whatever else runs on the machine. A tenth of the things is down or late, and
each check has a history of pings.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer

from bench.processes import cpu_seconds
from bench.report import Report, percentile, say, spread
from bench.stack import Stack, pingfold
from schemas.base import SECOND
from schemas.times import exact_iso

_LIMIT_MS = 50.0
_AT_ONCE = 8
_PINGS = 60
_WARMING = 3
# What is probed must not answer, and must not leave this machine.
_NOBODY = "http://127.0.0.1:9/"


def pages(
    things: Annotated[int, typer.Option(help="Half of them checks, half of them monitors.")] = 1_000,
    rounds: Annotated[int, typer.Option(help="How often each page is read.", min=1)] = 30,
) -> None:
    """Milliseconds of each page, with many things."""
    report = Report("pages", {"things": things, "rounds": rounds})
    with pingfold(None) as stack:
        began = time.time()
        checks, monitors = _make(stack, things)
        incident = _incident(stack)
        paths = {
            "overview": "/",
            "last page of the overview": f"/?page={-(-things // 50)}",
            "search": "/?q=check+7",
            "wall": "/?wall=1",
            "check": f"/checks/{checks[1]}",
            "monitor": f"/monitors/{monitors[0]}",
            "incidents": "/incidents",
            "incident": f"/incidents/{incident}",
            "past": f"/past?at={_moment(began, 0.5)}",
            "past of everything": f"/past?at={_moment(began, 1.0)}",
            "what if, the form": f"/checks/{checks[1]}/what-if",
        }
        auth = ("admin", stack.credentials.admin_password or "")
        web = stack.pids()["web-0"]
        for name, path in paths.items():
            for _ in range(_WARMING):
                _read(stack, path, auth)
            before = cpu_seconds(web)
            took = [_read(stack, path, auth) for _ in range(rounds)]
            used = (cpu_seconds(web) - before) / rounds * 1_000
            report.measured[name] = spread(took, 1) | {"processor": round(used, 1)}
            median = round(percentile(sorted(took), 0.5), 1)
            say(f"{name}: {median} ms")
            report.ask(f"{name}: median ms", median, "<=", _LIMIT_MS)
    report.publish()


def _moment(began: float, share: float) -> str:
    """A moment between the first thing that was made and now, as an address has it."""
    return quote(exact_iso(round(began + share * (time.time() - began)) * SECOND))


def _read(stack: Stack, path: str, auth: tuple[str, str]) -> float:
    began = time.perf_counter()
    answer = stack.http.get(path, auth=auth)
    took = (time.perf_counter() - began) * 1_000
    answer.raise_for_status()
    assert "</html>" in answer.text
    return took


def _make(stack: Stack, things: int) -> tuple[list[str], list[str]]:
    half = things // 2
    limits = httpx.Limits(max_connections=_AT_ONCE)
    with (
        httpx.Client(base_url=stack.url, timeout=60.0, trust_env=False, limits=limits) as http,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        checks = list(pool.map(lambda number: _check(stack, http, number), range(half)))
        say(f"{half} checks are made")
        monitors = list(pool.map(lambda number: _monitor(stack, http, number), range(things - half)))
        say(f"{things - half} monitors are made")
        for id, number in ((checks[1], 0), (checks[0], 1)):
            for _ in range(_PINGS):
                http.get(f"/ping/{id}/start").raise_for_status()
                http.post(f"/ping/{id}", content=b"done\n" * 20).raise_for_status()
            say(f"check {number} was pinged")
    time.sleep(5.0)  # history is written a moment after the log
    return checks, monitors


def _check(stack: Stack, http: httpx.Client, number: int) -> str:
    body: dict[str, Any] = {"name": f"check {number}", "tags": f"team-{number % 10} prod", "grace": 300}
    body |= {"schedule": "*/5 * * * *", "tz": "Europe/Berlin"} if number % 2 else {"timeout": 86_400}
    headers = {"X-Api-Key": stack.credentials.healthchecks_key}
    answer = http.post("/api/v3/checks/", headers=headers, json=body)
    answer.raise_for_status()
    id = str(answer.json()["uuid"])
    http.get(f"/ping/{id}{'/fail' if number % 10 == 0 else ''}").raise_for_status()
    return id


def _monitor(stack: Stack, http: httpx.Client, number: int) -> str:
    headers = {"Authorization": f"Bearer {stack.credentials.poppaping_key}"}
    body = {"name": f"monitor {number}", "url": _NOBODY, "interval_seconds": 3_600 if number else 60}
    answer = http.post("/api/v1/monitors", headers=headers, json=body)
    answer.raise_for_status()
    return str(answer.json()["data"]["id"])


def _incident(stack: Stack) -> str:
    headers = {"Authorization": f"Bearer {stack.credentials.poppaping_key}"}
    answer = stack.http.get("/api/v1/incidents?status=open&type=heartbeat", headers=headers)
    answer.raise_for_status()
    return str(answer.json()["data"][0]["id"])
