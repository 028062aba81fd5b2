"""How fast a target answered: a histogram of fixed edges, and Apdex read from it. Pure.

The edges are 125 ms and its doubles up to 32 s. A threshold is one of them, and so is four times the threshold, so the
histogram gives Apdex for every threshold: a changed threshold applies to all that was ever recorded.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

from schemas.base import Micros

Threshold = Literal[125, 250, 500, 1_000, 2_000, 4_000, 8_000]
"""The response time that satisfies, in milliseconds."""

THRESHOLDS: tuple[int, ...] = get_args(Threshold)
DEFAULT_THRESHOLD: Threshold = 500

EDGES_MS: tuple[int, ...] = tuple(125 << n for n in range(9))
EDGES: tuple[Micros, ...] = tuple(edge * 1_000 for edge in EDGES_MS)
# The last bucket is of what took longer than the last edge.
BUCKETS = len(EDGES) + 1

_TOLERATED = 4


def bucket(took: Micros) -> int:
    """The bucket of a response time; an edge belongs to the bucket below it."""
    return bisect_left(EDGES, took)


def answered_in(took: Micros, connect: Micros | None, first_byte: Micros | None) -> Micros:
    """The response time of a probe that was well: from the request to the first byte of the answer. Without a request
    it is how long the connection took; without a connection, the whole probe."""
    if first_byte is not None:
        return first_byte
    return took if connect is None else connect


class Apdex(NamedTuple):
    """satisfied: answers within the threshold. tolerated: those within four times as long. failures are in samples."""

    samples: int
    satisfied: int
    tolerated: int

    @property
    def score(self) -> float | None:
        """From 0 to 1, rounded half up to three decimals; None without samples."""
        if not self.samples:
            return None
        return (1_000 * (2 * self.satisfied + self.tolerated) + self.samples) // (2 * self.samples) / 1_000


def within(times: Sequence[int], limit_ms: int) -> int:
    """How many answers of a histogram came within a limit, which must be one of the edges."""
    return sum(times[: EDGES_MS.index(limit_ms) + 1])


def apdex(samples: int, times: Sequence[int], threshold: int) -> Apdex:
    """samples: all results, those that failed, too. times: the histogram of those that did not."""
    satisfied = within(times, threshold)
    return Apdex(samples, satisfied, within(times, _TOLERATED * threshold) - satisfied)
