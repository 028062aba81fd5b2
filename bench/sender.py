"""The sender alone: what 20,000 channels with one delivery each cost, and who waits beside receivers that hang.

First, in this process: a receiver that answers after 5 ms, every channel new, everything due at once; half
as many channels before it, so that the same run shows whether the cost is linear. Then over HTTP: dead receivers
(connections succeed, and nothing is ever answered) with a queue each, all in one project, and ten healthy ones beside
them, in a process of their own, which are sent a notice again and again; how long each notice took to arrive and to
be reported is measured. All of them are new to the sender when it begins. Last, channels that are known to be dead,
whose receivers neither take nor refuse a connection: how long it takes until each was tried once, with the time to
connect that every receiver has, and with that of the dead.
"""

import asyncio
import contextlib
import gc
import itertools
import socket
import time
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Annotated

import msgspec
import typer
import uvloop

from bench.receiver import Receiver, receiver
from bench.report import Report, say, spread
from infra.egress.guard import Guard
from infra.embedded.ports import HOST
from processors.sender.lanes import FAILING
from processors.sender.sender import Sender
from processors.sender.webhooks import CONNECT, CONNECT_DEAD, DeliveryResult, WebhookClient
from schemas.base import SECOND
from schemas.deliveries import Delivery, DeliveryAttempted, Endpoint, EndpointHealth
from schemas.notices import NOTICES

_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_LONGEST_SECONDS = 600.0
_BODY = '{"event":"monitor.down","timestamp":"","data":{"monitor":{"id":""}}}'
_DEAD_HOSTS = 10
_ANSWER_SECONDS = 0.005
_RETRY: int = 60 * SECOND
# Of dead channels so many are tried at once in the last part.
_DEAD_SLOTS = 64


class _Fold:
    """What the fold of deliveries would commit, without Kafka: a failed attempt waits, a delivered one is gone."""

    def __init__(self, sender: Sender) -> None:
        self._sender, self._pending = sender, dict[str, Delivery]()
        self._number = itertools.count()
        sender.assigned(0, {})
        sender.committed(0, {})

    def channels(self, urls: Mapping[str, str], project: str = "p", failures: int = 0) -> None:
        """Define channels; `failures`: attempts in a row that have failed."""
        records: dict[str, msgspec.Struct] = {}
        for channel, url in urls.items():
            endpoint = Endpoint(id=channel, project=project, url=url, notices=NOTICES, secret=_SECRET)
            records[f"endpoint/{channel}"] = endpoint
            records[f"health/{channel}"] = EndpointHealth(failures=failures)
        self._sender.committed(0, records)

    def request(self, *channels: str) -> list[str]:
        """A notice for each; the ids of the deliveries."""
        records: dict[str, msgspec.Struct] = {}
        ids = []
        for channel in channels:
            number = next(self._number)
            id = f"{number:032x}"
            delivery = Delivery(
                id=id, event=id, channel=channel, notice="monitor.down", body=_BODY,
                first_due=number,
            )  # fmt: skip
            self._pending[id] = records[f"delivery/{id}"] = delivery
            ids.append(id)
        self._sender.committed(0, records)
        return ids

    def attempted(self, report: DeliveryAttempted) -> None:
        """Commit what a report changes."""
        delivery = self._pending.pop(report.delivery)
        if report.status is None:
            due = msgspec.structs.replace(delivery, due=report.at + _RETRY)
            self._sender.committed(0, {f"delivery/{delivery.id}": due})
        else:
            health = EndpointHealth(last_success=report.at)
            self._sender.committed(0, {f"delivery/{delivery.id}": None, f"health/{delivery.channel}": health})


async def _alone(channels: int) -> dict[str, float]:
    done, all_done = 0, asyncio.Event()
    order: list[str] = []

    async def post(url: str, _body: bytes, _headers: Mapping[str, str], _dead: bool = False) -> DeliveryResult:
        order.append(url)
        await asyncio.sleep(_ANSWER_SECONDS)
        return DeliveryResult(200)

    async def report(_channel: str, attempted: DeliveryAttempted) -> None:
        nonlocal done
        fold.attempted(attempted)
        done += 1
        if done == channels:
            all_done.set()

    sender = Sender(post, report, lambda secret, *_: secret)
    fold = _Fold(sender)
    names = [f"c{number}" for number in range(channels)]
    fold.channels({name: f"http://receiver.example/{name}" for name in names})
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    fold.request(*names)
    async with asyncio.timeout(_LONGEST_SECONDS):
        await all_done.wait()
    took = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    await sender.close()
    came = [int(url.rpartition("/c")[2]) for url in order]
    took["out_of_order"] = sum(1 for one, next in itertools.pairwise(came) if next < one)
    return took


@contextlib.contextmanager
def _dead_hosts() -> Iterator[list[str]]:
    """URLs at which the system itself accepts connections, and nobody ever reads from them."""
    with contextlib.ExitStack() as stack:
        urls = []
        for _ in range(_DEAD_HOSTS):
            listening = stack.enter_context(socket.create_server((HOST, 0), backlog=4096))
            urls.append(f"http://{HOST}:{listening.getsockname()[1]}")
        yield urls


async def _beside(
    receives: Receiver, hosts: list[str], dead: int, queue: int, healthy: int, seconds: float
) -> dict[str, float | dict[str, float]]:
    asked: dict[str, float] = {}
    took: list[float] = []
    failed = 0

    async def report(_channel: str, attempted: DeliveryAttempted) -> None:
        nonlocal failed
        began = asked.pop(attempted.delivery, None)
        if began is not None and attempted.status == 200:
            took.append(time.perf_counter() - began)
        elif began is not None:
            failed += 1
        fold.attempted(attempted)

    async with WebhookClient(Guard([ip_network("127.0.0.0/8")])) as client:
        sender = Sender(client.post, report, lambda secret, *_: secret)
        fold = _Fold(sender)
        dying = [f"d{number}" for number in range(dead)]
        well = [f"h{number}" for number in range(healthy)]
        fold.channels({name: f"{hosts[number % _DEAD_HOSTS]}/{name}" for number, name in enumerate(dying)})
        fold.channels({name: receives.fast(name) for name in well})
        for _ in range(queue):
            fold.request(*dying)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            await asyncio.sleep(0.25)
            began = time.perf_counter()
            asked |= dict.fromkeys(fold.request(*well), began)
        for _ in range(100):
            if not asked:
                break
            await asyncio.sleep(0.1)
        unserved = [time.perf_counter() - began for began in asked.values()]
        await sender.close(0.0)
    return {
        "healthy_s": spread([*took, *unserved], 3),
        "notices": len(took) + len(unserved) + failed,
        "not_served": len(unserved) + failed,
    }


@contextlib.contextmanager
def _unreachable() -> Iterator[str]:
    """A URL whose port neither takes nor refuses connections: the queue of those to be accepted is full."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.create_server((HOST, 0), backlog=0))
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield f"http://{HOST}:{listening.getsockname()[1]}"


async def _all_dead_tried(channels: int, url: str, connect_dead: float) -> float:
    tried, all_tried = 0, asyncio.Event()

    async def report(_channel: str, attempted: DeliveryAttempted) -> None:
        nonlocal tried
        fold.attempted(attempted)
        tried += 1
        if tried == channels:
            all_tried.set()

    async with WebhookClient(Guard([ip_network("127.0.0.0/8")]), connect_dead=connect_dead) as client:
        sender = Sender(client.post, report, lambda secret, *_: secret, pool=_DEAD_SLOTS)
        fold = _Fold(sender)
        names = [f"d{number}" for number in range(channels)]
        fold.channels({name: f"{url}/{name}" for name in names}, failures=FAILING)
        began = time.perf_counter()
        fold.request(*names)
        async with asyncio.timeout(_LONGEST_SECONDS):
            await all_tried.wait()
        took = time.perf_counter() - began
        await sender.close(0.0)
    return took


def sender(
    channels: Annotated[int, typer.Option(help="Channels with one delivery each.")] = 20_000,
    dead: Annotated[int, typer.Option(help="Receivers that accept and never answer.")] = 1_090,
    queue: Annotated[int, typer.Option(help="Deliveries that each of them has.")] = 40,
    healthy: Annotated[int, typer.Option(help="Receivers that answer at once, beside them.")] = 10,
    seconds: Annotated[float, typer.Option(help="How long the healthy ones are sent notices.")] = 25.0,
    unreachable: Annotated[int, typer.Option(help="Dead receivers that cannot be connected.")] = 240,
) -> None:
    """Processor time of the sender with many channels, and the wait of healthy receivers beside dead ones."""
    report = Report(
        "sender",
        {"channels": channels, "dead": dead, "queue": queue, "healthy": healthy, "seconds": seconds},
    )
    uvloop.run(_alone(1_000))  # what is only loaded at first
    half = uvloop.run(_alone(channels // 2))
    say(f"{channels // 2} channels: {half['cpu_s']:.2f} s of processor time")
    whole = uvloop.run(_alone(channels))
    say(f"{channels} channels: {whole['cpu_s']:.2f} s of processor time")
    ratio = whole["cpu_s"] / half["cpu_s"]
    with receiver() as receives, _dead_hosts() as hosts:
        beside = uvloop.run(_beside(receives, hosts, dead, queue, healthy, seconds))
    with _unreachable() as url:
        say(f"{unreachable} dead channels that cannot be connected")
        patient = uvloop.run(_all_dead_tried(unreachable, url, CONNECT))
        brief = uvloop.run(_all_dead_tried(unreachable, url, CONNECT_DEAD))
    report.measured |= {
        "unreachable_s": {"time of all": round(patient, 1), "time of the dead": round(brief, 1)},
        "cpu_s": round(whole["cpu_s"], 3),
        "wall_s": round(whole["wall_s"], 3),
        "half_cpu_s": round(half["cpu_s"], 3),
        "half_wall_s": round(half["wall_s"], 3),
        "us_per_delivery": round(whole["cpu_s"] / channels * 1e6, 1),
        "beside_dead": beside,
    }
    report.ratios["cpu of all to cpu of half"] = round(ratio, 2)
    report.ask("processor time, s", round(whole["cpu_s"], 3), "<=", channels * 250e-6)
    report.ask("the same as a ratio to half the channels", round(ratio, 2), "<=", 2.5)
    report.ask("all dead tried, as a ratio to the time with the usual limit", round(brief / patient, 2), "<=", 0.75)
    report.ask("lanes served out of their order", whole["out_of_order"], "<=", 0)
    longest = beside["healthy_s"]
    assert isinstance(longest, dict)
    report.ask("longest wait of a healthy receiver beside dead ones, s", longest["max"], "<=", 0.5)
    report.publish()
