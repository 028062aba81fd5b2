"""Records the use of API keys: at most one small record per key and `RESOLUTION`, in the topic `key-uses`.

No request waits for it. If Kafka does not acknowledge a record, a later use records it again.
"""

import asyncio
from functools import partial

import structlog

from infra.log.ports import LogWriter
from infra.log.sink import NotStored, Position
from schemas.base import SECOND, Micros, encode
from schemas.definitions import ApiKey
from schemas.key_uses import RESOLUTION, KeyUsed
from schemas.topics import KEY_USES

log = structlog.get_logger(__name__)

# So long after a failure the next use is told.
_AGAIN: Micros = 10 * SECOND


class KeyUses:
    """Of one process. Remembers when each key was last told; a new process tells the first use that it sees."""

    def __init__(self, sink: LogWriter) -> None:
        self._sink = sink
        self._told: dict[str, Micros] = {}

    def note(self, key: ApiKey, at: Micros) -> None:
        """The key has opened something at this time."""
        told = self._told.get(key.id)
        if told is not None and 0 <= at - told < RESOLUTION:
            return
        self._told[key.id] = at
        try:
            stored = self._sink.put(KEY_USES, key.id, encode(KeyUsed(project=key.project, key=key.id, at=at)))
        except NotStored as error:
            self._failed(key.id, at, error)
        else:
            stored.add_done_callback(partial(self._ended, key.id, at))

    def _ended(self, key: str, at: Micros, stored: asyncio.Future[Position]) -> None:
        if not stored.cancelled() and (error := stored.exception()) is not None:
            self._failed(key, at, error)

    def _failed(self, key: str, at: Micros, error: BaseException) -> None:
        log.warning("key.use_not_stored", key=key, error=str(error))
        if self._told.get(key) == at:
            self._told[key] = at - RESOLUTION + _AGAIN
