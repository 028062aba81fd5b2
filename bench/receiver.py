"""Receivers of webhooks, in a process of their own: they note when each request came, and answer when they are told to.

`python -m bench.receiver PORT` serves on loopback until SIGTERM. `/fast/NAME` answers 200 at once, `/slow/NAME` after
the seconds in the query (`?seconds=10`). What came is asked for: `/arrived?path=PATH&count=N` waits until N requests
have come to a path (or `timeout` seconds), and lists the arrivals there in order.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import uvloop
from aiohttp import web

from bench.processes import module, running, spawn, wait_until
from infra.embedded.ports import HOST, free_port


class Arrival(msgspec.Struct):
    """A request as it came: `at` in seconds since the epoch, when its body was complete. check: its id, or token."""

    at: float
    event: str
    timestamp: str
    check: str


class Receiver:
    """A running receiver process, for whoever measures."""

    def __init__(self, port: int) -> None:
        self._base = f"http://{HOST}:{port}"
        self._http = httpx.Client(trust_env=False, timeout=90.0)

    def fast(self, name: str) -> str:
        """URL of a receiver that answers at once."""
        return f"{self._base}/fast/{name}"

    def slow(self, name: str, seconds: float) -> str:
        """URL of a receiver that takes its time."""
        return f"{self._base}/slow/{name}?seconds={seconds:g}"

    def arrived(self, url: str, count: int, timeout: float) -> list[Arrival]:
        """What has come to one of the URLs, oldest first; waits until there are `count`, at most `timeout` seconds."""
        path = httpx.URL(url).path
        query = {"path": path, "count": str(count), "timeout": str(timeout)}
        answer = self._http.get(f"{self._base}/arrived", params=query, timeout=timeout + 30.0)
        return msgspec.json.decode(answer.content, type=list[Arrival])

    def close(self) -> None:
        self._http.close()


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver process, as long as the body runs."""
    port = free_port()
    with running(spawn(*module("bench.receiver", str(port)))):
        it = Receiver(port)
        with contextlib.closing(it):
            wait_until(lambda: _serves(it), 20.0, "the receiver listens")
            yield it


def _serves(it: Receiver) -> bool:
    try:
        it.arrived(it.fast("nobody"), 0, 0.0)
    except httpx.HTTPError:
        return False
    return True


class _Server:
    def __init__(self) -> None:
        self._arrived: dict[str, list[tuple[float, bytes]]] = defaultdict(list)
        self._news = asyncio.Event()

    async def fast(self, request: web.Request) -> web.Response:
        body = await request.read()
        self._note(request.path, body)
        return web.Response()

    async def slow(self, request: web.Request) -> web.Response:
        body = await request.read()
        self._note(request.path, body)
        await asyncio.sleep(float(request.query.get("seconds", "10")))
        return web.Response()

    def _note(self, path: str, body: bytes) -> None:
        self._arrived[path].append((time.time(), body))
        self._news.set()

    async def arrived(self, request: web.Request) -> web.Response:
        query = request.query
        found = self._arrived[query["path"]]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(float(query["timeout"])):
                while len(found) < int(query["count"]):
                    self._news.clear()
                    await self._news.wait()
        return web.json_response([_arrival(at, json.loads(body)) for at, body in found])


def _arrival(at: float, body: Any) -> dict[str, Any]:
    if isinstance(body, list):  # of updown.io's Push API
        [event] = body
        return {"at": at, "event": event["event"], "timestamp": event["time"], "check": event["check"]["token"]}
    return {"at": at, "event": body["event"], "timestamp": body["timestamp"], "check": body["data"]["monitor"]["id"]}


async def _serve(port: int) -> None:
    server = _Server()
    app = web.Application()
    app.router.add_post("/fast/{name}", server.fast)
    app.router.add_post("/slow/{name}", server.slow)
    app.router.add_get("/arrived", server.arrived)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HOST, port, reuse_address=True, backlog=4096).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
