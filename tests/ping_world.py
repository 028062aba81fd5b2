"""The ping application with a log in memory, called as an ASGI server calls it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.clock import CLOCK_FILE, OffsetClock
from infra.log.directory import Directory
from infra.settings.settings import Settings
from ingest.ping.app import PingApp
from ingest.ping.request import LIMITS, Limits
from ingest.ping.source import Source
from schemas.base import SECOND, Micros, encode
from schemas.definitions import Check, Project
from tests.given_settings import settings_of
from tests.memory_log import MemoryProjects, MemoryReplica, MemorySink, add

NOON: Micros = 1_790_000_000 * SECOND
UUID = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"
UNKNOWN = "00000000-d4c7-4bf5-bcc8-b8d8a82ea278"
KEY = "fqOOd6-F4MMNuCEnzTU01w"
SLUG = "database-backup"
PROJECT = "p-1"
BY_UUID, BY_SLUG = f"/ping/{UUID}", f"/{KEY}/{SLUG}"
STALL = b"(stall)"  # a piece that does not come


class HandClock(OffsetClock):
    """Stands until it is moved. Its offset is that of the file, where the settings have the test clock on."""

    time: Micros = NOON

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.data / (CLOCK_FILE if settings.test_clock else "no such file"))

    def now(self) -> Micros:
        return self.time + self.offset


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: str

    @property
    def line(self) -> str:
        return f"{self.status} {self.body}"


class World:
    """One process of ingest, with the project's checks `UUID` (slug `SLUG`) and twins under the slug `twin`."""

    def __init__(
        self,
        limits: Limits = LIMITS,
        installation: str | None = None,
        clock: type[HandClock] = HandClock,
        sink: MemorySink | None = None,
        **settings: Any,
    ) -> None:
        self.settings = settings_of(**settings)
        self.clock = clock(self.settings)
        self.sink = sink or MemorySink()
        self.directory = Directory()
        self.replica = MemoryReplica(self.directory)
        self.projects = MemoryProjects(self.directory)
        self.source = Source(self.settings, self.clock, self.sink, "web-0", 8, installation)
        self.app = PingApp(
            self.settings, self.clock, self.sink, self.directory, self.replica, self.projects, self.source, limits
        )
        project = Project(id=PROJECT, name="p", ping_key=KEY, created=0, webhook_secret="")
        self.directory.apply(0, f"project/{PROJECT}", encode(project))
        self.check(UUID, SLUG)
        for number in (1, 2):
            self.check(f"{number:08d}-0000-4000-8000-000000000000", "twin")

    def check(self, id: str, slug: str) -> None:
        add(self.directory, Check(id=id, project=PROJECT, version=1, created=0, name=slug, slug=slug))

    async def ask(
        self,
        url: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterable[bytes | None] | None = None,
        client: tuple[str, int] | None = ("192.0.2.7", 40000),
    ) -> Reply:
        """`body`: bytes come in one piece, a list in pieces; None is a client that goes away, `STALL` a silent one."""
        path, _, query = url.partition("?")
        given = {name.lower(): value for name, value in (headers or {}).items()}
        pieces: list[bytes | None] = []
        if isinstance(body, bytes):
            pieces = [body]
            given.setdefault("content-length", str(len(body)))
        elif body is not None:
            pieces = list(body)
            given.setdefault("transfer-encoding", "chunked")
        reply = await self.call(
            {
                "type": "http",
                "method": method,
                "path": path,
                "query_string": query.encode(),
                "headers": [(name.encode(), value.encode()) for name, value in given.items()],
                "scheme": "http",
                "client": client,
            },
            receiver(pieces),
        )
        assert reply is not None, "no answer"
        return reply

    async def call(self, scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]]) -> Reply | None:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        if not sent:
            return None
        start, body = sent
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        assert len(headers) == len(start["headers"]), "a header twice"
        return Reply(start["status"], headers, body["body"].decode())


def receiver(pieces: list[bytes | None]) -> Callable[[], Awaitable[dict[str, Any]]]:
    left = list(pieces)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        if not left or left[0] is STALL:
            await asyncio.Event().wait()
        piece = left.pop(0)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(left)}

    return receive
