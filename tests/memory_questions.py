"""Questions about what would have been, answered from the log in memory, without a process of its own."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec.structs import replace

from infra.log import reading
from infra.log.reading import Stored
from pingfold.what_if.child import answer_to
from pingfold.what_if.messages import Asked
from processors.checks.fold import Checks
from processors.monitors.fold import Monitors
from query_api.what_if.port import AnswersQuestions, NoAnswer
from schemas.base import encode
from schemas.schedules import TZDATA_VERSION
from schemas.ticks import PROGRESS_KEY, Progress
from schemas.topics import JOURNAL_OF, Topic
from schemas.what_if.questions import Question


class Journals(Protocol):
    """`tests.memory.Memory`."""

    partitions: int
    records: dict[tuple[str, int], list[tuple[str, bytes]]]

    def records_of(self, journal: Topic, partition: int) -> Mapping[str, msgspec.Struct]: ...


class MemoryQuestions:
    """As `pingfold.what_if.process.QuestionProcess`; also the log that is read (`processors.refold.log.Log`).

    refuses: what is answered instead; process: what answers instead. most: so many events are read at most.
    """

    def __init__(self, log: Journals, most: int = 1_000_000) -> None:
        self._log, self.most = log, most
        self.refuses: NoAnswer | None = None
        self.process: AnswersQuestions | None = None

    async def ask(self, question: Question) -> bytes:
        if self.refuses is not None:
            raise self.refuses
        if self.process is not None:
            return await self.process.ask(question)
        answered = answer_to(Asked(question, self.most, 60), self, (Checks(), Monitors()), Path("none"))
        if not answered.answer:
            raise NoAnswer(answered.refused)
        return bytes(answered.answer)

    def begins(self, topic: Topic) -> dict[int, int]:
        return dict.fromkeys(range(self._log.partitions), 0)

    def ends(self, topic: Topic) -> dict[int, int]:
        return {number: len(list(self._all(topic, number))) for number in range(self._log.partitions)}

    def settle(self, topic: Topic) -> dict[int, int]:
        return self.ends(topic)

    def read(
        self, topic: Topic, partition: int, start: int, end: int, asked: reading.Asked | None = None
    ) -> Iterator[Stored]:
        for offset, (key, value) in enumerate(self._all(topic, partition)):
            if start <= offset < end and (asked is None or asked(key.encode(), value)):
                yield Stored(partition, offset, 0, key.encode(), value, None)

    def _all(self, topic: Topic, partition: int) -> Iterator[tuple[str, bytes]]:
        """The records of a journal; of a state topic only the partition's own."""
        if topic not in JOURNAL_OF:
            yield from self._log.records.get((topic.name, partition), ())
            return
        own = self._log.records_of(JOURNAL_OF[topic], partition)[PROGRESS_KEY]
        assert isinstance(own, Progress)
        epochs = tuple(replace(epoch, tzdata=TZDATA_VERSION) for epoch in own.epochs)
        yield PROGRESS_KEY, encode(replace(own, epochs=epochs))
