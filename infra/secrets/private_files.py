"""Files and folders that only their owner reads, written whole or not at all."""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path


def private_folder(path: Path) -> None:
    """Make a folder that only its owner may enter; one that is there already is closed to others."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        path.chmod(0o700)


def write_once(path: Path, content: bytes) -> bool:
    """Make a file that only its owner reads, whole and durable, unless it exists. False when it does.

    Of several processes that do this at once, one wins, and none ever sees a part of the file.
    """
    with _draft(path, content) as draft:
        try:
            # Unlike a rename, a link never replaces what is there.
            os.link(draft, path)
        except FileExistsError:
            return False
    sync_folder(path.parent)
    return True


def replace_whole(path: Path, content: bytes) -> None:
    """Make or replace a file that only its owner reads, whole and durable; readers see the former or the new one."""
    with _draft(path, content) as draft:
        draft.replace(path)
    sync_folder(path.parent)


@contextlib.contextmanager
def _draft(path: Path, content: bytes) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Have what a folder names survive a power cut. Blocks."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
