"""Copies of a ping count once; what is no copy counts, each."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from processors.checks.ping_copies import MOST
from processors.fold.contract import Record
from schemas.base import SECOND, encode
from schemas.check_states import CheckState
from schemas.pings import Kind, Ping
from tests.check_story import CHECK, A, B, Story, changes, folded, t

BY, OTHER = 1_704_067_000_000_000, 1_704_067_000_000_001


def copy(story: Story, first: int, last: int = 0) -> None:
    """Append the records from `first` up to `last` (counted from the end, excluded) once more, all as one batch."""
    story.folding.feed([again(story, record) for record in story.journal[first : last or len(story.journal)]])


def again(story: Story, record: Record) -> Record:
    assert record.value is not None
    return story.journal.add((record.key or b"").decode(), record.value, record.timestamp + SECOND)


def pinged(*pings: tuple[float, Kind, dict[str, Any]]) -> Story:
    story = Story()
    for at, kind, fields in pings:
        story.ping(at, kind, **{"by": BY} | fields)
    return story


def without_offset(state: CheckState) -> CheckState:
    return replace(state, offset=0)


def test_a_block_written_again_changes_nothing() -> None:
    """As after a producer's new epoch: start, success, failure, and all three once more, in order."""
    story = pinged((10, "start", {"rid": A}), (20, "success", {"rid": A}), (30, "fail", {}))
    before, told = story.state, len(story.effects)
    assert (before.status, before.pings, before.runs) == ("down", 3, ())
    copy(story, -3)
    assert story.state == before
    assert [(fact.counted, fact.duration) for fact in folded(story.effects[told:])] == [(False, None)] * 3
    assert changes(story.effects[told:]) == []
    assert [fact.offset for fact in folded(story.effects[told:])] == [len(story.journal) - n for n in (3, 2, 1)]


def test_a_block_of_any_length() -> None:
    story = pinged(*((10 + number / 100, "success", {}) for number in range(500)))
    copy(story, -500)
    assert (story.state.pings, len(story.state.stamped)) == (500, 2)
    story.ping(16, by=BY)
    assert (story.state.pings, story.state.offset) == (501, len(story.journal) - 1)


def test_receivers_that_take_turns() -> None:
    """What one of them has held back is no copy, though the other's stamps are newer; its own copies are."""
    story = pinged((10, "success", {}), (11, "success", {"by": OTHER}), (10.5, "success", {}), (10.2, "log", {"by": 3}))
    assert story.state.pings == 4
    copy(story, -4)
    assert story.state.pings == 4


def test_pings_that_no_receiver_stamped_all_count() -> None:
    """Written by hand with a Kafka tool, or by a Pingfold before this one, with a time or without."""
    story = Story()
    for at in (None, None, t(10), t(10)):
        story.tell(Ping(kind="success", at=at), 10)
    story.tell(Ping(kind="success", by=BY), 10)
    assert (story.state.pings, story.state.stamped) == (5, ())


def test_another_check_takes_no_note() -> None:
    story = pinged((10, "success", {}))
    facts = folded(story.tell(Ping(kind="success", at=t(11), by=BY), 10, key=B))
    assert [fact.counted for fact in facts] == [False]  # unknown
    story.ping(10.5, by=BY)
    assert story.state.pings == 2


def test_what_is_remembered_is_bounded() -> None:
    story = Story()
    for number in range(3 * MOST):
        story.ping(10 + number / 10, by=BY + number)
    assert len(story.state.stamped) == 2 * MOST
    assert BY + 3 * MOST - 1 in story.state.stamped
    story.ping(10 + 200, by=BY)
    assert story.state.stamped == (BY, t(210))
    assert story.state.pings == 3 * MOST + 1


def test_a_dead_letter_put_back_is_no_copy_and_hides_none() -> None:
    story = pinged((10, "success", {}))
    story.ping(10, retried=True, by=BY)
    assert (story.state.pings, story.state.stamped) == (2, (BY, t(10)))


def test_a_state_from_before_copies_were_known() -> None:
    story = Story()
    story.folding.committed[CHECK] = b'{"type":"check-state","version":1,"status":"up","pings":3,"offset":7}'
    story.folding.restart()
    story.ping(10, by=BY)
    copy(story, -1)
    assert story.state.pings == 4


KINDS = st.sampled_from(("success", "start", "fail", "log"))
PINGS = st.tuples(KINDS, st.sampled_from((None, A, B)), st.sampled_from((BY, OTHER)))
BLOCKS = st.lists(st.lists(PINGS, min_size=1, max_size=20), max_size=5)


@given(blocks=BLOCKS, copies=st.lists(st.integers(0, 2), min_size=5, max_size=5))
def test_any_blocks_written_any_number_of_times_give_what_each_once_gives(
    blocks: Sequence[Sequence[tuple[Kind, str | None, int]]], copies: Sequence[int]
) -> None:
    def told(times: Sequence[int]) -> tuple[CheckState, list[tuple[str, str, str, float]]]:
        story, at = Story(), 10.0
        for block, count in zip(blocks, times, strict=False):
            records = []
            for kind, rid, by in block:
                at += 0.5
                records.append(encode(Ping(kind=kind, at=t(at), rid=rid, by=by)))
            for _ in range(1 + count):
                story.folding.feed([story.journal.add(CHECK, value, t(at)) for value in records])
            at += 5
            story.tick(at)
        return without_offset(story.state), changes(story.effects)

    assert told(copies) == told([0] * 5)
