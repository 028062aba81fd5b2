"""Probes of hosts with addresses of both families, against real servers on the loopback addresses of both."""

import contextlib
from typing import Any

import pytest

from infra.egress.connecting import has_route
from ingest.prober.probes import connection
from ingest.prober.probes import families as probe_families
from ingest.prober.probes.connection import Connector
from ingest.prober.probes.kinds import probe
from ingest.prober.probes.outcome import Trace
from schemas.monitors import MonitorKind, Sealed
from schemas.probes import ProbeCompleted
from schemas.targets import Families
from tests.both_families import CUT, EMPTY, WELL, listening, resolved
from tests.probe_targets import (
    V4,
    V6,
    Talk,
    answering,
    monitor,
    on_uvloop,
    probed,
    seen,
    serving,
    unanswered,
)

ILL = answering(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")


async def tried(
    ipv4: Talk | None, ipv6: Talk | None, families: Families, host: str = "both.test", **more: Any
) -> ProbeCompleted:
    async with listening(ipv4, ipv6) as port, resolved() as connector:
        return await probed(connector, url=f"http://{host}:{port}/", families=families, **more)


def told(result: ProbeCompleted) -> tuple[str, str, dict[str, str]]:
    """The outcome, the family that failed alone, and the outcome of each."""
    return seen(result), result.family_down, {one.family: "ok" if one.ok else one.failure for one in result.families}


@pytest.mark.parametrize("families", ["either", "each"])
@on_uvloop
async def test_both_are_probed(families: Families) -> None:
    result = await tried(WELL, WELL, families)
    assert told(result) == ("ok", "", {"ipv4": "ok", "ipv6": "ok"})
    assert [one.address for one in result.families] == [V4, V6]
    assert all(one.status == 200 and one.phases.first_byte is not None for one in result.families)
    assert result.address == V4


@pytest.mark.parametrize(
    ("ipv4", "ipv6", "down", "failure"),
    [(WELL, None, "ipv6", "connect"), (None, WELL, "ipv4", "connect"), (WELL, ILL, "ipv6", "status")],
)
@on_uvloop
async def test_one_that_fails_alone(ipv4: Talk | None, ipv6: Talk | None, down: str, failure: str) -> None:
    each = await tried(ipv4, ipv6, "each")
    assert told(each)[:2] == (failure, down)
    either = await tried(ipv4, ipv6, "either")
    assert told(either)[:2] == ("ok", down)
    assert told(either)[2] == told(each)[2] == {"ipv4": "ok", "ipv6": "ok"} | {down: failure}
    assert (either.failure, either.detail, either.status) == ("", "", 200)


@pytest.mark.parametrize("families", ["either", "each"])
@on_uvloop
async def test_both_that_fail_are_a_failure_as_ever(families: Families) -> None:
    result = await tried(None, ILL, families)
    assert told(result) == ("connect", "", {"ipv4": "connect", "ipv6": "status"})


@pytest.mark.parametrize("families", ["either", "each"])
@pytest.mark.parametrize("host", ["four.test", V4])
@on_uvloop
async def test_the_only_one_decides(host: str, families: Families) -> None:
    assert told(await tried(WELL, None, families, host)) == ("ok", "", {})
    assert told(await tried(None, WELL, families, host)) == ("connect", "", {})


@on_uvloop
async def test_a_host_that_has_ipv6_only() -> None:
    for host in ("six.test", f"[{V6}]"):
        assert told(await tried(None, WELL, "each", host)) == ("ok", "", {})
        assert told(await tried(WELL, None, "each", host)) == ("connect", "", {})


@on_uvloop
async def test_a_name_that_is_not_known_is_one_failure() -> None:
    assert told(await tried(WELL, WELL, "each", "none.test")) == ("name", "", {})


@on_uvloop
async def test_without_the_setting_the_first_address_that_answers_is_enough() -> None:
    result = await tried(WELL, None, "")
    assert told(result) == ("ok", "", {})


@on_uvloop
async def test_a_family_to_which_this_host_has_no_way_is_not_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "has_route", lambda address: ":" not in address)
    assert told(await tried(WELL, ILL, "each")) == ("ok", "", {})
    monkeypatch.setattr(connection, "has_route", lambda address: False)
    assert told(await tried(WELL, WELL, "each")) == ("ok", "", {})
    assert told(await tried(None, None, "each")) == ("connect", "", {})


@on_uvloop
async def test_silence_counts_once_somebody_has_answered_over_that_family(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_families, "is_local", lambda address: False)
    monkeypatch.setattr(connection, "has_route", lambda address: True)

    async def silent_over_ipv6(connector: Connector, is_down: bool = False) -> tuple[str, str, dict[str, str]]:
        async with serving(WELL, V4) as server:
            one = monitor(url=f"http://cut.test:{server.port}/", families="each")
            return told(await probe(connector, one, Sealed(), 1, 0, "local", 1, Trace(down=is_down)))

    async with resolved() as connector:
        assert await silent_over_ipv6(connector) == ("ok", "", {})
        assert (await silent_over_ipv6(connector, is_down=True))[:2] == ("connect", "ipv6")
        assert connector.proven == {"ipv4"}
        async with listening(WELL, WELL) as port:
            assert seen(await probed(connector, url=f"http://both.test:{port}/", families="each")) == "ok"
        assert connector.proven == {"ipv4", "ipv6"}
        assert (await silent_over_ipv6(connector))[:2] == ("connect", "ipv6")


@on_uvloop
async def test_a_refusal_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_families, "is_local", lambda address: False)
    assert told(await tried(WELL, None, "each"))[:2] == ("connect", "ipv6")


def test_a_way_is_known_without_sending_anything() -> None:
    assert has_route(V4)
    assert has_route(V6)
    assert not has_route(CUT)


@on_uvloop
async def test_a_redirect_may_lead_to_a_host_with_one_family() -> None:
    async with serving(WELL) as other:
        away = answering(b"HTTP/1.1 302 F\r\nLocation: http://four.test:%d/\r\n\r\n" % other.port)
        assert told(await tried(away, away, "each"))[:2] == ("ok", "")


@on_uvloop
async def test_a_family_that_is_silent_takes_no_longer_than_one_probe() -> None:
    async with resolved() as connector, serving(WELL, V4) as server, contextlib.AsyncExitStack() as stack:
        for _ in range(50):
            try:
                stack.enter_context(unanswered(V6, server.port))
                break
            except OSError:  # somebody else has the port of the other family
                server = await stack.enter_async_context(serving(WELL, V4))
        url = f"http://both.test:{server.port}/"
        result = await probed(connector, timeout=3, url=url, families="each")
    assert told(result)[:2] == ("timeout", "ipv6")
    assert result.detail == "after 3 s"


@pytest.mark.parametrize("kind", ["tcp"])
@on_uvloop
async def test_other_kinds_have_families_too(kind: MonitorKind) -> None:
    async with listening(WELL, None) as port, resolved() as connector:
        for families, outcome in (("each", "connect"), ("either", "ok"), ("", "ok")):
            result = await probed(connector, kind, host="both.test", port=port, families=families)
            assert seen(result) == outcome


@on_uvloop
async def test_the_verb_of_both_is_get_where_one_needs_it() -> None:
    picky = answering(EMPTY)

    async def no_head(reader: Any, writer: Any) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(EMPTY if head.startswith(b"GET") else b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n")

    assert (await tried(picky, no_head, "each", method="GET/HEAD")).verb == "GET"
    assert (await tried(picky, picky, "each", method="GET/HEAD")).verb == "HEAD"
