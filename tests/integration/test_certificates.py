"""Certificates of real servers on loopback: the real prober tests them, the real fold decides what people are told."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from infra.settings.settings import Settings
from ingest.prober.prober import Prober
from ingest.prober.probes.certificate import inspect_certificate
from ingest.prober.probes.connection import Connector, tls_context
from processors.monitors.fold import Monitors
from schemas.base import SECOND, Micros, encode
from schemas.certificates import certificate_place
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.monitor_states import Validity, validity_key
from schemas.monitors import Monitor, MonitorKind, ProbeTarget, Sealed
from schemas.probes import CertificateTested, MonitorDefined, ProbeResultsEvent
from schemas.ticks import Tick
from schemas.transitions import StatusChanged, ValidityTold
from tests.certificates import DAY, Authority
from tests.folding import Folding, Journal, of_type
from tests.memory_log import MemorySink
from tests.ping_world import HandClock
from tests.probe_targets import V4, Listening, answering, connecting, monitor, on_uvloop, probed, seen, serving, silent
from tests.smtp_talk import MailServer

# On the slowest machine; nothing here depends on how long it takes.
SOON = 60.0
MONITOR = derived_id("monitor")
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

_event = msgspec.json.Decoder(ProbeResultsEvent).decode


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


class Line:
    """A prober and the fold, joined as Kafka would join them; time stands still until it is moved."""

    def __init__(self, connector: Connector, target: ProbeTarget, kind: MonitorKind) -> None:
        self.clock, self.sink, self.journal = HandClock(Settings()), MemorySink(), Journal()
        self.clock.time = int(datetime.now(UTC).timestamp()) * SECOND
        self.folding = Folding(Monitors())
        self.prober = Prober("local", connector, self.sink, self.clock, lambda sealed, *_: sealed, 100)
        self.prober.whole(0)
        self._taken, self._told = 0, 0
        self.tick()
        now = self.clock.time
        watched = Monitor(
            id=MONITOR, project="p", version=1, created=now, revised=now, name="Site", kind=kind, target=target,
            timeout=30, channels=("hook",),
        )  # fmt: skip
        self.fold(MONITOR, MonitorDefined(at=now, monitor=watched))

    def fold(self, key: str, event: msgspec.Struct) -> None:
        before = dict(self.folding.committed)
        self.folding.feed([self.journal.add(key, event, self.clock.time)])
        after = self.folding.committed
        self.prober.heard(0, [(name, value) for name, value in after.items() if before.get(name) != value])

    def tick(self) -> None:
        self.fold("tick", Tick(slot="ticker", epoch=1, at=self.clock.time, now=self.clock.time))

    async def test(self) -> CertificateTested:
        """The next test, with all that the prober tells until then; a tick comes behind it."""
        async with asyncio.timeout(SOON):
            while True:
                self.prober.turn()
                await asyncio.sleep(0.005)
                for stored in self.sink.order[self._taken :]:
                    self._taken += 1
                    event = _event(stored.value or b"")
                    self.fold(MONITOR, event)
                    if isinstance(event, CertificateTested):
                        self.tick()
                        return event

    async def again(self) -> CertificateTested:
        """Time goes on until the next test is due, and it is made."""
        self.clock.time = max(self.clock.time, self.validity.due)
        self.tick()
        return await self.test()

    @property
    def validity(self) -> Validity:
        return self.folding.state(Validity, validity_key(MONITOR))

    def told(self) -> list[ValidityTold]:
        """What people were told since the last call."""
        new = of_type(self.folding.effects, ValidityTold)[self._told :]
        self._told += len(new)
        return new


@contextlib.asynccontextmanager
async def line(
    authority: Authority, server: Listening, kind: MonitorKind = "http", **target: Any
) -> AsyncIterator[Line]:
    place: dict[str, Any] = (
        {"url": f"https://{V4}:{server.port}/"} if kind == "http" else {"host": V4, "port": server.port}
    )
    async with connecting(verify=tls_context(str(authority.file))) as connector:
        made = Line(connector, ProbeTarget(**place | target), kind)
        try:
            yield made
        finally:
            stop = asyncio.Event()
            stop.set()
            await made.prober.run(stop)


def soon() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def micros(moment: datetime) -> Micros:
    return int(moment.timestamp()) * SECOND


@on_uvloop
async def test_a_certificate_that_ends_soon_is_told(authority: Authority) -> None:
    expires = soon() + 5 * DAY
    async with (
        serving(answering(EMPTY), tls=authority.server(V4, expires=expires)) as server,
        line(authority, server) as one,
    ):
        tested = await one.test()
        assert (tested.valid, tested.error, tested.region) == (True, "", "local")
        [event] = one.told()
        assert (event.notice, event.data["days_before_expiration"]) == ("monitor.ssl_expiration", 5)
        shown = event.data["certificate"]
        assert (shown["subject"], shown["issuer"]) == ("Server of a test", "Authority of a test")
        assert shown["valid_until"] == expires.isoformat()
        assert shown["algorithm"] == "SHA-256 with ECDSA"
        [request] = of_type(one.folding.effects, DeliveryRequested)
        assert request.notices == ("monitor.ssl_expiration",)
        await one.again()
        assert one.told() == []


@on_uvloop
async def test_an_invalid_certificate_is_told_and_its_renewal(authority: Authority) -> None:
    """The monitor is not down for it: its probes take any certificate."""
    context = authority.server(V4, self_signed=True)
    async with (
        serving(answering(EMPTY), tls=context) as server,
        line(authority, server, verify=False) as one,
    ):
        tested = await one.test()
        assert (tested.valid, tested.error) == (False, "error code 18: self-signed certificate")
        assert tested.certificate is not None
        assert tested.certificate.issuer == "Server of a test"
        assert one.told() == []
        await one.again()
        [event] = one.told()
        assert (event.notice, event.data["error"]) == ("monitor.ssl_invalid", tested.error)
        context.load_cert_chain(authority.pair("Mended", V4))
        for _ in range(2):
            await one.again()
        [event] = one.told()
        assert (event.notice, event.data["certificate"]["subject"]) == ("monitor.ssl_valid", "Mended")
        assert "down" not in [change.now for change in of_type(one.folding.effects, StatusChanged)]


@on_uvloop
async def test_a_renewed_certificate_is_told(authority: Authority) -> None:
    context = authority.server(V4, expires=soon() + 10 * DAY)
    async with serving(answering(EMPTY), tls=context) as server, line(authority, server) as one:
        await one.test()
        assert [event.notice for event in one.told()] == ["monitor.ssl_expiration"]
        context.load_cert_chain(authority.pair("Renewed", V4, expires=soon() + 400 * DAY))
        await one.again()
        [event] = one.told()
        assert event.notice == "monitor.ssl_renewed"
        assert event.data["old_certificate"]["subject"] == "Server of a test"
        assert event.data["new_certificate"]["subject"] == "Renewed"


@on_uvloop
async def test_what_openssl_says(authority: Authority) -> None:
    for context, words in [
        (authority.server(V4), ""),
        (authority.server(V4, expires=soon() - DAY), "error code 10: certificate has expired"),
        (
            authority.server("other.test"),
            "error code 64: IP address mismatch, certificate is not valid for '127.0.0.1'",
        ),
        (authority.server(V4, self_signed=True), "error code 18: self-signed certificate"),
    ]:
        async with (
            connecting(verify=tls_context(str(authority.file))) as connector,
            serving(silent, tls=context) as server,
        ):
            watched = monitor("tls", host=V4, port=server.port)
            tested = await inspect_certificate(connector, watched, 1, "local", 2)
            assert (tested.slot, tested.at, tested.version) == (1, 2, 1)
            assert (tested.valid, tested.error) == (not words, words)
            assert tested.certificate is not None
            assert len(tested.certificate.fingerprint) == 64
            assert tested.certificate.not_after - tested.certificate.not_before == 4_000 * 86_400 * SECOND
            await server.emptied()
        async with connecting() as connector, serving(silent, tls=context) as server:  # nobody to trust
            tested = await inspect_certificate(connector, monitor("tls", host=V4, port=server.port), 1, "local", 2)
            assert tested.valid is False
            assert tested.error.startswith("error code ")


@on_uvloop
async def test_certificates_of_mail_servers(authority: Authority) -> None:
    mail = MailServer(authority.server(V4))
    async with connecting(verify=tls_context(str(authority.file))) as connector, serving(mail.talk) as server:
        watched = monitor("smtp", host=V4, port=server.port, options={"tls": "if_offered"})
        tested = await inspect_certificate(connector, watched, 1, "local", 2)
        assert (tested.valid, tested.error) == (True, "")
        await server.emptied()
    refused = MailServer(authority.server("other.test"))
    async with connecting(verify=tls_context(str(authority.file))) as connector, serving(refused.talk) as server:
        watched = monitor("smtp", host=V4, port=server.port, options={"tls": "required"})
        tested = await inspect_certificate(connector, watched, 1, "local", 2)
        assert (tested.valid, tested.error.startswith("error code 64")) == (False, True)
        assert tested.certificate is not None
    plain = MailServer()
    async with connecting() as connector, serving(plain.talk) as server:
        watched = monitor("smtp", host=V4, port=server.port)
        tested = await inspect_certificate(connector, watched, 1, "local", 2)
        assert (tested.valid, tested.error) == (None, "STARTTLS is not offered")
        assert certificate_place(monitor("smtp", host=V4, port=1, options={"tls": "never"})) is None


@on_uvloop
async def test_a_server_that_shows_none_says_nothing_of_it(authority: Authority) -> None:
    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad\r\n\r\n")
        await reader.read(1)

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async with connecting() as connector:
        for talk in (garbage, hang_up):
            async with serving(talk) as server:
                tested = await inspect_certificate(connector, monitor("tls", host=V4, port=server.port), 1, "local", 2)
                assert (tested.valid, tested.certificate) == (None, None)
                assert tested.error
        for host, port in ((V4, 1), ("10.0.0.1", 443), ("name.invalid", 443), ("x" * 300, 443)):
            tested = await inspect_certificate(connector, monitor("tls", host=host, port=port), 1, "local", 2)
            assert (tested.valid, tested.certificate) == (None, None)
            assert tested.error


@on_uvloop
async def test_probes_that_verify_nothing(authority: Authority) -> None:
    """A monitor may be up in spite of its certificate; what is secret is not sent to such a server."""
    expires = soon() + 9 * DAY
    context: ssl.SSLContext = authority.server("other.test", expires=expires)
    async with (
        connecting(verify=tls_context(str(authority.file))) as connector,
        serving(answering(EMPTY), tls=context) as server,
    ):
        url = f"https://{V4}:{server.port}/"
        assert seen(await probed(connector, url=url)) == "tls"
        trusting = await probed(connector, url=url, verify=False)
        assert (seen(trusting), trusting.expires) == ("ok", micros(expires))
        assert (await probed(connector, "tls", host=V4, port=server.port, verify=False)).ok
        assert seen(await probed(connector, url=url, verify=False, sealed=Sealed(body="secret"))) == "tls"
        assert seen(await probed(connector, url=url)) == "tls"  # it holds for that monitor alone
    assert encode(ProbeTarget(url="https://x/")) == b'{"url":"https://x/"}'
