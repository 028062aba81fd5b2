"""Ends a worker if one of its partitions is behind its journal and has made no progress for a minute.

Whatever the cause (a consumer that died silently, a call that never returns), the next process continues from what is
committed. Time in which Kafka does not answer does not count. Loading counts as progress as long as the states of any
partition are being read, because partitions load in turn.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from infra.log.admin import admin_client, end_offsets
from processors.errors import ProcessorError
from processors.runtime import metrics
from processors.runtime.runner import Runner

log = structlog.get_logger(__name__)

STUCK_SECONDS = 60.0


class Stuck(ProcessorError):
    """A partition has work and does not get on: end the process, so that it is started again."""


async def watch(
    bootstrap: str,
    runners: Sequence[Runner],
    failed: Callable[[BaseException], None],
    stuck: float = STUCK_SECONDS,
) -> None:
    """Look at every partition of ours now and then, for ever."""
    admin = admin_client(bootstrap)
    standing: dict[tuple[str, int], tuple[tuple[int | None, int], float]] = {}
    while True:
        await asyncio.sleep(stuck / 6)
        loads = {(runner.fold.name, n): loading for runner in runners for n, loading in runner.loading().items()}
        steps = sum(loading.steps for loading in loads.values())
        metrics.loading({place: loading.reading.left for place, loading in loads.items()})
        at = {
            (runner.fold.journal.name, n): (offset, 0 if offset is not None else steps)
            for runner in runners
            for n, offset in runner.stepped().items()
        }
        try:
            ends = await asyncio.to_thread(end_offsets, admin, list(at)) if at else {}
        except Exception as error:
            log.warning("watchdog.ends_not_known", error=str(error))
            standing.clear()
            continue
        now = time.monotonic()
        standing = {
            tp: (place, standing[tp][1] if tp in standing and standing[tp][0] == place else now)
            for tp, place in at.items()
            if place[0] is None or place[0] < ends[tp]
        }
        for (journal, partition), ((offset, _), since) in standing.items():
            if now - since >= stuck:
                where = "has its states not loaded" if offset is None else f"stands at {offset}"
                failed(Stuck(f"{journal}/{partition} {where} since {now - since:.0f} s"))
