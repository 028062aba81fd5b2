"""Checkpoints: the committed states of one partition at one offset, kept on disk, so that the past need not be folded
again from the beginning. `data/checkpoints/<fold>-<partition>/<applied>`.

A checkpoint is no proof: nothing was verified when it was taken, and `pingfold replay --verify` does not begin there.
It holds what the fold had committed, which is what people were told by.

Each is an SQLite file, written under another name, synced and renamed, so that it is there as a whole or not at all. It
holds packed blocks of states in the order of their keys: what concerns one thing is read without the rest. One that
cannot be read is told (`Damaged`) and passed over.
"""

import contextlib
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from infra.secrets.private_files import sync_folder
from processors.fold.contract import Fold
from processors.fold.epochs import epochs_of
from processors.refold.one_thing import is_shared
from processors.refold.selection import own_states
from processors.refold.snapshots import Damaged, Line
from schemas.base import Micros, encode
from schemas.ticks import Progress

_DRAFT = ".new"
# Records of a block: a few packed kilobytes are read for one thing.
_BLOCK = 64
_TABLES = """
CREATE TABLE about (progress BLOB NOT NULL, version INTEGER NOT NULL);
CREATE TABLE blocks (shared INTEGER NOT NULL, first TEXT NOT NULL, packed BLOB NOT NULL, PRIMARY KEY (shared, first))
WITHOUT ROWID;
"""

_progress = msgspec.json.Decoder(Progress).decode
_lines = msgspec.json.Decoder(Line).decode_lines


class Checkpoint:
    """One that is there. Raises `Damaged` when it cannot be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = f"{path.parent.name}/{path.name}"
        [(progress, version)] = self._rows("SELECT progress, version FROM about")
        self.progress: Progress = _progress(progress)
        self._version = int(version)

    @property
    def told_until(self) -> Micros:
        """The clock time up to which events are in the states."""
        return self.progress.newest + self.progress.offset

    def applied(self, _fold: str, _partition: int) -> int:
        """The offset of the last event in the states."""
        return self.progress.applied

    def version(self, _fold: str, _partition: int) -> int:
        """Of the fold that wrote them."""
        return self._version

    def truncated(self, _fold: str, _partition: int) -> int | None:
        """Where the journal had lost its end before, if ever."""
        return self.progress.truncated

    def states_of(self, fold: Fold, thing: str) -> dict[str, msgspec.Struct]:
        """The states that are needed to fold one thing, as `fold` reads them. Raises `Damaged`."""
        blocks = self._rows("SELECT packed FROM blocks WHERE shared = 1")
        for key in own_states(thing):
            blocks += self._rows(
                "SELECT packed FROM blocks WHERE shared = 0 AND first <= ? ORDER BY first DESC LIMIT 1", key
            )
        own = set(own_states(thing))
        try:
            lines = [line for (packed,) in blocks for line in _lines(zlib.decompress(packed))]
            return {one.key: fold.records.decode(one.value) for one in lines if one.key in own or is_shared(one.key)}
        except (zlib.error, msgspec.MsgspecError) as error:
            raise Damaged(f"checkpoint {self.name}: {error}") from error

    def _rows(self, sql: str, *parameters: str) -> list[tuple[bytes, ...]]:
        try:
            with contextlib.closing(_opened(f"{self._path.absolute().as_uri()}?mode=ro&immutable=1")) as database:
                return database.execute(sql, parameters).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise Damaged(f"checkpoint {self.name}: {error}") from error


def checkpoints_in(folder: Path, fold: str, partition: int, note: list[str]) -> Iterator[Checkpoint]:
    """Those of a partition, the newest first; what cannot be used is told in `note`."""
    for path in sorted(_files(folder, fold, partition), key=lambda path: int(path.name), reverse=True):
        try:
            yield Checkpoint(path)
        except (Damaged, ValueError, msgspec.MsgspecError) as error:
            note.append(f"{error}: not used")


def write_checkpoint(folder: Path, fold: Fold, partition: int, progress: Progress, states: Mapping[str, bytes]) -> Path:
    """Write the states of a partition as they stand after `progress.applied`. Raises `OSError`, `sqlite3.Error`."""
    home = _home(folder, fold.name, partition)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in home.glob(f"*{_DRAFT}"):
        left.unlink()
    path = home / f"{progress.applied}"
    draft = home / f"{path.name}{_DRAFT}"
    epochs = epochs_of(progress)
    with contextlib.closing(_opened(draft.absolute().as_uri())) as database:
        database.execute("PRAGMA journal_mode = OFF")
        database.executescript(_TABLES)
        version = epochs[-1].fold if epochs else fold.version
        database.execute("INSERT INTO about VALUES (?, ?)", (encode(progress), version))
        database.executemany("INSERT INTO blocks VALUES (?, ?, ?)", _blocks(states))
        database.commit()
    os.chmod(draft, 0o600)
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    draft.rename(path)
    sync_folder(home)
    return path


def remove_all_but(folder: Path, fold: str, partition: int, kept: Iterable[int]) -> None:
    """Remove the checkpoints of a partition but those of these offsets."""
    names = {str(applied) for applied in kept}
    for path in _files(folder, fold, partition):
        if path.name not in names:
            path.unlink(missing_ok=True)


def _blocks(states: Mapping[str, bytes]) -> Iterator[tuple[int, str, bytes]]:
    for shared in (1, 0):
        keys = sorted(key for key in states if is_shared(key) == bool(shared))
        for begin in range(0, len(keys), _BLOCK):
            block = keys[begin : begin + _BLOCK]
            lines = [msgspec.json.encode(Line(key, msgspec.Raw(states[key]))) for key in block]
            yield shared, block[0], zlib.compress(b"\n".join(lines), 6)


def _opened(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True)


def _home(folder: Path, fold: str, partition: int) -> Path:
    return folder / f"{fold}-{partition}"


def _files(folder: Path, fold: str, partition: int) -> list[Path]:
    home = _home(folder, fold, partition)
    return [path for path in home.iterdir() if path.name.isdecimal()] if home.is_dir() else []
