"""Logs the faults of the time of partitions, repeatedly while they last."""

import asyncio
import time
from collections.abc import Callable

import structlog

from infra.clock_skew.reports import Fault

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 5.0
_AGAIN_SECONDS = 60.0
_SHOWN = 5


async def log_time_faults(look: Callable[[], list[Fault]]) -> None:
    """Until cancelled. look: what is wrong with the time now."""
    before, told_at = False, 0.0
    while True:
        faults, now = look(), time.monotonic()
        wrong, late = [fault for fault in faults if fault.grave], [fault for fault in faults if not fault.grave]
        for fault in late[:_SHOWN]:
            log.info("time.late", what=fault.what, do=fault.do)
        if wrong and (not before or now - told_at >= _AGAIN_SECONDS):
            for fault in wrong[:_SHOWN]:
                log.warning("time.wrong", what=fault.what, do=fault.do)
            told_at = now
        elif before and not wrong:
            log.info("time.right_again")
        before = bool(wrong)
        await asyncio.sleep(_LOOK_SECONDS)
