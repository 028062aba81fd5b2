"""The DNS server with real sockets: as a process of its own, asked by dnspython, by dig, and by who means harm."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.resolver
import pytest

from infra.embedded.ports import free_port
from infra.http_server.listening import CannotListen, bind
from infra.settings.settings import Settings
from pingfold.roles.dns import bind_dns
from query_api.dns.answers import Answers
from query_api.dns.rates import Rates
from query_api.dns.server import DnsServer, Listener
from query_api.dns.tcp import TcpServer
from query_api.dns.udp import UdpServer
from tests.dns_zone import NAME, many, question, values, zone

HOST = "127.0.0.1"
# Long enough for a machine that does much else; nothing waits for its end.
PATIENCE = 60.0
NODES = 60


class Running(NamedTuple):
    """A `pingfold dns`."""

    process: "subprocess.Popen[bytes]"
    port: int
    data: Path
    log: Path


def nodes_file() -> str:
    return "\n".join(f'[{node.code}]\nip = "{node.ip}"\nip6 = "{node.ip6}"' for node in many(NODES))


def command(data: Path, **settings: str) -> dict[str, Any]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PINGFOLD_", "KAFKA_"))}
    return {
        "args": [sys.executable, "-m", "pingfold", "dns"],
        "env": kept | {"PINGFOLD_DATA": str(data), "PINGFOLD_DNS_NAMESERVERS": "ns1.example.org"} | settings,
    }


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("dns")
    (folder / "nodes.toml").write_text(nodes_file())
    port, log = free_port(), folder / "log"
    settings = {
        "PINGFOLD_DNS_ZONE": NAME,
        "PINGFOLD_NODES": str(folder / "nodes.toml"),
        "PINGFOLD_DNS_LISTEN": f"{HOST}:{port}",
        "PINGFOLD_DNS_ANSWERS_PER_SECOND": "0",
    }
    with log.open("wb") as lines, subprocess.Popen(**command(folder / "data", **settings), stderr=lines) as process:
        try:
            until(lambda: b"dns.listening" in log.read_bytes() or process.poll() is not None)
            assert process.poll() is None, log.read_text()
            yield Running(process, port, folder / "data", log)
        finally:
            process.kill()


def ask(port: int, name: str, kind: str = "A", tcp: bool = False, **options: Any) -> dns.message.Message:
    """By dnspython, which checks that the answer is one to this question, from this address."""
    query, over = question(name, kind, **options), dns.query.tcp if tcp else dns.query.udp
    return over(query, HOST, timeout=PATIENCE, port=port)


def works(port: int) -> None:
    """It answers, over UDP and TCP. A packet may have been lost in a flood."""
    for tcp in (True, False):
        deadline = time.monotonic() + PATIENCE
        while True:
            query = question("n1.nodes")
            with contextlib.suppress(dns.exception.Timeout):
                over = dns.query.tcp if tcp else dns.query.udp
                found = over(query, HOST, timeout=2.0, port=port)
                assert values(found) == {"192.0.2.1"}
                break
            assert time.monotonic() < deadline


@pytest.mark.parametrize("tcp", [False, True])
def test_dnspython(running: Running, tcp: bool) -> None:
    port = running.port
    assert values(ask(port, "n7.nodes", "A", tcp)) == {"192.0.2.7"}
    assert values(ask(port, "n7.nodes", "AAAA", tcp)) == {"2001:db8::8"}
    assert values(ask(port, "n7.nodes", "TXT", tcp)) == {"2001:db8::8 192.0.2.7"}
    assert values(ask(port, "local.nodes", "TXT", tcp)) == set(), "a region of which nothing is known"
    assert ask(port, "", "SOA", tcp).answer
    assert ask(port, "none", tcp=tcp).rcode() == dns.rcode.NXDOMAIN
    assert ask(port, "ips", "ANY", tcp).answer
    assert ask(port, "ips", tcp=tcp, use_edns=1).rcode() == dns.rcode.BADVERS


def test_what_is_truncated_comes_over_tcp(running: Running) -> None:
    assert ask(running.port, "ips", "AAAA").flags & dns.flags.TC
    response, over_tcp = dns.query.udp_with_fallback(question("ips", "AAAA"), HOST, timeout=PATIENCE, port=running.port)
    assert over_tcp
    assert len(values(response)) == NODES


def test_a_resolver_of_dnspython(running: Running) -> None:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port, resolver.lifetime = [HOST], running.port, PATIENCE
    assert len(list(resolver.resolve(f"ips.{NAME}", "AAAA"))) == NODES
    with pytest.raises(dns.resolver.NXDOMAIN):
        resolver.resolve(f"none.{NAME}")
    with pytest.raises(dns.resolver.NoAnswer):
        resolver.resolve(f"ipv4.{NAME}", "AAAA")


@pytest.mark.skipif(shutil.which("dig") is None, reason="not run: there is no dig (Debian package bind9-dnsutils)")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["n7.nodes", "A", "+short"], "192.0.2.7\n"),
        (["n7.nodes", "TXT", "+short"], '"2001:db8::8 192.0.2.7"\n'),
        (["N7.NoDeS", "A", "+tcp", "+noall", "+answer"], "N7.NoDeS.nodes.example.org. 300"),
        (["ips", "AAAA"], "Truncated, retrying in TCP mode"),
        (["ips", "AAAA"], f"ANSWER: {NODES}, AUTHORITY: 0"),
        (["ips", "AAAA", "+noedns", "+ignore"], "flags: qr aa tc rd"),
        (["none", "A"], "status: NXDOMAIN"),
        (["ipv4", "AAAA"], "ANSWER: 0, AUTHORITY: 1"),
        (["ips", "A", "+edns=7", "+noednsnegotiation"], "status: BADVERS"),
        (["ips", "A", "+opcode=4"], "status: NOTIMP"),
        (["ips", "AXFR"], "Transfer failed"),
        (["ips", "CH", "TXT"], "status: REFUSED"),
    ],
)
def test_dig(running: Running, arguments: list[str], told: str) -> None:
    name, *rest = arguments
    asked = ["dig", f"@{HOST}", "-p", str(running.port), f"{name}.{NAME}", *rest, "+timeout=20"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE)
    assert " ".join(told.split()) in " ".join(done.stdout.split())


def test_a_flood_of_anything(running: Running) -> None:
    """It goes on answering, and says little about it."""
    query = question("ips", "AAAA", use_edns=0).to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.connect((HOST, running.port))
        for number in range(5_000):
            sent = (os.urandom(number % 300), query[: number % len(query)], b"\0\0\x80" + query[3:])[number % 3]
            with contextlib.suppress(OSError):
                stranger.send(sent)
    works(running.port)
    assert running.process.poll() is None
    assert len(running.log.read_bytes().splitlines()) < 10


def test_messages_over_tcp_that_make_no_sense(running: Running) -> None:
    """Each ends its own connection, at once or when it is complete."""
    for sent in (b"\0\0", b"\xff\xff" + b"x" * 70_000, b"\0\x05hello", b"\x10\x01", b"\0\x0c\0\0\x80" + b"\0" * 9):
        with socket.create_connection((HOST, running.port), timeout=PATIENCE) as client:
            with contextlib.suppress(ConnectionError):
                client.sendall(sent)
            with contextlib.suppress(ConnectionError):
                assert client.recv(1) == b""
    works(running.port)


def test_many_queries_on_one_connection_are_answered_in_their_order(running: Running) -> None:
    """All sent at once, and what was asked before the client ends its side is answered, too."""
    queries = [question(f"n{number % NODES}.nodes", id=number) for number in range(1_000)]
    with socket.create_connection((HOST, running.port), timeout=PATIENCE) as client:
        for query in queries:
            wire = query.to_wire()
            client.sendall(len(wire).to_bytes(2, "big") + wire)
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as answers:
            for query in queries:
                response = dns.message.from_wire(answers.read(int.from_bytes(answers.read(2), "big")))
                assert query.is_response(response)
            assert answers.read() == b""


def test_it_publishes_its_progress_and_ends_when_it_is_told(running: Running) -> None:
    """The last of those that ask it."""
    progress = running.data / "run" / "dns-0.progress"
    until(progress.exists)
    first = json.loads(progress.read_text())["counter"]
    until(lambda: json.loads(progress.read_text())["counter"] > first)
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(PATIENCE) == 0


def test_without_a_zone_it_ends_with_one_line(tmp_path: Path) -> None:
    done = subprocess.run(**command(tmp_path), capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    (line,) = [line for line in (done.stdout + done.stderr).splitlines() if line]
    assert "PINGFOLD_DNS_ZONE is not set: name the zone to answer for" in line


def listening_on(host: str, port: int) -> Settings:
    return Settings(
        _env_file=None, dns_zone=NAME, dns_nameservers=("ns1.example.org",), dns_listen=((HOST, 0), (host, port))
    )


def test_an_address_that_is_not_there() -> None:
    with pytest.raises(CannotListen, match=r"no address 192\.0\.2\.1; set PINGFOLD_DNS_LISTEN"):
        bind_dns(listening_on("192.0.2.1", 53))


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_that_is_taken_by_either_protocol(kind: socket.SocketKind) -> None:
    """No socket is left open, those of the addresses before it neither: an open one would be told as an error."""
    with bind(HOST, 0, kind=kind) as holder:
        port = holder.getsockname()[1]
        if kind == socket.SOCK_STREAM:
            holder.listen()
        with pytest.raises(CannotListen, match=f"port {port} on {HOST} is taken by another program; set PINGFOLD_DNS"):
            bind_dns(listening_on(HOST, port))


# In this process, with bounds that a test can reach.


@contextlib.asynccontextmanager
async def serving(tcp: TcpServer) -> AsyncIterator[int]:
    listener = bind(HOST, 0)
    server = await asyncio.get_running_loop().create_server(tcp.connection, sock=listener)
    try:
        yield listener.getsockname()[1]
    finally:
        tcp.close()
        server.close()


async def soon(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.01)


async def ends(reader: asyncio.StreamReader) -> None:
    """Until the server has ended a connection, by which nothing more came."""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(PATIENCE):
            assert await reader.read() == b""


def framed(name: str, kind: str = "A") -> bytes:
    wire: bytes = question(name, kind).to_wire()
    return len(wire).to_bytes(2, "big") + wire


async def test_one_client_has_no_more_connections_than_it_may() -> None:
    """The one that has waited longest gives way; the others are answered."""
    outcomes = Counter[str]()
    tcp = TcpServer(Answers(zone()), outcomes, most=8, most_of_client=3)
    async with serving(tcp) as port:
        opened = [await asyncio.open_connection(HOST, port) for _ in range(3)]
        await soon(lambda: len(tcp.limiter.members) == 3)
        reader, writer = opened[0]
        writer.write(framed("ips"))  # now another one has waited longest
        await reader.readexactly(2)
        opened += [await asyncio.open_connection(HOST, port)]
        await ends(opened[1][0])
        assert len(tcp.limiter.members) == 3
        for kept, asking in (opened[2], opened[3]):
            asking.write(framed("ips"))
            async with asyncio.timeout(PATIENCE):
                await kept.readexactly(2)
        for _, asking in opened:
            asking.close()
        await soon(lambda: not tcp.limiter.members)
    assert outcomes == {"noerror": 3, "crowded": 1}


async def test_a_query_has_to_be_whole_in_time() -> None:
    """However often a byte of it comes. Time passes by the looks alone."""
    outcomes = Counter[str]()
    tcp = TcpServer(Answers(zone()), outcomes, idle_seconds=10.0)
    async with serving(tcp) as port:
        reader, writer = await asyncio.open_connection(HOST, port)
        await soon(lambda: len(tcp.limiter.members) == 1)
        for _ in range(9):
            tcp.look(1.0)
        writer.write(framed("ips"))
        await reader.readexactly(2)
        for byte in framed("ips")[:9]:
            writer.write(bytes([byte]))
            await writer.drain()
            tcp.look(1.0)
        assert len(tcp.limiter.members) == 1
        tcp.look(1.0)
        assert not tcp.limiter.members
        await ends(reader)
        writer.close()
    assert outcomes == {"noerror": 1, "timeout": 1}


async def test_who_does_not_read_is_read_no_more() -> None:
    outcomes = Counter[str]()
    tcp = TcpServer(Answers(zone(many(250))), outcomes)
    async with serving(tcp) as port:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.connect((HOST, port))
            client.setblocking(False)
            asked, blocked = framed("ips", "TXT") * 100, 0
            # Each answer has 10,000 bytes: long before these are all, the server takes no more.
            async with asyncio.timeout(PATIENCE):
                while blocked < 20:
                    try:
                        client.send(asked)
                        blocked = 0
                    except BlockingIOError:
                        blocked += 1
                        await asyncio.sleep(0.02)
                    await asyncio.sleep(0)
            assert len(tcp.limiter.members) == 1
            for _ in range(11):
                tcp.look(1.0)
            assert not tcp.limiter.members
    assert outcomes["timeout"] == 1


async def test_a_fault_of_ours_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One question meets a defect: that one is not answered, the next one is."""
    server = DnsServer(zone(many(3)), Rates(0))
    address = (HOST, free_port())
    await server.start([Listener(address, bind(*address, kind=socket.SOCK_DGRAM), bind(*address))])
    try:
        with monkeypatch.context() as patched:
            patched.setattr("query_api.dns.answers.read_query", lambda _: 1 / 0)
            reader, writer = await asyncio.open_connection(*address)
            writer.write(framed("ips"))
            await ends(reader)
            writer.close()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(question("ips").to_wire(), address)
                await soon(lambda: server.udp_outcomes["failed"] == 1)
        await asyncio.to_thread(works, address[1])
        assert server.tcp_outcomes["failed"] == 1
        server.publish()
    finally:
        server.close()


async def test_one_address_for_both_families() -> None:
    address = ("::", free_port())
    try:
        udp = bind(*address, kind=socket.SOCK_DGRAM)
    except (CannotListen, OSError):
        pytest.skip("not run: there is no IPv6 here")
    server = DnsServer(zone(), Rates(50))
    await server.start([Listener(address, udp, bind(*address))])
    try:
        for host in (HOST, "::1"):
            for over in (dns.query.udp, dns.query.tcp):
                asked = question("tok.nodes")
                found = await asyncio.to_thread(over, asked, host, timeout=PATIENCE, port=address[1])
                assert values(found) == {"192.0.2.11"}
    finally:
        server.close()


async def test_it_asks_itself_so_that_an_idle_server_makes_progress() -> None:
    server = DnsServer(zone(), Rates(50))
    address = (HOST, free_port())
    await server.start([Listener(address, bind(*address, kind=socket.SOCK_DGRAM), bind(*address))])
    asking = asyncio.create_task(server.keep_asking([address]))
    try:
        await soon(lambda: server.udp[0].handled > 0 and server.tcp.handled > 0)
        assert (server.udp_outcomes["noerror"], server.tcp_outcomes["noerror"]) >= (1, 1)
    finally:
        asking.cancel()
        server.close()


async def test_a_network_that_asks_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within one second: the clock stands still."""
    outcomes = Counter[str]()
    listener = bind(HOST, 0, kind=socket.SOCK_DGRAM)
    server = UdpServer(listener, Answers(zone()), Rates(3), outcomes, lambda: 7.0)
    server.start()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(listener.getsockname())
            client.settimeout(PATIENCE)
            for _ in range(5):
                client.send(question("ips").to_wire())
            client.send(b"\0" * 12)  # malformed: not answered any more
            await soon(lambda: server.handled == 6)
            answers = [dns.message.from_wire(client.recv(600)) for _ in range(5)]
            client.setblocking(False)
            with pytest.raises(BlockingIOError):
                client.recv(600)
    finally:
        server.stop()
    assert [bool(answer.flags & dns.flags.TC) for answer in answers] == [False] * 3 + [True] * 2
    assert outcomes == {"noerror": 3, "limited": 2, "ignored": 1}


async def test_who_asks_from_a_port_where_no_client_is() -> None:
    """An echo server would send our answer back for ever."""
    outcomes = Counter[str]()
    with bind(HOST, 0, kind=socket.SOCK_DGRAM) as listener:
        server = UdpServer(listener, Answers(zone()), Rates(0), outcomes, lambda: 7.0)
        for port in (0, 7, 19):
            server._handle(question("ips").to_wire(), (HOST, port))
    assert outcomes == {"ignored": 3}
