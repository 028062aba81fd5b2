"""Clients that keep a server busy or waiting, in a process of their own: `python -m bench.attacker`, task on stdin.

Each attack is what one peer can do without a key. Its connections begin one after the other within two seconds; what
the server closes is begun again a moment later, so that as many as asked for are under way all the time. The process
yields to everybody else (nice): an attacker has a machine of its own.
"""

import asyncio
import contextlib
import os
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import msgspec
import uvloop

from pingfold.roles.open_files import connections

_PIECE = b"x" * 2**16
_PAUSE_SECONDS = 0.2
_TRICKLE_SECONDS = 1.0
_BEGIN_SECONDS = 2.0
_NICE = 19

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Task(msgspec.Struct):
    """`source`: the attacker's address, one of the loopback."""

    attack: str
    host: str
    port: int
    source: str
    seconds: float


class Outcome(msgspec.Struct):
    """connected: how often. most: connections at once. ended: how they ended, by the status that was answered."""

    connected: int
    most: int
    sent: int
    ended: dict[str, int]


class Attacker:
    def __init__(self, task: Task) -> None:
        self._task = task
        self._ends = time.monotonic() + task.seconds
        self._open = 0
        self._outcome = Outcome(0, 0, 0, {})
        self._ended: Counter[str] = Counter()

    async def run(self) -> Outcome:
        number, attack = ATTACKS[self._task.attack]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._task.seconds):
                await asyncio.gather(*(self._again_and_again(attack, one / number) for one in range(number)))
        self._outcome.ended = dict(self._ended)
        return self._outcome

    async def _again_and_again(self, attack: "Attack", begin: float) -> None:
        await asyncio.sleep(begin * _BEGIN_SECONDS)
        while time.monotonic() < self._ends:
            writer = None
            try:
                streams = reader, writer = await asyncio.open_connection(
                    self._task.host, self._task.port, local_addr=(self._task.source, 0)
                )
                self._outcome.connected += 1
                self._open += 1
                self._outcome.most = max(self._outcome.most, self._open)
                try:
                    await attack(self, streams)
                    self._ended[(await reader.read(200))[9:12].decode() or "closed"] += 1
                finally:
                    self._open -= 1
            except OSError:
                self._ended["reset"] += 1
            finally:
                if writer is not None:
                    writer.transport.abort()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        writer.write(data)
        self._outcome.sent += len(data)
        await writer.drain()


Attack = Callable[[Attacker, Streams], Awaitable[None]]


async def _large_head(attacker: Attacker, streams: Streams) -> None:
    await attacker.send(streams[1], b"GET / HTTP/1.1\r\nX: ")
    for _ in range(160 * 2**20 // len(_PIECE)):
        await attacker.send(streams[1], _PIECE)


async def _many_headers(attacker: Attacker, streams: Streams) -> None:
    await attacker.send(streams[1], b"GET / HTTP/1.1\r\n")
    for _ in range(32):
        await attacker.send(streams[1], b"a:b\r\n" * 20_000)


_CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


async def _large_trailer(attacker: Attacker, streams: Streams) -> None:
    await attacker.send(streams[1], _CHUNKED + b"0\r\nX: ")
    for _ in range(160 * 2**20 // len(_PIECE)):
        await attacker.send(streams[1], _PIECE)


async def _many_trailers(attacker: Attacker, streams: Streams) -> None:
    await attacker.send(streams[1], _CHUNKED + b"0\r\n")
    for _ in range(32):
        await attacker.send(streams[1], b"a:b\r\n" * 20_000)


async def _chunk_extension(attacker: Attacker, streams: Streams) -> None:
    await attacker.send(streams[1], _CHUNKED + b"5;")
    for _ in range(160 * 2**20 // len(_PIECE)):
        await attacker.send(streams[1], _PIECE)


async def _half_head(attacker: Attacker, streams: Streams) -> None:
    await attacker.send(streams[1], b"GET / HTTP/1.1\r\nX: y")


async def _half_body(attacker: Attacker, streams: Streams) -> None:
    head = b"POST /api/v3/checks/ HTTP/1.1\r\nHost: x\r\nContent-Length: 16000\r\n\r\n"
    await attacker.send(streams[1], head + b" " * 8_000)


async def _slowly(attacker: Attacker, streams: Streams) -> None:
    """A line of the head a second."""
    await attacker.send(streams[1], b"GET / HTTP/1.1\r\n")
    while not streams[0].at_eof():
        await asyncio.sleep(_TRICKLE_SECONDS)
        await attacker.send(streams[1], b"X: y\r\n")


async def _never_read(attacker: Attacker, streams: Streams) -> None:
    """Asks for the largest document there is, twice, and reads nothing."""
    streams[1].transport.pause_reading()  # type: ignore[attr-defined]
    await attacker.send(streams[1], b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
    await asyncio.Event().wait()


async def _ask_again(attacker: Attacker, streams: Streams) -> None:
    """Asks for it and reads it, five times a second."""
    for _ in range(100):
        await attacker.send(streams[1], b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
        head = (await streams[0].readuntil(b"\r\n\r\n")).lower()
        length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length: "))
        await streams[0].readexactly(int(length.partition(b": ")[2]))
        await asyncio.sleep(_PAUSE_SECONDS)


# How many are under way at once, and what each does.
ATTACKS: dict[str, tuple[int, Attack]] = {
    "head of 160 MiB": (2, _large_head),
    "640,000 headers": (2, _many_headers),
    "trailer of 160 MiB": (2, _large_trailer),
    "640,000 trailers": (2, _many_trailers),
    "chunk extension of 160 MiB": (2, _chunk_extension),
    "1,100 half heads": (1_100, _half_head),
    "1,100 half API bodies": (1_100, _half_body),
    "slowloris, 1,100": (1_100, _slowly),
    "200 that read no answer": (200, _never_read),
    "openapi.json, 100 times a second": (20, _ask_again),
}


def main() -> None:
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    os.nice(_NICE)
    connections(2_000)

    async def work() -> Outcome:
        return await Attacker(task).run()

    sys.stdout.write(msgspec.json.encode(uvloop.run(work())).decode())


if __name__ == "__main__":
    main()
