"""A registry of domains on the loopback: a bootstrap file and an RDAP server."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from schemas.base import SECOND
from tests.probe_targets import V4, Listening, head_of, serving

EXPIRES = int(datetime(2027, 8, 13, 4, tzinfo=UTC).timestamp()) * SECOND
EXPIRATION = {"eventAction": "expiration", "eventDate": "2027-08-13T04:00:00Z"}


def told(*events: Any, **more: Any) -> bytes:
    """What a registry says of a domain."""
    return json.dumps({"objectClassName": "domain", "events": events} | more).encode()


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/rdap+json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def redirect(url: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n".encode()


NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Registry:
    """A bootstrap file and an RDAP server. answers: whole answers by path; asked: the paths, in order.

    gate: answers wait until it is open. endless: paths of which the body never ends. drops: closes without an answer.
    now: the clock of those who ask, moved by hand.
    """

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.endless: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.drops = False
        self.now = 1_000.0
        self.waiting = self.most_waiting = 0
        self.listening: Listening

    @property
    def url(self) -> str:
        return f"http://{V4}:{self.listening.port}"

    @property
    def domains(self) -> list[str]:
        """Those that were asked about."""
        return [path.removeprefix("/rdap/domain/") for path in self.asked if path.startswith("/rdap/domain/")]

    def bootstrap(self, services: Any) -> None:
        self.answers["/dns.json"] = ok(json.dumps({"version": "1.0", "services": services}).encode())

    def tells(self, domain: str, body: bytes) -> None:
        self.answers[f"/rdap/domain/{domain}"] = ok(body)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await head_of(reader)).split()[1].decode()
        self.asked.append(path)
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        await self.gate.wait()
        self.waiting -= 1
        if self.drops:
            return
        writer.write(self.answers.get(path, NOT_FOUND))
        while path in self.endless:
            writer.write(b" " * 65_536)
            await writer.drain()


@contextlib.asynccontextmanager
async def registry() -> AsyncIterator[Registry]:
    """It knows what is below .com and .co.uk."""
    one = Registry()
    async with serving(one.talk) as one.listening:
        one.bootstrap([[["COM", "co.uk"], [f"{one.url}/rdap/"]], [["uk"], [f"{one.url}/elsewhere/"]]])
        one.tells("example.com", told({"eventAction": "registration", "eventDate": "?"}, EXPIRATION))
        yield one
