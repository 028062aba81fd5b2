"""Probes of SMTP: greeting, EHLO, STARTTLS where it is asked for, QUIT. No mail is sent.

What a server may say is bounded: a line, an answer, and by the caller's limit the time. What it says out of turn is
refused, above all behind its answer to STARTTLS: somebody on the way could put it there, unencrypted, as if it had come
encrypted (CVE-2011-0411). Errors have the server's code and our own words for it, never its text.
"""

import asyncio
import re
import socket
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from ingest.prober.probes.connection import Connector
from ingest.prober.probes.outcome import ProbeFailed, Trace
from schemas.monitors import ProbeTarget, Sealed
from schemas.probe_kinds.smtp import Tls, tls_of, usual_port

# RFC 5321 allows lines of 512 bytes.
_LONGEST_LINE = 2_000
_LONGEST_ANSWER = 16_000
# For the answer to QUIT, which changes nothing.
_QUIT_SECONDS = 1.0
# A name that nobody has (RFC 2606): the server is told nothing about this host.
_EHLO = b"EHLO pingfold.invalid"
_HELO = b"HELO pingfold.invalid"
_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])([^\r\n]*))?")

_WORDS = {
    421: "the service is not available",
    450: "the server refuses for now",
    451: "there was an error on the server",
    454: "TLS is not available for now",
    500: "the command is not known",
    501: "the command is not valid",
    502: "the command is not offered",
    503: "the command is out of order",
    504: "the command is not offered",
    521: "the host takes no mail",
    530: "encryption or a login is needed first",
    550: "the server refuses",
    554: "the server refuses",
}
_UNKNOWN_COMMAND = (500, 502, 504)


class Answer(NamedTuple):
    """code: of the answer. lines: the text of each of its lines."""

    code: int
    lines: list[bytes]


class Dialogue:
    """The client's side of SMTP. receive: waits for some bytes, none when the server has closed. send: sends all."""

    def __init__(self, receive: Callable[[], Awaitable[bytes]], send: Callable[[bytes], Awaitable[None]]) -> None:
        self._receive, self._send = receive, send
        self._buffer = bytearray()

    async def greeting(self) -> None:
        """Wait for the server's first words. Raises `ProbeFailed` unless they are a greeting."""
        answer = await self._answer("the greeting")
        if answer.code != 220:
            raise ProbeFailed("answer", f"{_told(answer.code)} (instead of a greeting)")

    async def hello(self) -> bool:
        """Introduce ourselves; returns whether STARTTLS is offered."""
        answer = await self._ask(_EHLO)
        if answer.code in _UNKNOWN_COMMAND:  # a server from before 1995
            answer = Answer((await self._ask(_HELO)).code, [])
        if answer.code != 250:
            raise ProbeFailed("answer", f"{_told(answer.code)} (answer to EHLO)")
        return any(line.strip().upper() == b"STARTTLS" for line in answer.lines[1:])

    async def start_tls(self) -> None:
        """Have the server begin TLS: what it sends next must be the handshake."""
        answer = await self._ask(b"STARTTLS")
        if answer.code != 220:
            raise ProbeFailed("tls", f"{_told(answer.code)} (answer to STARTTLS)")
        self._must_be_silent("its answer to STARTTLS")

    async def quit(self) -> None:
        """Take leave; whatever the server answers."""
        try:
            async with asyncio.timeout(_QUIT_SECONDS):
                await self._ask(b"QUIT")
        except (ProbeFailed, OSError):  # a timeout is an OSError
            pass

    async def _ask(self, command: bytes) -> Answer:
        self._must_be_silent("its answer")
        await self._send(command + b"\r\n")
        return await self._answer(f"the answer to {command.split()[0].decode()}")

    def _must_be_silent(self, what: str) -> None:
        if self._buffer:
            raise ProbeFailed("protocol", f"the server said more after {what}, without being asked")

    async def _answer(self, what: str) -> Answer:
        """One answer, of however many lines. `what` it is called in errors."""
        code, lines, length = 0, list[bytes](), 0
        while True:
            line = await self._line(what)
            length += len(line)
            found = _LINE.fullmatch(line)
            if found is None or (code and int(found[1]) != code):
                raise ProbeFailed("protocol", f"{what} is not SMTP")
            code = int(found[1])
            lines.append(found[3] or b"")
            if found[2] != b"-":
                return Answer(code, lines)
            if length > _LONGEST_ANSWER:
                raise ProbeFailed("protocol", f"{what} is too long")

    async def _line(self, what: str) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _LONGEST_LINE:
                raise ProbeFailed("protocol", f"{what} has a line that is too long")
            data = await self._receive()
            if not data:
                raise ProbeFailed("closed", f"before {what}" if not self._buffer else f"in {what}")
            self._buffer += data
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        if len(line) > _LONGEST_LINE:
            raise ProbeFailed("protocol", f"{what} has a line that is too long")
        return line


async def run(connector: Connector, target: ProbeTarget, sealed: Sealed, trace: Trace) -> None:
    """Returns when the server is healthy; raises `ProbeFailed` when it is not. The time limit is the caller's."""
    tls, port = tls_of(target), target.port or usual_port(tls_of(target))
    opened = await connector.connect(target.host, port, trace)
    if tls == "implicit":
        await _encrypted(connector, opened, target.host, port, trace, greets=True)
        return
    try:
        dialogue = _over_socket(opened)
        await _greet(dialogue, trace)
        begins = await _begins_tls(dialogue, tls)
        if not begins:
            await _take_leave(dialogue, trace)
    except BaseException:
        opened.close()
        raise
    if begins:
        await _encrypted(connector, opened, target.host, port, trace, greets=False)
    else:
        opened.close()


async def _greet(dialogue: Dialogue, trace: Trace) -> None:
    began = time.perf_counter_ns()
    await dialogue.greeting()
    trace.answered = time.perf_counter_ns()
    trace.first_byte = (trace.answered - began) // 1_000


async def _take_leave(dialogue: Dialogue, trace: Trace) -> None:
    trace.decided = time.perf_counter_ns()
    await dialogue.quit()


async def _begins_tls(dialogue: Dialogue, tls: Tls) -> bool:
    """Whether TLS begins now."""
    offered = await dialogue.hello()
    if tls == "required" and not offered:
        raise ProbeFailed("tls", "STARTTLS is not offered")
    if tls == "never" or not offered:
        return False
    await dialogue.start_tls()
    return True


async def _encrypted(
    connector: Connector, opened: socket.socket, host: str, port: int, trace: Trace, greets: bool
) -> None:
    """TLS, and what is said over it. greets: the greeting is still to come, as it is where nothing was said before."""
    reader = asyncio.StreamReader(limit=_LONGEST_LINE)
    transport, _ = await connector.secure(
        opened, host, port, lambda: asyncio.StreamReaderProtocol(reader), trace, None if greets else start_tls
    )
    try:

        async def send(data: bytes) -> None:
            transport.write(data)

        dialogue = Dialogue(lambda: reader.read(_LONGEST_LINE), send)
        if greets:
            await _greet(dialogue, trace)
        await dialogue.hello()
        await _take_leave(dialogue, trace)
    finally:
        transport.abort()


async def start_tls(opened: socket.socket) -> None:
    """Say what comes before TLS on a connection that begins without. Raises `ProbeFailed` where TLS is not offered."""
    dialogue = _over_socket(opened)
    await dialogue.greeting()
    if not await dialogue.hello():
        raise ProbeFailed("tls", "STARTTLS is not offered")
    await dialogue.start_tls()


def _over_socket(opened: socket.socket) -> Dialogue:
    loop = asyncio.get_running_loop()
    return Dialogue(lambda: loop.sock_recv(opened, _LONGEST_LINE), lambda data: loop.sock_sendall(opened, data))


def _told(code: int) -> str:
    """`554: the server refuses`."""
    return f"{code}: {_WORDS.get(code, 'unexpected' if code < 400 else 'refused for now' if code < 500 else 'refused')}"
