"""The lines that `pingfold up` writes: its own and those of all roles. One format a stream, whoever speaks.

For people (on a terminal, or with `PINGFOLD_LOG_FORMAT=text`): the time (UTC), the speaker, and words; what a role only
notes is left out, and so is what servers write beside their own logs (`pingfold.supervisor.server_output`). What is
wrong stands out, with and without colours. For programs: one JSON object a line; those that roles write
(`infra.process.logs`) as they are, what servers and `pingfold up` itself say in words as `event`.

Whoever reads them may stop reading (a terminal held by Ctrl-S, a full pipe). That must hold up neither the supervisor
nor, through their pipes, the roles: lines go through a bounded queue to a thread, and what finds no room is counted.
"""

import contextlib
import io
import json
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import structlog
from rich.console import Console
from rich.text import Text

from infra.clock import SYSTEM_CLOCK
from infra.process.logs import in_colours, in_words
from infra.settings.settings import LogFormat
from schemas.times import exact_iso, to_second

_ROOM = 10_000
_COLOURS = {"pingfold": "bold cyan", "kafka": "magenta", "clickhouse": "yellow", "web": "green", "worker": "blue"}
_TROUBLE = {"warning": "bold yellow", "error": "bold red", "critical": "bold red"}
# What people are not told unless it is trouble.
_NOTES = frozenset({"debug", "info"})
# Notes that end a trouble which people were told of.
_ENDS_TROUBLE = frozenset({"clock.right_again", "disk.ok", "heartbeat.sent_again", "time.right_again"})
_SERVERS = frozenset({"kafka", "clickhouse"})
_FIELDS_BEFORE = ("role", "timestamp", "level")


class Problem(str):
    """A line of `pingfold up` about something that is wrong; it says what is to be done where that is not plain."""

    __slots__ = ()


class Shown(NamedTuple):
    """A line for people."""

    words: str
    level: str


class Lines:
    """Writes to standard error. `say` and `pass_on` never block."""

    def __init__(self, form: LogFormat = "auto") -> None:
        self.for_people = in_words(form, sys.stderr)
        self._print = _for_people() if self.for_people else _for_programs
        self._queue: queue.Queue[tuple[str, str, bool] | None] = queue.Queue(_ROOM)
        self._dropped = 0
        self._thread = threading.Thread(target=self._write, name="lines", daemon=True)
        self._thread.start()

    def say(self, who: str, line: str) -> None:
        """Have a line of ours about `who` written."""
        self._put(who, line, said=True)

    def pass_on(self, who: str, line: str) -> None:
        """Have a line written that `who` wrote, as far as readers want it."""
        self._put(who, line, said=False)

    def stream(self) -> Any:
        """Where this process writes its own events, as JSON: it does not go through the queue, since what a process
        says last must be out when it ends."""
        return _Stream(self._print) if self.for_people else sys.stderr

    def close(self, seconds: float = 1.0) -> None:
        """Wait until everything is written, at most so long."""
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)
        self._thread.join(seconds)

    def _put(self, who: str, line: str, said: bool) -> None:
        try:
            self._queue.put_nowait((who, line, said))
        except queue.Full:
            self._dropped += 1

    def _write(self) -> None:
        while (item := self._queue.get()) is not None:
            with contextlib.suppress(OSError):  # nobody reads any more
                self._print(*item)
                if self._dropped:
                    dropped, self._dropped = self._dropped, 0
                    self._print("pingfold", f"{dropped} lines left out", True)


class _Stream(io.TextIOBase):
    """A text stream for whole events of this process."""

    def __init__(self, write: Callable[[str, str, bool], None]) -> None:
        self._print, self._rest, self._lock = write, "", threading.Lock()

    def write(self, text: str) -> int:
        with self._lock:
            *lines, self._rest = (self._rest + text).split("\n")
            for line in lines:
                self._print("pingfold", line, False)
        return len(text)


def for_programs(who: str, line: str, now: int) -> str:
    """A line as programs read it, with who said it: an event of a role as it is, a line in words as the event."""
    event = _event_of(line)
    if event is not None:
        return line if "role" in event else json.dumps({**event, "role": who}, ensure_ascii=False)
    level = "warning" if isinstance(line, Problem) else "info"
    return json.dumps({"event": line, "role": who, "level": level, "timestamp": exact_iso(now)}, ensure_ascii=False)


def for_people(who: str, line: str, said: bool) -> Shown | None:
    """A line as people read it; None when they need not see it. said: it is ours, and not what `who` wrote."""
    event = _event_of(line)
    if event is None:
        if not said and who.rpartition("-")[0] in _SERVERS:
            return None
        return Shown(line, "warning" if isinstance(line, Problem) else "info")
    level = str(event.get("level", "info"))
    if level in _NOTES and event["event"] not in _ENDS_TROUBLE:
        return None
    for name in _FIELDS_BEFORE:
        event.pop(name, None)
    return Shown(str(_render(None, "", event)), level)


def _for_programs(who: str, line: str, said: bool) -> None:
    print(for_programs(who, line, SYSTEM_CLOCK.real()), file=sys.stderr, flush=True)


def _for_people() -> Callable[[str, str, bool], None]:
    colours: Any = "auto" if in_colours(sys.stderr) else None
    console = Console(stderr=True, highlight=False, soft_wrap=True, color_system=colours, markup=False, emoji=False)

    def write(who: str, line: str, said: bool) -> None:
        if (shown := for_people(who, line, said)) is None:
            return
        trouble = _TROUBLE.get(shown.level)
        console.print(
            Text.assemble(
                (f"{to_second(SYSTEM_CLOCK.real())[-8:]} ", "dim"),
                (f"{who:<12} ", _COLOURS.get(who.split("-")[0], "dim")),
                (f"{shown.level}: " if trouble else "", trouble or ""),
                shown.words,
            )
        )

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
