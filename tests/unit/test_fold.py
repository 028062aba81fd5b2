"""The view and the session: what every fold may rely on, without Kafka."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.fold.contract import (
    LARGEST_EVENT,
    LONGEST_KEY,
    SAME,
    Context,
    Effect,
    InvalidEvent,
    Record,
    Session,
    checksum,
)
from processors.fold.packed import PLAIN
from processors.fold.view import View
from schemas.base import SECOND, Fact, Value, encode
from schemas.dead_letters import DeadLetter
from schemas.schedules import SCHEDULES_VERSION
from schemas.ticks import NEVER, PROGRESS_KEY, Epoch, Progress
from schemas.topics import DEAD_LETTERS, TRANSITIONS, Cleanup, Topic
from schemas.transitions import JournalTruncated
from tests.folding import Journal

KEYS = ("a", "b", "c")


class Number(Value, tag="number"):
    value: int = 0


class Act(Fact, tag="act", frozen=True):
    """What to do with the key of the record."""

    what: str
    value: int = 0


class Acting:
    """A fold that does as its events say."""

    name, version = "acting", 7
    journal = Topic("acts", key="thing")
    states = Topic("numbers", key="thing", cleanup=Cleanup.COMPACT)
    events = msgspec.json.Decoder(Act)
    records = msgspec.json.Decoder(Number | Progress)
    packer = PLAIN

    def __init__(self) -> None:
        self.heard: list[Context] = []

    def owner(self, view: View, key: str) -> str:
        return f"owner of {key}"

    def open(self, view: View, partition: int) -> "Acting":
        self.view = view
        return self

    def apply(self, event: Act, context: Context) -> list[Effect]:
        self.heard.append(context)
        match event.what:
            case "put":
                self.view.put(context.key, Number(value=event.value))
            case "add":
                self.view.edit(Number, context.key).value += event.value
            case "delete":
                self.view.delete(context.key)
            case "refuse":
                self.view.put(context.key, Number(value=-1))
                raise InvalidEvent("as was asked")
            case "memory":
                raise MemoryError
            case what:
                raise RuntimeError(what)
        return [Effect(TRANSITIONS, context.key, event, SAME)]

    def due(self) -> int:
        return NEVER

    def truncated(self, event: JournalTruncated) -> list[Effect]:
        self.view.put("truncated", Number(value=event.end))
        return [Effect(TRANSITIONS, "of the fold", event, SAME)]


@pytest.fixture
def fold() -> Acting:
    return Acting()


@pytest.fixture
def journal() -> Journal:
    return Journal()


def session_of(fold: Acting, states: dict[str, msgspec.Struct] | None = None) -> Session:
    return Session(fold, 3, View(states), tzdata="2026a")


# ---- the view

change = st.tuples(st.sampled_from(("put", "edit", "delete")), st.sampled_from(KEYS), st.integers(0, 9))


def do(view: View, changes: list[tuple[str, str, int]]) -> None:
    for what, key, value in changes:
        if what == "put":
            view.put(key, Number(value=value))
        elif what == "delete":
            view.delete(key)
        elif view.get(key) is not None:
            view.edit(Number, key).value += value


def content(view: View) -> dict[str, bytes]:
    return {key: encode(record) for key, record in view.items()}


@given(st.dictionaries(st.sampled_from(KEYS), st.integers(0, 9)), st.lists(st.tuples(st.lists(change), st.booleans())))
def test_a_view_is_what_its_kept_events_made_of_it(start: dict[str, int], events: list[Any]) -> None:
    """And an event that was undone leaves no trace, neither in the records nor in what has changed."""
    records: dict[str, msgspec.Struct] = {key: Number(value=value) for key, value in start.items()}
    view, kept = View(records), View(records)
    for changes, keep in events:
        do(view, changes)
        if keep:
            view.keep()
            do(kept, changes)
            kept.keep()
        else:
            view.undo()
        assert content(view) == content(kept)
        assert view.changed == kept.changed
    assert records == {key: Number(value=value) for key, value in start.items()}


@given(st.lists(st.lists(change)))
def test_changes_written_to_a_topic_give_the_view_again(batches: list[list[tuple[str, str, int]]]) -> None:
    view, topic = View(), dict[str, msgspec.Struct]()
    for changes in batches:
        do(view, changes)
        view.keep()
        for key, record in view.take_changes().items():
            if record is None:
                topic.pop(key, None)
            else:
                topic[key] = record
        assert not view.changed
        assert content(View(topic)) == content(view)


def test_changes_that_were_taken_do_not_move_any_more() -> None:
    """They are written by another thread."""
    view = View({"a": Number(value=1)})
    view.edit(Number, "a").value = 2
    view.keep()
    taken = view.take_changes()
    view.edit(Number, "a").value = 3
    view.keep()
    assert taken == {"a": Number(value=2)}


def test_the_partition_record_comes_last() -> None:
    view = View()
    for key in ("zz", PROGRESS_KEY, "aa"):
        view.put(key, Number())
    assert list(view.take_changes()) == ["aa", "zz", PROGRESS_KEY]


def test_listeners_hear_of_undoing() -> None:
    view = View({"a": Number(value=1)})
    heard: list[tuple[str, msgspec.Struct | None, msgspec.Struct | None]] = []
    view.listeners.append(lambda *change: heard.append(change))
    view.put("b", Number(value=2))
    view.delete("a")
    view.undo()
    assert heard[:2] == [("b", None, Number(value=2)), ("a", Number(value=1), None)]
    assert sorted(heard[2:], key=str) == [("a", None, Number(value=1)), ("b", Number(value=2), None)]


# ---- the session


def test_a_new_partition_has_a_record_and_nothing_to_write(fold: Acting) -> None:
    session = session_of(fold)
    assert session.progress == Progress()
    assert not session.view.changed


def test_the_partition_record_tells_what_is_applied(fold: Acting, journal: Journal) -> None:
    journal.add("a", Act(what="put", value=4), at=5_000)
    batch = session_of(fold).run(journal)
    [only] = journal
    assert batch.applied == 0
    epoch = Epoch(offset=0, fold=7, tzdata="2026a", schedules=SCHEDULES_VERSION)
    progress = Progress(applied=0, epochs=(epoch,), last=checksum(only), newest=5_000)
    assert batch.changes == {"a": Number(value=4), PROGRESS_KEY: progress}
    assert batch.effects == [Effect(TRANSITIONS, "a", Act(what="put", value=4), SAME)]
    assert fold.heard == [Context(3, 0, "a", 5_000, False)]


def test_the_newest_time_in_kafka_is_kept(fold: Acting, journal: Journal) -> None:
    """Unless it is a day ahead of the partition's time: then its producer's clock is wrong."""
    session = session_of(fold, {PROGRESS_KEY: Progress(time=1_000 * SECOND)})
    for seconds in (2_000, 1_500, 90_000):
        session.step([journal.add("a", Act(what="put"), at=seconds * SECOND)])
    assert session.progress.newest == 2_000 * SECOND


def test_no_two_records_have_one_checksum() -> None:
    some = [Record(0, at, key, value) for at in (1_000, 2_000) for key in (b"a", b"b") for value in (b"1", b"2", None)]
    assert len({checksum(record) for record in some}) == len(some)
    assert 0 not in {checksum(record) for record in some}


def test_a_journal_that_lost_what_was_folded(fold: Acting, journal: Journal) -> None:
    """Its states are kept, and what now stands at the offsets that were lost is folded."""
    for _ in range(6):
        journal.add("a", Act(what="put", value=1), at=5_000)
    session = session_of(fold, {PROGRESS_KEY: Progress(time=7)})
    session.run(journal)
    told = JournalTruncated(partition=3, journal="acts", applied=5, end=2, since=7)
    assert session.truncate(2) == [
        Effect(TRANSITIONS, "acts", told, SAME),
        Effect(TRANSITIONS, "of the fold", told, SAME),
    ]
    assert session.view.get("truncated") == Number(value=2)
    assert (session.progress.applied, session.progress.truncated) == (1, 2)
    batch = session.run([Record(offset, 6_000, b"a", encode(Act(what="add", value=1))) for offset in range(8)])
    assert batch.changes["a"] == Number(value=7)
    assert session.progress.newest == 6_000


def test_what_is_applied_is_skipped(fold: Acting, journal: Journal) -> None:
    for _ in range(6):
        journal.add("a", Act(what="add", value=1), at=0)
    session = session_of(fold, {"a": Number(), PROGRESS_KEY: Progress(applied=2)})
    session.step(journal)
    session.step(journal)
    assert [context.offset for context in fold.heard] == [3, 4, 5]
    assert session.view.get("a") == Number(value=3)
    assert session.progress.applied == 5


def test_offsets_may_have_gaps(fold: Acting, journal: Journal) -> None:
    for _ in range(9):
        journal.add("a", Act(what="put", value=1), at=0)
    session = session_of(fold)
    assert session.run(journal[2:3]).applied == 2
    assert session.run(journal[7:]).applied == 8
    assert [context.offset for context in fold.heard] == [2, 7, 8]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{", "Input data was truncated"),
        (b"no JSON", "JSON is malformed: invalid character (byte 4)"),
        (b"", "Input data was truncated"),
        (b'{"type":"other"}', "Invalid value 'other' - at `$.type`"),
        (b'{"type":"act"}', "Object missing required field `what`"),
        (encode(Act(what="refuse")), "as was asked"),
        (encode(Act(what="")), "RuntimeError: "),
        (encode(Act(what="bad")), "RuntimeError: bad"),
        (encode(Act(what="add")), "KeyError: 'new'"),
    ],
)
def test_an_event_that_cannot_be_folded(fold: Acting, journal: Journal, value: bytes, reason: str) -> None:
    """It becomes a dead letter, changes nothing, and the next one is folded."""
    record = journal.add("new", value, at=8_000)
    journal.add("a", Act(what="put", value=1), at=9_000)
    batch = session_of(fold).run(journal)
    letter = DeadLetter(
        topic="acts", partition=3, offset=record.offset, key="new", value=value, reason=reason, at=8_000
    )
    assert batch.effects[0] == Effect(DEAD_LETTERS, "new", letter)
    assert len(batch.effects) == 2
    assert batch.changes.keys() == {"a", PROGRESS_KEY}
    assert batch.applied == 1


def letter_of(fold: Acting, key: bytes | None, value: bytes | None, journal: Journal) -> tuple[str, DeadLetter]:
    record = journal.add("", b"", at=0)._replace(key=key, value=value)
    (effect,) = session_of(fold).step([record])
    assert isinstance(effect.value, DeadLetter)
    return effect.key, effect.value


def test_a_record_without_a_value(fold: Acting, journal: Journal) -> None:
    _, letter = letter_of(fold, b"a", None, journal)
    assert letter.reason == "the record has no value"


def test_a_record_without_a_key_has_the_empty_one(fold: Acting, journal: Journal) -> None:
    record = journal.add("", Act(what="put"), at=0)._replace(key=None)
    assert session_of(fold).run([record]).changes[""] == Number()


def test_a_key_that_is_no_text(fold: Acting, journal: Journal) -> None:
    key, letter = letter_of(fold, b"a\xff", encode(Act(what="put")), journal)
    assert letter.reason.startswith("UnicodeDecodeError")
    assert key == letter.key == "a�"


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (b"a" * (LONGEST_KEY + 1), encode(Act(what="put")), "its key is longer than"),
        (b"a" * 2_000_000, b"x" * 2_000_000, "its key is longer than"),
        (b"a", b" " * LARGEST_EVENT + encode(Act(what="put")), "larger than"),
        (b"a", encode(Act(what="x" * (LARGEST_EVENT - 100))), "RuntimeError: xxx"),
        (b"\x00" * LONGEST_KEY, b"\x00" * LARGEST_EVENT, "JSON is malformed"),
    ],
)
def test_whatever_comes_its_dead_letter_can_be_written(
    fold: Acting, journal: Journal, key: bytes, value: bytes, reason: str
) -> None:
    effect_key, letter = letter_of(fold, key, value, journal)
    assert reason in letter.reason
    assert len(effect_key) + len(encode(letter)) < 4 * 2**20 - 10_000


def test_a_lack_of_memory_is_not_the_fault_of_the_event(fold: Acting, journal: Journal) -> None:
    """Written off, the event would be lost to every later pass, and replay would disagree."""
    journal.add("a", Act(what="memory"), at=0)
    with pytest.raises(MemoryError):
        session_of(fold).step(journal)


steps = st.lists(st.tuples(st.sampled_from(("put", "add", "delete", "refuse", "bad")), st.sampled_from(KEYS)))


@given(steps, st.lists(st.integers(0, 20)), st.sets(st.integers(0, 20)))
def test_batches_and_restarts_change_no_outcome(
    events: list[tuple[str, str]], cuts: list[int], restarts: set[int]
) -> None:
    """A partition may be taken over between any two batches, and records may be read again."""
    journal = Journal()
    for value, (what, key) in enumerate(events):
        journal.add(key, Act(what=what, value=value), at=0)
    whole = session_of(Acting())
    wanted = whole.step(journal)
    states: dict[str, msgspec.Struct] = {}
    session, effects = session_of(Acting()), list[Effect]()
    for number, cut in enumerate([*sorted(cuts), len(journal)]):
        if number in restarts:
            session = session_of(Acting(), states)
        batch = session.run(journal[:cut])  # from the beginning, each time
        effects += batch.effects
        for key, record in batch.changes.items():
            if record is None:
                states.pop(key, None)
            else:
                states[key] = record
    assert effects == wanted
    assert content(View(states)) == content(whole.view)
