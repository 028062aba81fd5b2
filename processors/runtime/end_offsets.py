"""Detects that a journal or state topic of this worker has lost its end, by its end offset.

End offsets never decrease, unless a broker came back with a shorter log or the topic was created again. Then the
partition is taken over again, as another worker would. `processors.runtime.continuity` notices this at the next fetch;
this module also notices it while nothing new arrives, and for state topics, which nobody reads.
"""

import asyncio
from collections.abc import Mapping, Sequence

import structlog
from confluent_kafka import IsolationLevel

from infra.log.admin import admin_client, end_offsets
from processors.runtime.context import TruncatedLog
from processors.runtime.runner import Runner

log = structlog.get_logger(__name__)

LOOK_SECONDS = 3.0
_CALL_SECONDS = 5.0

Place = tuple[str, int]


class EndOffsets:
    """The ends of partitions, as they were seen last."""

    def __init__(self) -> None:
        self._seen: dict[Place, int] = {}

    def gone_back(self, ends: Mapping[Place, int], least: Mapping[Place, int]) -> set[Place]:
        """The partitions that end before where they ended; from now on `ends` is where.

        least: offsets that they are known to have reached before `ends` was asked for.
        """
        back = {place for place, end in ends.items() if end < max(self._seen.get(place, 0), least.get(place, 0))}
        self._seen |= ends
        return back


async def watch_end_offsets(bootstrap: str, runners: Sequence[Runner], pause: float = LOOK_SECONDS) -> None:
    """Look at the logs of every partition of ours now and then, for ever."""
    admin, ends = admin_client(bootstrap), EndOffsets()
    while True:
        await asyncio.sleep(pause)
        stepped = {
            (runner.fold.journal.name, number): offset
            for runner in runners
            for number, offset in runner.stepped().items()
            if offset is not None
        }
        written = {(runner.fold.states.name, n): end for runner in runners for n, end in runner.written().items()}
        asked = [*stepped, *written]
        if not asked:
            continue
        try:
            # Of transactions that are open, too: an end that a reader can reach goes no further than those.
            seen = await asyncio.to_thread(end_offsets, admin, asked, _CALL_SECONDS, IsolationLevel.READ_UNCOMMITTED)
        except Exception as error:  # while Kafka is away nothing is known; what was seen before still counts after that
            log.info("worker.ends_not_known", error=str(error) or type(error).__name__)
            continue
        back = ends.gone_back(seen, stepped | written)
        for runner in runners:
            for number in runner.stepped():
                if (runner.fold.states.name, number) in back:
                    runner.take_anew(number, TruncatedLog.STATES)
                elif (runner.fold.journal.name, number) in back:
                    runner.take_anew(number, TruncatedLog.JOURNAL)
