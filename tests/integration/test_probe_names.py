"""Names of targets as people write them, and the names that resolvers, servers and certificates are asked by."""

import asyncio
import ssl
from typing import Any

import pytest

from ingest.prober.probes.certificate import inspect_certificate
from ingest.prober.probes.connection import tls_context
from schemas.monitors import Sealed
from tests.certificates import Authority
from tests.probe_targets import (
    V4,
    Zone,
    connecting,
    head_of,
    monitor,
    on_uvloop,
    probed,
    resolving,
    seen,
    serving,
    silent,
)

EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
ENCODED = "xn--bcher-kva.test"
NAMES: Zone = {ENCODED: [V4], "site.test": [V4], "a_b.test": [V4]}


class Asked:
    """A web server that remembers the heads of requests."""

    def __init__(self, answer: bytes = EMPTY) -> None:
        self.heads: list[bytes] = []
        self._answer = answer

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await head_of(reader))
        writer.write(self._answer if len(self.heads) == 1 else EMPTY)

    def host(self) -> str:
        return next(line[6:].decode() for line in self.heads[-1].split(b"\r\n") if line.lower().startswith(b"host: "))


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("bücher.test", ENCODED),
        ("BÜCHER。TEST", ENCODED),
        ("b%C3%BCcher.test", ENCODED),
        ("Site.TEST", "site.test"),
        ("site.test.", "site.test."),  # curl leaves the dot there, too
        ("a_b.test", "a_b.test"),
    ],
)
@on_uvloop
async def test_a_web_site_by_any_name(written: str, host: str) -> None:
    site = Asked()
    async with resolving(NAMES) as names, connecting(server=names.server) as connector, serving(site.talk) as server:
        result = await probed(connector, url=f"http://{written}:{server.port}/ä?ö")
        assert (seen(result), result.address) == ("ok", V4), result
        assert site.host() == f"{host}:{server.port}"
        assert site.heads[0].startswith(b"GET /%C3%A4?%C3%B6 HTTP/1.1\r\n")
        assert {name for _, name, _ in names.asked} == {host.removesuffix(".")}


@on_uvloop
async def test_a_redirect_to_a_name_in_any_script() -> None:
    away = Asked()
    async with resolving(NAMES) as names, connecting(server=names.server) as connector, serving(away.talk) as other:
        for location in (
            f"http://bücher.test:{other.port}/".encode(),
            f"http://b%C3%BCcher.test:{other.port}/".encode(),
            f"http://{ENCODED}.:{other.port}/".encode(),
        ):
            site = Asked(b"HTTP/1.1 302 Go\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n")
            async with serving(site.talk) as server:
                result = await probed(connector, url=f"http://site.test:{server.port}/")
            assert seen(result) == "ok", result
            assert away.host().rstrip(".").startswith(ENCODED)


@pytest.mark.parametrize("kind", ["tcp", "icmp", "dns"])
@on_uvloop
async def test_every_kind_looks_up_the_encoded_name(kind: Any) -> None:
    async with resolving(NAMES) as names, connecting(server=names.server) as connector, serving(silent) as server:
        result = await probed(connector, kind, host="Bücher。test.", port=server.port)
        assert seen(result) in ("ok", "prober_error" if kind == "icmp" else "ok"), result
        assert {name for _, name, _ in names.asked} == {ENCODED}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


def knowing(context: ssl.SSLContext) -> list[str]:
    """The names that a server is asked for (SNI), from now on."""
    asked: list[str] = []
    context.sni_callback = lambda _, name, __: asked.append(name or "")
    return asked


@on_uvloop
async def test_the_final_dot_is_for_the_dns_only(authority: Authority) -> None:
    context = authority.server(ENCODED, "site.test")
    asked = knowing(context)
    trusting = tls_context(str(authority.file))
    async with (
        resolving(NAMES) as names,
        connecting(server=names.server, verify=trusting) as connector,
        serving(Asked().talk, tls=context) as server,
    ):
        for host, name in (("site.test.", "site.test"), ("Bücher.test.", ENCODED)):
            for result in (
                await probed(connector, url=f"https://{host}:{server.port}/"),
                await probed(connector, "tls", host=host, port=server.port),
            ):
                assert seen(result) == "ok", result
            assert asked == [name, name]
            asked.clear()
            watched = monitor("tls", host=host, port=server.port)
            assert (await inspect_certificate(connector, watched, 1, "local", 2)).valid is True
            assert asked == [name]
            asked.clear()


@on_uvloop
async def test_a_host_header_says_which_certificate_is_meant(authority: Authority) -> None:
    context = authority.server("site.test")
    asked = knowing(context)
    async with (
        connecting(verify=tls_context(str(authority.file))) as connector,
        serving(Asked().talk, tls=context) as server,
    ):
        url = f"https://{V4}:{server.port}/"
        named = Sealed(headers={"host": "Site.test:8443"})
        result = await probed(connector, sealed=named, url=url)
        assert (seen(result), asked) == ("ok", ["site.test"]), result
        watched = monitor(url=url)
        tested = await inspect_certificate(connector, watched, 1, "local", 2, named)
        assert (tested.valid, tested.error) == (True, "")
        # Without it the address is what the certificate must have, and with one of another name that.
        assert seen(await probed(connector, url=url)) == "tls"
        other = await probed(connector, sealed=Sealed(headers={"Host": "other.test"}), url=url)
        assert (seen(other), "not valid for 'other.test'" in other.detail) == ("tls", True)
        assert (await inspect_certificate(connector, watched, 1, "local", 2)).valid is False
        # What no certificate could have says nothing of one.
        odd = await probed(connector, sealed=Sealed(headers={"Host": "a b"}), url=url)
        assert "not valid for '127.0.0.1'" in odd.detail


@on_uvloop
async def test_a_host_header_is_not_for_where_a_redirect_leads(authority: Authority) -> None:
    there = Asked()
    async with (
        resolving(NAMES) as names,
        connecting(server=names.server, verify=tls_context(str(authority.file))) as connector,
        serving(there.talk, tls=authority.server("site.test")) as other,
    ):
        away = Asked(b"HTTP/1.1 302 Go\r\nLocation: https://site.test:%d/\r\n\r\n" % other.port)
        async with serving(away.talk, tls=authority.server(ENCODED)) as server:
            named = Sealed(headers={"Host": "Bücher.test"})
            result = await probed(connector, sealed=named, url=f"https://{V4}:{server.port}/")
    assert seen(result) == "ok", result
    assert away.host() == ENCODED
    assert there.host() == f"site.test:{other.port}"


@pytest.mark.parametrize("value", ["ключ", "钥匙", "Füße €"])
@on_uvloop
async def test_values_of_headers_in_any_script_are_utf_8(value: str) -> None:
    site = Asked()
    async with connecting() as connector, serving(site.talk) as server:
        sealed = Sealed(headers={"X-Key": value, "X-Old": "Füße"})
        assert (await probed(connector, sealed=sealed, url=f"http://{V4}:{server.port}/")).ok
    assert f"X-Key: {value}\r\n".encode() in site.heads[0]
    assert "X-Old: Füße\r\n".encode("latin-1") in site.heads[0]
