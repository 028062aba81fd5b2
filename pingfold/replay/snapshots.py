"""Writing snapshots: states that were verified. `processors/refold/snapshots.py` tells what is in one, and reads them.

Taken before an upgrade, a snapshot lets the part of the journals that the older version folded be verified for the last
time by that version. It also stands in for the beginning of a journal that retention has deleted.

It is written under another name, synced and renamed, so that it is there as a whole or not at all.
"""

import calendar
import gzip
import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

import msgspec

from infra.clock import SYSTEM_CLOCK
from infra.secrets.private_files import sync_folder
from pingfold.replay.consistent_cut import ConsistentCut, StoredStates
from pingfold.replay.effects import Place
from pingfold.replay.store import Store
from processors.fold.epochs import epochs_of
from processors.refold.snapshots import FORMAT, MANIFEST, EffectsFrom, Line, Manifest, StatesFile, folders_in
from schemas.base import SECOND

_DRAFT = ".new"
# So many are kept; older ones are removed when a new one is written.
_KEPT = 3


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
    manifest = Manifest(format=FORMAT, taken_at=taken_at, states=states, effects=effects, unverified=tuple(unverified))
    _write(draft / MANIFEST, [msgspec.json.format(msgspec.json.encode(manifest), indent=1)])
    draft.rename(folder / name)
    sync_folder(folder)
    for old in sorted(folders_in(folder), reverse=True)[_KEPT:]:
        shutil.rmtree(old)
    return name


def _free_name(folder: Path) -> str:
    """The time, as a name that sorts after those of all earlier snapshots, whatever the clock says."""
    newest = max((path.name for path in folders_in(folder)), default="")
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
            line = msgspec.json.encode(Line(key, msgspec.Raw(value))) + b"\n"
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
