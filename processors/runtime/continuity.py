"""Whether a fetched span of a partition certainly continues the one before it.

A broker may come back with a shorter log: after a power cut without a second replica, with a restored copy, with a
topic that was created again. A consumer does not notice this. If its position is beyond the end, aiokafka starts again
at the beginning; if the log has grown past its position meanwhile, it continues there and skips records. So a span is
unsure if it begins before the end of the previous span, or was fetched over another connection. Before an unsure span
is folded, the journal is compared with what was folded (`processors.runtime.truncation`).
"""

from typing import Any

# What was fetched over a former connection may wait to be taken when the new one is noticed: that, and what follows it.
_SPANS = 2


class Continuity:
    """Of the partitions of one consumer; for its thread alone."""

    def __init__(self) -> None:
        self._ends: dict[Any, tuple[int, int]] = {}  # generation of the assignment, and offset after the last span
        self._connections: dict[Any, object] = {}
        self._unsure: dict[Any, int] = {}  # so many more spans are unsure

    def is_unsure(self, tp: Any, generation: int, start: int, end: int, connection: object, more: bool) -> bool:
        """Note a span, from `start` up to `end`.

        connection: the one to the leader of the partition after the span was taken, None while there is none. more:
        whether some of what came with it, in one answer of the broker, is still to be taken.
        """
        last = self._ends.get(tp)
        went_back = last is not None and last[0] == generation and start < last[1]
        self._ends[tp] = generation, end
        if connection is not None and self._connections.setdefault(tp, connection) is not connection:
            self._connections[tp], self._unsure[tp] = connection, _SPANS
        left = self._unsure.get(tp, 0)
        if left and not more:
            self._unsure[tp] = left - 1
        return went_back or left > 0

    def sought(self, tp: Any = None) -> None:
        """The consumer was sent to another place in a partition, or in all: it may begin before where it was."""
        if tp is None:
            self._ends.clear()
        else:
            self._ends.pop(tp, None)
