"""The lines that `pingfold up` writes for people: its own and those of all roles, each with its speaker's name.

Whoever reads them may stop reading (a terminal held by Ctrl-S, a full pipe). That must hold up neither the supervisor
nor, through their pipes, the roles: lines go through a bounded queue to a thread, and what finds no room is counted.
"""

import contextlib
import queue
import threading

from rich.console import Console
from rich.text import Text

_ROOM = 10_000
_COLOURS = {"pingfold": "bold cyan", "kafka": "magenta", "clickhouse": "yellow", "web": "green", "worker": "blue"}


class Lines:
    """Writes to standard error. `say` never blocks."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._queue: queue.Queue[tuple[str, str] | None] = queue.Queue(_ROOM)
        self._dropped = 0
        self._thread = threading.Thread(target=self._write, name="lines", daemon=True)
        self._thread.start()

    def say(self, who: str, line: str) -> None:
        """Have a line written."""
        try:
            self._queue.put_nowait((who, line))
        except queue.Full:
            self._dropped += 1

    def close(self, seconds: float = 1.0) -> None:
        """Wait until everything is written, at most so long."""
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)
        self._thread.join(seconds)

    def _write(self) -> None:
        while (item := self._queue.get()) is not None:
            who, line = item
            with contextlib.suppress(OSError):  # nobody reads any more
                self._console.print(Text.assemble((f"{who:<12} ", _COLOURS.get(who.split("-")[0], "dim")), line))
                if self._dropped:
                    dropped, self._dropped = self._dropped, 0
                    self._console.print(Text.assemble(("pingfold     ", "bold cyan"), f"{dropped} lines left out"))
