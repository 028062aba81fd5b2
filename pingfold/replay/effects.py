"""Effects: what the replay makes against what stands in the topics, partition by partition, each with its count.

The replay hands over every effect that it makes (`Expected.add`); kept of it are a digest of its bytes, its key and
where it came from. Then each partition of each topic is read once (`judge`), and two multisets are compared:

- made more often than the topic holds it: `missing`.
- held more often than it is made: `duplicate`, or `unexpected` when it is never made. Judged of records below `lower`:
  a live system has gone on, and what stands above may come from events that were not replayed.

Sources (partitions of journals) that could not be replayed by the versions that folded them are not `sure`: what
differs because of them is not comparable, and no difference. Where retention has deleted the beginning of a partition,
an effect is due only if one that its source made before is still there: effects of one source keep their order.

What an outsider appended to a journal, of a type that only folds make, and the fold refused, stands in the dead letters
and is not told again; what is not folded yet may still be refused.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple

from infra.log.partitioner import partition_of
from pingfold.replay.derived import IsMade
from pingfold.replay.outcome import Difference, NotComparable, Outcome
from pingfold.replay.store import Rows, Store
from processors.fold.contract import Effect
from processors.fold.placement import partitions_of
from processors.refold.log import Log
from schemas.base import encode
from schemas.dead_letters import DeadLetter
from schemas.topics import Topic

# So many differences of one partition are looked at one by one; all are counted.
_LOOKED_AT = 50
_VALUE_SHOWN = 300

_MADE = "digest, key, source, first, last, due"

Place = tuple[str, int]  # topic, partition


class Source(NamedTuple):
    """A partition of a journal from which effects come, replayed from the event `first` to `last`.

    sure: by the versions that folded it.
    """

    journal: str
    partition: int
    first: int
    last: int
    sure: bool


@dataclass
class Window:
    """Which offsets of a partition of a topic are judged.

    start: what stands before belongs to the events before the snapshot from which the replay began. accounted: offsets
    from `start` on that belong to them, too. doubtful: up to here it is not known to whom a record belongs. lower: what
    stands below belongs to events that were replayed. upper: what the replay makes stands below.
    """

    lower: int
    upper: int
    start: int = 0
    doubtful: int = 0
    accounted: frozenset[int] = field(default_factory=frozenset)


class _Row(NamedTuple):
    """Counts of one effect. due: made, and not deleted by retention perhaps. sure: made by sources that are sure."""

    digest: bytes
    made: int
    sure: int
    due: int
    sure_due: int
    found: int
    early: int


class Expected:
    """What the replay makes, by the topic and the partition where it must stand."""

    def __init__(self, store: Store, counts: Mapping[str, int]) -> None:
        self._store, self._counts = store, counts  # partitions of the topics
        self._made: dict[Place, Rows] = {}
        self.refused = store.table("topic, partition, offset")
        self.sources: list[Source] = []

    def add(self, effects: Iterable[Effect], source: int, first: int, last: int) -> None:
        """Effects that came of the events `first` to `last` of a source, in order. `source`: index in `sources`."""
        for effect in effects:
            if isinstance(letter := effect.value, DeadLetter):
                self.refused.add(letter.topic, letter.partition, letter.offset)
            digest = _digest(effect.key.encode(), encode(effect.value))
            own = self.sources[source].partition
            for partition in partitions_of(effect, own, self._counts.__getitem__, self._by_key):
                place = effect.topic.name, partition
                if place not in self._made:
                    self._made[place] = self._store.table(_MADE)
                self._made[place].add(digest, effect.key, source, first, last, 1)

    def _by_key(self, effect: Effect) -> int:
        return partition_of(effect.key.encode(), self._counts[effect.topic.name])

    def take(self, topic: Topic, partition: int) -> Rows:
        """What was made for a partition; to be dropped by the caller."""
        place = topic.name, partition
        made = self._made.pop(place, None) or self._store.table(_MADE)
        made.flush()
        return made


class Judge:
    """Compares one topic after the other."""

    def __init__(self, log: Log, store: Store, expected: Expected, outcome: Outcome) -> None:
        self._log, self._store, self._expected, self._outcome = log, store, expected, outcome
        self._all_sure = all(source.sure for source in expected.sources)
        sure = [str(number) for number, source in enumerate(expected.sources) if source.sure]
        self._sure = f"({', '.join(sure)})"
        self._replayed = {(source.journal, source.partition): source for source in expected.sources}
        expected.refused.flush()
        # Offsets at or above `lower` that belong to what was replayed; for a snapshot.
        self.accounted: dict[Place, list[int]] = {}

    def judge(self, topic: Topic, partition: int, is_made: IsMade, window: Window) -> None:
        """Compare one partition of a topic."""
        made = self._expected.take(topic, partition)
        found = self._store.table("digest, offset")
        try:
            for stored in self._log.read(topic, partition, window.start, window.upper):
                if is_made(stored) and stored.offset not in window.accounted:
                    found.add(_digest(stored.key or b"", stored.value or b""), stored.offset)
            found.flush()
            if self._log.begins(topic)[partition] > window.start:
                self._forget_deleted(made, found)
            self._forget_refused(topic, partition, made, found)
            self._compare(topic, partition, made, found, window)
            self._account(topic, partition, made, found, window)
        finally:
            made.drop()
            found.drop()

    def _compare(self, topic: Topic, partition: int, made: Rows, found: Rows, window: Window) -> None:
        looked_at: list[_Row] = []
        missing = surplus = unknown = 0
        for row in map(_Row._make, self._unequal(made, found, window)):
            if row.due > row.found:
                known = max(0, row.sure_due - row.found)
                missing += known
                unknown += row.due - row.found - known
            else:
                too_many = row.early - row.made
                known = too_many if row.sure or self._all_sure else 0
                surplus += known
                unknown += too_many - known
            if known and len(looked_at) < _LOOKED_AT:
                looked_at.append(row)
        told = 0
        for row in looked_at:
            differences = self._missing if row.due > row.found else self._surplus
            for difference in differences(topic, partition, made, found, row, window):
                self._outcome.differs(difference)
                told += 1
        self._outcome.counts_differences(missing + surplus - told)
        if unknown:
            text = f"{unknown} effects differ, which may come of events that another version folded"
            self._outcome.not_comparable.append(NotComparable(topic.name, partition, text))

    def _unequal(self, made: Rows, found: Rows, window: Window) -> Iterator[tuple[Any, ...]]:
        return self._store.query(
            f"""
            SELECT digest, SUM(made), SUM(sure), SUM(due), SUM(sure AND due), SUM(found), SUM(early) FROM (
                SELECT digest, 1 AS made, source IN {self._sure} AS sure, due, 0 AS found, 0 AS early FROM {made.name}
                UNION ALL
                SELECT digest, 0, 0, 0, 1, offset >= ? AND offset < ? FROM {found.name}
            ) GROUP BY digest HAVING SUM(due) > SUM(found) OR SUM(early) > SUM(made)
            """,
            window.doubtful,
            window.lower,
        )

    def _missing(
        self, topic: Topic, partition: int, made: Rows, _found: Rows, row: _Row, _window: Window
    ) -> Iterator[Difference]:
        rows = self._store.query(
            f"SELECT key, source, first, last FROM {made.name} WHERE digest = ? AND due AND source IN {self._sure}"
            " ORDER BY rowid DESC LIMIT ?",
            row.digest,
            row.sure_due - row.found,
        )
        for key, number, first, last in rows:
            source = self._expected.sources[number]
            times = f" (it is made {row.made} times)" if row.made > 1 else ""
            text = f"what the replay makes of {source.journal}/{source.partition}, {first} to {last}, is missing{times}"
            yield Difference("missing", topic.name, partition, key, text)

    def _surplus(
        self, topic: Topic, partition: int, _made: Rows, found: Rows, row: _Row, window: Window
    ) -> Iterator[Difference]:
        offsets = self._store.query(
            f"SELECT offset FROM {found.name} WHERE digest = ? AND offset >= ? AND offset < ? ORDER BY offset",
            row.digest,
            window.doubtful,
            window.lower,
        )
        for (offset,) in list(offsets)[row.made :]:
            stored = next(self._log.read(topic, partition, offset, offset + 1))
            value = (stored.value or b"")[:_VALUE_SHOWN].decode(errors="replace")
            times = f"written {row.found} times, made {row.made} times" if row.made else "no replay makes it"
            key = (stored.key or b"").decode(errors="replace")
            yield Difference(
                "duplicate" if row.made else "unexpected", topic.name, partition, key, f"{times}: {value}", offset
            )

    def _forget_deleted(self, made: Rows, found: Rows) -> None:
        """Of each source, only what comes after the first of its effects that is still there is due.

        An effect that several sources make does not tell whose it is.
        """
        self._store.query(f"CREATE INDEX {made.name}_digest ON {made.name} (digest)")
        firsts = dict(
            self._store.query(
                f"SELECT m.source, MIN(f.offset) FROM {found.name} AS f JOIN {made.name} AS m ON m.digest = f.digest"
                f" WHERE NOT EXISTS (SELECT 1 FROM {made.name} AS o WHERE o.digest = m.digest AND o.source != m.source)"
                " GROUP BY m.source"
            )
        )
        for number in range(len(self._expected.sources)):
            begin = None
            if number in firsts:
                ((begin,),) = self._store.query(
                    f"SELECT MAX(m.rowid) FROM {made.name} AS m JOIN {found.name} AS f ON m.digest = f.digest"
                    " WHERE f.offset = ? AND m.source = ?",
                    firsts[number],
                    number,
                )
            self._store.query(
                f"UPDATE {made.name} SET due = 0 WHERE source = ? AND (? IS NULL OR rowid < ?)", number, begin, begin
            )

    def _forget_refused(self, topic: Topic, partition: int, made: Rows, found: Rows) -> None:
        """Of what is never made: what the fold of this journal has refused, has not folded yet, or had before."""
        if (source := self._replayed.get((topic.name, partition))) is None:
            return
        self._store.query(
            f"DELETE FROM {found.name} WHERE (offset < ? OR offset > ? OR offset IN"
            f" (SELECT offset FROM {self._expected.refused.name} WHERE topic = ? AND partition = ?))"
            f" AND digest NOT IN (SELECT digest FROM {made.name})",
            source.first,
            source.last,
            topic.name,
            partition,
        )

    def _account(self, topic: Topic, partition: int, made: Rows, found: Rows, window: Window) -> None:
        """Note which records at or above `lower` belong to what was replayed: the first of each, as often as made."""
        late = list(
            self._store.query(
                f"SELECT digest, offset FROM {found.name} WHERE offset >= ? ORDER BY offset", window.lower
            )
        )
        if not late:
            return
        self._store.query(f"CREATE INDEX IF NOT EXISTS {made.name}_digest ON {made.name} (digest)")
        left: dict[bytes, int] = {}
        accounted = self.accounted.setdefault((topic.name, partition), [])
        for digest, offset in late:
            if digest not in left:
                ((count,),) = self._store.query(f"SELECT COUNT(*) FROM {made.name} WHERE digest = ?", digest)
                ((early,),) = self._store.query(
                    f"SELECT COUNT(*) FROM {found.name} WHERE digest = ? AND offset < ?", digest, window.lower
                )
                left[digest] = count - early
            if left[digest] > 0:
                left[digest] -= 1
                accounted.append(offset)


def _digest(key: bytes, value: bytes) -> bytes:
    return blake2b(b"%d %b%b" % (len(key), key, value), digest_size=16).digest()
