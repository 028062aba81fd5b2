"""A log that has lost its end while its reader lives: what is fetched of it, and where it ends."""

from processors.runtime.continuity import Continuity
from processors.runtime.end_offsets import EndOffsets

TP = ("pings", 3)


class Fetches:
    """Spans of one partition, one after the other."""

    def __init__(self) -> None:
        self.continuity, self.connection = Continuity(), object()

    def take(self, start: int, end: int, generation: int = 1, more: bool = False) -> bool:
        return self.continuity.is_unsure(TP, generation, start, end, self.connection, more)


def test_spans_that_follow_one_another_are_sure() -> None:
    fetches = Fetches()
    assert not any(fetches.take(at, at + 10) for at in range(0, 100, 10))
    fetches.connection = None  # for a moment there is none; what was fetched before is taken
    assert not fetches.take(100, 110)


def test_a_span_that_begins_before_the_end_of_the_last_one() -> None:
    fetches = Fetches()
    assert not fetches.take(90, 100)
    assert fetches.take(0, 40)
    assert not fetches.take(40, 50)


def test_where_it_was_sent_a_consumer_may_begin() -> None:
    fetches = Fetches()
    fetches.take(90, 100)
    fetches.continuity.sought(TP)
    assert not fetches.take(20, 30)
    fetches.continuity.sought()
    assert not fetches.take(10, 20)
    assert not fetches.take(5, 10, generation=2), "a rebalance begins at what was committed"


def test_what_came_over_another_connection() -> None:
    """What was fetched over the former one may still wait to be taken; what follows it comes over the new one."""
    fetches = Fetches()
    fetches.take(0, 10)
    fetches.connection = object()
    assert fetches.take(10, 20, more=True)
    assert fetches.take(20, 30)
    assert fetches.take(30, 40)
    assert not fetches.take(40, 50)


def test_ends_never_go_back() -> None:
    ends = EndOffsets()
    assert ends.gone_back({("a", 0): 10, ("b", 0): 0}, {}) == set()
    assert ends.gone_back({("a", 0): 12}, {}) == set()
    assert ends.gone_back({("a", 0): 11, ("b", 0): 0}, {}) == {("a", 0)}
    assert ends.gone_back({("a", 0): 11}, {}) == set(), "it is told once"
    assert ends.gone_back({("a", 0): 20, ("b", 0): 3}, {("b", 0): 4}) == {("b", 0)}
