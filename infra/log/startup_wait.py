"""Waits for Kafka at the start of a role, as long as necessary, with bounded checks, and logs the reason meanwhile."""

import asyncio
import time
from collections.abc import Callable

import structlog
from confluent_kafka import KafkaError, KafkaException

from infra.availability import kafka_fault
from infra.errors import InfraError
from infra.log.admin import partition_count
from infra.log.clients import passes

log = structlog.get_logger(__name__)

_AGAIN_SECONDS = 1.0
_SAY_SECONDS = 10.0


class KafkaRefuses(InfraError):
    """Kafka does not let us in, or something is wrong that does not pass by itself: end with the message."""


class StartupWait:
    """`waits` is told why, each time that Kafka could not be used."""

    def __init__(self, bootstrap: str, waits: Callable[[str], None] = lambda why: None) -> None:
        self._bootstrap, self._waits = bootstrap, waits
        self._began = time.monotonic()
        self._said_at: float | None = None

    async def partitions(self) -> int:
        """The deployment's partition count, as soon as Kafka tells it.

        Raises `WrongPartitionCount` when the topics are not there, and `KafkaRefuses`.
        """
        while True:
            fault = await asyncio.to_thread(kafka_fault, self._bootstrap)
            if not fault:
                try:
                    return await asyncio.to_thread(partition_count, self._bootstrap)
                except KafkaException as error:
                    fault = self.passing(error)
            await self.pause(fault)

    @staticmethod
    def passing(error: Exception) -> str:
        """What is said of a fault of Kafka's that passes by itself. Raises `KafkaRefuses` for any other."""
        cause = error.args[0] if error.args else None
        if isinstance(cause, KafkaError):
            if not passes(cause):
                raise KafkaRefuses(
                    f"Kafka refuses this: {cause.str()} (PINGFOLD_KAFKA_... set the login: docs/operations.md)"
                ) from error
            return str(cause.str())
        return str(error) or "no answer in time"

    async def pause(self, why: str) -> None:
        """Say why, and give it a moment."""
        self._waits(why)
        now = time.monotonic()
        if self._said_at is None or now - self._said_at >= _SAY_SECONDS:
            self._said_at = now
            log.warning("kafka.awaited", why=why, seconds=round(now - self._began))
        await asyncio.sleep(_AGAIN_SECONDS)
