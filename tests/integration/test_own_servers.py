"""Pingfold's own servers are no targets, whatever is allowed, by whatever way: each address of this host in every
disguise, redirects, names that change what they mean, resolvers; and what is allowed for a port or a project only."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from infra.egress.guard import Guard, TargetRefused
from infra.egress.own_servers import guard_of, own_servers
from infra.egress.resolver import ASKER
from infra.settings.settings import Settings
from ingest.prober.probes.kinds import probe
from processors.sender.webhooks import WebhookClient
from schemas.monitors import Sealed
from tests.probe_targets import (
    V4,
    V6,
    Talk,
    answering,
    connecting,
    head_of,
    monitor,
    probed,
    resolving,
    serving,
)

pytestmark = pytest.mark.stack

EVERYTHING = "0.0.0.0/0,::/0"
PROJECT = "6f1c4f5e-8b9d-4c6e-9a53-2c1d1f0f4a11"
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Own:
    """A server whose port is written down as Pingfold's own. heard: whether anybody ever connected."""

    def __init__(self, port: int, data: Path) -> None:
        self.port, self.data, self.heard = port, data, False

    def guard(self, allowed: str = EVERYTHING, **settings: Any) -> Guard:
        return guard_of(Settings(_env_file=None, data=self.data, private_targets=allowed, **settings))


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Own]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.heard = True

    async with contextlib.AsyncExitStack() as stack:
        # `::` takes what is sent to any address of this host, of both families.
        server = await asyncio.start_server(talk, "::", 0)
        await stack.enter_async_context(server)
        port = server.sockets[0].getsockname()[1]
        (tmp_path / "ports.json").write_text(json.dumps({"kafka-controller": port}))
        found = Own(port, tmp_path)
        yield found
        await asyncio.sleep(0)
        assert not found.heard


DISGUISES = ["127.0.0.1", "127.9.9.9", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "localhost"]


@pytest.mark.parametrize("host", DISGUISES)
async def test_no_probe_reaches_them(own: Own, host: str) -> None:
    async with connecting(own.guard()) as connector:
        bare = host.strip("[]")
        for kind, target in (
            ("http", {"url": f"http://{host}:{own.port}/", "method": "POST"}),
            ("tcp", {"host": bare, "port": own.port}),
            ("tls", {"host": bare, "port": own.port}),
        ):
            result = await probed(connector, kind, **target)  # type: ignore[arg-type]
            assert (result.failure, "closed to probes" in result.detail) == ("refused target", True), result


@pytest.mark.parametrize("host", [*DISGUISES, "2130706433", "0x7f.1"])
async def test_no_webhook_reaches_them(own: Own, host: str) -> None:
    async with WebhookClient(own.guard()) as client:
        answer = await client.post(f"http://{host}:{own.port}/", b"{}", {})
    assert answer.status is None
    assert "closed to probes" in answer.error or answer.error == "the URL is not valid"


async def test_every_address_of_this_host_is_meant(own: Own) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probing:
        with contextlib.suppress(OSError):  # a host without any network
            probing.connect(("192.0.2.1", 9))
        here = probing.getsockname()[0]
    guard = own.guard()
    for address in {here, f"::ffff:{here}"}:
        with pytest.raises(TargetRefused, match="closed to probes"):
            guard.check(address, own.port)
    guard.check("192.0.2.7", own.port)  # the same port of another host is another's
    guard.check(here, own.port - 1)


async def test_a_redirect_leads_to_none_of_them(own: Own) -> None:
    async with connecting(own.guard()) as connector:
        for place in (f"http://{V4}:{own.port}/", f"http://localhost:{own.port}/", f"//[::1]:{own.port}/"):
            talk = answering(b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % place.encode())
            async with serving(talk) as server:
                result = await probed(connector, url=f"http://{V4}:{server.port}/")
            assert (result.failure, "closed to probes" in result.detail) == ("refused target", True), result


async def test_a_name_that_changes_its_meaning_leads_to_none_of_them(own: Own) -> None:
    """It is looked up once for each connection, and what was found is checked with the port that is dialled."""
    answers: list[list[str]] = []

    def told() -> list[str]:
        answers.append([["192.0.2.1"], [V4]][len(answers) % 2])
        return answers[-1]

    async with resolving({"rebound.test": told}) as names, connecting(own.guard(), names.server) as connector:
        for _ in range(6):
            result = await probed(connector, timeout=1, url=f"http://rebound.test:{own.port}/")
            assert result.failure in ("refused target", "timeout", "connect")
    assert [V4] in answers


async def test_none_of_them_is_asked_as_a_resolver(own: Own) -> None:
    async with connecting(own.guard()) as connector:
        result = await probed(connector, "dns", host="a.test", resolver=f"{V4}:{own.port}")
        assert (result.failure, "closed to probes" in result.detail) == ("refused target", True)


def test_what_the_settings_name_is_their_own_too(tmp_path: Path) -> None:
    settings = Settings(
        _env_file=None, data=tmp_path, port=18_000, kafka_port=18_001, private_targets=EVERYTHING,
        kafka_bootstrap_servers="192.0.2.5:9092,[2001:db8::5]:9093,localhost:9094",
        clickhouse_url="https://user:secret@192.0.2.6/pingfold",
    )  # fmt: skip
    guard = guard_of(settings)
    for address, port in (
        *((V4, 18_000), (V6, 18_000), (V4, 18_001), (V4, 9094)),
        *(("192.0.2.5", 9092), ("::ffff:192.0.2.5", 9092), ("2001:db8::5", 9093), ("192.0.2.6", 8443)),
    ):
        with pytest.raises(TargetRefused, match="closed to probes"):
            guard.check(address, port)
    for address, port in ((V4, 18_002), ("192.0.2.5", 9093), ("192.0.2.6", 443), ("192.0.2.9", 18_000)):
        guard.check(address, port)


def test_one_named_at_this_host_is_own_at_every_address_of_it(tmp_path: Path) -> None:
    settings = Settings(
        _env_file=None, data=tmp_path, private_targets=EVERYTHING,
        kafka_bootstrap_servers="localhost:9094", clickhouse_url="http://127.0.0.1:8125",
    )  # fmt: skip
    guard = guard_of(settings)
    for address in (V4, "127.0.0.2", V6, "0.0.0.0"):
        for port in (9094, 8125):
            with pytest.raises(TargetRefused, match="closed to probes"):
                guard.check(address, port)
    guard.check("192.0.2.5", 9094)


def test_one_whose_name_is_not_known_yet_is_closed_until_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = threading.Event()
    look_up = socket.getaddrinfo

    def names(host: str, *arguments: Any, **options: Any) -> Any:
        if host == "kafka.invalid" and known.is_set():
            return look_up("192.0.2.7", *arguments, **options)
        return look_up(host, *arguments, **options)

    monkeypatch.setattr("infra.egress.own_servers.socket.getaddrinfo", names)
    monkeypatch.setattr("infra.egress.own_servers._AGAIN_SECONDS", 0.0)
    servers = own_servers(Settings(_env_file=None, data=tmp_path, kafka_bootstrap_servers="kafka.invalid:9099"))
    private, public = ip_address("10.0.0.7"), ip_address("2d00::1")  # of a range that is given to nobody
    assert servers.holds(private, 9099)
    assert not servers.holds(private, 9098)
    assert not servers.holds(public, 9099)
    known.set()
    for _ in range(500):
        if not servers.holds(private, 9099):
            break
        time.sleep(0.02)
    assert not servers.holds(private, 9099)
    assert servers.holds(ip_address("192.0.2.7"), 9099)


def test_a_port_may_be_allowed_alone(tmp_path: Path) -> None:
    allowed = "127.0.0.1:9000, [::1]:9001, 10.0.0.0/8:443, localhost:9002"
    guard = guard_of(Settings(_env_file=None, data=tmp_path, private_targets=allowed))
    for address, port in ((V4, 9000), ("::ffff:127.0.0.1", 9000), (V6, 9001), ("10.9.9.9", 443), (V4, 9002)):
        guard.check(address, port)
    for address, other in ((V4, 9001), (V6, 9000), ("127.0.0.2", 9000), ("10.9.9.9", 80), (V4, None), (V6, None)):
        with pytest.raises(TargetRefused, match="PINGFOLD_PRIVATE_TARGETS"):
            guard.check(address, other)


async def test_what_a_project_may_reach_another_may_not(own: Own) -> None:
    talk: Talk = answering(EMPTY)
    async with serving(talk) as server, connecting(own.guard(f"{V4}:{server.port}@{PROJECT}")) as connector:
        one = monitor(url=f"http://{V4}:{server.port}/")
        for project, failure in (("p", "refused target"), (PROJECT, ""), ("p", "refused target")):
            result = await probe(connector, replace(one, project=project), Sealed(), 1, 0, "local", 1)
            assert result.failure == failure, result


async def test_nor_by_a_connection_that_is_kept(own: Own) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await head_of(reader):
            writer.write(EMPTY)

    async with serving(talk) as server, WebhookClient(own.guard(f"{V4}:{server.port}@{PROJECT}")) as client:
        for project, status in (("p", None), (PROJECT, 200), ("p", None), (PROJECT, 200)):
            ASKER.set(project)
            assert (await client.post(f"http://{V4}:{server.port}/", b"", {})).status == status
