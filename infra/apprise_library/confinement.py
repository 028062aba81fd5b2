"""Takes a process everything that making up requests does not need: network, other processes, files that are not the
interpreter's or its packages'. For the process of the library only: nothing of it can be undone.

Two layers: hooks of the interpreter (PEP 578), which refuse by an `OSError`, so that what only tries something goes on
without it; and limits of the system for what is used up. The first is no wall against code that means harm, which the
library is not: it keeps apart what a URL can make it do.
"""

import os
import resource
import signal
import sys
import sysconfig
from pathlib import Path
from typing import Any

from infra.errors import InfraError

# Of addresses, which hold shared libraries and threads that nobody uses; what it really takes is a tenth.
_MEMORY = 2 * 2**30
_FILES = 64
_KINDS = frozenset({"socket", "subprocess", "pty", "shutil", "tempfile", "ctypes", "sqlite3", "webbrowser", "syslog"})
_NAMES = frozenset(
    {
        *("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.kill", "os.killpg"),
        *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"),
        *("os.chown", "os.setxattr", "signal.pthread_kill"),
    }
)


class Confined(InfraError, PermissionError):
    """The process may not do that."""


def limit() -> None:
    """Limit what the process may use; no file that it writes may have a byte."""
    for name, most in (
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_NOFILE, _FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(name)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(name, (most, most))


def confine() -> None:
    """Refuse everything else from here on."""
    folders = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    readable = tuple(f"{Path(one).resolve()}/" for one in (*filter(None, folders), "/usr/share/zoneinfo"))

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, int):
                return
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if writes or not str(Path(_text(path)).resolve()).startswith(readable):
                raise Confined(f"no file may be opened here: {event}")
        elif event in _NAMES or event.partition(".")[0] in _KINDS:
            raise Confined(f"not allowed here: {event}")

    sys.addaudithook(look)


def use_at_most(seconds: float) -> None:
    """Let the system end the process when it has computed for so long from now; 0: it may compute.

    By a signal that nothing handles, so it also ends what never comes back to the interpreter (a regular expression).
    """
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _text(path: str | bytes) -> str:
    return path.decode("utf-8", "replace") if isinstance(path, bytes) else str(path)
