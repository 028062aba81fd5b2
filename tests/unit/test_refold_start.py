"""Where one partition of a journal can be folded again from."""

from pathlib import Path

import msgspec
import pytest

from pingfold.replay.outcome import EQUAL
from processors.refold.snapshots import snapshots_in
from processors.refold.start import Folded, Start, best_start, start_of
from schemas.ticks import PROGRESS_KEY, Progress
from tests.replay_world import ReplayWorld, place_with, upgrade


@pytest.fixture
def world(tmp_path: Path) -> ReplayWorld:
    world = ReplayWorld(tmp_path)
    world.add(300)
    world.fold()
    return world


def journal(world: ReplayWorld, partition: int) -> Folded:
    """A partition as it stands, by its committed record."""
    fold = world.toy.folds[0]
    own = [one for one in world.log.records[fold.states.name, partition] if one.key == PROGRESS_KEY.encode()]
    progress = fold.records.decode(own[-1].value or b"")
    assert isinstance(progress, Progress)
    begin, end = world.log.begins(fold.journal)[partition], world.log.ends(fold.journal)[partition]
    return Folded(fold, partition, progress, begin, end)


def start(world: ReplayWorld, partition: int, before: int | None = None) -> tuple[Start, list[str]]:
    notes: list[str] = []
    snapshots = snapshots_in(world.folder / "snapshots", notes)
    return best_start(journal(world, partition), (), snapshots, notes, before), notes


def test_the_beginning_is_preferred(world: ReplayWorld) -> None:
    assert world.verify(snapshot=True).status == EQUAL
    found, notes = start(world, 0)
    assert (found.first, found.snapshot, found.sure, notes) == (0, None, True, [])


def test_a_snapshot_stands_in_for_a_beginning_that_is_gone(world: ReplayWorld) -> None:
    partition = place_with(world, world.toy.journal)
    applied = journal(world, partition).progress.applied
    assert world.verify(snapshot=True).status == EQUAL
    world.add(300)
    world.fold()
    world.log.cut(world.toy.journal, partition, applied + 1)
    found, notes = start(world, partition)
    assert found.snapshot is not None
    assert (found.first, found.sure, notes) == (applied + 1, True, [])
    earlier, _ = start(world, partition, before=applied)
    assert earlier.snapshot is None
    assert earlier.blocked == f"the journal begins at {applied + 1}; what was folded from 0 on is gone"
    assert not earlier.sure
    world.log.cut(world.toy.journal, partition, applied + 2)
    beyond, notes = start(world, partition)
    assert beyond.blocked
    assert any("is gone" in note for note in notes)


def test_a_snapshot_stands_in_for_what_an_older_version_folded(world: ReplayWorld) -> None:
    assert world.verify(snapshot=True).status == EQUAL
    upgrade(world)
    found, _ = start(world, 0)
    assert found.snapshot is not None
    assert found.sure
    without = start_of(journal(world, 0), ())
    assert without.doubts
    assert "version of the fold 1 (here 2)" in without.doubts[0]


def test_a_snapshot_that_is_not_what_was_written_is_told_and_not_used(world: ReplayWorld) -> None:
    assert world.verify(snapshot=True).status == EQUAL
    upgrade(world)
    (snapshot,) = snapshots_in(world.folder / "snapshots", [])
    states = next(each for each in snapshot.manifest.states if each.fold == "toy" and each.partition == 0)
    changed = [
        msgspec.structs.replace(each, sha256="0" * 64) if each is states else each for each in snapshot.manifest.states
    ]
    manifest = msgspec.structs.replace(snapshot.manifest, states=tuple(changed))
    (snapshot.folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    found, notes = start(world, 0)
    assert found.snapshot is None
    assert found.doubts
    assert any("it is not what was written: not used" in note for note in notes)
    other, notes = start(world, 1)
    assert other.snapshot is not None
    assert notes == []
