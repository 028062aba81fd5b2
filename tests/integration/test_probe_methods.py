"""Probes of `GET/HEAD` against real servers on loopback: which of the two is sent, and what is told of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from ingest.prober.probes.kinds import probe
from ingest.prober.probes.outcome import Trace
from schemas.monitors import Sealed
from schemas.probes import ProbeCompleted
from schemas.targets import Verb
from tests.probe_targets import V4, connecting, head_of, monitor, on_uvloop, seen, serving, until_gone

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
MB = 1_000_000


def status(code: int) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % code


@contextlib.asynccontextmanager
async def site(answers: Mapping[str, bytes | None]) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that answers each method so; None: never. Its URL, and the methods that it was asked by."""
    asked: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method = (await head_of(reader)).split()[0].decode()
        asked.append(method)
        answer = answers[method]
        if answer is None:
            await until_gone(reader)
        else:
            writer.write(answer)

    async with serving(talk) as server:
        yield f"http://{V4}:{server.port}/", asked


async def probed(url: str, verb: Verb = "", timeout: int = 5, **target: Any) -> ProbeCompleted:
    one = monitor("http", timeout, url=url, method="GET/HEAD", **target)
    async with connecting() as connector:
        return await probe(connector, one, Sealed(), 1, 0, "local", 1, Trace(verb=verb))


@pytest.mark.parametrize(
    ("get", "head", "found"),
    [
        (OK, OK, "HEAD"),
        (OK, status(204), "GET"),
        (OK, status(405), "GET"),
        (OK, status(500), "GET"),
        (OK, b"", "GET"),
        (OK, b"nonsense", "GET"),
        (status(301), status(301), "HEAD"),  # it leads nowhere
    ],
)
@on_uvloop
async def test_the_two_are_compared_when_it_is_not_known_what_is_enough(get: bytes, head: bytes, found: Verb) -> None:
    async with site({"GET": get, "HEAD": head}) as (url, asked):
        result = await probed(url)
    assert (seen(result), result.verb, result.method) == ("ok", found, "GET")
    assert asked == ["GET", "HEAD"]


@on_uvloop
async def test_a_server_that_never_answers_head_is_well_and_pins_get() -> None:
    async with site({"GET": OK, "HEAD": None}) as (url, asked):
        result = await probed(url, timeout=3)
    assert (seen(result), result.verb, asked) == ("ok", "GET", ["GET", "HEAD"])
    assert result.took < 3_000_000


@pytest.mark.parametrize("get", [status(500), b"", b"nonsense"])
@on_uvloop
async def test_nothing_is_compared_while_the_target_is_down(get: bytes) -> None:
    async with site({"GET": get, "HEAD": get}) as (url, asked):
        result = await probed(url)
    assert (result.ok, result.verb, asked) == (False, "", ["GET"])


@pytest.mark.parametrize("head", [OK, status(404), status(500), b""])
@on_uvloop
async def test_where_head_is_enough_it_decides(head: bytes) -> None:
    async with site({"GET": OK, "HEAD": head}) as (url, asked):
        result = await probed(url, "HEAD")
    assert (result.ok, result.verb, result.method, asked) == (head == OK, "", "HEAD", ["HEAD"])


@pytest.mark.parametrize("code", [405, 501])
@pytest.mark.parametrize("get", [200, 503])
@on_uvloop
async def test_get_follows_a_head_that_is_not_allowed(code: int, get: int) -> None:
    async with site({"GET": status(get), "HEAD": status(code)}) as (url, asked):
        result = await probed(url, "HEAD")
    assert (result.ok, result.status, result.method) == (get == 200, get, "GET")
    assert asked == ["HEAD", "GET"]


@on_uvloop
async def test_a_status_that_is_wanted_is_well_by_head_too() -> None:
    async with site({"GET": OK, "HEAD": status(405)}) as (url, asked):
        result = await probed(url, "HEAD", statuses=(405,))
    assert (result.ok, result.status, asked) == (True, 405, ["HEAD"])


@pytest.mark.parametrize("verb", ["", "HEAD", "GET"])
@on_uvloop
async def test_a_string_needs_get_whatever_is_known(verb: Verb) -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell"
    async with site({"GET": page, "HEAD": OK}) as (url, asked):
        assert seen(await probed(url, verb, keyword="well")) == "ok"
        result = await probed(url, verb, keyword="ill")
    assert (seen(result), result.verb, asked) == ("keyword", "", ["GET", "GET"])


@on_uvloop
async def test_where_get_is_pinned_it_alone_is_sent() -> None:
    async with site({"GET": OK, "HEAD": OK}) as (url, asked):
        result = await probed(url, "GET")
    assert (result.ok, result.verb, result.method, asked) == (True, "", "GET", ["GET"])


@on_uvloop
async def test_what_is_found_on_the_way() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = (await head_of(reader)).split()[1] == b"/there"
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" if there else b"HTTP/1.1 302 F\r\nLocation: /there\r\n\r\n")

    async with serving(talk) as server, connecting() as connector:
        url = f"http://{V4}:{server.port}"
        one = monitor(url=f"{url}/", method="HEAD")
        result = await probe(connector, one, Sealed(), 1, 0, "local", 1)
        direct = await probe(connector, monitor(url=f"{url}/there"), Sealed(), 1, 0, "local", 1)
    assert (result.url, result.http_version, result.method) == (f"{url}/there", "1.0", "")
    assert direct.url == ""


@pytest.mark.parametrize(("before", "found"), [(0, True), (MB - 4, True), (MB - 3, False), (3 * MB, False)])
@on_uvloop
async def test_a_string_is_looked_for_in_the_first_megabyte(before: int, found: bool) -> None:
    body = b"x" * before + b"well" + b"x" * MB
    page = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    async with site({"GET": page}) as (url, _):
        result = await probed(url, keyword="well")
    assert seen(result) == ("ok" if found else "keyword")
