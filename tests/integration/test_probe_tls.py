"""Probes over TLS against real servers on loopback: certificates, names, and what is broken on the way."""

import asyncio
import contextlib
import itertools
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from ingest.prober.probes.connection import tls_context
from schemas.base import SECOND
from schemas.monitors import Sealed
from tests.certificates import DAY, Authority
from tests.probe_targets import (
    V4,
    Listening,
    Talk,
    answering,
    connecting,
    head_of,
    on_uvloop,
    probed,
    resolving,
    seen,
    serving,
    silent,
)

OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = OK + b"Content-Length: 0\r\n\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@on_uvloop
async def test_certificates(authority: Authority) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    trusting = tls_context(str(authority.file))
    for context, outcome, words, expires in [
        (authority.server(V4, expires=now + 90 * DAY), "ok", "", now + 90 * DAY),
        (authority.server(V4, expires=now + 2 * DAY), "ok", "", now + 2 * DAY),
        (authority.server(V4, expires=now - DAY), "tls", "expired", now - DAY),
        (authority.server("other.test", expires=now + 9 * DAY), "tls", "not valid for '127.0.0.1'", now + 9 * DAY),
        (authority.server(V4, expires=now + 5 * DAY, self_signed=True), "tls", "self-signed", now + 5 * DAY),
    ]:
        async with connecting(verify=trusting) as connector, serving(answering(EMPTY), tls=context) as server:
            for result in (
                await probed(connector, "tls", host=V4, port=server.port),
                await probed(connector, url=f"https://{V4}:{server.port}/"),
            ):
                assert seen(result) == outcome, result
                assert words in result.detail
                assert result.expires == int(expires.timestamp()) * SECOND
                assert result.phases.tls is not None
            await server.emptied()
        async with connecting() as connector, serving(silent, tls=context) as server:
            assert seen(await probed(connector, "tls", host=V4, port=server.port)) == "tls"  # nobody to trust


@contextlib.asynccontextmanager
async def changing_its_mind(first: ssl.SSLContext, then: Talk) -> AsyncIterator[Listening]:
    """A server that speaks TLS once, and `then` something else."""
    turns = itertools.count()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if next(turns):
            return await then(reader, writer)
        back, forth = await asyncio.open_connection(V4, behind.port)
        await asyncio.gather(pass_on(reader, forth), pass_on(back, writer))

    async with serving(silent, tls=first) as behind, serving(talk) as listening:
        yield listening


@on_uvloop
async def test_a_certificate_that_is_not_shown_again_is_refused_all_the_same(authority: Authority) -> None:
    expired = authority.server(V4, expires=datetime.now(UTC) - DAY)
    for then in (silent, lambda r, w: _say(w, b""), lambda r, w: _drip(w, b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")):
        async with (
            connecting(verify=tls_context(str(authority.file))) as connector,
            changing_its_mind(expired, then) as server,
        ):
            result = await probed(connector, "tls", timeout=20, host=V4, port=server.port)
            assert (seen(result), result.expires) == ("tls", None), result
            assert "expired" in result.detail
            assert result.took < 15 * SECOND
            await server.emptied()


@on_uvloop
async def test_nobody_who_is_refused_is_sent_anything(authority: Authority) -> None:
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())

    context = authority.server("other.test")
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # whose handshakes the server ends
    async with (
        connecting(verify=tls_context(str(authority.file))) as connector,
        serving(talk, tls=context) as server,
    ):
        sealed = Sealed(headers={"Authorization": "secret"}, body="secret")
        result = await probed(connector, sealed=sealed, method="POST", url=f"https://{V4}:{server.port}/")
        assert (seen(result), result.expires is not None) == ("tls", True)
        async with asyncio.timeout(60.0):
            while not heard:
                await asyncio.sleep(0.01)
        assert heard == [b""]  # of the handshake that was only for the date


@on_uvloop
async def test_names_of_certificates(authority: Authority) -> None:
    async with (
        resolving({"good.test": [V4], "bad.test": [V4], "a.wild.test": [V4]}) as names,
        connecting(server=names.server, verify=tls_context(str(authority.file))) as connector,
        serving(answering(EMPTY), tls=authority.server("good.test", "*.wild.test")) as server,
    ):
        for host, outcome in (("good.test", "ok"), ("a.wild.test", "ok"), ("bad.test", "tls")):
            assert seen(await probed(connector, url=f"https://{host}:{server.port}/")) == outcome


@on_uvloop
async def test_a_body_may_end_without_a_word_over_tls(authority: Authority) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nall is well")

    async with (
        connecting(verify=tls_context(str(authority.file))) as connector,
        serving(talk, tls=authority.server(V4)) as server,
    ):
        assert (await probed(connector, url=f"https://{V4}:{server.port}/", keyword="well")).ok


BROKEN_TLS: list[tuple[str, Talk, str]] = [
    ("plain HTTP", lambda r, w: _say(w, b"HTTP/1.1 400 Bad Request\r\n\r\n", r), "tls"),
    ("HTTP before it is asked", lambda r, w: _say(w, EMPTY), "tls"),
    ("closes", lambda r, w: _say(w, b""), "tls"),
    ("closes in the middle", lambda r, w: _say(w, b"\x16\x03\x03\x00\x7a\x02\x00"), "tls"),
    ("an alert", lambda r, w: _say(w, b"\x15\x03\x03\x00\x02\x02\x28"), "tls"),
    ("a record that is too long", lambda r, w: _say(w, b"\x16\x03\x03\xff\xff" + bytes(70_000)), "tls"),
    ("silent", silent, "timeout"),
    ("drips", lambda r, w: _drip(w, b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc"), "timeout"),
]


async def _say(writer: asyncio.StreamWriter, data: bytes, after: asyncio.StreamReader | None = None) -> None:
    if after is not None:
        await after.read(1)
    writer.write(data)
    await writer.drain()


async def _drip(writer: asyncio.StreamWriter, start: bytes) -> None:
    writer.write(start)
    while not writer.is_closing():
        writer.write(b"\0")
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(("talk", "outcome"), [row[1:] for row in BROKEN_TLS], ids=[row[0] for row in BROKEN_TLS])
@on_uvloop
async def test_broken_tls(talk: Talk, outcome: str) -> None:
    async with connecting() as connector, serving(talk) as server:
        for target in ({"host": V4, "port": server.port}, {"url": f"https://{V4}:{server.port}/"}):
            limit = 1 if outcome == "timeout" else 20
            result = await probed(connector, "http" if "url" in target else "tls", timeout=limit, **target)
            assert seen(result) == outcome, result
            assert result.status is None
        await server.emptied()
