"""Ends a process that stands still: one of its partitions is behind its journal and has not moved for a minute.

Whatever the cause (a consumer that has silently died, a call that never returns), a new process begins from what is
committed. While Kafka does not answer nothing is known, and no time counts.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from infra.log.admin import admin_client, end_offsets
from processors.runtime.runner import Runner

log = structlog.get_logger(__name__)

STUCK_SECONDS = 60.0


class Stuck(Exception):
    """A partition has work and does not get on."""


async def watch(
    bootstrap: str,
    runners: Sequence[Runner],
    failed: Callable[[BaseException], None],
    stuck: float = STUCK_SECONDS,
) -> None:
    """Look at every partition of ours now and then, for ever."""
    admin = admin_client(bootstrap)
    standing: dict[tuple[str, int], tuple[int | None, float]] = {}
    while True:
        await asyncio.sleep(stuck / 6)
        at = {(runner.fold.journal.name, n): offset for runner in runners for n, offset in runner.stepped().items()}
        try:
            ends = await asyncio.to_thread(end_offsets, admin, list(at)) if at else {}
        except Exception as error:
            log.warning("watchdog.ends_not_known", error=str(error))
            standing.clear()
            continue
        now = time.monotonic()
        standing = {
            tp: (offset, standing[tp][1] if tp in standing and standing[tp][0] == offset else now)
            for tp, offset in at.items()
            if offset is None or offset < ends[tp]
        }
        for (journal, partition), (offset, since) in standing.items():
            if now - since >= stuck:
                failed(Stuck(f"{journal}/{partition} stands at {offset} since {now - since:.0f} s"))
