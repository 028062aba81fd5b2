"""Probes of SMTP against real servers on loopback: mail servers that encrypt or not, broken ones, and attackers."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from infra.egress.guard import Guard
from ingest.prober.probes import smtp
from ingest.prober.probes.connection import tls_context
from schemas.base import SECOND
from tests.certificates import DAY, Authority
from tests.probe_targets import V4, Talk, connecting, on_uvloop, probed, resolving, seen, serving, silent
from tests.smtp_talk import GO, GREETING, OFFERED, PLAIN, MailServer


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@on_uvloop
async def test_starttls(authority: Authority) -> None:
    expires = datetime.now(UTC).replace(microsecond=0) + 20 * DAY
    server = MailServer(authority.server(V4, expires=expires))
    async with connecting(verify=tls_context(str(authority.file))) as connector, serving(server.talk) as mail:
        for tls in ("if_offered", "required"):
            result = await probed(connector, "smtp", host=V4, port=mail.port, options={"tls": tls})
            assert result.ok, result
            assert result.expires == int(expires.timestamp()) * SECOND
            assert result.address == V4
            phases = result.phases
            assert None not in (phases.connect, phases.first_byte, phases.tls)
            assert server.heard == ["ehlo", "starttls", "EHLO", "QUIT"]
            server.heard.clear()
        result = await probed(connector, "smtp", host=V4, port=mail.port, options={"tls": "never"})
        assert (result.ok, result.expires, result.phases.tls) == (True, None, None)
        assert server.heard == ["ehlo", "quit"]
        await mail.emptied()


@on_uvloop
async def test_tls_from_the_first_byte(authority: Authority) -> None:
    server = MailServer(ehlo=PLAIN)
    context = authority.server(V4)
    async with (
        connecting(verify=tls_context(str(authority.file))) as connector,
        serving(server.talk, tls=context) as mail,
        serving(MailServer().talk) as unencrypted,
    ):
        result = await probed(connector, "smtp", host=V4, port=mail.port, options={"tls": "implicit"})
        assert result.ok, result
        assert result.expires is not None
        assert None not in (result.phases.tls, result.phases.first_byte)
        assert server.heard == ["ehlo", "quit"]
        result = await probed(connector, "smtp", host=V4, port=unencrypted.port, options={"tls": "implicit"})
        assert seen(result) == "tls", result
        await mail.emptied()
        await unencrypted.emptied()


@on_uvloop
async def test_certificates_by_starttls(authority: Authority) -> None:
    """What the certificate of a mail server has wrong is told as for tls, with the date when it expires."""
    now = datetime.now(UTC).replace(microsecond=0)
    for context, words, expires in [
        (authority.server(V4, expires=now - DAY), "expired", now - DAY),
        (authority.server("other.test", expires=now + 9 * DAY), "not valid for '127.0.0.1'", now + 9 * DAY),
        (authority.server(V4, expires=now + 5 * DAY, self_signed=True), "self-signed", now + 5 * DAY),
    ]:
        server = MailServer(context)
        async with connecting(verify=tls_context(str(authority.file))) as connector, serving(server.talk) as mail:
            result = await probed(connector, "smtp", host=V4, port=mail.port)
            assert seen(result) == "tls", result
            assert words in result.detail
            assert result.expires == int(expires.timestamp()) * SECOND
            assert server.heard == ["ehlo", "starttls"] * 2  # the second time for the date
            await mail.emptied()


@on_uvloop
async def test_the_name_is_that_of_the_monitor(authority: Authority) -> None:
    server = MailServer(authority.server("mail.test"))
    async with (
        resolving({"mail.test": [V4], "other.test": [V4]}) as names,
        connecting(server=names.server, verify=tls_context(str(authority.file))) as connector,
        serving(server.talk) as mail,
    ):
        assert (await probed(connector, "smtp", host="mail.test", port=mail.port)).ok
        assert seen(await probed(connector, "smtp", host="other.test", port=mail.port)) == "tls"


@on_uvloop
async def test_a_server_without_extensions(authority: Authority) -> None:
    """A server that knows no EHLO is greeted by HELO, and offers no encryption."""
    server = MailServer(ehlo=b"502 no\r\n", helo=PLAIN)
    async with connecting() as connector, serving(server.talk) as mail:
        assert (await probed(connector, "smtp", host=V4, port=mail.port)).ok
        assert server.heard == ["ehlo", "helo", "quit"]
        result = await probed(connector, "smtp", host=V4, port=mail.port, options={"tls": "required"})
        assert (seen(result), result.detail) == ("tls", "STARTTLS is not offered")
        await mail.emptied()


@on_uvloop
async def test_egress() -> None:
    server = MailServer()
    async with (
        resolving({"private.test": ["10.0.0.1"]}) as names,
        connecting(server=names.server) as connector,
        connecting(Guard()) as strict,
        serving(server.talk) as mail,
    ):
        assert seen(await probed(connector, "smtp", host="private.test")) == "refused target"
        for options in ({}, {"tls": "implicit"}):
            assert seen(await probed(strict, "smtp", host=V4, port=mail.port, options=options)) == "refused target"
        assert server.heard == []


def scripted(*answers: bytes) -> Callable[[], Talk]:
    """Says the first of these at once, and each other after a line of the client."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number, answer in enumerate(answers):
            if number:
                await reader.readline()
            writer.write(answer)
            await writer.drain()
        await silent(reader, writer)

    return lambda: talk


def endless(start: bytes, again: bytes, pause: float = 0.0) -> Callable[[], Talk]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while not writer.is_closing():
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(pause)

    return lambda: talk


HOSTILE: list[tuple[str, Callable[[], Talk], str, str]] = [
    ("refuses", scripted(b"554 5.7.1 go away, 10.0.0.1\r\n"), "answer", "554: the server refuses"),
    ("is busy", scripted(b"421 later\r\n"), "answer", "421: the service is not available"),
    ("refuses in lines", scripted(b"554-no\r\n554 no\r\n"), "answer", "554: the server refuses"),
    ("refuses EHLO", scripted(GREETING, b"550 no\r\n"), "answer", "550: the server refuses (answer to EHLO)"),
    ("refuses HELO", scripted(GREETING, b"500 no\r\n", b"521 no\r\n"), "answer", "521: the host takes no mail"),
    ("has no TLS now", scripted(GREETING, OFFERED, b"454 no\r\n"), "tls", "454: TLS is not available"),
    ("another protocol", scripted(b"SSH-2.0-OpenSSH_9.2\r\n"), "protocol", "the greeting is not SMTP"),
    ("HTTP", scripted(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "protocol", "the greeting is not SMTP"),
    ("changes its code", scripted(b"220-a\r\n554 b\r\n"), "protocol", "the greeting is not SMTP"),
    ("a bare carriage return", scripted(b"220 a\rb\r\n"), "protocol", "the greeting is not SMTP"),
    ("nothing but a line end", scripted(b"\r\n"), "protocol", "the greeting is not SMTP"),
    ("not ASCII", scripted(b"\xff\xfe\0\r\n"), "protocol", "the greeting is not SMTP"),
    ("an endless greeting", endless(b"", b"220-still here\r\n"), "protocol", "the greeting is too long"),
    ("no end of the line", endless(b"220 ", b"x" * 1_000), "protocol", "a line that is too long"),
    ("a long line at once", scripted(b"220 " + b"x" * 3_000 + b"\r\n"), "protocol", "a line that is too long"),
    ("endless extensions", scripted(GREETING, b"250-X\r\n" * 10_000), "protocol", "the answer to EHLO is too long"),
    ("speaks out of turn", scripted(GREETING + PLAIN), "protocol", "the server said more after its answer"),
    (
        "injection", scripted(GREETING, OFFERED, GO + b"250 all is well\r\n"),
        "protocol", "the server said more after its answer to STARTTLS",
    ),
    (
        "injection without a line end", scripted(GREETING, OFFERED, GO + b"2"),
        "protocol", "the server said more after its answer to STARTTLS",
    ),
    ("no handshake", scripted(GREETING, OFFERED, GO, b"250 all is well\r\n"), "tls", "handshake failed"),
    ("silent", lambda: silent, "timeout", "after 1 s"),
    ("silent after the greeting", scripted(GREETING), "timeout", "after 1 s"),
    ("drips", endless(b"2", b"2", pause=0.02), "timeout", "after 1 s"),
]  # fmt: skip


def limit(failure: str) -> int:
    """Seconds for a probe: few only where they are to pass."""
    return 1 if failure == "timeout" else 20


@pytest.mark.parametrize(("talk", "failure", "words"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
@on_uvloop
async def test_hostile_servers(talk: Callable[[], Talk], failure: str, words: str) -> None:
    async with connecting() as connector, serving(talk()) as server:
        result = await probed(connector, "smtp", timeout=limit(failure), host=V4, port=server.port)
        assert seen(result) == failure, result
        assert words in result.detail
        assert result.status is None
        assert result.took < 15 * SECOND
        await server.emptied()


@pytest.mark.parametrize(
    ("said", "words"),
    [(b"", "before the greeting"), (b"220 mail", "in the greeting"), (b"220-mail\r\n", "before the greeting")],
)
@on_uvloop
async def test_servers_that_close(said: bytes, words: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)

    async with connecting() as connector, serving(talk) as server:
        result = await probed(connector, "smtp", host=V4, port=server.port)
        assert (seen(result), result.detail) == ("closed", words)


@pytest.mark.parametrize("farewell", [b"", b"221-", b"500 no\r\n", b"221 " + b"x" * 100_000])
@on_uvloop
async def test_how_a_server_takes_leave_is_of_no_account(farewell: bytes) -> None:
    server = MailServer(quit=farewell)
    async with connecting() as connector, serving(server.talk) as mail:
        assert (await probed(connector, "smtp", host=V4, port=mail.port)).ok
        await mail.emptied()


@pytest.mark.parametrize("tls", ["never", "implicit"])
@on_uvloop
async def test_the_time_of_leave_is_no_failure_and_not_counted(authority: Authority, tls: str) -> None:
    """Not even where the time limit ends it."""
    server = MailServer(quit=b"")
    context = authority.server(V4) if tls == "implicit" else None

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.talk(reader, writer)
        await silent(reader, writer)

    async with (
        connecting(verify=tls_context(str(authority.file))) as connector,
        serving(talk, tls=context) as mail,
    ):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(smtp, "_QUIT_SECONDS", 60.0)
            began = time.monotonic()
            result = await probed(connector, "smtp", timeout=3, host=V4, port=mail.port, options={"tls": tls})
        assert result.ok, result
        assert result.took / SECOND < time.monotonic() - began
        assert time.monotonic() - began >= 2.9
        assert result.took < 3 * SECOND
        await mail.emptied()


@on_uvloop
async def test_encrypted_dialogues_are_bounded_too(authority: Authority) -> None:
    trusting = tls_context(str(authority.file))
    for name, talk, failure, words in HOSTILE:
        if name in ("refuses", "an endless greeting", "no end of the line", "endless extensions", "drips"):
            async with connecting(verify=trusting) as connector, serving(talk(), tls=authority.server(V4)) as server:
                options = {"tls": "implicit"}
                result = await probed(
                    connector, "smtp", timeout=limit(failure), host=V4, port=server.port, options=options
                )
                assert seen(result) == failure, (name, result)
                assert words in result.detail
                await server.emptied()
