"""What an embedded server writes to its standard streams: kept in `data/run/ROLE.out`, beside the server's own log.

A server that is well writes nothing there, or what a new version of Java has to say. One that cannot start may write
why, so the last line is told when it ends. The file begins anew with each `pingfold up`, and has at most 1 MiB.
"""

import contextlib
from pathlib import Path

_MOST_BYTES = 2**20
_LONGEST_TOLD = 300


class ServerOutput:
    """Of one server. `file` need not be there; what cannot be written (a full disk) is only not kept."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.last = ""
        self._bytes = 0

    def take(self, line: str) -> None:
        """A line that the server wrote."""
        if not line:
            return
        self.last = line[:_LONGEST_TOLD]
        encoded = line.encode(errors="replace") + b"\n"
        if self._bytes + len(encoded) > _MOST_BYTES:
            return
        self._bytes += len(encoded)
        with contextlib.suppress(OSError), self.file.open("ab") as file:
            file.write(encoded)
