"""The load generator: pings over keep-alive connections, in a process of its own, as light as Python allows.

`python -m bench.load` reads a task (`Task`) as JSON from stdin and prints what came of it. Every connection sends its
next request after the answer to the last one (no pipelining); requests are bytes made beforehand.

Closed loop (`rate` 0): every connection is always busy; the figure is the throughput. Open loop: requests fall due at
an even rate whatever the server does; a latency counts from the moment at which its request was due, so that a server
that stalls is charged for all who would have come meanwhile.
"""

import asyncio
import contextlib
import resource
import socket
import sys
import time
from array import array
from collections import Counter, deque
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from bench.report import percentile

_TICK_SECONDS = 0.001
_PATIENCE_SECONDS = 15.0


class Task(msgspec.Struct):
    """What to do. `paths`: a file with one path a line, walked from line `first` on, round and round.

    most: bound on the number of requests, whatever the time. header: further lines of each request, ended.
    any_body: every answer 200 counts, whatever its body (else only `OK`).
    """

    host: str
    port: int
    paths: str
    connections: int
    seconds: float
    rate: float = 0.0
    first: int = 0
    most: int = 5_000_000
    header: str = ""
    any_body: bool = False


class Outcome(msgspec.Struct):
    """answers: how many of each status and text. lost: requests whose connection broke before the answer.

    unanswered: still open `_PATIENCE_SECONDS` after the end. seconds: from the first request to the last answer.
    latency_ms: of the answers that count, those with `200 OK`. cpu: processor seconds of the generator itself.
    """

    answers: dict[str, int]
    sent: int
    lost: int
    unanswered: int
    seconds: float
    per_second: float
    latency_ms: dict[str, float]
    longest_queue: int
    cpu: float


class Generator:
    def __init__(self, task: Task) -> None:
        host = f"{task.host}:{task.port}"
        self.requests = [
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench\r\n{task.header}\r\n".encode()
            for path in Path(task.paths).read_text().split()
        ]
        self.task = task
        self.number = task.first
        self.last = task.first + task.most
        self.answers: Counter[bytes] = Counter()
        self.latencies = array("d")
        self.lost = 0
        self.open = 0
        self.idle: list[Connection] = []
        self.due: deque[float] = deque()
        self.longest_queue = 0
        self.began = self.ends = self.last_answer = 0.0
        self.done = asyncio.Event()
        self._counts = b"200" if task.any_body else b"200 OK"
        self.closed = False  # nothing is sent or counted any more

    async def run(self) -> Outcome:
        loop = asyncio.get_running_loop()
        task = self.task
        connections = [Connection(self) for _ in range(task.connections)]
        for connection in connections:
            await loop.create_connection(lambda c=connection: c, task.host, task.port)  # type: ignore[misc]
        self.began = time.perf_counter()
        self.ends = self.began + task.seconds
        if task.rate:
            self.idle = connections
            await self._at_a_rate()
        else:
            for connection in connections:
                connection.send(time.perf_counter())
            await asyncio.sleep(task.seconds)
        if self.open or self.due:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.done.wait(), _PATIENCE_SECONDS)
        self.closed = True
        for connection in connections:
            connection.close()
        return self._outcome()

    async def _at_a_rate(self) -> None:
        rate, issued = self.task.rate, 0
        while (now := time.perf_counter()) < self.ends:
            while issued < (now - self.began) * rate and issued < self.task.most:
                due = self.began + issued / rate
                issued += 1
                if self.idle:
                    self.idle.pop().send(due)
                else:
                    self.due.append(due)
            self.longest_queue = max(self.longest_queue, len(self.due))
            await asyncio.sleep(_TICK_SECONDS)

    def answered(self, connection: "Connection", began: float, answer: bytes) -> None:
        if self.closed:
            return
        now = self.last_answer = time.perf_counter()
        self.answers[answer] += 1
        if answer == self._counts:
            self.latencies.append(now - began)
        if self.due:
            connection.send(self.due.popleft())
        elif not self.task.rate and now < self.ends and self.number < self.last:
            connection.send(now)
        else:
            self.idle.append(connection)
            if not self.open and now >= self.ends:
                self.done.set()

    def _outcome(self) -> Outcome:
        seconds = self.last_answer - self.began
        ordered = sorted(self.latencies)
        used = resource.getrusage(resource.RUSAGE_SELF)
        shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "max": 1.0}
        return Outcome(
            answers={answer.decode(): count for answer, count in self.answers.items()},
            sent=self.number - self.task.first,
            lost=self.lost,
            unanswered=self.open,
            seconds=round(seconds, 3),
            per_second=round(len(ordered) / seconds, 1) if seconds > 0 else 0.0,
            latency_ms={name: round(percentile(ordered, share) * 1e3, 2) for name, share in shares.items()},
            longest_queue=self.longest_queue,
            cpu=round(used.ru_utime + used.ru_stime, 2),
        )


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request on its way."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._transport: Any = None
        self._began: float | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, began: float) -> None:
        """Send the next request; `began` is when it was due."""
        generator = self._generator
        if self._transport is None:
            generator.lost += 1
            return
        self._began = began
        generator.open += 1
        requests = generator.requests
        self._transport.write(requests[generator.number % len(requests)])
        generator.number += 1

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n")
        length = received.find(b"content-length: ")
        if end < 0 or length < 0:
            self._received = received
            return
        size = int(received[length + 16 : received.find(b"\r", length)])
        if len(received) < end + 4 + size:
            self._received = received
            return
        self._received = b""
        began, self._began = self._began, None
        if began is not None:
            self._generator.open -= 1
            generator = self._generator
            generator.answered(self, began, received[9:12] if generator.task.any_body else _told(received, end))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        generator = self._generator
        if self._began is not None:
            self._began = None
            generator.open -= 1
            generator.lost += 1
        if self in generator.idle:
            generator.idle.remove(self)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _told(received: bytes, end: int) -> bytes:
    """Status and text."""
    return received[9:13] + received[end + 4 :]


def main() -> None:
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)

    async def work() -> Outcome:
        return await Generator(task).run()

    sys.stdout.write(msgspec.json.encode(uvloop.run(work())).decode())


if __name__ == "__main__":
    main()
