"""Read your writes: a read shows what this process has acknowledged, or says how old it is.

Before a check is read, its state must have folded every ping and command that this process acknowledged in the check's
partition, and the newest definition that the directory holds. A read waits at most `PATIENCE` for that; then the answer
goes out as it is, with its age in seconds in the header `Pingfold-Stale`. A stopped worker never blocks a read longer.
"""

from collections.abc import Iterable, Sequence

from infra.clock import Clock
from infra.log.partitioner import partition_of
from infra.log.ports import AcknowledgedPings, ReplicaProgress
from infra.log.sink import Position
from query_api.state.states import States
from schemas.base import SECOND, Micros
from schemas.check_states import CheckState
from schemas.definitions import Check
from schemas.ticks import speaks_until

PATIENCE = 1.0
STALE_HEADER = "Pingfold-Stale"

# A fold that idles commits the time of its partition this often or more often, give or take a slow commit.
_TIME_COMES_WITHIN: Micros = 10 * SECOND


class Freshness:
    """What reads wait for, and how far the states can speak."""

    def __init__(
        self,
        states: States[CheckState],
        replica: ReplicaProgress,
        partitions: int,
        clock: Clock,
        source: AcknowledgedPings | None = None,
    ) -> None:
        self._states, self._replica = states, replica
        self._partitions, self._clock, self._source = partitions, clock, source
        self._wrote: dict[int, int] = {}

    def partition(self, check_id: str) -> int:
        """The partition of `pings` and `check-states` that a check lives in."""
        return partition_of(check_id.encode(), self._partitions)

    def wrote(self, position: Position) -> None:
        """This process has put an event into `pings` itself: later reads show it."""
        self._wrote[position.partition] = max(position.offset, self._wrote.get(position.partition, -1))

    async def of_check(self, check: Check) -> int:
        """Wait for all that a read of `check` must show; the age in seconds of what can be shown, 0 when fresh."""
        return await self._wait([check], [self.partition(check.id)])

    async def of_list(self, checks: Sequence[Check]) -> int:
        """The same for many checks: waits for every partition in which this process has acknowledged anything."""
        return await self._wait(checks, range(self._partitions))

    def speaks_of(self, check_id: str) -> Micros:
        """The moment that the state of a check may be judged at: now, or when its fold lags, the time it got to.

        A state that the fold has not brought up to now says nothing about now: nobody is called late by our own lag.
        """
        progress = self._states.progress(self.partition(check_id))
        now = self._clock.now()
        return now if progress is None else min(now, speaks_until(progress) + _TIME_COMES_WITHIN)

    async def _wait(self, checks: Sequence[Check], partitions: Iterable[int]) -> int:
        states = self._states
        wanted = {partition: self._acknowledged(partition) for partition in partitions}
        behind = checks

        def fresh() -> bool:
            nonlocal behind
            behind = [check for check in behind if states.version(check.id) < check.version]
            return not behind and all(states.applied(partition) >= offset for partition, offset in wanted.items())

        if await self._replica.wait(fresh, PATIENCE):
            return 0
        late = {partition for partition, offset in wanted.items() if states.applied(partition) < offset}
        return max(map(self._age, late | {self.partition(check.id) for check in behind}), default=0)

    def _acknowledged(self, partition: int) -> int:
        pings = -1 if self._source is None else self._source.acked[partition]
        return max(pings, self._wrote.get(partition, -1))

    def _age(self, partition: int) -> int:
        progress = self._states.progress(partition)
        if progress is None or progress.time == 0:
            return max(1, round(PATIENCE))
        return max(1, -(-(self._clock.now() - progress.time) // SECOND))
