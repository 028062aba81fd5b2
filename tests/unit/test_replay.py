"""What a replay sees, on a log in memory: states, effects with their numbers, versions, beginnings that are gone."""

import gzip
import json
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from pingfold.replay.outcome import DIFFERENT, EQUAL, NOT_COMPARABLE, Outcome
from processors.fold.epochs import NewerStates
from schemas.base import encode
from schemas.schedules import TZDATA_VERSION
from schemas.ticks import PROGRESS_KEY
from schemas.topics import DEAD_LETTERS, Topic
from tests.replay_world import PARTITIONS, ReplayWorld
from tests.toy_fold import Third, Total


@pytest.fixture
def world(tmp_path: Path) -> ReplayWorld:
    """One that has folded 300 events twice."""
    world = ReplayWorld(tmp_path)
    for _ in range(2):
        world.add(300)
        world.fold()
    return world


def place_with(world: ReplayWorld, topic: Topic, least: int = 5) -> int:
    """A partition that holds some records."""
    return next(number for number in range(PARTITIONS) if len(world.log.records[topic.name, number]) >= least)


def only(outcome: Outcome) -> tuple[str, str, int, int | None]:
    assert outcome.status == DIFFERENT
    assert outcome.difference_count == len(outcome.differences) == 1, outcome.differences
    (one,) = outcome.differences
    return one.kind, one.topic, one.partition, one.offset


def last_effects(world: ReplayWorld) -> tuple[Topic, int]:
    """The second journal, and a partition of it with effects that nothing has folded, so that its states stay right."""
    world.add(100)
    world.fold(second=False)
    return world.toy.second, place_with(world, world.toy.second)


# ---- effects


def test_equal(world: ReplayWorld) -> None:
    outcome = world.verify()
    assert outcome.status == EQUAL, list(outcome.lines(True))
    assert outcome.events > 600
    assert outcome.effects > 200
    assert outcome.states > 17
    assert not outcome.notes


@pytest.mark.parametrize("which", ["second", "dead-letters"])
def test_an_effect_that_was_written_twice(world: ReplayWorld, which: str) -> None:
    topic, partition = last_effects(world)
    if which == "dead-letters":
        topic = DEAD_LETTERS
        partition = place_with(world, topic, 1)
    records = world.log.records[topic.name, partition]
    double = records[-1]
    world.log.append(topic, partition, (double.key or b"").decode(), double.value)
    outcome = world.verify()
    assert only(outcome) == ("duplicate", topic.name, partition, len(records) - 1)
    same = sum(one[3:5] == double[3:5] for one in records)
    assert f"written {same} times, made {same - 1} times" in outcome.differences[0].text
    assert (double.key or b"").decode() == outcome.differences[0].key


def test_an_effect_for_every_partition_that_one_partition_has_twice(world: ReplayWorld) -> None:
    topic, partition = last_effects(world)
    every = next(
        one for one in reversed(world.log.records[topic.name, partition]) if b'"number":0' in (one.value or b"")
    )
    world.log.append(topic, partition, (every.key or b"").decode(), every.value)
    assert only(world.verify())[0] == "duplicate"


def test_an_effect_that_is_missing(world: ReplayWorld) -> None:
    topic, partition = last_effects(world)
    records = world.log.records[topic.name, partition]
    gone = records[-1]
    del records[-1]
    outcome = world.verify()
    assert only(outcome) == ("missing", topic.name, partition, None)
    assert outcome.differences[0].key == (gone.key or b"").decode()
    assert "of toy-journal/" in outcome.differences[0].text


def test_an_effect_in_the_wrong_partition(world: ReplayWorld) -> None:
    topic, partition = last_effects(world)
    records = world.log.records[topic.name, partition]
    index = max(number for number, one in enumerate(records) if b'"number":0' not in (one.value or b""))
    moved = records.pop(index)
    records[index:] = [one._replace(offset=one.offset - 1) for one in records[index:]]
    other = (partition + 1) % PARTITIONS
    world.log.append(topic, other, (moved.key or b"").decode(), moved.value)
    world.fold()
    outcome = world.verify()
    assert {(one.kind, one.partition) for one in outcome.differences} == {("missing", partition), ("unexpected", other)}


def test_an_effect_that_no_replay_makes(world: ReplayWorld) -> None:
    topic, partition = last_effects(world)
    world.log.append(topic, partition, "group-0", encode(Third(thing="forged", number=6)))
    assert world.verify().status == EQUAL  # it may still be refused
    world.fold()
    outcome = world.verify()
    assert only(outcome)[0] == "unexpected"
    assert "forged" in outcome.differences[0].text


def test_what_others_append_to_a_journal_is_no_effect(world: ReplayWorld) -> None:
    topic, partition = last_effects(world)
    world.log.append(topic, partition, "thing", b'{"type":"added","number":1}')
    world.log.append(topic, partition, "thing", b"\xff")
    assert world.verify().status == EQUAL


def test_what_was_refused_is_no_effect(world: ReplayWorld) -> None:
    """An outsider's event of a type that only folds make, which the fold has put among the dead letters."""
    topic, partition = last_effects(world)
    world.log.append(topic, partition, "k" * 2_000, encode(Third(thing="forged", number=6)))
    world.fold()
    assert world.verify(snapshot=True).status == EQUAL
    upgrade(world)
    outcome = world.verify()
    assert outcome.snapshot
    assert outcome.status == EQUAL, list(outcome.lines(True))


def test_many_differences_are_all_counted(world: ReplayWorld) -> None:
    topic, partition = last_effects(world)
    for number in range(1_000):
        world.log.append(topic, partition, "group-0", encode(Third(thing="forged", number=number)))
    world.fold()
    outcome = world.verify()
    assert outcome.difference_count == 1_000
    assert len(outcome.differences) < 200
    assert "different in 1000 places" in list(outcome.lines(True))[-1]


def test_a_live_system_goes_on(world: ReplayWorld) -> None:
    """What is written meanwhile is neither missing nor too much."""

    def go_on() -> None:
        world.add(200)
        world.fold()

    world.log.when_settling = go_on
    assert world.verify().status == EQUAL


# ---- states


def test_states(world: ReplayWorld) -> None:
    states, partition = world.toy.states, place_with(world, world.toy.states)
    key = next(
        (one.key or b"").decode()
        for one in world.log.records[states.name, partition]
        if b'"total"' in (one.value or b"")
    )
    world.log.append(states, partition, key, encode(Total(count=77)))
    world.log.append(states, partition, "forged", encode(Total(count=1)))
    outcome = world.verify()
    assert {one.key for one in outcome.differences} == {key, "forged"}
    assert {one.kind for one in outcome.differences} == {"state"}
    world.log.append(states, partition, "forged", None)
    world.log.append(states, partition, key, None)
    assert only(world.verify()) == ("state", states.name, partition, None)


def test_the_words_of_a_state_do_not_matter(world: ReplayWorld) -> None:
    states, partition = world.toy.states, place_with(world, world.toy.states)
    newest = {one.key: one.value for one in world.log.records[states.name, partition]}
    for key, value in newest.items():
        if value is not None and key != PROGRESS_KEY.encode():
            world.log.append(states, partition, (key or b"").decode(), json.dumps(json.loads(value), indent=1).encode())
    assert world.verify(snapshot=True).status == EQUAL


# ---- versions


def upgrade(world: ReplayWorld, events: int = 300) -> None:
    world.version = 2
    for _ in range(2):
        world.add(events)
        world.fold()


def test_each_stretch_is_judged_by_its_version(world: ReplayWorld) -> None:
    upgrade(world)
    outcome = world.verify(1)
    assert outcome.status == EQUAL, list(outcome.lines(True))
    topic, partition = world.toy.second, place_with(world, world.toy.second)
    for double in (0, -1):  # one of each version
        one = world.log.records[topic.name, partition][double]
        world.log.append(DEAD_LETTERS, partition, (one.key or b"").decode(), one.value)
    assert world.verify(1).difference_count == 2


def test_without_the_older_version_its_stretch_is_not_comparable(world: ReplayWorld) -> None:
    upgrade(world, 20)
    outcome = world.verify()
    assert outcome.status == NOT_COMPARABLE
    assert not outcome.difference_count
    text = "\n".join(outcome.lines(True))
    assert "version of the fold 1 (here 2)" in text
    assert "states differ, such as toy-states/" in text
    assert text.splitlines()[-2].endswith("not comparable")


def test_an_upgrade_that_changes_nothing_is_equal(world: ReplayWorld) -> None:
    """Of the second fold, no partition of which has folded anything since: told, and no reason for exit status 2."""
    world.log.records.clear()
    world.version = 2
    for partition in range(PARTITIONS):
        world.log.append(world.toy.journal, partition, "thing", b"not an event")
    world.version = 1
    world.fold()
    world.version = 2
    outcome = world.verify()
    assert outcome.status == EQUAL, list(outcome.lines(True))
    assert "equal all the same" in outcome.notes[0]


def test_other_time_zone_data(world: ReplayWorld) -> None:
    """What comes out equal is equal. What does not may be due to them: not comparable."""
    world.tzdata = "2019a"
    world.add(100)
    world.fold()
    outcome = world.verify()
    assert outcome.status == EQUAL
    assert f"time zone data 2019a (here {TZDATA_VERSION})" in outcome.notes[0]
    states, partition = world.toy.states, place_with(world, world.toy.states)
    world.log.append(states, partition, "forged", encode(Total(count=1)))
    outcome = world.verify()
    assert outcome.status == NOT_COMPARABLE
    assert "forged" in str(outcome.not_comparable[0])
    assert "--snapshot" in list(outcome.lines(True))[-1]


def test_states_from_before_epochs_were_kept(world: ReplayWorld) -> None:
    """They are judged by the version that they tell; what is folded later begins an epoch."""
    for fold in world.toy.folds:
        for partition in range(PARTITIONS):
            newest = [one for one in world.log.records[fold.states.name, partition] if one.key == PROGRESS_KEY.encode()]
            progress = replace(fold.records.decode(newest[-1].value or b""), epochs=(), fold=1, tzdata=TZDATA_VERSION)
            world.log.append(fold.states, partition, PROGRESS_KEY, encode(progress))
    assert world.verify().status == EQUAL
    upgrade(world)
    assert world.verify(1).status == EQUAL
    assert world.verify().status == NOT_COMPARABLE


def test_a_newer_version_is_not_judged_at_all(world: ReplayWorld) -> None:
    upgrade(world)
    world.version = 1
    with pytest.raises(NewerStates, match="version 2"):
        world.verify()


def test_a_snapshot_stands_for_what_the_older_version_folded(world: ReplayWorld) -> None:
    taken = world.verify(snapshot=True)
    assert taken.written is not None
    upgrade(world)
    outcome = world.verify()
    assert outcome.status == EQUAL, list(outcome.lines(True))
    assert outcome.snapshot == taken.written
    assert 500 < outcome.events < 1_500  # those since the snapshot
    second, partition = world.toy.second, place_with(world, world.toy.second)
    last = world.log.records[second.name, partition][-1]
    world.log.append(DEAD_LETTERS, 0, (last.key or b"").decode(), last.value)
    assert only(world.verify())[0] == "unexpected"


def test_effects_beside_a_snapshot_of_a_live_system(world: ReplayWorld) -> None:
    """Those that were written while it was taken are counted to the right side of it."""

    def go_on() -> None:
        world.add(200)
        world.fold()

    world.log.when_settling = go_on
    assert world.verify(snapshot=True).written
    upgrade(world)
    outcome = world.verify()
    assert outcome.snapshot
    assert outcome.status == EQUAL, list(outcome.lines(True))


def test_a_snapshot_that_was_damaged_or_is_too_new_is_not_used(world: ReplayWorld) -> None:
    first = world.verify(snapshot=True).written
    world.add(10)
    world.fold()
    second = world.verify(snapshot=True).written
    assert first
    assert second
    upgrade(world)
    file = next((world.folder / "snapshots" / second).glob("toy-0*"))
    with gzip.open(file) as packed:
        lines = packed.read().replace(b'"count":', b'"count":1')
    with gzip.open(file, "wb") as packed:
        packed.write(lines)
    outcome = world.verify()
    assert outcome.snapshot == first
    assert "it is not what was written" in outcome.notes[0]
    file.write_bytes(file.read_bytes()[:-20])
    assert world.verify().snapshot == first
    (world.folder / "snapshots" / first / "manifest.json").write_text("{")
    outcome = world.verify()
    assert outcome.snapshot is None
    assert outcome.status == NOT_COMPARABLE


def test_snapshots_are_private_and_few(world: ReplayWorld) -> None:
    names = []
    for _ in range(5):
        names.append(world.verify(snapshot=True).written)
        (world.folder / "snapshots" / "20200101T000000Z.new").mkdir(exist_ok=True)  # of one that was killed
    assert world.verify(snapshot=True).written
    kept = sorted(path.name for path in (world.folder / "snapshots").iterdir())
    assert len(kept) == 3
    assert set(kept) & set(names) == set(names[-2:])
    for path in (world.folder / "snapshots").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_no_snapshot_of_what_differs(world: ReplayWorld) -> None:
    world.log.append(world.toy.states, 0, "forged", encode(Total(count=1)))
    for unverified in (False, True):
        outcome = world.verify(snapshot=True, unverified=unverified)
        assert outcome.status == DIFFERENT
        assert outcome.written is None
    assert not (world.folder / "snapshots").exists()


def test_an_unverified_snapshot_begins_anew(world: ReplayWorld) -> None:
    """After an upgrade without a snapshot: from there on everything is judged, and each outcome tells since when."""
    upgrade(world)
    assert world.verify(snapshot=True).written is None
    taken = world.verify(snapshot=True, unverified=True)
    assert taken.written
    world.add(100)
    world.fold()
    outcome = world.verify()
    assert outcome.status == EQUAL, list(outcome.lines(True))
    assert "was not verified" in "\n".join(outcome.notes)
    topic, partition = world.toy.second, place_with(world, world.toy.second)
    last = world.log.records[topic.name, partition][-1]
    world.log.append(DEAD_LETTERS, partition, (last.key or b"").decode(), last.value)
    assert world.verify().status == DIFFERENT


# ---- retention


def test_a_journal_that_begins_later(world: ReplayWorld) -> None:
    """It is not comparable without a snapshot, and from one it is."""
    snapshot = world.verify(snapshot=True).written
    journal, partition = world.toy.journal, place_with(world, world.toy.journal)
    begin = len(world.log.records[journal.name, partition])
    world.add(300)
    world.fold()
    world.log.cut(journal, partition, begin - 3)
    outcome = world.verify()
    assert (outcome.status, outcome.snapshot) == (EQUAL, snapshot), list(outcome.lines(True))
    world.log.cut(journal, partition, begin + 5)  # the snapshot does not reach what is left
    outcome = world.verify()
    assert outcome.status == NOT_COMPARABLE
    assert f"the journal begins at {begin + 5}; what was folded from {begin} on is gone" in str(
        outcome.not_comparable[0]
    )
    assert not outcome.difference_count


def test_a_journal_that_is_cut_while_it_is_read(world: ReplayWorld) -> None:
    journal = world.toy.journal

    def cut(topic: Topic) -> None:
        if topic == journal:
            world.log.cut(journal, 0, 3)

    world.log.when_read = cut
    outcome = world.verify()
    assert outcome.status == NOT_COMPARABLE
    assert "while it was read" in str(outcome.not_comparable[0])


def test_a_journal_that_ends_too_early(world: ReplayWorld) -> None:
    journal, partition = world.toy.journal, place_with(world, world.toy.journal)
    del world.log.records[journal.name, partition][-3:]
    outcome = world.verify()
    assert outcome.status == NOT_COMPARABLE
    assert "the journal ends at" in str(outcome.not_comparable[0])


def test_a_journal_that_had_lost_its_end(world: ReplayWorld) -> None:
    """The states come from records that are gone: not comparable, until an unverified snapshot begins anew."""
    fold, partition = world.toy.folds[0], place_with(world, world.toy.journal)
    older = world.verify(snapshot=True).written
    assert older
    world.truncate(fold, partition, 5)
    outcome = world.verify()
    assert outcome.status == NOT_COMPARABLE
    assert "the journal had lost what was folded from" in str(outcome.not_comparable[0])
    assert "older than a loss of the journal" in "\n".join(outcome.notes)
    assert world.verify(snapshot=True, unverified=True).written
    world.add(50)
    world.fold()
    assert world.verify().status == EQUAL


def test_effects_whose_beginning_is_gone(world: ReplayWorld) -> None:
    """What is left must be complete, and hold nothing twice."""
    topic, partition = last_effects(world)
    records = world.log.records[topic.name, partition]
    folded = len(records)
    # The second fold judges its own journal too: what it has folded must stay.
    world.log.cut(DEAD_LETTERS, 0, len(world.log.records[DEAD_LETTERS.name, 0]) // 2)
    world.log.cut(DEAD_LETTERS, 1, len(world.log.records[DEAD_LETTERS.name, 1]))
    assert world.verify().status == EQUAL
    letters = place_with(world, DEAD_LETTERS, 3)
    stored = world.log.records[DEAD_LETTERS.name, letters]
    world.log.cut(DEAD_LETTERS, letters, 1)
    assert world.verify().status == EQUAL
    del stored[-1]
    assert only(world.verify())[:3] == ("missing", DEAD_LETTERS.name, letters)
    assert folded
