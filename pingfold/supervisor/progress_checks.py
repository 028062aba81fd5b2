"""By what a supervisor sees that a process makes progress: what it publishes, or that it answers."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

# How long a look waits for an answer; the question itself is bounded by whoever asks it.
_ANSWER_SECONDS = 3.0


class PublishedProgress:
    """Whether the progress that a role publishes has moved since the last look."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._last: int | None = None

    async def moved(self) -> bool:
        try:
            # On a full disk only the time of the file moves.
            at = self._file.stat().st_mtime_ns
        except OSError:
            return False
        moved, self._last = at != self._last, at
        return moved

    def why(self) -> str:
        try:
            slowest = json.loads(self._file.read_text()).get("slowest")
        except (OSError, ValueError):
            return ""
        return f" ({slowest['activity']})" if slowest else ""


class ServerAnswers:
    """Whether a server has answered since the last look. It is asked in a thread, which may be held up."""

    def __init__(self, answers: Callable[[], bool]) -> None:
        self._answers = answers
        self._asking: asyncio.Future[bool] | None = None

    async def moved(self) -> bool:
        if self._asking is None:
            self._asking = asyncio.ensure_future(asyncio.to_thread(self._answers))
        await asyncio.wait([self._asking], timeout=_ANSWER_SECONDS)
        if not self._asking.done():
            return False
        asked, self._asking = self._asking, None
        return asked.exception() is None and asked.result()

    def why(self) -> str:
        return " (it does not answer)"
