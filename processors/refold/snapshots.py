"""Snapshots: states that were verified, from which the journals can be folded again. `data/snapshots/<time>/`.

`pingfold replay --snapshot` writes them (`pingfold/replay/snapshots.py`). A snapshot stands in for the beginning of a
journal that retention has deleted, and for the part of it that an older version folded.

A folder holds a `manifest.json` and, for each partition of each fold, a file of lines `{"key": ..., "value": ...}`
(gzip). It is there as a whole or not at all. Of each file the manifest tells the SHA-256. Of each topic of effects it
tells from which offset on the effects of later events stand, and which offsets beyond belong to earlier ones
nevertheless. One that is not what was written is never used: `Damaged` says so.
"""

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from processors.errors import ProcessorError
from processors.fold.contract import Fold

MANIFEST = "manifest.json"
FORMAT = 1
_NAMES = f"{'[0-9]' * 8}T{'[0-9]' * 6}Z"


class Damaged(ProcessorError):
    """A snapshot cannot be used: take another one, or replay from the beginning. The message says why."""


class StatesFile(msgspec.Struct, frozen=True):
    """applied: offset of the last event in these states. version: of the fold that wrote them.

    truncated: where the journal had lost its end before, if ever (`Progress.truncated`).
    """

    fold: str
    partition: int
    version: int
    applied: int
    records: int
    file: str
    sha256: str
    truncated: int | None = None


class EffectsFrom(msgspec.Struct, frozen=True):
    """Of one partition of a topic: see `pingfold.replay.effects.Window`."""

    topic: str
    partition: int
    start: int
    accounted: tuple[int, ...] = ()
    doubtful: int = 0


class Manifest(msgspec.Struct, frozen=True):
    """unverified: what could not be compared when it was taken, told line by line; empty: all of it was equal."""

    format: int
    taken_at: str
    states: tuple[StatesFile, ...]
    effects: tuple[EffectsFrom, ...]
    unverified: tuple[str, ...] = ()


class Line(msgspec.Struct):
    key: str
    value: msgspec.Raw


_lines = msgspec.json.Decoder(Line)


class Snapshot:
    """One that is there, and whole."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, folder.name
        try:
            self.manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
        except (OSError, msgspec.MsgspecError) as error:
            raise Damaged(f"snapshot {self.name}: {error}") from error
        if self.manifest.format != FORMAT:
            raise Damaged(f"snapshot {self.name} has format {self.manifest.format}, this program reads {FORMAT}")
        self._states = {(states.fold, states.partition): states for states in self.manifest.states}

    def applied(self, fold: str, partition: int) -> int:
        """The offset of the last event in the states of a partition; -1: there are none."""
        states = self._states.get((fold, partition))
        return -1 if states is None else states.applied

    def version(self, fold: str, partition: int) -> int:
        """Of the fold that wrote them."""
        states = self._states.get((fold, partition))
        return 0 if states is None else states.version

    def truncated(self, fold: str, partition: int) -> int | None:
        """Where the journal had lost its end when they were written, if ever (`Progress.truncated`)."""
        states = self._states.get((fold, partition))
        return None if states is None else states.truncated

    def effects(self) -> dict[tuple[str, int], EffectsFrom]:
        return {(each.topic, each.partition): each for each in self.manifest.effects}

    def check(self) -> None:
        """Read all of it. Raises `Damaged` when it is not what was written."""
        for states in self.manifest.states:
            self._check(states)

    def check_states(self, fold: str, partition: int) -> None:
        """Read the states of one partition. Raises `Damaged` when they are not what was written."""
        if (states := self._states.get((fold, partition))) is not None:
            self._check(states)

    def _check(self, states: StatesFile) -> None:
        hasher, count = hashlib.sha256(), 0
        for line in self._lines(states):
            hasher.update(line)
            count += 1
        if hasher.hexdigest() != states.sha256 or count != states.records:
            raise Damaged(f"snapshot {self.name}, {states.file}: it is not what was written")

    def load(
        self, fold: Fold, partition: int, wanted: Callable[[str], bool] = lambda _: True
    ) -> dict[str, msgspec.Struct]:
        """The states of a partition whose keys are wanted, as `fold` reads them. Raises `Damaged`."""
        states = self._states.get((fold.name, partition))
        if states is None:
            return {}
        try:
            lines = map(_lines.decode, self._lines(states))
            return {one.key: fold.records.decode(one.value) for one in lines if wanted(one.key)}
        except msgspec.MsgspecError as error:
            raise Damaged(f"snapshot {self.name}, {states.file}: {error}") from error

    def _lines(self, states: StatesFile) -> Iterator[bytes]:
        try:
            with gzip.open(self.folder / states.file) as file:
                yield from file
        except (OSError, EOFError, zlib.error) as error:
            raise Damaged(f"snapshot {self.name}, {states.file}: {error}") from error


def snapshots_in(folder: Path, note: list[str]) -> Iterator[Snapshot]:
    """Those that are there, the newest first; what cannot be used is told in `note`."""
    for path in sorted(folders_in(folder), reverse=True):
        try:
            yield Snapshot(path)
        except Damaged as error:
            note.append(str(error))


def folders_in(folder: Path) -> list[Path]:
    return [path for path in folder.glob(_NAMES) if path.is_dir()] if folder.is_dir() else []
