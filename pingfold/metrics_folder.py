"""Where the processes of this machine share their figures: a folder in memory, so that a full disk ends no process.

prometheus_client maps files that have no blocks yet. Where there is no room for one, the kernel ends the process that
writes to it (SIGBUS): a full disk would end every role, and keep it from starting again. So `data/run/metrics` leads to
a folder in shared memory where the system has one; elsewhere it is a plain folder.
"""

import contextlib
import hashlib
import os
import shutil
from pathlib import Path

_MEMORY = Path("/dev/shm")


def make(folder: Path, memory: Path = _MEMORY) -> None:
    """Make `folder`, empty. What a killed run has left behind there is removed."""
    remove(folder, memory)
    place = _place_of(folder, memory)
    try:
        place.mkdir(mode=0o700)  # fails where a stranger has been faster
        folder.symlink_to(place)
    except OSError:
        folder.mkdir(parents=True)


def remove(folder: Path, memory: Path = _MEMORY) -> None:
    """Remove it and what is in it."""
    with contextlib.suppress(OSError):
        place = _place_of(folder, memory)
        if not place.is_symlink() and place.stat().st_uid == os.geteuid():
            shutil.rmtree(place)
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def _place_of(folder: Path, memory: Path) -> Path:
    name = hashlib.sha256(os.fsencode(folder.parent.resolve() / folder.name)).hexdigest()[:16]
    return memory / f"pingfold-{os.geteuid()}-{name}"
