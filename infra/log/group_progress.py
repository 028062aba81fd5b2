"""The progress of a consumer group, for readers that wait until it has processed certain records.

It is read from the committed offsets. So the group must commit after its work, and past the markers of transactions.
"""

import asyncio
import contextlib
from collections.abc import Iterable

import structlog
from confluent_kafka import IsolationLevel, KafkaException

from infra.log.admin import admin_client, end_offsets
from infra.log.groups import GroupOffsets
from infra.log.lookup_threads import SharedLook, run_lookup

log = structlog.get_logger(__name__)

_POLL_SECONDS = 0.05
_LAST_LOOK_SECONDS = 1.0
_LOOK_SECONDS = 5.0


class GroupProgress:
    """The progress of `group` in `partitions` (topic, number). Questions asked together share their looks at Kafka."""

    def __init__(self, bootstrap: str, group: str, partitions: Iterable[tuple[str, int]]) -> None:
        self._admin = admin_client(bootstrap)
        self._offsets = GroupOffsets(bootstrap, group)
        self._group = group
        self._partitions = list(partitions)
        self._written = SharedLook(self._high_watermarks)
        self._done = SharedLook(self._committed)

    async def reached(self, timeout: float, number: int | None = None) -> bool:
        """Wait until the group has dealt with all that was committed before this call; False when it takes longer.

        `number`: look only at partitions of this number.
        """
        looked_at = [tp for tp in self._partitions if number is None or tp[1] == number]
        done: dict[tuple[str, int], int] = {}
        # Not the `read_committed` end: one transaction becomes visible in one partition after the other, so who has
        # seen it elsewhere may be ahead of that end here. Its records, though, are all there.
        ends: dict[tuple[str, int], int] | None = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while True:
                    try:
                        if ends is None:
                            ends = await self._written.take()
                        done = await self._done.take()
                    # A coordinator that moves, a broker that starts; a look that took too long is not our time's end.
                    except (KafkaException, TimeoutError) as error:
                        log.info("progress.again", group=self._group, error=str(error) or type(error).__name__)
                    else:
                        if all(done.get(tp, 0) >= ends[tp] for tp in looked_at):
                            return True
                    await asyncio.sleep(_POLL_SECONDS)
        # A transaction open for so long is that of a process that died or hangs: nobody has seen anything of it.
        with contextlib.suppress(KafkaException, TimeoutError):
            committed = await run_lookup(end_offsets, self._admin, looked_at, _LAST_LOOK_SECONDS)
            return ends is not None and all(done.get(tp, 0) >= end for tp, end in committed.items())
        return False

    def _high_watermarks(self) -> dict[tuple[str, int], int]:
        return end_offsets(self._admin, self._partitions, _LOOK_SECONDS, IsolationLevel.READ_UNCOMMITTED)

    def _committed(self) -> dict[tuple[str, int], int]:
        found = self._offsets.committed(self._partitions, _LOOK_SECONDS)
        return {tp: committed.offset for tp, committed in found.items()}
