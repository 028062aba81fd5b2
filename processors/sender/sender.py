"""The sender: posts or mails every delivery that the committed states say is due, and reports each attempt.

It decides nothing that must survive: the fold owns attempts, schedules and counters, the sender looks only at committed
records. `assigned` hands it the states of a partition that was taken over, `committed` what each transaction changed,
`revoked` ends a partition; all in the thread of the event loop. While it owns a partition it starts each attempt once.
An attempt whose report is lost (killed in between) is sent again by the next owner, under the same `webhook-id`.
Sending begins with the first `committed` after `assigned`: reports that were in the journal already are folded by then.

Bulkheads: every channel has a lane with a queue of its own, and takes turns with the others for the slots of its kind
(`processors.sender.slots`; docs/decisions/0027). A request that has become slow leaves the slots of the quick: it takes
one of the slow or the dead, and when its project has used up its share of those, it is given up after `PATIENCE`
instead of the client's time limit. So a receiver that answers soon waits for nobody, however many others hang. Every
change costs O(log n) of what waits, and what is large is taken in by stretches, so that the event loop is never held
up. A report that Kafka does not take holds up its slot: nothing is sent that cannot be recorded.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

import msgspec
import structlog

from infra.clock import SYSTEM_CLOCK
from infra.process.tasks import vital
from infra.secrets.secrets import Decrypts
from processors.sender.attempts import Attempts, Report
from processors.sender.channels.sending import Mail, Post, Services
from processors.sender.dispatcher import Dispatcher
from processors.sender.lanes import Change, Lane, Owned, attempt_of
from processors.sender.own_links import OwnLinks
from schemas.base import Micros
from schemas.deliveries import Delivery, Endpoint, EndpointHealth

log = structlog.get_logger(__name__)

Records = Mapping[str, msgspec.Struct | None]

# Requests at once: the most of a lane, and of all lanes; the last eighth is kept for channels that answer soon.
LANE = 64
CEILING = 4096
# Of slow and of dead channels, each.
POOL = 1024
# Mails at once of one project; a third more are there for others.
MAILS = 16
# Seconds after which a partition's sending begins although nothing has been committed.
TAKEOVER = 1.0
# So many records are taken in, so many lanes are begun, before others have their turn.
STRETCH = 500


class Sender:
    """Sends for the partitions that it is told of.

    post: `WebhookClient.post`. mail: `MailClient.send`. services: what services that take messages are reached with.
    report: appends to the deliveries journal under the channel's id, returns when Kafka has it. decrypt: an endpoint's
    secret as text. links: where pages of ours are now; without it links are sent as the folds wrote them. clock: the
    time of reports (the test clock may move it; signatures always tell the real time, which receivers compare with
    theirs).
    ceiling: requests at once, each of which holds a socket. pool: those of slow channels, and those of dead ones.
    """

    def __init__(
        self,
        post: Post,
        report: Report,
        decrypt: Decrypts,
        *,
        mail: Mail | None = None,
        services: Services | None = None,
        links: OwnLinks | None = None,
        clock: Callable[[], Micros] = SYSTEM_CLOCK.now,
        lane: int = LANE,
        pool: int = POOL,
        ceiling: int = CEILING,
        mails: int = MAILS,
        takeover: float = TAKEOVER,
    ) -> None:
        attempts = Attempts(post, mail, report, decrypt, clock, lane, links, services)
        self._dispatcher = Dispatcher(attempts, ceiling, pool, mails)
        self._takeover = takeover
        self._owned: dict[int, Owned] = {}

    def assigned(self, partition: int, records: Records) -> None:
        """Own a partition whose states are `records`, which are not changed afterwards."""
        self._drop(partition)
        owned = self._owned[partition] = Owned()
        self._read(owned, records.items())
        asyncio.get_running_loop().call_later(self._takeover, self._begin, owned)

    def committed(self, partition: int, changes: Records) -> None:
        """A transaction of the fold is committed: what it changed, None for a record that is no more."""
        owned = self._owned.get(partition)
        if owned is None:
            return
        for key, record in changes.items():
            if isinstance(record, EndpointHealth) and record.disabled:
                log.warning("channel.disabled", channel=key.partition("/")[2], because=record.disabled_because)
        if owned.reader is None and len(changes) <= STRETCH:
            self._note(owned, changes.items())
            self._dispatcher.start()
        else:
            self._read(owned, sorted(changes.items(), key=_first_due))
        self._begin(owned)

    def revoked(self, partition: int) -> None:
        """The partition is another's: drop what has not begun. What has goes on within its time limit, and reports."""
        self._drop(partition)

    def works(self) -> bool:
        """Whether every attempt under way gets on."""
        return self._dispatcher.works()

    async def close(self, patience: float = 2.0) -> None:
        """End all work; requests that take longer are given up, and are sent again by the next owner."""
        for partition in tuple(self._owned):
            self._drop(partition)
        await self._dispatcher.close(patience)

    def _drop(self, partition: int) -> None:
        owned = self._owned.pop(partition, None)
        if owned is None:
            return
        if owned.reader is not None:
            owned.reader.cancel()
        owned.unread.clear()
        owned.queued.clear()
        for lane in owned.lanes.values():
            lane.queue.clear()
            self._dispatcher.want(lane)

    # Taking records in

    def _read(self, owned: Owned, records: Iterable[Change] | None) -> None:
        """Take records in (None: begin to send), after all that came before them, by stretches."""
        owned.unread.append(records)
        if owned.reader is None:
            owned.reader = vital(self._reading(owned), name="sender reads states")

    async def _reading(self, owned: Owned) -> None:
        while owned.unread:
            records = owned.unread.popleft()
            if records is None:
                await self._begin_lanes(owned)
                continue
            for stretch in _stretches(records):
                self._note(owned, stretch)
                self._dispatcher.start()
                await asyncio.sleep(0)
        owned.reader = None

    def _begin(self, owned: Owned) -> None:
        if not owned.begun_sending:
            owned.begun_sending = True
            self._read(owned, None)

    async def _begin_lanes(self, owned: Owned) -> None:
        """Records came by their keys, by stretches: now by their times, as they would have come one by one."""
        owned.sending = True  # not before all was taken in: a delivery comes before its endpoint
        oldest: list[tuple[Micros, int, Lane]] = []
        for number, lane in enumerate(tuple(owned.lanes.values())):
            if number % STRETCH == 0:
                await asyncio.sleep(0)
            found = sorted((owned.queued[key].first_due, key) for key in lane.queue if key in owned.queued)
            if found:
                lane.queue = deque(key for _, key in found)
                oldest.append((found[0][0], number, lane))
        oldest.sort()
        for number, (_, _, lane) in enumerate(oldest):
            if number % STRETCH == 0:
                self._dispatcher.start()
                await asyncio.sleep(0)
            self._dispatcher.want(lane)
        self._dispatcher.start()

    def _note(self, owned: Owned, changes: Iterable[Change]) -> None:
        """Take changes in; lanes that have something to start stand in the queues afterwards."""
        new: list[tuple[str, Delivery]] = []
        touched: dict[Lane, None] = {}
        for key, record in changes:
            if isinstance(record, Delivery):
                if record.due is not None:
                    owned.queued.pop(key, None)  # somebody else's report was counted before ours
                elif owned.begun.get(key) != attempt_of(record):
                    new.append((key, record))
                continue
            kind, _, name = key.partition("/")
            if kind == "delivery":
                owned.queued.pop(key, None)
                owned.begun.pop(key, None)
            elif kind == "endpoint":
                lane = owned.lane(name)
                if lane.waiting is not None:
                    lane.waiting.leave(lane)
                lane.redefine(record if isinstance(record, Endpoint) else None)
                touched[lane] = None
                if record is None:
                    del owned.lanes[name]
            elif isinstance(record, EndpointHealth):
                lane = owned.lane(name)
                lane.recall(record.failures, record.last_success is not None)
                touched[lane] = None
        # Records come in the order of their keys; people like to read of events in the order of their times.
        new.sort(key=_first_due)
        for key, delivery in new:
            owned.begun[key] = attempt_of(delivery)
            if self._dispatcher.under_way.get(key) == attempt_of(delivery):
                continue  # begun under an earlier ownership of this process, which still waits for the answer
            lane = owned.lane(delivery.channel)
            if key not in owned.queued:
                lane.queue.append(key)
            owned.queued[key] = delivery
            touched[lane] = None
        for lane in touched:
            self._dispatcher.want(lane)


def _first_due(change: Change) -> Micros:
    return change[1].first_due if isinstance(change[1], Delivery) else 0


def _stretches(records: Iterable[Change]) -> Iterator[list[Change]]:
    rest = iter(records)
    while stretch := list(islice(rest, STRETCH)):
        yield stretch
