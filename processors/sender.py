"""The sender: posts or mails every delivery that the committed states say is due, and reports each attempt.

It decides nothing that must survive: the fold owns attempts, schedules and counters, the sender looks only at committed
records. `assigned` hands it the states of a partition that was taken over, `committed` what each transaction changed,
`revoked` ends a partition; all in the thread of the event loop. While it owns a partition it starts each attempt once.
An attempt whose report is lost (killed in between) is sent again by the next owner, under the same `webhook-id`.
Sending begins with the first `committed` after `assigned`: reports that were in the journal already are folded by then.

Bulkheads: every channel has a lane with a queue of its own and at most 64 requests at once; 2 when it keeps failing,
until one succeeds. Two per lane are always granted; what goes beyond comes out of a shared pool, and a lane may hold no
more of the pool than is still free. So however many slow receivers there are, a part of the pool stays free for others.
Mail goes to one server for all: only so many mails are under way at once, apart from the pool and the ceiling, so that
a slow mail server holds up no webhook.
A report that Kafka does not take holds up its slot: nothing is sent that cannot be recorded.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from itertools import chain, repeat
from typing import Final

import msgspec
import structlog
from prometheus_client import Counter, Histogram

from processors.signatures import signature_headers
from processors.webhooks import Answer
from schemas.base import SECOND, Micros
from schemas.deliveries import Delivery, DeliveryAttempted, Endpoint, EndpointHealth

log = structlog.get_logger(__name__)

DELIVERIES_TOTAL: Final = Counter("pingfold_deliveries_total", "Attempts to deliver a notice.", ["outcome"])
DELIVERY_SECONDS: Final = Histogram(
    "pingfold_delivery_seconds",
    "Time that a receiver took.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
)

Post = Callable[[str, bytes, Mapping[str, str]], Awaitable[Answer]]
Mail = Callable[[Endpoint, Delivery], Awaitable[Answer]]
Report = Callable[[str, DeliveryAttempted], Awaitable[None]]
Records = Mapping[str, msgspec.Struct | None]
# Which attempt of a delivery: the sending that it is of, and its number.
Attempt = tuple[str, int]

# Requests at once: always granted to a lane, most of a lane, those beyond the granted ones in all lanes, all of them.
GRANTED = 2
LANE = 64
POOL = 512
CEILING = 2048
# Mails at once, in all lanes.
MAILS = 16
# Failed attempts in a row after which a lane gets only what is granted.
FAILING = 5
# Seconds after which a partition's sending begins although nothing has been committed.
TAKEOVER = 1.0


class _Lane:
    """One channel: its endpoint, and the keys of deliveries to be sent, oldest first."""

    __slots__ = ("by_mail", "endpoint", "failing", "queue", "running", "secret")

    def __init__(self) -> None:
        self.endpoint: Endpoint | None = None
        self.by_mail = False
        self.secret: str | None = None
        self.failing = False
        self.queue: deque[str] = deque()
        self.running = 0


class _Owned:
    """One partition: its lanes, what is queued in them, and the newest attempt begun of each pending delivery."""

    __slots__ = ("begun", "lanes", "queued", "sending")

    def __init__(self) -> None:
        self.sending = False
        self.lanes: dict[str, _Lane] = {}
        self.queued: dict[str, Delivery] = {}
        self.begun: dict[str, Attempt] = {}

    def lane(self, channel: str) -> _Lane:
        return self.lanes.setdefault(channel, _Lane())


def _now() -> Micros:
    return time.time_ns() // 1000


class Sender:
    """Sends for the partitions that it is told of.

    post: `WebhookClient.post`. mail: `MailClient.send`. report: appends to the deliveries journal under the channel's
    id, returns when Kafka has it. decrypt: an endpoint's secret as text. clock: the time of reports (the test clock may
    move it; signatures always tell the real time, which receivers compare with theirs).
    """

    def __init__(
        self,
        post: Post,
        report: Report,
        decrypt: Callable[[str], str],
        *,
        mail: Mail | None = None,
        clock: Callable[[], Micros] = _now,
        lane: int = LANE,
        pool: int = POOL,
        ceiling: int = CEILING,
        mails: int = MAILS,
        takeover: float = TAKEOVER,
    ) -> None:
        self._mail = mail
        self._post, self._report, self._decrypt, self._clock = post, report, decrypt, clock
        self._lane_limit, self._pool, self._ceiling, self._most_mails = lane, pool, ceiling, mails
        self._takeover = takeover
        self._owned: dict[int, _Owned] = {}
        # Requests under way: their tasks, and the attempt by delivery, over all ownerships of this process.
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way: dict[str, Attempt] = {}
        self._running = self._from_pool = self._mails = 0
        # Lanes that have work and are held up by a limit of all, in the order of their coming.
        self._held: dict[_Lane, _Owned] = {}

    def assigned(self, partition: int, records: Records) -> None:
        """Own a partition whose states are `records`."""
        self._drop(partition)
        owned = self._owned[partition] = _Owned()
        self._note(owned, records)
        asyncio.get_running_loop().call_later(self._takeover, self._begin, owned)

    def committed(self, partition: int, changes: Records) -> None:
        """A transaction of the fold is committed: what it changed, None for a record that is no more."""
        owned = self._owned.get(partition)
        if owned is None:
            return
        touched = self._note(owned, changes)
        if not owned.sending:
            self._begin(owned)
        for lane in touched:
            self._fill(owned, lane)

    def _begin(self, owned: _Owned) -> None:
        if not owned.sending:
            owned.sending = True
            for lane in tuple(owned.lanes.values()):
                self._fill(owned, lane)

    def _note(self, owned: _Owned, changes: Records) -> Iterable[_Lane]:
        """Take the changes in; the lanes that may have something to start."""
        new: list[tuple[str, Delivery]] = []
        touched: dict[_Lane, None] = {}
        for key, record in changes.items():
            if isinstance(record, Delivery):
                if record.due is not None:
                    owned.queued.pop(key, None)  # somebody else's report was counted before ours
                elif owned.begun.get(key) != _attempt(record):
                    new.append((key, record))
                continue
            kind, _, name = key.partition("/")
            if kind == "delivery":
                owned.queued.pop(key, None)
                owned.begun.pop(key, None)
            elif kind == "endpoint":
                lane = owned.lane(name)
                lane.endpoint, lane.secret = record if isinstance(record, Endpoint) else None, None
                lane.by_mail = lane.endpoint is not None and lane.endpoint.kind == "email"
                touched[lane] = None
                if record is None:
                    del owned.lanes[name]
            elif isinstance(record, EndpointHealth):
                lane = owned.lane(name)
                lane.failing = record.failures >= FAILING
                touched[lane] = None
        # Records come in the order of their keys; people like to read of events in the order of their times.
        new.sort(key=lambda item: item[1].first_due)
        for key, delivery in new:
            owned.begun[key] = _attempt(delivery)
            if self._under_way.get(key) == _attempt(delivery):
                continue  # begun under an earlier ownership of this process, which still waits for the answer
            lane = owned.lane(delivery.channel)
            if key not in owned.queued:
                lane.queue.append(key)
            owned.queued[key] = delivery
            touched[lane] = None
        return touched

    def revoked(self, partition: int) -> None:
        """The partition is another's: drop what has not begun. What has goes on within its time limit, and reports."""
        self._drop(partition)

    async def close(self, patience: float = 2.0) -> None:
        """End all work; requests that take longer are given up, and are sent again by the next owner."""
        for partition in tuple(self._owned):
            self._drop(partition)
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=patience)
        left = tuple(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _drop(self, partition: int) -> None:
        owned = self._owned.pop(partition, None)
        if owned is not None:
            owned.queued.clear()
            for lane in owned.lanes.values():
                lane.queue.clear()
                self._held.pop(lane, None)

    def _granted(self, lane: _Lane) -> bool:
        """Whether a lane may start one more request."""
        if lane.by_mail:
            return self._mails < self._most_mails and lane.running < GRANTED
        if self._running >= self._ceiling:
            return False
        beyond = lane.running - GRANTED
        return beyond < 0 or (lane.running < self._lane_limit and beyond < self._pool - self._from_pool)

    def _fill(self, owned: _Owned, lane: _Lane) -> None:
        """Start what the lane may start."""
        while lane.queue and not (lane.failing and lane.running >= GRANTED):
            if not self._granted(lane):
                if lane.running < self._lane_limit:
                    self._held[lane] = owned
                return
            key = lane.queue.popleft()
            delivery = owned.queued.pop(key, None)
            if delivery is None or lane.endpoint is None:
                continue  # ended while it was queued
            if lane.running >= GRANTED:
                self._from_pool += 1
            lane.running += 1
            if lane.by_mail:
                self._mails += 1
            else:
                self._running += 1
            self._under_way[key] = _attempt(delivery)
            task = asyncio.create_task(self._deliver(owned, lane, key, delivery, lane.by_mail))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._held.pop(lane, None)

    async def _deliver(self, owned: _Owned, lane: _Lane, key: str, delivery: Delivery, by_mail: bool) -> None:
        try:
            await self._attempt(lane, delivery)
        except Exception:
            # Nothing that a target does comes here. The attempt stays outstanding, for the next owner.
            log.exception("delivery failed unexpectedly", delivery=delivery.id, channel=delivery.channel)
        finally:
            if self._under_way.get(key) == _attempt(delivery):
                del self._under_way[key]
            if lane.running > GRANTED:
                self._from_pool -= 1
            lane.running -= 1
            if by_mail:
                self._mails -= 1
            else:
                self._running -= 1
            self._fill(owned, lane)
            for other, its in tuple(self._held.items()):
                self._fill(its, other)

    async def _attempt(self, lane: _Lane, delivery: Delivery) -> None:
        begin = time.perf_counter()
        answer = await self._send(lane, delivery)
        if answer is None:
            return
        took = time.perf_counter() - begin
        outcome = "timed_out" if answer.timed_out else "failed"
        if answer.status is not None and 200 <= answer.status < 300 and not answer.again:
            outcome = "delivered"
        DELIVERIES_TOTAL.labels(outcome).inc()
        DELIVERY_SECONDS.observe(took)
        report = DeliveryAttempted(
            delivery=delivery.id,
            attempt=delivery.attempt,
            at=self._clock(),
            status=answer.status,
            error=answer.error,
            timed_out=answer.timed_out,
            retry_after=answer.retry_after,
            took_ms=round(took * 1000),
            replay=delivery.replay,
            again=answer.again,
        )
        for pause in _pauses():
            try:
                return await self._report(delivery.channel, report)
            except Exception as error:
                log.warning("report not taken, trying again", channel=delivery.channel, error=repr(error))
                await asyncio.sleep(pause)

    async def _send(self, lane: _Lane, delivery: Delivery) -> Answer | None:
        """The receiver's answer, None when the channel is no more; what fails for want of sockets is tried again."""
        for pause in _pauses():
            endpoint = lane.endpoint
            if endpoint is None:
                return None
            answer = await (
                self._mailed(endpoint, delivery) if lane.by_mail else self._posted(lane, endpoint, delivery)
            )
            if not answer.ours:
                return answer
            log.warning("out of sockets", error=answer.error)
            await asyncio.sleep(pause)
        return None

    async def _posted(self, lane: _Lane, endpoint: Endpoint, delivery: Delivery) -> Answer:
        body = delivery.body.encode()
        try:
            lane.secret = lane.secret or self._decrypt(endpoint.secret)
            headers = signature_headers(lane.secret, delivery.event, int(_now() // SECOND), body)
        except Exception:
            return Answer(error="the secret of the channel cannot be decrypted")
        return await self._post(endpoint.url, body, headers)

    async def _mailed(self, endpoint: Endpoint, delivery: Delivery) -> Answer:
        if self._mail is None:
            return Answer(error="no mail is sent here")
        return await self._mail(endpoint, delivery)


def _attempt(delivery: Delivery) -> Attempt:
    return delivery.replay, delivery.attempt


def _pauses() -> Iterator[float]:
    """Seconds between tries of what must succeed in the end, without end."""
    return chain((0.1, 0.5, 1.0), repeat(5.0))
