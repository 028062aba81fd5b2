"""Snapshots: states that were verified, from which a later replay begins. `data/snapshots/<time>/`.

Taken before an upgrade, a snapshot lets the part of the journals that the older version folded be verified for the last
time by that version. It also stands in for the beginning of a journal that retention has deleted.

A folder holds a `manifest.json` and, for each partition of each fold, a file of lines `{"key": ..., "value": ...}`
(gzip). It is written under another name, synced and renamed, so that it is there as a whole or not at all. Of each file
the manifest tells the SHA-256. Of each topic of effects it tells from which offset on the effects of later events
stand, and which offsets beyond belong to earlier ones nevertheless.
"""

import calendar
import gzip
import hashlib
import os
import shutil
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

import msgspec

from infra.clock import SYSTEM_CLOCK
from infra.secrets.private_files import sync_folder
from pingfold.errors import PingfoldError
from pingfold.replay.consistent_cut import ConsistentCut, StoredStates
from pingfold.replay.effects import Place
from pingfold.replay.store import Store
from processors.fold.contract import Fold
from processors.fold.epochs import epochs_of
from schemas.base import SECOND

_MANIFEST = "manifest.json"
_DRAFT = ".new"
_NAMES = f"{'[0-9]' * 8}T{'[0-9]' * 6}Z"
_FORMAT = 1
# So many are kept; older ones are removed when a new one is written.
_KEPT = 3


class Damaged(PingfoldError):
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
    """Of one partition of a topic: see `effects.Window`."""

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


class _Line(msgspec.Struct):
    key: str
    value: msgspec.Raw


_lines = msgspec.json.Decoder(_Line)


class Snapshot:
    """One that is there, and whole."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, folder.name
        try:
            self.manifest = msgspec.json.decode((folder / _MANIFEST).read_bytes(), type=Manifest)
        except (OSError, msgspec.MsgspecError) as error:
            raise Damaged(f"snapshot {self.name}: {error}") from error
        if self.manifest.format != _FORMAT:
            raise Damaged(f"snapshot {self.name} has format {self.manifest.format}, this program reads {_FORMAT}")
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

    def effects(self) -> dict[Place, EffectsFrom]:
        return {(each.topic, each.partition): each for each in self.manifest.effects}

    def check(self) -> None:
        """Read all of it. Raises `Damaged` when it is not what was written."""
        for states in self.manifest.states:
            hasher, count = hashlib.sha256(), 0
            for line in self._lines(states):
                hasher.update(line)
                count += 1
            if hasher.hexdigest() != states.sha256 or count != states.records:
                raise Damaged(f"snapshot {self.name}, {states.file}: it is not what was written")

    def load(self, fold: Fold, partition: int) -> dict[str, msgspec.Struct]:
        """The states of a partition, as `fold` reads them. Raises `Damaged`."""
        states = self._states.get((fold.name, partition))
        if states is None:
            return {}
        try:
            lines = map(_lines.decode, self._lines(states))
            return {one.key: fold.records.decode(one.value) for one in lines}
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
    for path in sorted(_folders(folder), reverse=True):
        try:
            yield Snapshot(path)
        except Damaged as error:
            note.append(str(error))


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.glob(_NAMES) if path.is_dir()] if folder.is_dir() else []


def write_snapshot(
    folder: Path,
    store: Store,
    picture: ConsistentCut,
    accounted: dict[Place, list[int]],
    unverified: Sequence[str],
) -> str:
    """Write what was verified; its name. What was left by a writer that was killed is removed, and so are old ones."""
    name = _free_name(folder)
    draft = folder / f"{name}{_DRAFT}"
    for left in folder.glob(f"*{_DRAFT}") if folder.is_dir() else ():
        shutil.rmtree(left)
    draft.mkdir(parents=True, mode=0o700)
    states = tuple(_write_states(draft, store, kept) for kept in picture.kept)
    effects = tuple(
        EffectsFrom(
            topic=topic,
            partition=partition,
            start=lower,
            accounted=tuple(accounted.get((topic, partition), ())),
            doubtful=picture.upper[topic, partition] if unverified else 0,
        )
        for (topic, partition), lower in picture.lower.items()
    )
    taken_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(SYSTEM_CLOCK.real() / SECOND))
    manifest = Manifest(format=_FORMAT, taken_at=taken_at, states=states, effects=effects, unverified=tuple(unverified))
    _write(draft / _MANIFEST, [msgspec.json.format(msgspec.json.encode(manifest), indent=1)])
    draft.rename(folder / name)
    sync_folder(folder)
    for old in sorted(_folders(folder), reverse=True)[_KEPT:]:
        shutil.rmtree(old)
    return name


def _free_name(folder: Path) -> str:
    """The time, as a name that sorts after those of all earlier snapshots, whatever the clock says."""
    newest = max((path.name for path in _folders(folder)), default="")
    now = SYSTEM_CLOCK.real() / SECOND
    while (name := time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))) <= newest:
        now = max(now, calendar.timegm(time.strptime(newest, "%Y%m%dT%H%M%SZ"))) + 1
    return name


def _write_states(folder: Path, store: Store, kept: StoredStates) -> StatesFile:
    name = f"{kept.fold.name}-{kept.partition}.jsonl.gz"
    hasher, count = hashlib.sha256(), 0

    def lines() -> Iterator[bytes]:
        nonlocal count
        for key, value in store.query(f"SELECT key, value FROM {kept.rows.name}"):
            if b"\n" in value:  # of an operator's tool; a line here is a record
                value = msgspec.json.format(value, indent=-1)
            line = msgspec.json.encode(_Line(key, msgspec.Raw(value))) + b"\n"
            hasher.update(line)
            count += 1
            yield line

    _write(folder / name, lines(), compressed=True)
    epochs = epochs_of(kept.progress)
    return StatesFile(
        fold=kept.fold.name,
        partition=kept.partition,
        version=epochs[-1].fold if epochs else kept.fold.version,
        applied=kept.progress.applied,
        records=count,
        file=name,
        sha256=hasher.hexdigest(),
        truncated=kept.progress.truncated,
    )


def _write(path: Path, parts: Iterable[bytes], compressed: bool = False) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw:
        if compressed:
            with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=5, mtime=0) as file:
                _write_all(file, parts)
        else:
            _write_all(raw, parts)
        raw.flush()
        os.fsync(raw.fileno())


def _write_all(file: IO[bytes] | gzip.GzipFile, parts: Iterable[bytes]) -> None:
    for part in parts:
        file.write(part)
