"""The sender and the `deliveries` fold put together without Kafka, and HTTP receivers on the loopback."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.abc import AbstractResolver
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from infra.egress.guard import Guard
from processors.deliveries.fold import DeliveriesFold
from processors.fold.contract import Record, Session
from processors.fold.view import View
from processors.sender.channels.sending import Services
from processors.sender.sender import Sender
from processors.sender.webhooks import CONNECT_DEAD, WebhookClient
from schemas.base import SECOND, Micros, encode
from schemas.deliveries import DeliveryAttempted, DeliveryRequested, Endpoint, EndpointDefined
from schemas.notices import NOTICES
from schemas.ticks import Tick
from schemas.transitions import DeliveryFinished

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LOOPBACK = Guard([ip_network("127.0.0.0/8")])

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def receiver(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """An HTTP server; its URL."""
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.01)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()


class Bench:
    """The fold and the sender put together as the runtime does it, without Kafka; `now` is the time of the ticks."""

    def __init__(self, client: WebhookClient, **limits: Any) -> None:
        self.now: Micros = time.time_ns() // 1000
        self.view = View()
        self.session = Session(DeliveriesFold(), 0, self.view)
        self.sender = Sender(
            client.post,
            self.report,
            lambda secret, *_: secret,
            clock=lambda: self.now,
            **limits,
        )
        self.offset = -1
        self.reports: list[DeliveryAttempted] = []
        self.finished: list[DeliveryFinished] = []
        self.sender.assigned(0, {})
        self.tick(0)

    def feed(self, *events: tuple[str, msgspec.Struct]) -> None:
        """One batch, folded and committed."""
        records = []
        for key, event in events:
            self.offset += 1
            records.append(Record(self.offset, self.now, key.encode(), encode(event)))
        batch = self.session.run(records)
        self.finished += [effect.value for effect in batch.effects if isinstance(effect.value, DeliveryFinished)]
        self.sender.committed(0, batch.changes)

    async def report(self, channel: str, attempt: DeliveryAttempted) -> None:
        asyncio.get_running_loop().call_soon(self.reported, channel, attempt)

    def reported(self, channel: str, attempt: DeliveryAttempted) -> None:
        """Whoever waits for a report finds it folded: a tick that comes before it would not make its retry due."""
        self.feed((channel, attempt))
        self.reports.append(attempt)

    def define(self, channel: str, url: str) -> None:
        endpoint = Endpoint(id=channel, project="p", url=url, notices=NOTICES, secret=SECRET)
        self.feed((channel, EndpointDefined(at=self.now, endpoint=endpoint)))

    def request(self, channel: str, *transitions: str) -> None:
        self.feed(
            *(
                (channel, DeliveryRequested(transition=name, at=self.now, notices=("monitor.down",), data={"n": name}))
                for name in transitions
            )
        )

    def tick(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)
        self.feed(("", Tick(slot="ticker", epoch=1, at=self.now, now=self.now)))

    async def until(self, condition: Callable[[], bool], seconds: float = 60) -> float:
        """Wait for it; how long it took."""
        begin = time.perf_counter()
        while not condition():
            assert time.perf_counter() - begin < seconds, "not in time"
            await asyncio.sleep(0.002)
        return time.perf_counter() - begin

    async def attempt(self, url: str) -> DeliveryAttempted:
        """The report on one delivery to `url`."""
        before = len(self.reports)
        channel = f"c{self.offset}"
        self.define(channel, url)
        self.request(channel, "t")
        await self.until(lambda: len(self.reports) > before)
        return self.reports[-1]


@contextlib.asynccontextmanager
async def bench(
    *,
    guard: Guard = LOOPBACK,
    seconds: float = 10,
    connect: float = 5,
    connect_dead: float = CONNECT_DEAD,
    resolver: AbstractResolver | None = None,
    **limits: Any,
) -> AsyncIterator[Bench]:
    given: dict[str, Any] = {"connect": min(connect, seconds), "connect_dead": connect_dead, "resolver": resolver}
    async with (
        WebhookClient(guard, seconds=seconds, **given) as client,
        # As the worker has it: nothing is added to what a kind says.
        WebhookClient(guard, seconds=seconds, headers={}, **given) as services,
    ):
        bench = Bench(client, **{"services": Services(services.exchange), **limits})
        try:
            yield bench
        finally:
            await bench.sender.close(0)


class Receiver:
    """Answers with `statuses` in turn, the last one for ever, and keeps what came."""

    def __init__(self, *statuses: int, delay: float = 0, headers: dict[str, str] | None = None) -> None:
        self.statuses, self.delay, self.headers = list(statuses or (200,)), delay, headers
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.at_once = self.most_at_once = 0
        self.connections: set[Any] = set()

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.connections.add(request.transport)
        self.requests.append((dict(request.headers), await request.read()))
        await asyncio.sleep(self.delay)
        self.at_once -= 1
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.Response(status=status, headers=self.headers)


def self_signed(folder: Path) -> Path:
    """A PEM file with a key and a certificate that nobody has reason to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hooks.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return pem
