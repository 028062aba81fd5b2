"""Joins the spans of one partition into a gapless sequence of records; missing records are fetched again.

A span may begin after the last applied offset, if the group's offset is ahead of states or a journal that a power cut
has set back. Then the consumer seeks back, and its spans are skipped until it is there. If records are still missing,
an event has
been lost: `Hole`. Records that the journal itself no longer has are not a hole.
"""

import time
from collections.abc import Awaitable, Callable

import structlog

from processors.errors import ProcessorError
from processors.fold.contract import Record
from processors.runtime import metrics
from processors.runtime.stream import Span
from schemas.dead_letters import RETRIED_HEADER

log = structlog.get_logger(__name__)

# The consumer is sent back so often before what is missing counts as lost, at most once in so many seconds: spans that
# were on their way come first, and a rebalance may take it elsewhere once more.
_TRIES = 10
_PAUSE_SECONDS = 1.0


class Hole(ProcessorError):
    """Events between those applied and those at hand are missing: read the partition again from there."""


class Joining:
    """`next`: the offset after all that was joined, markers of transactions included.

    first: tells the offset at which the journal begins. rewind: sends the consumer back to an offset.
    """

    def __init__(
        self,
        place: str,
        next: int,
        first: Callable[[], Awaitable[int]],
        rewind: Callable[[int], Awaitable[None]],
    ) -> None:
        self.next = next
        self._place, self._first, self._rewind = place, first, rewind
        self._tries = 0
        self._tried_at = 0.0

    async def records(self, spans: list[Span], applied: int) -> list[Record]:
        """The records of spans that are not applied yet, as far as they join."""
        records: list[Record] = []
        for span in spans:
            if span.start > self.next and not await self._is_explained(span.start):
                continue
            self._tries = 0
            self.next = max(self.next, span.next)
            records += [
                Record(r.offset, r.timestamp * 1_000, r.key, r.value, bool(r.headers) and _is_retried(r.headers))
                for r in span.records
                if r.offset > applied
            ]
        return records

    async def go_back(self) -> None:
        """Have the consumer begin at `next`."""
        self._tried_at = time.monotonic()
        await self._rewind(self.next)

    async def _is_explained(self, until: int) -> bool:
        since = self.next
        if self._tries and time.monotonic() - self._tried_at < _PAUSE_SECONDS:
            return False
        if await self._first() >= until:
            log.error("fold.events_gone", journal=self._place, since=since, until=until, why="the journal begins later")
            metrics.events_gone(self._place, until - since)
            return True
        if self._tries >= _TRIES:
            raise Hole(f"{self._place}: {since} to {until - 1} did not come")
        self._tries += 1
        log.warning("fold.rewinding", journal=self._place, since=since, until=until, tried=self._tries)
        await self.go_back()
        return False


def _is_retried(headers: tuple[tuple[str, bytes], ...]) -> bool:
    return any(name == RETRIED_HEADER for name, _ in headers)
