"""What monitors say that others depend on, when they have other settings: that they are down, or no more. Pure.

The fold of monitors tells that to every partition of its own journal (`dependency.changed`), and the journal holds what
was told then. A case with other settings must hear what would have been told. Whether a monitor is down depends on its
own results alone, never on what others say; so one pass over the monitors that others depend on tells all there is to
say (`words_of`), and the pass that is answered by hears it in the place of what the journal holds.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from processors.fold.contract import Effect
from processors.what_if.alerts import Room
from schemas.base import Micros
from schemas.probes import DependencyChanged

# Of all cases of a question.
MOST_WORDS = 200_000


def words_room() -> Room:
    """Room for the words of one question."""
    return Room(MOST_WORDS, "times that monitors went down, or came back, on which others depend")


class Retold(NamedTuple):
    """A word of a monitor that others depend on. It follows the record at `offset` of `partition`, of that time."""

    timestamp: Micros
    partition: int
    offset: int
    event: DependencyChanged


def words_of(effects: Iterable[Effect], timestamp: Micros, partition: int, offset: int) -> Iterator[Retold]:
    """What a fold says to every partition; `offset`: of the record that made it say so."""
    for effect in effects:
        if isinstance(effect.value, DependencyChanged):
            yield Retold(timestamp, partition, offset, effect.value)


class Telling:
    """Hands out words, in order, to one partition: those of the partition itself behind the record that made them,
    those of others by the time of the records."""

    def __init__(self, partition: int, words: Sequence[Retold]) -> None:
        self._partition, self._words, self._next = partition, sorted(words, key=lambda word: word[:3]), 0

    @property
    def has_more(self) -> bool:
        return self._next < len(self._words)

    def until(self, timestamp: Micros, offset: int) -> Iterator[Retold]:
        """The words that stand before a record."""
        while self._next < len(self._words):
            word = self._words[self._next]
            own = word.partition == self._partition
            if (word.offset >= offset) if own else (word.timestamp >= timestamp):
                return
            self._next += 1
            yield word
