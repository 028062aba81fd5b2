"""Where the processes of this machine share their figures: a folder in memory, so that a full disk ends no process.

prometheus_client maps files that have no blocks yet. Where there is no room for one, the kernel ends the process that
writes to it (SIGBUS): a full disk would end every role, and keep it from starting again. So `data/run/metrics` leads to
a folder in shared memory where the system has one; elsewhere it is a plain folder.

Whoever makes the folder in memory holds a lock on it as long as its process lives, however that ends, so that those of
runs that were killed are told from those of others that go on; they are removed at the next start of any.

What a process counted stays counted when it has ended. So that its files do not pile up (a role that ends every ten
seconds would leave a gigabyte in a day), they are added up in those of a process 0, which never runs.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import struct
from pathlib import Path
from typing import Any

from prometheus_client import mmap_dict, multiprocess

_MEMORY = Path("/dev/shm")
_NAME = "pingfold-metrics"
_File: Any = mmap_dict.MmapedDict  # which has no types


# The locks that this process holds, by place.
_locks: dict[Path, int] = {}


def make(folder: Path, memory: Path = _MEMORY) -> None:
    """Make `folder`, empty. What killed runs have left behind, there or anywhere in memory, is removed."""
    remove(folder, memory)
    sweep(memory)
    place = _place_of(folder, memory)
    try:
        place.mkdir(mode=0o700)  # fails where a stranger has been faster
        lock = _lock(place)
        if lock is None:  # another one that starts took it for left behind
            raise BlockingIOError(f"{place} is in use")
        _locks[place] = lock
        folder.symlink_to(place)
    except OSError:
        folder.mkdir(parents=True)


def remove(folder: Path, memory: Path = _MEMORY) -> None:
    """Remove it and what is in it."""
    place = _place_of(folder, memory)
    with contextlib.suppress(OSError):
        if _is_ours(place):
            shutil.rmtree(place)
    if (lock := _locks.pop(place, None)) is not None:
        os.close(lock)
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def sweep(memory: Path = _MEMORY) -> None:
    """Remove the folders that nobody holds any more: those of runs that were killed."""
    for place in memory.glob(f"{_NAME}-{os.geteuid()}-*"):
        with contextlib.suppress(OSError):
            lock = _lock(place) if _is_ours(place) else None
            if lock is not None:
                try:
                    shutil.rmtree(place)
                finally:
                    os.close(lock)


def _is_ours(place: Path) -> bool:
    return not place.is_symlink() and place.stat().st_uid == os.geteuid()


def _lock(place: Path) -> int | None:
    """A lock on a folder, held until it is closed or the process ends; None: somebody else has it."""
    lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_ino == place.stat().st_ino:  # it was not removed meanwhile
            return lock
    except OSError:
        pass
    os.close(lock)
    return None


def add_up(folder: Path, pid: int) -> None:
    """A process has ended: what it measured is no more, what it counted is added to what others have counted."""
    multiprocess.mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
    for kind in ("counter", "histogram", "summary"):
        dead = folder / f"{kind}_{pid}.db"
        with contextlib.suppress(OSError, ValueError, RuntimeError, struct.error):  # not there, or cut short
            _add(dead, folder / f"{kind}_0.db")
    for gauge in folder.glob(f"gauge_*_{pid}.db"):  # the newest word on something, whoever said it
        with contextlib.suppress(OSError, ValueError, RuntimeError, struct.error):
            _keep_newest(gauge, gauge.with_name(f"{gauge.name.rpartition('_')[0]}_0.db"))


def _add(dead: Path, sum_of_dead: Path) -> None:
    values = list(_File.read_all_values_from_file(str(dead)))
    # A reader in this very moment sees the one file or the other: both would count twice.
    dead.unlink()
    total = _File(str(sum_of_dead))
    for key, value, at, _ in values:
        total.write_value(key, total.read_value(key)[0] + value, at)
    total.close()


def _keep_newest(dead: Path, of_dead: Path) -> None:
    values = list(_File.read_all_values_from_file(str(dead)))
    dead.unlink()
    newest = _File(str(of_dead))
    for key, value, at, _ in values:
        if at >= newest.read_value(key)[1]:
            newest.write_value(key, value, at)
    newest.close()


def _place_of(folder: Path, memory: Path) -> Path:
    name = hashlib.sha256(os.fsencode(folder.parent.resolve() / folder.name)).hexdigest()[:16]
    return memory / f"{_NAME}-{os.geteuid()}-{name}"
