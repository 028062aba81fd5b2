"""Tries the addresses of a host as browsers do (Happy Eyeballs, RFC 8305): the families take turns, the next address is
tried a quarter of a second after the one before or as soon as one fails, and the first that answers wins.

So an address that is silent costs a visitor, and a probe, a quarter of a second. Attempts that did not win are
cancelled; what one of them may have opened all the same is closed. Nothing here has a time limit: that is the caller's.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from itertools import zip_longest
from typing import Any, TypeVar

from ingest.prober.probes.outcome import ProbeFailed
from schemas.probe_kinds import PROBER_ERRORS

A = TypeVar("A")
R = TypeVar("R")

DELAY_SECONDS = 0.25
# So many addresses of a name are tried. Each may hold a socket until the probe's time is up.
_TRIED = 4


def in_turns(addresses: Sequence[str]) -> list[str]:
    """The addresses to be tried: the preferred one first, then one of the other family, and so on."""
    first = [address for address in addresses if (":" in address) is (":" in addresses[0])]
    others = [address for address in addresses if (":" in address) is not (":" in addresses[0])]
    pairs = zip_longest(first, others)
    return [address for pair in pairs for address in pair if address is not None][:_TRIED]


async def first_to_answer(
    tried: Sequence[A], attempt: Callable[[A], Coroutine[Any, Any, R]], close: Callable[[R], object] | None = None
) -> R:
    """What `attempt` makes of the first that answers. close: lets go of what another one made.

    An attempt that fails raises `ProbeFailed`. When all have failed, the failure is raised that says most.
    """
    if len(tried) == 1:
        return await attempt(tried[0])
    left, under_way, failed = deque(tried), list[asyncio.Task[R]](), list[ProbeFailed]()
    try:
        while left or under_way:
            if left:
                under_way.append(asyncio.create_task(attempt(left.popleft())))
            await asyncio.wait(under_way, timeout=DELAY_SECONDS if left else None, return_when=asyncio.FIRST_COMPLETED)
            for task in [one for one in under_way if one.done()]:
                under_way.remove(task)
                try:
                    return task.result()
                except ProbeFailed as failure:
                    failed.append(failure)
    finally:
        for task in under_way:
            task.add_done_callback(lambda ended: _let_go(ended, close))
            task.cancel()
    raise _telling(failed)


def _let_go(ended: asyncio.Task[R], close: Callable[[R], object] | None) -> None:
    """An attempt that nobody waits for any more has ended."""
    if not ended.cancelled() and ended.exception() is None and close is not None:
        close(ended.result())


def _telling(failed: Sequence[ProbeFailed]) -> ProbeFailed:
    """Somebody who refused says more than nobody; what this host could not do says least."""
    if not failed:
        return ProbeFailed("name", "no address")
    return max(failed, key=lambda one: (one.failure not in PROBER_ERRORS, one.answered))
