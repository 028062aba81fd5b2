"""What is put into a log that is only imitated: stored at once, or refused."""

import asyncio
from abc import ABC, abstractmethod

from infra.log.sink import NotStored, Position
from schemas.topics import Topic


class ImitatedSink(ABC):
    """`infra.log.sink.Sink`, as far as those need it who put something in."""

    @abstractmethod
    def store(self, topic: str, key: str | bytes | None, value: bytes | None) -> Position:
        """Take a record; where it stands. Raises `NotStored`."""

    def put(
        self,
        topic: Topic | str,
        key: str | bytes | None,
        value: bytes | None,
        partition: int = -1,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> "asyncio.Future[Position]":
        """As `infra.log.sink.Sink.put`."""
        future: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        try:
            future.set_result(self.store(str(topic), key, value))
        except NotStored as error:
            future.set_exception(error)
        return future
