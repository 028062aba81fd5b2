"""A server that takes the webhooks of Pingfold, and remembers them."""

import asyncio
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from infra.embedded.ports import HOST, free_port
from tests.pingfold_client import wait_until


@dataclass(frozen=True)
class Received:
    """One request that came: `at` in real seconds since the epoch, `answered` with this status (None: it hung)."""

    at: float
    headers: Mapping[str, str]
    body: bytes
    answered: int | None

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body)
        return value

    @property
    def event(self) -> str:
        return str(self.json["event"])

    @property
    def check(self) -> str:
        return str(self.json["data"]["monitor"]["id"])


@dataclass
class Receiver:
    """An HTTP server on loopback, in a thread with a loop of its own. Down until `start`; keeps its port.

    `answer`: the status it answers; None lets requests hang until it stops.
    """

    answer: int | None = 200
    port: int = field(default_factory=free_port)
    received: list[Received] = field(default_factory=list)
    _thread: threading.Thread | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _stop: asyncio.Event | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/hook"

    def start(self) -> None:
        """Listen."""
        listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(listening)), name="receiver")
        self._thread.start()
        assert listening.wait(60.0), "the receiver does not listen"

    def stop(self) -> None:
        """Be down: connections are refused."""
        if self._thread is not None and self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(60.0)
            assert not self._thread.is_alive()
            self._thread = None

    async def _serve(self, listening: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application()
        app.router.add_post("/hook", self._take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, HOST, self.port, reuse_address=True).start()
        listening.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body, status = await request.read(), self.answer
        self.received.append(Received(time.time(), dict(request.headers), body, status))
        if status is None:
            assert self._stop is not None
            await self._stop.wait()
        return web.Response(status=status or 503)

    def of(self, check: str, event: str | None = None, taken: bool = True) -> list[Received]:
        """What came for a check, one event perhaps; only what was answered 2xx, unless `taken` is False."""
        return [
            one
            for one in list(self.received)
            if one.check == check
            and event in (None, one.event)
            and (not taken or (one.answered is not None and one.answered < 300))
        ]

    def wait(self, check: str, event: str, timeout: float = 90.0, taken: bool = True) -> Received:
        """The first request for this event of a check."""
        found = wait_until(
            lambda: self.of(check, event, taken),
            timeout,
            f"{event} for {check}",
        )
        return found[0]
