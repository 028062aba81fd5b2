"""What a replay sees on a log in memory: versions of folds, snapshots, and beginnings that are gone."""

import gzip
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from pingfold.replay.outcome import DIFFERENT, EQUAL, NOT_COMPARABLE
from processors.fold.epochs import NewerStates
from schemas.base import encode
from schemas.schedules import TZDATA_VERSION
from schemas.ticks import PROGRESS_KEY
from schemas.topics import DEAD_LETTERS, Topic
from tests.replay_world import PARTITIONS, ReplayWorld, last_effects, only, place_with, upgrade
from tests.toy_fold import Total


@pytest.fixture
def world(tmp_path: Path) -> ReplayWorld:
    """One that has folded 300 events twice."""
    world = ReplayWorld(tmp_path)
    for _ in range(2):
        world.add(300)
        world.fold()
    return world


# ---- versions


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
