"""What a replay found, for people and for programs."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["state", "missing", "duplicate", "unexpected"]
Verdict = Literal["equal", "different", "not comparable"]

# Exit statuses.
EQUAL, DIFFERENT, NOT_COMPARABLE = 0, 1, 2
COULD_NOT_RUN = 2

# So many of each are told one by one; all are counted.
_KEPT = 200
_SHOWN = 20


@dataclass(frozen=True)
class Difference:
    """One thing that is not as the replay makes it.

    kind: `state`: a state differs. `missing`: the replay makes a record that the topic does not hold. `duplicate`: the
    topic holds it more often than the replay makes it. `unexpected`: the topic holds what no replay makes.
    offset: of the record in its topic, where there is one.
    """

    kind: Kind
    topic: str
    partition: int
    key: str
    text: str
    offset: int | None = None

    def __str__(self) -> str:
        where = f"{self.topic}/{self.partition}" + (f" at {self.offset}" if self.offset is not None else "")
        return f"{where} {self.key}: {self.text}"


@dataclass(frozen=True)
class NotComparable:
    """A stretch of a journal, or a part of a topic, that could not be compared, and why."""

    topic: str
    partition: int
    text: str

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}: not comparable: {self.text}"


@dataclass
class Outcome:
    """Counts, and the first few of what was found.

    snapshot: the one from which the replay began, or None: from the beginning of the journals. written: the snapshot
    that was taken.
    """

    events: int = 0
    states: int = 0
    effects: int = 0
    snapshot: str | None = None
    written: str | None = None
    difference_count: int = 0
    differences: list[Difference] = field(default_factory=list)
    not_comparable: list[NotComparable] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def differs(self, difference: Difference) -> None:
        self.difference_count += 1
        if len(self.differences) < _KEPT:
            self.differences.append(difference)

    def counts_differences(self, count: int) -> None:
        """So many more, which are not told one by one."""
        self.difference_count += count

    @property
    def verdict(self) -> Verdict:
        if self.difference_count:
            return "different"
        return "not comparable" if self.not_comparable else "equal"

    @property
    def status(self) -> int:
        return {"equal": EQUAL, "different": DIFFERENT, "not comparable": NOT_COMPARABLE}[self.verdict]

    def lines(self, verified: bool) -> Iterator[str]:
        """For people."""
        yield from self.notes
        yield from map(str, self.not_comparable[:_SHOWN])
        yield from map(str, self.differences[:_SHOWN])
        more = self.difference_count - min(len(self.differences), _SHOWN)
        more += max(0, len(self.not_comparable) - _SHOWN)
        verdict = f"different in {self.difference_count} places" if self.difference_count else self.verdict
        yield (
            f"{self.events} events folded again into {self.states} states and {self.effects} effects"
            + (f": {verdict}" if verified else "")
            + (f" ({more} more not shown)" if more else "")
        )
        if verified and self.verdict == "not comparable" and not self.written:
            yield (
                "`pingfold replay --snapshot` before an upgrade keeps what the older version folded comparable; "
                "`--snapshot --unverified` begins anew from here"
            )
        if self.written:
            yield f"snapshot {self.written} written"

    def json(self) -> dict[str, Any]:
        """For programs."""
        return {"verdict": self.verdict, "equal": self.verdict == "equal", **asdict(self)}


Tell = Callable[[str], None]
