"""When a domain expires, asked of its registry by RDAP (RFC 9082, 9083): the bootstrap file of IANA tells which server
knows it (RFC 9224).

Servers are not trusted: every connection, those of redirects too, goes to an address that was checked
(`infra.egress.guard`), and an answer is bounded in time and size. Nothing secret is sent, so redirects may lead
anywhere else.
"""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver
from yarl import URL

from infra.egress.guard import Guard, GuardedConnector, guarded_session
from ingest.errors import IngestError
from schemas.base import SECOND, Micros
from schemas.times import LAST, read_iso

ANSWER_READ = 256 * 1024
BOOTSTRAP_READ = 2 * 1024 * 1024
_REDIRECTS = 3
_SECONDS = 10.0
_BOOTSTRAP_KEPT = 86_400.0
_BOOTSTRAP_RETRY = 60.0


class NotAnswered(IngestError):
    """Nobody could say anything about the domain: ask again another time. The text says why."""


class _Event(msgspec.Struct, rename="camel"):
    event_action: str = ""
    event_date: str = ""


class _Domain(msgspec.Struct):
    events: list[_Event] = []


class _Bootstrap(msgspec.Struct):
    """services: suffixes, and the base URLs of the servers that know what is below them."""

    services: list[tuple[list[str], list[str]]]


class Rdap:
    """Made in a running event loop; to be closed (`async with`).

    bootstrap: URL of the file; what was read last serves while it cannot be read. seconds: limit of a whole look-up.
    monotonic: tells when the file is to be read again.
    """

    def __init__(
        self,
        bootstrap: str,
        guard: Guard,
        *,
        seconds: float = _SECONDS,
        resolver: AbstractResolver | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bootstrap, self._seconds, self._monotonic = bootstrap, seconds, monotonic
        self._servers: dict[str, str] = {}
        self._to_read_at = monotonic()
        self._reading = asyncio.Lock()
        connector = GuardedConnector(guard, resolver, keepalive=0)
        self._session = guarded_session(connector, {"User-Agent": "Pingfold (RDAP)"})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def expires(self, domain: str) -> Micros | None:
        """When `domain` expires; None when it is not registered or its registry does not say. Raises `NotAnswered`."""
        try:
            async with asyncio.timeout(self._seconds):
                server = await self._server(domain)
                if server is None:
                    return None
                body = await self._get(server.rstrip("/") + f"/domain/{domain}", ANSWER_READ)
        except NotAnswered:
            raise
        except TimeoutError:
            raise NotAnswered(f"no answer within {self._seconds:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NotAnswered(f"the request failed ({type(error).__name__})") from None
        return None if body is None else _expiry(_decoded(body, _Domain))

    async def _server(self, domain: str) -> str | None:
        """The server that knows `domain`: that of the longest suffix; None when there is none."""
        async with self._reading:
            if self._monotonic() >= self._to_read_at:
                self._to_read_at = self._monotonic() + _BOOTSTRAP_RETRY
                self._servers = _servers_in(await self._get(self._bootstrap, BOOTSTRAP_READ))
                self._to_read_at = self._monotonic() + _BOOTSTRAP_KEPT
        if not self._servers:
            raise NotAnswered("the bootstrap file could not be read")
        labels = domain.split(".")
        suffixes = (".".join(labels[start:]) for start in range(1, len(labels)))
        return next((self._servers[suffix] for suffix in suffixes if suffix in self._servers), None)

    async def _get(self, url: str, most: int) -> bytes | None:
        """The body of the answer; None when there is no such thing."""
        async with self._session.get(
            URL(url), max_redirects=_REDIRECTS + 1, headers={"Accept": "application/rdap+json, application/json"}
        ) as response:
            if response.status == 404:
                return None
            if response.status != 200:
                raise NotAnswered(f"status {response.status}")
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > most:
                    response.close()
                    raise NotAnswered(f"longer than {most // 1024} KB")
            return bytes(body)


def _servers_in(file: bytes | None) -> dict[str, str]:
    """The server by suffix; one that speaks TLS when there are several."""
    if file is None:
        raise NotAnswered("the bootstrap file is not there")
    found = {}
    for suffixes, urls in _decoded(file, _Bootstrap).services:
        for url in sorted(urls, key=lambda url: not url.startswith("https:"))[:1]:
            found.update(dict.fromkeys((suffix.lower() for suffix in suffixes), url))
    return found


def _decoded(body: bytes, wanted: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=wanted)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise NotAnswered("the answer is not valid") from None


def _expiry(domain: _Domain) -> Micros | None:
    for event in domain.events:
        if event.event_action == "expiration":
            try:
                return min(read_iso(event.event_date), LAST) // SECOND * SECOND
            except ValueError:
                raise NotAnswered("the answer is not valid") from None
    return None
