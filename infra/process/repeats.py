"""Lines that come again and again: the first is written, and then one every so often, with the number left out.

While a server is away, dozens of lines a second would say the same, and hide what else is said. Used for the log of
each process (`infra.process.logs`), and by whoever would otherwise write a line for every request of a stranger.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

REPEAT_SECONDS = 30.0
# Kinds of lines that are remembered; of those beyond, the one that was written longest ago is new again.
_MOST_KINDS = 1_000


class _Written:
    def __init__(self, at: float) -> None:
        self.at, self.left_out = at, 0


class Repeats:
    """Of one log. May be used from any thread. clock: monotonic."""

    def __init__(self, seconds: float = REPEAT_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._written: OrderedDict[Hashable, _Written] = OrderedDict()
        # Not a plain lock: a collection may begin anywhere, and finalizers of asyncio write to the log.
        self._lock = threading.RLock()

    def admit(self, kind: Hashable) -> int | None:
        """Whether a line of this kind is to be written: how many were left out since the last one; None: it is not."""
        with self._lock:
            now = self._clock()
            written = _Written(now)
            before = self._written.get(kind)
            if before is not None and now - before.at < self._seconds:
                before.left_out += 1
                return None
            self._written[kind] = written
            self._written.move_to_end(kind)
            if len(self._written) > _MOST_KINDS:
                self._written.popitem(last=False)
            return 0 if before is None else before.left_out
