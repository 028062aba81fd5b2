"""When domains expire, asked of real RDAP servers on loopback, which answer as registries do and as they should not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, TypeVar

import msgspec
import pytest

from infra.egress.guard import Guard
from infra.settings.settings import Settings
from ingest.prober.domains.expiry import AGAIN, AGAIN_WITHIN, AT_ONCE, FIRST_WITHIN, RETRY, Domains
from ingest.prober.domains.rdap import ANSWER_READ, NotAnswered, Rdap
from ingest.prober.prober import Prober
from schemas.base import SECOND, Micros
from schemas.monitor_states import MonitorCopy, MonitorState
from schemas.monitors import MonitorKind
from schemas.probes import DomainTested, ProbeCompleted, ProbeResultsEvent
from tests.memory_log import MemorySink
from tests.ping_world import NOON, HandClock
from tests.probe_targets import (
    LOOPBACK,
    V4,
    answering,
    connecting,
    monitor,
    resolving,
    serving,
)
from tests.rdap_registry import EXPIRATION, EXPIRES, NOT_FOUND, Registry, ok, redirect, registry, told

T = TypeVar("T")


@contextlib.asynccontextmanager
async def asking(one: Registry, guard: Guard = LOOPBACK, seconds: float = 5.0) -> AsyncIterator[Rdap]:
    async with Rdap(f"{one.url}/dns.json", guard, seconds=seconds, monotonic=lambda: one.now) as rdap:
        yield rdap


# ---- one question


async def test_an_expiry_is_found() -> None:
    async with registry() as one, asking(one) as rdap:
        assert await rdap.expires("example.com") == EXPIRES
        one.tells("a.co.uk", told(EXPIRATION | {"eventDate": "2027-08-13T06:00:00.25+02:00"}))
        assert await rdap.expires("a.co.uk") == EXPIRES  # the longest suffix counts
        one.tells("b.com", told(EXPIRATION | {"eventDate": "2027-08-13 04:00:00"}))
        assert await rdap.expires("b.com") == EXPIRES
        assert one.asked.count("/dns.json") == 1


async def test_what_nobody_knows_is_not_known() -> None:
    async with registry() as one, asking(one) as rdap:
        assert await rdap.expires("missing.com") is None
        one.tells("silent.com", told())
        assert await rdap.expires("silent.com") is None
        one.tells("bare.com", b"{}")
        assert await rdap.expires("bare.com") is None
        asked = len(one.asked)
        assert await rdap.expires("example.org") is None  # no server for it
        assert len(one.asked) == asked


WRONG: list[bytes] = [
    ok(b""),
    ok(b"{"),
    ok(b"[]"),
    ok(b"\xff"),
    ok(told() + b"\0"),
    ok(b'{"events":' + b"[" * 100_000),
    ok(b'{"events":' + b'{"a":' * 20_000),
    ok(b'{"other":' + b"[" * 100_000),
    ok(told(7)),
    ok(told({"eventAction": "expiration", "eventDate": None})),
    ok(told(EXPIRATION | {"eventDate": "tomorrow"})),
    ok(told(EXPIRATION | {"eventDate": "2027-99-99T00:00:00Z"})),
    b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
    b"HTTP/1.1 429 Slow Down\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
    redirect("/rdap/domain/example.net"),
    redirect("file:///etc/passwd"),
    redirect("http://10.0.0.1/"),
    redirect("http://[::ffff:10.0.0.1]/"),
    redirect("http://h:99999/"),
    b"SSH-2.0-OpenSSH_9.0\r\n",
    b"",
]


@pytest.mark.parametrize("answer", WRONG, ids=[repr(answer[:50]) for answer in WRONG])
async def test_what_is_no_answer_is_told_so(answer: bytes) -> None:
    async with registry() as one, asking(one) as rdap:
        one.answers["/rdap/domain/example.net"] = one.answers["/rdap/domain/wrong.com"] = answer
        with pytest.raises(NotAnswered):
            await rdap.expires("wrong.com")
        assert await rdap.expires("example.com") == EXPIRES


async def test_redirects_are_followed_a_few_times() -> None:
    async with registry() as one, registry() as other, asking(one) as rdap:
        one.answers["/rdap/domain/moved.com"] = redirect(f"{other.url}/a")
        other.answers["/a"] = redirect("/b")
        other.answers["/b"] = redirect("/rdap/domain/example.com")
        assert await rdap.expires("moved.com") == EXPIRES
        other.answers["/rdap/domain/example.com"] = redirect("/a")
        with pytest.raises(NotAnswered, match="Redirects"):
            await rdap.expires("moved.com")


async def test_an_endless_answer_ends() -> None:
    async with registry() as one, asking(one) as rdap:
        one.answers["/rdap/domain/endless.com"] = b"HTTP/1.1 200 OK\r\n\r\n"
        one.endless.add("/rdap/domain/endless.com")
        with pytest.raises(NotAnswered, match=f"longer than {ANSWER_READ // 1024} KB"):
            await rdap.expires("endless.com")
        await one.listening.emptied()


async def test_a_silent_server_is_given_up() -> None:
    async with registry() as one, asking(one, seconds=0.2) as rdap:
        one.gate.clear()
        with pytest.raises(NotAnswered, match="within"):
            await rdap.expires("example.com")
        one.gate.set()
        one.now += 60
        assert await rdap.expires("example.com") == EXPIRES


async def test_private_addresses_are_refused() -> None:
    async with registry() as one:
        async with asking(one, Guard()) as rdap:
            with pytest.raises(NotAnswered):
                await rdap.expires("example.com")
        async with Rdap(f"http://localhost:{one.listening.port}/dns.json", Guard()) as rdap:
            with pytest.raises(NotAnswered):
                await rdap.expires("example.com")
        assert one.asked == []
        one.bootstrap([[["com"], ["http://10.0.0.1/rdap/"]]])
        async with asking(one) as rdap:
            with pytest.raises(NotAnswered):
                await rdap.expires("example.com")


@pytest.mark.parametrize("services", [7, [[["com"]]], [[["com"], "x"]], [[["com"], ["no URL"]]], []])
async def test_a_bootstrap_file_that_is_none(services: Any) -> None:
    async with registry() as one, asking(one) as rdap:
        one.bootstrap(services)
        with pytest.raises(NotAnswered):
            await rdap.expires("example.com")


async def test_the_bootstrap_file_is_read_daily_and_kept_while_it_cannot_be_read() -> None:
    async with registry() as one, asking(one) as rdap:
        good = one.answers.pop("/dns.json")
        for _ in range(2):  # it is not tried for every domain
            with pytest.raises(NotAnswered, match="bootstrap"):
                await rdap.expires("example.com")
        assert one.asked == ["/dns.json"]
        one.now += 60
        one.answers["/dns.json"] = good
        assert await rdap.expires("example.com") == EXPIRES
        one.now += 86_400
        one.answers["/dns.json"] = NOT_FOUND
        with pytest.raises(NotAnswered):
            await rdap.expires("example.com")
        assert await rdap.expires("example.com") == EXPIRES
        one.now += 60
        one.bootstrap([[["com"], [f"{one.url}/elsewhere/"]]])
        assert await rdap.expires("example.com") is None
        assert one.asked.count("/dns.json") == 4


async def test_a_server_that_speaks_tls_is_taken() -> None:
    async with registry() as one, asking(one) as rdap:
        one.bootstrap([[["com"], [f"{one.url}/rdap/", f"https://{V4}:1/"]], [["net"], []]])
        with pytest.raises(NotAnswered):
            await rdap.expires("example.com")
        assert one.asked == ["/dns.json"]
        assert await rdap.expires("example.net") is None


# ---- many domains, over time


class World:
    """Domains of monitors, asked of a registry."""

    def __init__(self, one: Registry, rdap: Rdap) -> None:
        self.domains = Domains(rdap.expires, lambda: one.now)

    def known(self, host: str, kind: MonitorKind = "tcp") -> Micros | None:
        target: dict[str, Any] = {"url": f"https://{host}/"} if kind == "http" else {"host": host}
        return self.domains.expires(monitor(kind, **target))

    async def until(self, host: str, expires: Micros | None) -> None:
        async with asyncio.timeout(60.0):
            while self.known(host) != expires:
                await asyncio.sleep(0.005)

    async def asked(self, one: Registry, times: int) -> None:
        """Until so many questions have been answered, and not one more."""
        async with asyncio.timeout(60.0):
            while len(one.domains) < times or self.domains.asking or one.waiting:
                await asyncio.sleep(0.005)
        assert len(one.domains) == times


@contextlib.asynccontextmanager
async def world(one: Registry) -> AsyncIterator[World]:
    async with asking(one) as rdap:
        made = World(one, rdap)
        try:
            yield made
        finally:
            await made.domains.close()


async def test_a_domain_is_asked_about_once_for_all_its_monitors() -> None:
    async with registry() as one, world(one) as here:
        assert here.known("example.com") is None
        one.now += FIRST_WITHIN
        kinds: tuple[MonitorKind, ...] = ("http", "tcp", "tls", "icmp", "dns")
        for kind in kinds:
            for host in ("example.com", "www.example.com", "A.B.Example.com."):
                assert here.known(host, kind) is None  # it does not wait
        await here.asked(one, 1)
        assert one.domains == ["example.com"]
        assert {here.known(host, kind) for kind in kinds for host in ("example.com", "x.example.com")} == {EXPIRES}
        one.now += AGAIN - 1
        assert here.known("example.com") == EXPIRES
        await here.asked(one, 1)
        one.tells("example.com", told(EXPIRATION | {"eventDate": "2028-08-13T04:00:00Z"}))
        one.now += AGAIN_WITHIN + 1
        assert here.known("example.com") == EXPIRES
        await here.until("example.com", EXPIRES + 366 * 86_400 * SECOND)
        await here.asked(one, 2)


async def test_not_every_host_has_a_domain() -> None:
    async with registry() as one, world(one) as here:
        for host in (V4, "::1", "localhost", "com", "co.uk", "a.test", "host", "", ".", "a..com", "x" * 300, "ex!.com"):
            for _ in range(2):
                here.known(host)
                one.now += FIRST_WITHIN
        assert not here.domains.asking
        here.known("pages.github.io")
        here.known("shop.example.co.uk")
        one.now += FIRST_WITHIN
        here.known("other.github.io")
        here.known("shop.example.co.uk")
        await here.asked(one, 1)
        assert one.domains == ["example.co.uk"]  # nobody knows .io here


async def test_the_first_questions_are_spread() -> None:
    async with registry() as one, world(one) as here:
        hosts = [f"example{number}.com" for number in range(40)]
        for host in hosts:
            here.known(host)
        counts = []
        for _ in range(4):
            one.now += FIRST_WITHIN / 4
            for host in hosts:
                here.known(host)
            async with asyncio.timeout(60.0):
                while here.domains.asking:
                    await asyncio.sleep(0.005)
            counts.append(len(one.domains))
        assert 0 < counts[0] < counts[1] < counts[2] < counts[3] == 40
        assert one.most_waiting <= AT_ONCE


async def test_a_few_are_asked_about_beside_each_other() -> None:
    async with registry() as one, world(one) as here:
        here.known("example.com")
        one.now += FIRST_WITHIN
        await here.until("example.com", EXPIRES)
        one.gate.clear()
        for number in range(20):
            here.known(f"example{number}.com")
        one.now += FIRST_WITHIN
        for number in range(20):
            here.known(f"example{number}.com")
        async with asyncio.timeout(60.0):
            while one.waiting < AT_ONCE:
                await asyncio.sleep(0.005)
        one.gate.set()
        await here.asked(one, 21)
        assert one.most_waiting == AT_ONCE


@pytest.mark.parametrize("known_before", [False, True])
async def test_a_server_that_is_down_is_asked_again_after_an_hour(known_before: bool) -> None:
    async with registry() as one, world(one) as here:
        before = None
        here.known("example.com")
        one.now += FIRST_WITHIN
        if known_before:
            await here.until("example.com", EXPIRES)
            before = EXPIRES
            one.now += AGAIN + AGAIN_WITHIN
        one.drops = True
        asked = len(one.asked)
        assert here.known("example.com") == before
        async with asyncio.timeout(60.0):
            while here.domains.asking or len(one.asked) == asked:
                await asyncio.sleep(0.005)
        one.now += RETRY - 1
        assert here.known("example.com") == before
        assert not here.domains.asking
        one.drops = False
        one.tells("example.com", told(EXPIRATION | {"eventDate": "2028-08-13T04:00:00Z"}))
        one.now += 1
        await here.until("example.com", EXPIRES + 366 * 86_400 * SECOND)


async def test_results_tell_what_is_known_and_never_wait_for_it() -> None:
    async with (
        registry() as one,
        world(one) as here,
        resolving({"www.example.com": [V4]}) as names,
        connecting(server=names.server) as connector,
        serving(answering(b"HTTP/1.1 200 OK\r\n\r\n")) as site,
    ):
        clock, sink = HandClock(Settings()), MemorySink()
        prober = Prober(
            "local", connector, sink, clock, lambda sealed, *_: sealed, 9, lambda: one.now, domains=here.domains
        )
        watched = monitor(url=f"http://www.example.com:{site.port}/")
        prober.heard(0, [("definition/m", msgspec.json.encode(MonitorCopy(monitor=watched)))])
        prober.whole(0)

        def of_type(kind: type[T]) -> list[T]:
            events = [msgspec.json.decode(stored.value or b"", type=ProbeResultsEvent) for stored in sink.order]
            return [event for event in events if isinstance(event, kind)]

        async def result(number: int) -> ProbeCompleted:
            prober.heard(0, [("m", msgspec.json.encode(MonitorState(version=1, begun=NOON - number)))])
            async with asyncio.timeout(60.0):
                while len(found := of_type(ProbeCompleted)) < number:
                    await asyncio.sleep(0.005)
            return found[number - 1]

        one.gate.clear()
        assert (await result(1)).domain_expires is None
        one.now += FIRST_WITHIN
        silent = await result(2)
        assert (silent.ok, silent.domain_expires) == (True, None)
        one.gate.set()
        await here.until("www.example.com", EXPIRES)
        assert (await result(3)).domain_expires == EXPIRES
        site_down = msgspec.structs.replace(
            watched, version=2, target=msgspec.structs.replace(watched.target, statuses=(500,))
        )
        prober.heard(0, [("definition/m", msgspec.json.encode(MonitorCopy(monitor=site_down)))])
        prober.heard(0, [("m", msgspec.json.encode(MonitorState(version=2, begun=NOON - 4)))])
        failed = await result(4)
        assert (failed.ok, failed.domain_expires) == (False, EXPIRES)
        # The fact is told once for what a registry has said.
        [fact] = of_type(DomainTested)
        assert (fact.expires, fact.source, fact.region, fact.version) == (EXPIRES, "RDAP", "local", 1)
