"""Copies of a ping count once; what can be told apart counts, each."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from processors.fold import Record
from processors.ping_copies import MOST
from schemas.base import SECOND, encode
from schemas.check_states import CheckState
from schemas.pings import Kind, Ping
from tests.check_story import CHECK, A, B, Story, changes, folded, t


def copy(story: Story, first: int, last: int) -> None:
    """Append the records from `first` up to `last` (counted from the end, excluded) once more, all as one batch."""
    story.folding.feed([again(story, record) for record in story.journal[first : last or len(story.journal)]])


def again(story: Story, record: Record) -> Record:
    assert record.value is not None
    return story.journal.add((record.key or b"").decode(), record.value, record.timestamp + SECOND)


def pinged(*pings: tuple[float, Kind, dict[str, Any]]) -> Story:
    story = Story()
    for at, kind, fields in pings:
        story.ping(at, kind, **fields)
    return story


def without_offset(state: CheckState) -> CheckState:
    return replace(state, offset=0)


def test_a_block_written_again_changes_nothing() -> None:
    """As after a producer's new epoch: start, success, failure, and all three once more, in order."""
    story = pinged((10, "start", {"rid": A}), (20, "success", {"rid": A}), (30, "fail", {}))
    before, told = story.state, len(story.effects)
    assert (before.status, before.pings, before.runs) == ("down", 3, ())
    copy(story, -3, 0)
    assert story.state == before
    assert [(fact.counted, fact.duration) for fact in folded(story.effects[told:])] == [(False, None)] * 3
    assert changes(story.effects[told:]) == []
    assert [fact.offset for fact in folded(story.effects[told:])] == [len(story.journal) - n for n in (3, 2, 1)]


def test_the_next_ping_after_copies_counts() -> None:
    story = pinged((10, "success", {}), (20, "success", {}))
    copy(story, -2, 0)
    copy(story, -4, -2)
    story.ping(21)
    assert (story.state.pings, story.state.offset) == (3, len(story.journal) - 1)


@pytest.mark.parametrize(
    "other",
    [("start", {}), ("fail", {}), ("log", {}), ("success", {"rid": B}), ("success", {})],
    ids=["start", "fail", "log", "another run", "no run"],
)
def test_pings_of_one_microsecond_that_can_be_told_apart_all_count(other: tuple[Kind, dict[str, Any]]) -> None:
    story = pinged((10, "success", {"rid": A}), (10, *other))
    assert story.state.pings == 2
    copy(story, -2, 0)
    assert story.state.pings == 2


def test_pings_without_a_time_of_their_own_all_count() -> None:
    """Written by hand with a Kafka tool: the record's own time has milliseconds only."""
    story = Story()
    for _ in range(3):
        story.tell(Ping(kind="success"), 10)
    assert (story.state.pings, story.state.recent) == (3, ())


def test_another_check_takes_no_note() -> None:
    story = pinged((10, "success", {}))
    facts = folded(story.tell(Ping(kind="success", at=t(10)), 10, key=B))
    assert [fact.counted for fact in facts] == [False]  # unknown
    story.ping(10.000001)
    assert story.state.pings == 2


def test_what_is_remembered_is_bounded() -> None:
    story = Story()
    for number in range(3 * MOST):
        story.ping(10 + number / 10)
    assert len(story.state.recent) == MOST
    story.ping(10 + 200)
    assert len(story.state.recent) == 1
    assert story.state.pings == 3 * MOST + 1
    assert max(story.state.recent) < 2**63


def test_a_dead_letter_put_back_is_no_copy() -> None:
    story = pinged((10, "success", {}))
    story.ping(10, retried=True)
    assert story.state.pings == 2
    assert len(story.state.recent) == 1


def test_a_state_from_before_copies_were_known() -> None:
    old = b'{"type":"check-state","version":1,"status":"up","pings":3,"offset":7}'
    story = Story()
    story.folding.committed[CHECK] = old
    story.folding.restart()
    story.ping(10)
    copy(story, -1, 0)
    assert story.state.pings == 4


KINDS = st.sampled_from(("success", "start", "fail", "log"))
BLOCKS = st.lists(st.lists(st.tuples(KINDS, st.sampled_from((None, A, B))), min_size=1, max_size=MOST), max_size=5)


@given(blocks=BLOCKS, copies=st.lists(st.integers(0, 2), min_size=5, max_size=5))
def test_any_blocks_written_any_number_of_times_give_what_each_once_gives(
    blocks: Sequence[Sequence[tuple[Kind, str | None]]], copies: Sequence[int]
) -> None:
    def told(times: Sequence[int]) -> tuple[CheckState, list[tuple[str, str, str, float]]]:
        story, at = Story(), 10.0
        for block, count in zip(blocks, times, strict=False):
            records = []
            for kind, rid in block:
                at += 0.5
                records.append(encode(Ping(kind=kind, at=t(at), rid=rid)))
            for _ in range(1 + count):
                story.folding.feed([story.journal.add(CHECK, value, t(at)) for value in records])
            at += 5
            story.tick(at)
        return without_offset(story.state), changes(story.effects)

    assert told(copies) == told([0] * 5)
