"""Where probes may go, and how they get there: addresses that are refused, TCP, IPv6, ICMP, on loopback."""

import asyncio
import socket
from itertools import cycle
from typing import Any

import pytest

from infra.egress.guard import Guard
from tests.probe_targets import (
    V4,
    V6,
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

EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@on_uvloop
async def test_private_addresses_are_refused_wherever_they_come_from() -> None:
    async with (
        resolving({"private.test": ["10.0.0.1"], "both.test": [V4, "10.0.0.1"]}) as names,
        connecting(server=names.server) as connector,
        connecting(Guard()) as strict,
        serving(answering(b"HTTP/1.1 302 Go\r\nLocation: http://10.0.0.1/\r\n\r\n")) as away,
        serving(answering(b"HTTP/1.1 302 Go\r\nLocation: http://private.test/\r\n\r\n")) as named,
        serving(silent) as server,
    ):
        for url in (
            f"http://{V4}:{away.port}/",
            f"http://{V4}:{named.port}/",
            "http://10.0.0.1/",
            "http://[::ffff:10.0.0.1]/",
            "http://private.test/",
            f"http://both.test:{server.port}/",
        ):
            result = await probed(connector, url=url)
            assert seen(result) == "refused target", result
        for kind in ("tcp", "tls", "icmp", "dns"):
            result = await probed(connector, kind, host="private.test", port=1)
            assert seen(result) == "refused target", result
        assert seen(await probed(strict, "tcp", host=V4, port=server.port)) == "refused target"
        assert seen(await probed(strict, "tcp", host="localhost", port=server.port)) == "refused target"
        assert server.open == 0


@on_uvloop
async def test_the_address_that_was_checked_is_connected() -> None:
    """A name that is public when it is checked and private when it is connected gets nowhere: it is asked once."""
    turns = cycle([[V4], ["10.0.0.1"]])
    async with (
        resolving({"changing.test": lambda: next(turns)}) as names,
        connecting(server=names.server) as connector,
        serving(answering(EMPTY)) as server,
    ):
        for _ in range(3):
            names.asked.clear()
            result = await probed(connector, url=f"http://changing.test:{server.port}/")
            assert seen(result) in ("ok", "refused target")
            assert result.address in ("", V4)
            assert len(names.asked) <= 2  # A and AAAA


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "2130706433", "a..b", "-", ".", "x" * 70 + ".test", "x." * 200])
@pytest.mark.parametrize("kind", ["tcp", "tls", "icmp", "dns"])
@on_uvloop
async def test_odd_names_are_just_not_found(kind: Any, host: str) -> None:
    async with resolving({}) as names, connecting(server=names.server) as connector:
        assert seen(await probed(connector, kind, host=host, port=1)) in ("name", "answer")


# ---- tcp, IPv6


@on_uvloop
async def test_tcp() -> None:
    async with connecting() as connector, serving(silent) as server, serving(silent, V6) as six:
        result = await probed(connector, "tcp", host=V4, port=server.port)
        assert (seen(result), result.address) == ("ok", V4)
        assert result.phases.connect is not None
        result = await probed(connector, "tcp", host=V6, port=six.port)
        assert (seen(result), result.address) == ("ok", V6)
        await server.emptied()
        with socket.socket() as bound:  # nobody listens
            bound.bind((V4, 0))
            result = await probed(connector, "tcp", host=V4, port=bound.getsockname()[1])
            assert (seen(result), result.detail) == ("connect", "connection refused")


@on_uvloop
async def test_http_over_ipv6() -> None:
    heads: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await head_of(reader))
        writer.write(EMPTY)

    async with connecting() as connector, serving(talk, V6) as server:
        assert (await probed(connector, url=f"http://[{V6}]:{server.port}/")).ok
        assert f"Host: [{V6}]:{server.port}\r\n".encode() in heads[0]


@on_uvloop
async def test_a_name_is_well_when_one_of_its_addresses_is() -> None:
    async with (
        resolving({"two.test": ["127.0.0.9", V6, V4]}) as names,
        connecting(server=names.server) as connector,
        serving(silent, V4) as server,
    ):
        result = await probed(connector, "tcp", host="two.test", port=server.port)
        assert (seen(result), result.address) == ("ok", V4)


@on_uvloop
async def test_a_port_whose_queue_is_full_is_a_timeout() -> None:
    with socket.socket() as full:
        full.bind((V4, 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex((V4, port))
            async with connecting() as connector:
                for kind in ("tcp", "tls"):
                    result = await probed(connector, kind, timeout=1, host=V4, port=port)
                    assert (seen(result), result.phases.connect) == ("timeout", None)
        finally:
            for filler in fillers:
                filler.close()


def may_ping() -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
            return True
        except PermissionError:
            pass
    return False


@on_uvloop
async def test_icmp() -> None:
    async with resolving({"a.test": [V4]}) as names, connecting(server=names.server) as connector:
        results = await asyncio.gather(
            *(probed(connector, "icmp", host=host) for host in (V4, V6, "a.test", "127.0.0.9") * 50)
        )
        if may_ping():
            assert {seen(result) for result in results} == {"ok"}, results
            assert {result.address for result in results} == {V4, V6, "127.0.0.9"}
            assert all(result.phases.first_byte for result in results)
        else:
            assert {seen(result) for result in results} == {"prober_error"}
            assert "ping_group_range" in results[0].detail
