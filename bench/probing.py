"""A prober to be measured, in a process of its own: the real one, but for its log, in which results are only counted.

`python -m bench.probing` reads a task (`Task`) as JSON from stdin and prints what came of it. `bare`: instead of the
prober, the least that a client can do at the same even rate: connect, send the request, read the head.
"""

import asyncio
import gc
import resource
import sys
import time
from array import array
from collections import Counter
from ipaddress import ip_network
from typing import Any

import msgspec
import uvloop

from bench.probe_target import HOSTS
from bench.report import spread
from infra.clock import clock_of
from infra.egress.guard import Guard
from infra.log.sink import Position
from infra.process import logs
from infra.settings.settings import Settings
from ingest.prober.prober import Prober
from ingest.prober.probes.connection import Connector
from schemas.base import SECOND, Micros, encode
from schemas.ids import new_id
from schemas.monitor_states import MonitorCopy, MonitorState, Seen
from schemas.monitors import Monitor, ProbeTarget
from schemas.probes import ProbeCompleted
from schemas.topics import Topic

_REGION = "bench"
_MOST = 4_096
_TICK_SECONDS = 0.001
_result = msgspec.json.Decoder(ProbeCompleted).decode


class Task(msgspec.Struct):
    """monitors: so many, each probed every `interval` seconds. warm_up, seconds: before, and while, results count."""

    port: int
    monitors: int
    interval: int
    warm_up: float
    seconds: float
    bare: bool = False


class Outcome(msgspec.Struct):
    """ended: results by what they say. delay_ms: from a slot to the start of its probe. cpu: seconds of processor."""

    ended: dict[str, int]
    seconds: float
    per_second: float
    delay_ms: dict[str, float]
    took_ms: dict[str, float]
    cpu: float
    cpu_micros_per_probe: float


class _Results:
    """Takes what probes say, while it counts."""

    skew: Micros | None = None

    def __init__(self) -> None:
        self._counts = False
        self._began = self._cpu = 0.0
        self.ended: Counter[str] = Counter()
        self.delays, self.took = array("d"), array("d")

    def put(
        self,
        topic: Topic | str,
        key: str | bytes | None,
        value: bytes | None,
        partition: int = -1,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> "asyncio.Future[Position]":
        """As `infra.log.sink.Sink.put`."""
        if self._counts:
            result = _result(value or b"")
            self.add(result.failure or "ok", (result.at - result.slot) / SECOND, result.took / SECOND)
        stored: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        stored.set_result(Position(0, 0))
        return stored

    def add(self, ended: str, delay: float, took: float) -> None:
        """A probe has ended."""
        if self._counts:
            self.ended[ended] += 1
            self.delays.append(delay * 1e3)
            self.took.append(took * 1e3)

    async def count(self, task: Task) -> Outcome:
        """What comes in `task.seconds`, after the warm-up."""
        await asyncio.sleep(task.warm_up)
        began, cpu = time.perf_counter(), _cpu()
        self._counts = True
        await asyncio.sleep(task.seconds)
        self._counts = False
        seconds, used = time.perf_counter() - began, _cpu() - cpu
        ended = max(1, self.ended.total())
        return Outcome(
            ended=dict(self.ended),
            seconds=round(seconds, 2),
            per_second=round(self.ended["ok"] / seconds, 1),
            delay_ms=spread(self.delays, 2),
            took_ms=spread(self.took, 2),
            cpu=round(used, 2),
            cpu_micros_per_probe=round(used * 1e6 / ended, 1),
        )


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def probe(task: Task) -> Outcome:
    """The prober's figures."""
    results = _Results()
    connector = Connector(Guard([ip_network("127.0.0.0/8")]))
    prober = Prober(_REGION, connector, results, clock_of(Settings()), lambda sealed, *_: sealed, _MOST)
    prober.heard(0, [record for number in range(task.monitors) for record in _monitor(task, number)])
    prober.whole(0)
    stop = asyncio.Event()
    running = asyncio.create_task(prober.run(stop))
    outcome = await results.count(task)
    stop.set()
    await running
    await connector.close()
    return outcome


def _monitor(task: Task, number: int) -> list[tuple[str, bytes | None]]:
    """The records of a monitor that was well when it was probed last."""
    one = Monitor(
        id=new_id(),
        project="bench",
        version=1,
        created=0,
        revised=0,
        name="bench",
        interval=task.interval,
        target=ProbeTarget(url=f"http://{HOSTS[number % len(HOSTS)]}:{task.port}/"),
        probed_from=(_REGION,),
    )
    state = MonitorState(version=1, status="up", begun=1, seen=(Seen(region=_REGION, slot=1, ok=True),))
    return [(f"definition/{one.id}", encode(MonitorCopy(monitor=one))), (one.id, encode(state))]


class _Bare(asyncio.Protocol):
    """The least that tells whether a server answers."""

    def __init__(self, request: bytes, answer: "asyncio.Future[None]") -> None:
        self._request, self._answer, self._received = request, answer, b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if b"\r\n\r\n" in self._received and not self._answer.done():
            self._answer.set_result(None)
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError())


async def bare(task: Task) -> Outcome:
    """The figures of the least client, at the same even rate."""
    loop = asyncio.get_running_loop()
    results = _Results()
    request = f"GET / HTTP/1.1\r\nHost: bench:{task.port}\r\n\r\n".encode()

    async def one(due: float, host: str) -> None:
        began = time.perf_counter()
        answer: asyncio.Future[None] = loop.create_future()
        try:
            await loop.create_connection(lambda: _Bare(request, answer), host, task.port)
            await answer
            results.add("ok", began - due, time.perf_counter() - began)
        except OSError:
            results.add("failed", began - due, time.perf_counter() - began)

    async def pace() -> None:
        began, issued, rate = time.perf_counter(), 0, task.monitors / task.interval
        tasks: set[asyncio.Task[None]] = set()
        while True:
            while issued < (time.perf_counter() - began) * rate:
                started = asyncio.create_task(one(began + issued / rate, HOSTS[issued % len(HOSTS)]))
                tasks.add(started)
                started.add_done_callback(tasks.discard)
                issued += 1
            await asyncio.sleep(_TICK_SECONDS)

    pacing = asyncio.create_task(pace())
    outcome = await results.count(task)
    pacing.cancel()
    return outcome


def main() -> None:
    logs.configure("prober")
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    gc.collect()
    gc.freeze()  # as the prober process does
    outcome = uvloop.run(bare(task) if task.bare else probe(task))
    sys.stdout.write(msgspec.json.encode(outcome).decode())


if __name__ == "__main__":
    main()
