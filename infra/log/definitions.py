"""The definitions that a lookup may rely on: something is unknown only if no earlier request is still to be folded.

A replica of `definitions` that has caught up contains everything that the fold of projects has created. But right after
a first start, or when worker and web process start together, `projects` may contain requests that are not folded yet,
among them those that create the project, its keys and its checks. Until these are folded, what is missing may still
exist.
"""

import asyncio
import time
from collections.abc import Callable, Mapping

import structlog
from confluent_kafka import IsolationLevel, KafkaException

from infra.log.admin import admin_client, end_offsets
from infra.log.lookup_threads import run_lookup
from infra.log.ports import ReplicaProgress
from infra.log.progress import FoldProgress
from infra.log.reading import NotRead, last_records
from schemas.topics import PROJECTS

log = structlog.get_logger(__name__)

_TICK = b'{"type":"tick"'
_AGAIN_SECONDS = 1.0


class Definitions:
    """`replica`: of `definitions`, loaded. `progress`: what it has told of the fold of projects."""

    def __init__(self, replica: ReplicaProgress, progress: FoldProgress) -> None:
        self._replica, self._progress = replica, progress
        # By partition, the last request that waited when this process began; None until that is known.
        self._waiting: dict[int, int] | None = None
        self._known = asyncio.Event()

    async def learn(self, bootstrap: str) -> None:
        """Learn which requests wait to be folded; until then nothing is unknown."""
        folded = {number: at + 1 for number, at in self._progress.applied(PROJECTS)}
        while True:
            try:
                self.expect(await run_lookup(_waiting, bootstrap, folded))
                return
            except (KafkaException, NotRead, TimeoutError) as error:
                log.warning("definitions.requests_not_known", error=str(error) or type(error).__name__)
                await asyncio.sleep(_AGAIN_SECONDS)

    def expect(self, waiting: Mapping[int, int]) -> None:
        """These requests, by partition the offset of the last, are to be folded before anything is unknown."""
        self._waiting = dict(waiting)
        self._known.set()

    async def caught_up(self, timeout: float) -> bool:
        """Whether everything is known that was asked for before this process began, or made before this call."""
        deadline = time.monotonic() + timeout
        if self._waiting is None:
            try:
                async with asyncio.timeout(timeout):
                    await self._known.wait()
            except TimeoutError:
                return False
        if self._waiting and not await self._replica.wait(self._is_folded, max(0.0, deadline - time.monotonic())):
            return False
        return await self._replica.caught_up(max(0.0, deadline - time.monotonic()))

    async def wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        """As the replica's."""
        return await self._replica.wait(condition, timeout)

    def _is_folded(self) -> bool:
        if self._waiting:
            applied = dict(self._progress.applied(PROJECTS))
            self._waiting = {number: at for number, at in self._waiting.items() if applied[number] < at}
        return not self._waiting


def _waiting(bootstrap: str, folded: Mapping[int, int]) -> dict[int, int]:
    """By partition of `projects`, the last request from the offset `folded` on, where there is one. Blocks."""
    admin, places = admin_client(bootstrap), [(PROJECTS.name, number) for number in folded]
    # Up to the very end: what was acknowledged stands behind transactions that may still be open.
    ends = end_offsets(admin, places, isolation=IsolationLevel.READ_UNCOMMITTED)
    stretches = {number: (begin, ends[PROJECTS.name, number]) for number, begin in folded.items()}
    return last_records(bootstrap, PROJECTS, stretches, lambda value: not value.startswith(_TICK))
