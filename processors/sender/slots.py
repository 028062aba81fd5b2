"""The slots of the sender, and who takes which. Pure.

A slot is the right to have one request under way. What uses slots up is not failure but time: a receiver that answers
at once costs nothing, whatever it answers; one that accepts and says nothing costs a slot for ten seconds. So channels
are told apart by how long their receiver took, each kind has a pool of its own, and a request that takes longer than
`SLOW` leaves the pool of the quick. The pools of the quick and of the new are therefore never full for longer than
`SLOW`, whatever the receivers do.
"""

from collections import OrderedDict
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar

from infra.fair_queue import FairQueue

# Seconds after which a request, and its channel with it, counts as slow.
SLOW = 0.2


class Kind(Enum):
    """What the sender expects of a channel's receiver."""

    QUICK = "quick"  # the last answer came soon
    NEW = "new"  # nothing is known of it
    SLOW = "slow"  # it takes what is sent, and takes its time
    DEAD = "dead"  # the last attempt failed, and used up a slot for that
    MAIL = "mail"  # one server for all of them


class Waiting(Protocol):
    """What waits for a slot: of a project, and to a host. `waiting` is kept by the pool."""

    project: str
    host: str
    waiting: Any


W = TypeVar("W", bound=Waiting)


class Pool(Generic[W]):
    """So many slots, and the channels that wait for one.

    The next to start is of the project that holds the fewest of these slots, there of the host that holds the fewest,
    there the channel that has waited longest. A project may hold at most three times what is left free, so that there
    is a slot for another one however much a project sends. An update costs O(log n), whoever waits.
    """

    def __init__(self, size: int) -> None:
        self.size, self.used = max(1, size), 0
        self._held: dict[str, int] = {}
        self._held_by_host: dict[tuple[str, str], int] = {}
        self._projects: FairQueue[str] = FairQueue()
        self._hosts: dict[str, FairQueue[str]] = {}
        self._lanes: dict[tuple[str, str], OrderedDict[W, None]] = {}

    @property
    def free(self) -> int:
        return max(0, self.size - self.used)

    def has_room(self, project: str) -> bool:
        """Whether a project may take one more slot."""
        return self._held.get(project, 0) < 3 * self.free

    def wait(self, lane: W) -> None:
        """A lane that waits nowhere stands in the queue."""
        place = lane.project, lane.host
        lanes = self._lanes.get(place)
        if lanes is None:
            lanes = self._lanes[place] = OrderedDict()
            hosts = self._hosts.get(lane.project)
            if hosts is None:
                hosts = self._hosts[lane.project] = FairQueue()
                self._projects.put(lane.project, self._held.get(lane.project, 0))
            hosts.put(lane.host, self._held_by_host.get(place, 0))
        lanes[lane] = None
        lane.waiting = self

    def leave(self, lane: W) -> None:
        """A lane that waits here waits no more. To be called before its project or its host changes."""
        self._gone(lane.project, lane.host, lane)

    def _gone(self, project: str, host: str, lane: W) -> None:
        lanes = self._lanes[project, host]
        del lanes[lane]
        lane.waiting = None
        if not lanes:
            del self._lanes[project, host]
            hosts = self._hosts[project]
            hosts.remove(host)
            if not hosts:
                del self._hosts[project]
                self._projects.remove(project)

    def next(self) -> W | None:
        """Take out the lane whose turn it is, if there is a slot for it."""
        if self.used >= self.size:
            return None
        project = self._projects.first()
        if project is None or not self.has_room(project):
            return None
        host = self._hosts[project].first()
        assert host is not None
        lane = next(iter(self._lanes[project, host]))
        self._gone(project, host, lane)
        return lane

    def take(self, project: str, host: str) -> None:
        """Use a slot."""
        self._count(project, host, 1)

    def give(self, project: str, host: str) -> None:
        """Give a slot back."""
        self._count(project, host, -1)

    def _count(self, project: str, host: str, by: int) -> None:
        self.used += by
        held = self._held[project] = self._held.get(project, 0) + by
        if not held:
            del self._held[project]
        self._projects.reweigh(project, held)
        place = project, host
        held = self._held_by_host[place] = self._held_by_host.get(place, 0) + by
        if not held:
            del self._held_by_host[place]
        if (hosts := self._hosts.get(project)) is not None:
            hosts.reweigh(host, held)


def pools(ceiling: int, hanging: int, mails: int) -> dict[Kind, Pool[Any]]:
    """`hanging`: of slow and of dead channels each. What is left over of `ceiling` is for those that are hurried."""
    return {
        Kind.QUICK: Pool(ceiling // 8),
        Kind.NEW: Pool(ceiling // 4),
        Kind.SLOW: Pool(hanging),
        Kind.DEAD: Pool(hanging),
        Kind.MAIL: Pool(mails + mails // 3),  # so that one project may have `mails`
    }
