"""What a check costs in the list of the updown API, and what the same check costs in that of the PoppaPing API.

The updown API lists all checks at once, packed; the PoppaPing API lists them in pages of 100, as they are. Both of the
same monitors, in turns, over one connection, until the last byte is there and unpacked. A tenth of the monitors sends
headers, which are stored encrypted. All of them are paused, so that nothing else is measured.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import httpx
import typer

from bench.report import Report, say, spread
from bench.stack import Stack, pingfold

_PAGE = 100
_AT_ONCE = 8
_WITH_HEADERS = 10


def updown_list(
    checks: Annotated[int, typer.Option(help="Monitors that are listed.")] = 10_000,
    rounds: Annotated[int, typer.Option(help="How often each list is read.")] = 7,
) -> None:
    """Microseconds for each check of a list, by the updown and by the PoppaPing API."""
    report = Report("updown_list", {"checks": checks, "rounds": rounds, "per_page": _PAGE})
    with pingfold(None) as stack:
        _make(stack, checks)
        lists: dict[str, Callable[[], tuple[int, int]]] = {
            "updown": lambda: _updown(stack),
            "updown_plain": lambda: _updown(stack, "identity"),
            "poppaping": lambda: _poppaping(stack, checks),
        }
        took: dict[str, list[float]] = {name: [] for name in lists}
        sizes: dict[str, int] = {}
        for number in range(rounds + 1):
            for name, read in lists.items():
                began = time.perf_counter()
                found, sizes[name] = read()
                seconds = time.perf_counter() - began
                assert found == checks, f"{name}: {found} of {checks}"
                if number:  # the first of each is to warm up
                    took[name].append(seconds / checks * 1e6)
            say(f"round {number} of {rounds}")
    report.measured |= {
        name: {"us_per_check": spread(took[name], 2), "bytes_per_check": round(sizes[name] / checks, 1)}
        for name in lists
    }
    median = {name: spread(took[name], 3)["p50"] for name in lists}
    report.ratios["updown to PoppaPing, time for a check"] = round(median["updown"] / median["poppaping"], 3)
    report.ratios["packed to plain, bytes"] = round(sizes["updown"] / sizes["updown_plain"], 3)
    report.ask("time for a check, updown to PoppaPing", median["updown"] / median["poppaping"], "<=", 1.0)
    report.publish()


def _make(stack: Stack, checks: int) -> None:
    header = {"X-API-KEY": stack.credentials.updown_key}

    def make(number: int) -> None:
        body: dict[str, Any] = {"url": f"https://shop-{number}.example.com/health", "enabled": False}
        if number % _WITH_HEADERS == 0:
            body["custom_headers"] = {"Authorization": f"Bearer {number}"}
        http.post("/api/checks", headers=header, json=body).raise_for_status()

    limits = httpx.Limits(max_connections=_AT_ONCE)
    with (
        httpx.Client(base_url=stack.url, timeout=60.0, trust_env=False, limits=limits) as http,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        for number, _ in enumerate(pool.map(make, range(checks)), 1):
            if number % 1_000 == 0:
                say(f"{number} of {checks} checks are made")


def _updown(stack: Stack, encoding: str = "gzip") -> tuple[int, int]:
    """How many checks were listed, and the bytes on the wire."""
    headers = {"X-API-KEY": stack.credentials.updown_key, "Accept-Encoding": encoding}
    answer = stack.http.get("/api/checks", headers=headers)
    answer.raise_for_status()
    return answer.content.count(b'"token":'), answer.num_bytes_downloaded


def _poppaping(stack: Stack, checks: int) -> tuple[int, int]:
    """The same for as many pages as hold all checks."""
    headers = {"Authorization": f"Bearer {stack.credentials.poppaping_key}"}
    found = size = 0
    for page in range(1, -(-checks // _PAGE) + 1):
        answer = stack.http.get(f"/api/v1/monitors?page={page}&per_page={_PAGE}", headers=headers)
        answer.raise_for_status()
        found += answer.content.count(b'"created_at":')
        size += answer.num_bytes_downloaded
    return found, size
