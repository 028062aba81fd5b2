"""Starts attempts when there are slots for them. See `processors.sender.sender`."""

import asyncio
from collections import deque

from processors.sender.attempts import LONGEST, PATIENCE, Attempts, Request
from processors.sender.lanes import Attempt, Lane, attempt_of
from processors.sender.slots import SLOW, Kind, Pool, pools
from schemas.deliveries import Delivery

# So many requests of each kind that may hang are begun in one turn of the loop.
BURST = 64
# An attempt whose limit has passed by so much does not heed it.
_LATE_SECONDS = 15.0
# After `close` has cancelled what was under way.
_END_SECONDS = 1.0


class Dispatcher:
    """The lanes of all partitions take turns here. ceiling: requests at once, each of which holds a socket.

    under_way: the attempt by the key of its delivery, over all ownerships of this process.
    """

    def __init__(self, attempts: Attempts, ceiling: int, hanging: int, mails: int) -> None:
        self._attempts, self._ceiling = attempts, ceiling
        # Of what is not known to be quick so much at once: the rest is kept for what is.
        self._ceiling_of_others = max(1, ceiling - ceiling // 8)
        self._pools: dict[Kind, Pool[Lane]] = pools(ceiling, hanging, mails)
        self._tasks: dict[asyncio.Task[None], Request] = {}
        self.under_way: dict[str, Attempt] = {}
        self._running = 0  # those that hold a socket
        # Requests that were quick when they began, oldest first, until they are done or slow.
        self._young: deque[Request] = deque()
        self._watch: asyncio.TimerHandle | None = None
        self._turn: asyncio.Handle | None = None
        self._closed = False

    async def close(self, patience: float) -> None:
        """Wait for what is under way; what takes longer is given up, and stays outstanding."""
        self._closed = True
        for wait in (patience, _END_SECONDS):
            if self._tasks:
                await asyncio.wait(tuple(self._tasks), timeout=wait)
            for task in tuple(self._tasks):
                task.cancel()
        for handle in (self._watch, self._turn):
            if handle is not None:
                handle.cancel()

    def works(self) -> bool:
        """Whether every attempt under way gets on: each of its steps has a limit."""
        earliest = asyncio.get_running_loop().time() - LONGEST - _LATE_SECONDS
        return all(request.turned > earliest for request in self._tasks.values())

    def want(self, lane: Lane) -> None:
        """Let the lane wait for a slot of its kind if it has something to send and may, and nowhere else."""
        pool = self._pools[lane.kind]
        wants = bool(lane.queue) and lane.owner.sending and lane.running < lane.allowance(pool, self._attempts.limit)
        if lane.waiting is not None and (not wants or lane.waiting is not pool):
            lane.waiting.leave(lane)
        if wants and lane.waiting is None:
            pool.wait(lane)

    def start(self) -> None:
        """Start what there are slots for: of kinds that may use up time a few, the next few after a turn of the loop.

        Connections that are opened, and given up, a thousand at once would hold up the answers of everybody else.
        """
        if self._closed:
            return
        self._start_few(Kind.QUICK, self._ceiling)
        self._start_few(Kind.MAIL, self._ceiling)
        if self._turn is None:
            paced = [self._start_few(kind, BURST) for kind in (Kind.NEW, Kind.SLOW, Kind.DEAD)]
            if not all(paced):
                self._turn = asyncio.get_running_loop().call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._turn = None
        self.start()

    def _start_few(self, kind: Kind, most: int) -> bool:
        """Start lanes of a kind while there are slots; False when there were more than so many."""
        pool = self._pools[kind]
        while self._has_socket(kind) and (lane := pool.next()) is not None:
            self._begin_next(lane, pool)
            most -= 1
            if not most:
                return False
        return True

    def _has_socket(self, kind: Kind) -> bool:
        if kind is Kind.MAIL:
            return True
        return self._running < (self._ceiling if kind is Kind.QUICK else self._ceiling_of_others)

    def _begin_next(self, lane: Lane, pool: Pool[Lane]) -> None:
        """Start the next attempt of a lane that has come out of the queue of `pool`."""
        queued = lane.owner.queued
        while lane.queue:
            key = lane.queue.popleft()
            delivery = queued.pop(key, None)
            if delivery is None or lane.endpoint is None:
                continue  # ended while it was queued
            request = Request(lane, key, attempt_of(delivery), pool, asyncio.get_running_loop().time())
            pool.take(request.project, request.host)
            lane.running += 1
            if not request.by_mail:
                self._running += 1
            if lane.kind in (Kind.QUICK, Kind.NEW):
                self._young.append(request)
                if self._watch is None:
                    self._watch = asyncio.get_running_loop().call_later(SLOW, self._move_slow)
            self.under_way[key] = request.attempt
            task = asyncio.create_task(self._make(request, delivery))
            self._tasks[task] = request
            task.add_done_callback(self._tasks.pop)
            break
        self.want(lane)

    def _move_slow(self) -> None:
        """Take the slots of the quick from the requests that have become slow."""
        now, young, self._watch = asyncio.get_running_loop().time(), self._young, None
        while young and (young[0].answered or young[0].began + SLOW <= now):
            request = young.popleft()
            if not request.answered:
                self._move(request)
        if young:
            self._watch = asyncio.get_running_loop().call_at(young[0].began + SLOW, self._move_slow)
        self.start()

    def _move(self, request: Request) -> None:
        lane = request.lane
        assert request.pool is not None
        request.pool.give(request.project, request.host)
        request.overdue = True
        lane.hang()
        pool = self._pools[lane.kind]
        if pool.has_room(request.project):
            pool.take(request.project, request.host)
            request.pool = pool
        else:
            request.hurry(PATIENCE)
        self.want(lane)

    def _end(self, request: Request) -> None:
        """The attempt is over: its slot is for the next one."""
        lane = request.lane
        if self.under_way.get(request.key) == request.attempt:
            del self.under_way[request.key]
        if request.pool is not None:
            request.pool.give(request.project, request.host)
        lane.running -= 1
        if not request.by_mail:
            self._running -= 1
        self.want(lane)
        self.start()

    async def _make(self, request: Request, delivery: Delivery) -> None:
        try:
            await self._attempts.make(request, delivery)
        finally:
            self._end(request)
