"""The lines that `pingfold up` writes: its own and those of all roles. One format a stream, whoever speaks.

On a terminal: a line for people, with the speaker's name before it. Elsewhere: one JSON object a line; those that roles
write (`infra.process.logs`) as they are, what servers and `pingfold up` itself say in words as `event`.

Whoever reads them may stop reading (a terminal held by Ctrl-S, a full pipe). That must hold up neither the supervisor
nor, through their pipes, the roles: lines go through a bounded queue to a thread, and what finds no room is counted.
"""

import contextlib
import json
import queue
import sys
import threading
from typing import Any

import structlog
from rich.console import Console
from rich.text import Text

from infra.clock import SYSTEM_CLOCK
from schemas.times import exact_iso

_ROOM = 10_000
_COLOURS = {"pingfold": "bold cyan", "kafka": "magenta", "clickhouse": "yellow", "web": "green", "worker": "blue"}


class Lines:
    """Writes to standard error. `say` never blocks."""

    def __init__(self) -> None:
        self._print = _for_people() if sys.stderr.isatty() else _for_programs
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
            with contextlib.suppress(OSError):  # nobody reads any more
                self._print(*item)
                if self._dropped:
                    dropped, self._dropped = self._dropped, 0
                    self._print("pingfold", f"{dropped} lines left out")


def for_programs(who: str, line: str, now: int) -> str:
    """A line as programs read it, with who said it: an event of a role as it is, a line in words as the event."""
    event = _event_of(line)
    if event is not None:
        return line if "role" in event else json.dumps({**event, "role": who}, ensure_ascii=False)
    return json.dumps({"event": line, "role": who, "level": "info", "timestamp": exact_iso(now)}, ensure_ascii=False)


def in_words(line: str) -> str:
    """A line as people read it: an event of a role in words, any other line as it is."""
    event = _event_of(line)
    if event is None:
        return line
    event.pop("role", None)  # it stands before the line
    return str(_render(None, "", event))


def _for_programs(who: str, line: str) -> None:
    print(for_programs(who, line, SYSTEM_CLOCK.real()), file=sys.stderr, flush=True)


def _for_people() -> Any:
    console = Console(stderr=True, highlight=False, soft_wrap=True)

    def write(who: str, line: str) -> None:
        console.print(Text.assemble((f"{who:<12} ", _COLOURS.get(who.split("-")[0], "dim")), in_words(line)))

    return write


_render = structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)


def _event_of(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None
