"""The gaps that a source still has to report to the partitions of `pings`, until a tick with them is in the log. Pure.

A gap is reported from `since` until a tick that counts is acknowledged and was created after the newest change of the
gap. So nothing is lost when delivery reports arrive out of order; if Kafka never confirms a tick, or so late that it
does not count, the gap is reported again.
"""

from schemas.base import Micros

# (since, the newest round of ticks begun before the newest word of it)
_Span = tuple[Micros, int]


class UnreportedGaps:
    """`round`: of the ticks that are being made."""

    def __init__(self, partitions: int) -> None:
        self.round = 0
        self.unreachable_since: Micros | None = None
        self._partitions = partitions
        self._refused: dict[int, _Span] = {}
        self._silent: dict[int, _Span] = {}
        self._unreachable: list[Micros | None] = [None] * partitions  # as every partition was told last

    def refuse(self, partition: int | None, since: Micros) -> None:
        """A ping of this partition, or of any, was refused."""
        for number in range(self._partitions) if partition is None else (partition,):
            self._note(self._refused, number, since)

    def be_silent(self, since: Micros) -> None:
        """Nothing was heard of this source from `since` until the ticks of this round, which are about to be made."""
        for number in range(self._partitions):
            self._note(self._silent, number, since, self.round - 1)

    def _note(self, spans: dict[int, _Span], partition: int, since: Micros, round: int | None = None) -> None:
        before, _ = spans.get(partition, (since, 0))
        spans[partition] = min(before, since), self.round if round is None else round

    def set_back(self, by: Micros, now: Micros) -> None:
        """The clock was set back by so much, to `now`: what it dated later than that was earlier by as much."""
        for spans in (self._refused, self._silent):
            spans |= {number: (since - by, round) for number, (since, round) in spans.items() if since > now}
        if self.unreachable_since is not None and self.unreachable_since > now:
            self.unreachable_since -= by

    def refused(self, partition: int) -> Micros | None:
        return self._refused[partition][0] if partition in self._refused else None

    def silent(self, partition: int) -> Micros | None:
        return self._silent[partition][0] if partition in self._silent else None

    def is_there(self, partition: int) -> bool:
        """Whether there is anything to tell."""
        return (
            partition in self._refused
            or partition in self._silent
            or self._unreachable[partition] != self.unreachable_since
        )

    def oldest(self) -> Micros | None:
        """The beginning of all that is not told yet: no watermark may go beyond it."""
        begins = [since for spans in (self._refused, self._silent) for since, _ in spans.values()]
        if self.unreachable_since is not None and any(told != self.unreachable_since for told in self._unreachable):
            begins.append(self.unreachable_since)
        return min(begins, default=None)

    def stored(self, partition: int, round: int, unreachable_since: Micros | None) -> None:
        """A tick of this round is in the log, counts, and told this of the public URL."""
        for spans in (self._refused, self._silent):
            if partition in spans and spans[partition][1] < round:
                del spans[partition]
        self._unreachable[partition] = unreachable_since
