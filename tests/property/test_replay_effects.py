"""Effects as multisets: the comparison on disk says what a plain count says, and retention makes no false alarm."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from infra.log.reading import Asked, Stored
from pingfold.replay.derived import any_record
from pingfold.replay.effects import Expected, Judge, Source, Window
from pingfold.replay.outcome import Outcome
from pingfold.replay.store import Store
from processors.fold.contract import Effect
from schemas.base import encode
from schemas.topics import TRANSITIONS, Topic
from tests.toy_fold import Added

# What a record says; few different ones, so that equal ones come often.
WORDS = st.integers(0, 4)


class OneTopic:
    def __init__(self, records: Sequence[int], begin: int = 0) -> None:
        self._records, self._begin = records, begin

    def begins(self, topic: Topic) -> dict[int, int]:
        return {0: self._begin}

    def ends(self, topic: Topic) -> dict[int, int]:
        return {0: len(self._records)}

    settle = ends

    def read(self, topic: Topic, partition: int, start: int, end: int, asked: Asked | None = None) -> Iterator[Stored]:
        assert asked is None
        for offset in range(max(start, self._begin), end):
            yield Stored(0, offset, 0, b"key", encode(Added(number=self._records[offset])), None)


def judge(made: Sequence[Sequence[int]], log: OneTopic, window: Window) -> tuple[Outcome, list[int]]:
    """`made`: by source, what the replay makes, in order."""
    store, outcome = Store(), Outcome()
    try:
        expected = Expected(store, {TRANSITIONS.name: 1})
        for number, words in enumerate(made):
            expected.sources.append(Source(f"journal-{number}", 0, 0, len(words) - 1, True))
            for offset, word in enumerate(words):
                effect = Effect(TRANSITIONS, "key", Added(number=word), 0)
                expected.add([effect], number, offset, offset)
        one = Judge(log, store, expected, outcome)
        one.judge(TRANSITIONS, 0, any_record, window)
        return outcome, one.accounted.get((TRANSITIONS.name, 0), [])
    finally:
        store.close()


@given(st.lists(st.lists(WORDS, max_size=8), min_size=1, max_size=3), st.lists(WORDS, max_size=12), st.data())
def test_as_a_plain_count(made: list[list[int]], found: list[int], data: st.DataObject) -> None:
    lower = data.draw(st.integers(0, len(found)))
    outcome, accounted = judge(made, OneTopic(found), Window(lower, len(found)))
    wanted, stands, early = Counter(chain(*made)), Counter(found), Counter(found[:lower])
    missing, surplus = (wanted - stands).total(), sum(max(0, early[word] - wanted[word]) for word in early)
    assert outcome.difference_count == missing + surplus
    assert sum(one.kind == "missing" for one in outcome.differences) == missing
    for one in outcome.differences:
        if one.kind != "missing":
            assert one.offset is not None
            assert found[:lower].count(found[one.offset]) > wanted[found[one.offset]]
            assert (one.kind == "duplicate") == (wanted[found[one.offset]] > 0)
    # What was written while the picture was taken belongs to the replay as long as the replay makes it.
    assert all(offset >= lower for offset in accounted)
    late = stands - early
    assert Counter(found[offset] for offset in accounted) == late & (wanted - early)


@given(st.lists(st.lists(WORDS, max_size=8), min_size=1, max_size=3), st.data())
def test_retention_makes_no_false_alarm(made: list[list[int]], data: st.DataObject) -> None:
    """Whatever order the sources' effects came in, and however much of the beginning is gone."""
    order = data.draw(st.permutations([number for number, words in enumerate(made) for _ in words]))
    positions = [iter(words) for words in made]
    found = [next(positions[number]) for number in order]
    begin = data.draw(st.integers(0, len(found)))
    outcome, _ = judge(made, OneTopic(found, begin), Window(len(found), len(found)))
    assert not [one for one in outcome.differences if one.kind == "missing"]
