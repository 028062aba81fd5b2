"""Control targets, asked for real: on loopback, with a resolver and a server of the test's own."""

import asyncio
from pathlib import Path

import pytest
from dnslib import RCODE, RR, DNSRecord

from infra.settings.settings import ControlTarget
from ingest.prober.probes.icmp_socket import IcmpSocket
from ingest.prober.probes.outcome import ProbeFailed
from ingest.prober.region import controls
from ingest.prober.region.controls import Control, ask, control_targets, gateways
from schemas.servers import Server
from tests.probe_targets import V4, V6, Resolving, resolving, serving, silent, unanswered

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t{}\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""
ROUTES_6 = (
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 {} 00000400 1 0 450003 eth0\n"
    "20010db8000000000000000000000000 40 00000000000000000000000000000000 00 {} 00000100 1 0 1 eth0\n"
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 {} ffffffff 1 0 200200 lo\n"
)
NONE = "0" * 32


async def answering(some: list[Control]) -> list[int]:
    """The numbers of those that answer."""
    heard: list[int] = []
    async with asyncio.timeout(controls.PATIENCE + 60.0):
        await ask(some, heard.append)
    return sorted(heard)


def connections(*servers: ControlTarget) -> list[Control]:
    return control_targets(servers, (), IcmpSocket())


def resolver(told: Resolving) -> list[Control]:
    return control_targets(["resolver"], [told.server], IcmpSocket())


async def test_a_connection_that_is_accepted_or_refused_is_an_answer() -> None:
    async with serving(silent) as server, serving(silent, V6) as other:
        some = connections((V4, server.port), (V4, 1), (V6, other.port))
        assert [one.beyond for one in some] == [True] * 3
        assert await answering(some) == [0, 1, 2]


async def test_what_answers_is_heard_of_at_once_and_what_does_not_is_not_waited_for_long() -> None:
    loop = asyncio.get_running_loop()
    heard = asyncio.Event()

    async def late() -> bool:
        """Answers when the other one has been heard of."""
        return await heard.wait()

    numbers: list[int] = []

    def answered(number: int) -> None:
        numbers.append(number)
        heard.set()

    [quick] = connections((V4, 1))
    await ask([Control("late", True, late), quick], answered)
    assert numbers == [1, 0]
    with unanswered() as port:
        began = loop.time()
        assert await answering(connections((V4, port))) == []
        assert loop.time() - began >= controls.PATIENCE


@pytest.mark.parametrize(("says", "counts"), [("NXDOMAIN", True), ("SERVFAIL", False), ("REFUSED", False)])
async def test_a_resolver_answers_when_it_has_asked_others(says: str, counts: bool) -> None:
    class Everything(dict[str, str]):
        def get(self, key: str, default: object = None) -> str:
            return says

    async with resolving(Everything()) as told:
        [one] = some = resolver(told)
        assert one.beyond
        assert await answering(some) == [0] * counts
        names = {name for _, name, _ in told.asked}
        assert all(name.endswith(".empty.as112.arpa") for name in names)
        await answering(some)
        assert len({name for _, name, _ in told.asked} - names) == 1  # another one each time


NAMED, BLACKHOLE = "empty.as112.arpa. .", "blackhole.as112.arpa. hostmaster.as112.arpa."


@pytest.mark.parametrize(
    ("authority", "server", "counts"),
    [(1, NAMED, False), (0, NAMED, False), (1, BLACKHOLE, False), (0, BLACKHOLE, True), (0, None, True)],
)
async def test_a_resolver_that_serves_the_zone_itself_shows_nothing(
    authority: int, server: str | None, counts: bool
) -> None:
    """BIND does, with an empty zone of its own: it answers while the way out is cut."""

    class Serving(Resolving):
        def _reply(self, protocol: str, data: bytes) -> DNSRecord:
            reply = DNSRecord.parse(data).reply(aa=authority)
            reply.header.rcode = RCODE.NXDOMAIN
            if server is not None:
                reply.add_auth(*RR.fromZone(f"EMPTY.AS112.ARPA. 86400 IN SOA {server} 0 28800 7200 604800 86400"))
            return reply

    told = Serving({})
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: told, local_addr=(V4, 0))
    told.server = transport.get_extra_info("sockname")[:2]
    assert await answering(resolver(told)) == [0] * counts
    transport.close()


async def test_a_question_that_gets_lost_is_asked_again() -> None:
    class Lossy(Resolving):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            self.lost = getattr(self, "lost", 0) + 1
            if self.lost > 1:
                super().datagram_received(data, addr)

    told = Lossy({})
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: told, local_addr=(V4, 0))
    told.server = transport.get_extra_info("sockname")[:2]
    assert await answering(resolver(told)) == [0]
    assert told.lost == 2
    transport.close()


async def test_a_resolver_that_is_away_does_not_answer() -> None:
    async with resolving({}) as told:
        told.silent = True
        assert await answering(resolver(told)) == []
    assert await answering(resolver(told)) == []  # nobody listens there any more


async def test_a_gateway_answers_in_whatever_way_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controls, "gateways", lambda: [V4])
    echoes = IcmpSocket()
    [one] = some = control_targets(["gateway"], (), echoes)
    assert not one.beyond
    assert await answering(some) == [0]
    with unanswered() as port:  # it may drop connections
        monkeypatch.setattr(controls, "_GATEWAY_PORT", port)
        try:
            echoes.send(V4, asyncio.get_running_loop().create_future())
        except ProbeFailed:  # no echoes here either
            assert await answering(some) == []
        else:
            assert await answering(some) == [0]
    echoes.close()


def test_the_gateways_are_read_from_the_kernel(tmp_path: Path) -> None:
    assert gateways(tmp_path) == []
    (tmp_path / "route").write_text(ROUTES.format("010200C0"))
    assert gateways(tmp_path) == ["192.0.2.1"]
    (tmp_path / "ipv6_route").write_text(ROUTES_6.format("20010db8000000000000000000000001", NONE, NONE))
    assert gateways(tmp_path) == ["192.0.2.1", "2001:db8::1"]
    (tmp_path / "route").write_text(ROUTES.format("00000000"))  # a link without a gateway
    (tmp_path / "ipv6_route").write_text(ROUTES_6.format("fe80" + "0" * 27 + "1", NONE, NONE))
    assert gateways(tmp_path) == []
    (tmp_path / "route").write_text("nonsense\n\n")
    assert gateways(tmp_path) == []


async def test_the_resolvers_are_those_of_probers_or_else_of_the_host_as_it_knows_them_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of_host: list[Server] = []
    monkeypatch.setattr(controls, "system_servers", lambda: of_host)
    some = control_targets(["resolver", (V4, 1)], (), IcmpSocket())
    assert [one.name for one in some] == ["resolver", f"{V4}:1"]
    assert await answering(some) == [1]
    async with resolving({}) as told, resolving({}) as away:
        away.silent = True
        of_host[:] = [away.server, told.server]  # one that answers is enough
        assert await answering(some) == [0, 1]
        assert await answering(control_targets(["resolver"], [away.server], IcmpSocket())) == []
