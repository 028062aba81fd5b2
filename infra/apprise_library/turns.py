"""Whose call is next: projects take turns, and one that has used little goes before one that has used much.

The process of the library answers one call at a time. A call is usually done in milliseconds, but a URL may be made so
that it computes for as long as the system lets it. So a project waits for at most one call of each other one, however
many of those wait; it may have `MOST_WAITING` calls waiting; and when its calls have been slow for too long together,
they are refused until that is forgotten. Inside one event loop.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from infra.errors import InfraError
from infra.fair_queue import FairQueue

# Of one project.
MOST_WAITING = 5_000
# A call that takes longer is slow; the seconds of slow calls that a project may have used, and how fast they are
# forgotten, in seconds each second.
SLOW = 1.0
MOST_SLOW = 10.0
FORGOTTEN = 0.1
# So many projects are kept in mind before those that have nothing to forget are dropped.
_MANY = 1_000


class NoTurn(InfraError):
    """A call has no turn; the text says why."""


class _Used(NamedTuple):
    """Seconds that were used, in all and by slow calls, as they were at a time."""

    all: float
    slow: float
    at: float


class Turns:
    """clock: monotonic seconds; None: those of the event loop."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._queue: FairQueue[str] = FairQueue()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._used: dict[str, _Used] = {}
        self._taken = False

    async def take(self, project: str) -> None:
        """Wait for a turn, which is to be given back. Who is cancelled has none. Raises `NoTurn`."""
        if self._now(project).slow > MOST_SLOW:
            raise NoTurn("the Apprise URLs of this project have taken too long: they are tried again in a while")
        waiting = self._waiting.setdefault(project, deque())
        if len(waiting) >= MOST_WAITING:
            raise NoTurn("Apprise has too much to do for this project: try again later")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        self._queue.put(project, self._weight(project))
        self._next()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._leave(project, turn)
            else:  # it was its turn at this very moment
                self._free()
            raise

    def give_back(self, project: str, seconds: float) -> None:
        """A turn is over that has used so many seconds."""
        used, now = self._now(project), self._clock()
        slow = used.slow + (seconds if seconds >= SLOW else 0.0)
        self._used[project] = _Used(used.all + seconds, slow, now)
        self._queue.reweigh(project, self._weight(project))
        if len(self._used) > _MANY:
            self._used = {each: used for each, used in self._used.items() if any(self._now(each)[:2])}
        self._free()

    def _leave(self, project: str, turn: "asyncio.Future[None]") -> None:
        waiting = self._waiting.get(project)
        if waiting is None or turn not in waiting:
            return
        waiting.remove(turn)
        if not waiting:
            self._queue.remove(project)
            del self._waiting[project]

    def _free(self) -> None:
        self._taken = False
        self._next()

    def _next(self) -> None:
        """Give the turn to whoever is next, if it is free."""
        while not self._taken and (project := self._queue.first()) is not None:
            waiting = self._waiting[project]
            turn = waiting.popleft()
            self._queue.remove(project)
            if waiting:  # behind the others that have used as much
                self._queue.put(project, self._weight(project))
            else:
                del self._waiting[project]
            if not turn.done():  # else who waited for it is gone
                self._taken = True
                turn.set_result(None)

    def _weight(self, project: str) -> int:
        return round(self._now(project).all * 1_000)

    def _now(self, project: str) -> _Used:
        """What a project has used, as far as it is not forgotten."""
        used = self._used.get(project)
        if used is None:
            return _Used(0.0, 0.0, 0.0)
        forgotten = (self._clock() - used.at) * FORGOTTEN
        return _Used(max(0.0, used.all - forgotten), max(0.0, used.slow - forgotten), used.at)
