"""The watchdog of a process: if one of its activities makes no progress for `STALL_SECONDS`, it ends the process.

An activity is one thread or one loop. It calls `beat` whenever it has completed a piece of work or an idle turn, so it
must turn at least every few seconds, whether or not there is work. Once a second a watchdog thread looks at all of
them, writes `data/run/ROLE-SLOT.progress` for the supervisor and `/readyz`, and ends the process with `EXIT_STALLED`
when an activity is stalled: nothing inside a process can free a thread that does not come back.

Time in which a server that the activity needs does not answer does not count. That is measured by a bounded check of
the watchdog's own, never taken from the activity, which may be wrong or unable to say. Nor does time count in which the
whole process stood still (SIGSTOP, suspended machine): the watchdog notices that by its own turns.
"""

import contextlib
import json
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import structlog

from infra.clock import SYSTEM_CLOCK
from infra.process.process_identity import process_identity
from infra.process.whole_files import replace_file
from schemas.base import SECOND, Micros

log = structlog.get_logger(__name__)

STALL_SECONDS = 30.0
# Exit status of a process in which something failed that must not.
EXIT_FAULT = 70
# Exit status of a process that one of its activities has held up.
EXIT_STALLED = 71

_TURN_SECONDS = 1.0
# An activity without a beat for so long is late: the servers that it needs are asked whether they are there.
_LATE_SECONDS = 3.0
# The watchdog itself did not run for so long: the process stood still.
_STANDSTILL_SECONDS = 5.0
# A check is bounded by itself; this bounds name resolution and whatever else it may meet.
_CHECK_SECONDS = 3.0
_LAST_WORDS_SECONDS = 1.0

# Whether a server answers; it must be bounded, and may block for a second or two.
Check = Callable[[], bool]


class Activity:
    """One thread or loop of this process. `needs` names the servers without which it cannot make progress.

    progress: tells a number that changes with progress, besides `beat`; called by the watchdog, so it must be quick.
    """

    __slots__ = ("_excused", "_progress", "_seen", "_since", "beats", "limit", "name", "needs")

    def __init__(
        self, name: str, needs: tuple[str, ...], limit: float, now: float, progress: Callable[[], int] | None
    ) -> None:
        self.name, self.needs, self.limit, self._progress = name, needs, limit, progress
        self.beats = 0
        self._seen, self._since, self._excused = 0, now, now

    def beat(self) -> None:
        """A piece of work, or an idle turn, has been completed. Cheap; from any thread."""
        self.beats += 1

    def _look(self, now: float) -> float:
        """Seconds without a beat."""
        seen = self.beats + (self._progress() if self._progress is not None else 0)
        if seen != self._seen:
            self._seen, self._since = seen, now
        return now - self._since

    def _excuse(self, now: float) -> None:
        self._excused = now

    def _stalled_for(self, now: float) -> float:
        """Seconds without a beat that count."""
        return now - max(self._since, self._excused)


class Outlook(NamedTuple):
    """What one look at all activities found.

    late: the activity that will reach its limit first, and its time without a beat that counts. waiting: a server that
    somebody waits for, and since when (monotonic). stalled: the activity that has to end the process. left: seconds
    until `late` is stalled.
    """

    late: tuple[str, float] | None
    waiting: tuple[str, float] | None
    stalled: tuple[str, float] | None
    left: float = math.inf

    @property
    def moves(self) -> bool:
        """Whether the published progress moves. It stands still before an activity reaches its limit, so that others
        can tell of it: of an ordinary one after 10 s, of one with a longer limit as long before its end."""
        return self.left > STALL_SECONDS * 2 / 3


class Liveness:
    """The activities of a process. clock: monotonic. time_of_day: for what people read."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, time_of_day: Callable[[], Micros] = SYSTEM_CLOCK.real
    ) -> None:
        self._clock, self._time_of_day = clock, time_of_day
        self._activities: dict[int, Activity] = {}  # by identity
        self._checks: dict[str, Check] = {}
        self._checking: dict[str, threading.Thread] = {}
        self._waiting: tuple[str, float] | None = None
        self._looked_at = clock()
        self._published = 0

    def activity(
        self,
        name: str,
        needs: Iterable[str] = (),
        limit: float = STALL_SECONDS,
        progress: Callable[[], int] | None = None,
    ) -> Activity:
        """A new activity, which is expected to beat, or to make other `progress`, from now on until `end`."""
        one = Activity(name, tuple(needs), limit, self._clock(), progress)
        self._activities[id(one)] = one
        return one

    @contextlib.contextmanager
    def during(
        self, name: str, needs: Iterable[str] = (), progress: Callable[[], int] | None = None
    ) -> Iterator[Activity]:
        """An activity for one piece of work."""
        activity = self.activity(name, needs, progress=progress)
        try:
            yield activity
        finally:
            self.end(activity)

    def end(self, activity: Activity) -> None:
        """The activity has ended in good order."""
        self._activities.pop(id(activity), None)

    def look(self) -> Outlook:
        """Look at all activities, once."""
        now = self._clock()
        activities = list(self._activities.values())
        if now - self._looked_at > _STANDSTILL_SECONDS:
            for one in activities:
                one._look(now)
                one._excuse(now)
        self._looked_at = now
        late = [one for one in activities if one._look(now) >= _LATE_SECONDS]
        away = self._away({need for one in late for need in one.needs})
        now = self._looked_at = self._clock()
        for one in late:
            if away & set(one.needs):
                one._excuse(now)
        self._note_waiting(min(away, default=None), now)
        slowest = min(late, key=lambda one: one.limit - one._stalled_for(now), default=None)
        if slowest is None:
            return Outlook(None, self._waiting, None)
        found = (slowest.name, slowest._stalled_for(now))
        left = slowest.limit - found[1]
        return Outlook(found, self._waiting, found if left <= 0 else None, left)

    def _note_waiting(self, server: str | None, now: float) -> None:
        if server is None:
            self._waiting = None
        elif self._waiting is None or self._waiting[0] != server:
            self._waiting = (server, now)

    def _away(self, needs: set[str]) -> set[str]:
        return {need for need in needs if need in self._checks and not self._answers(need)}

    def _answers(self, need: str) -> bool:
        """One check in a thread of its own: one that does not come back means that the server did not answer."""
        running = self._checking.get(need)
        if running is not None and running.is_alive():
            return False
        found: list[bool] = []

        def check() -> None:
            try:
                found.append(self._checks[need]())
            except Exception as error:
                log.warning("liveness.check_failed", server=need, error=str(error))

        thread = self._checking[need] = threading.Thread(target=check, name=f"check-{need}", daemon=True)
        thread.start()
        thread.join(_CHECK_SECONDS)
        return bool(found and found[0])

    def watch(self, file: Path, role: str, checks: Mapping[str, Check]) -> None:
        """Start the watchdog: keep `file` current, end the process when an activity is stalled."""
        self._checks = dict(checks)
        self._looked_at = self._clock()
        with contextlib.suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
        threading.Thread(target=self._watch, args=(file, role), name="liveness", daemon=True).start()

    def _watch(self, file: Path, role: str) -> None:
        while True:
            try:
                self._turn(file, role)
            except Exception as error:  # no defect of the watchdog may stop it
                log.warning("liveness.failed", error=str(error))
            time.sleep(_TURN_SECONDS)

    def _turn(self, file: Path, role: str) -> None:
        outlook = self.look()
        if outlook.moves:
            self._published += 1
            publish(file, _report(role, self._published, outlook, self._time_of_day() / SECOND))
        if outlook.stalled is not None:
            name, seconds = outlook.stalled
            end_process(EXIT_STALLED, "process.stalled", activity=name, seconds=round(seconds))


def _report(role: str, counter: int, outlook: Outlook, now: float) -> dict[str, Any]:
    waiting = outlook.waiting
    return {
        "role": role,
        "pid": os.getpid(),
        "birth": process_identity(os.getpid()),
        "counter": counter,
        "at": round(now, 3),
        "waiting": waiting and waiting[0],
        "since": waiting and round(now - (time.monotonic() - waiting[1]), 3),
        "slowest": outlook.late and {"activity": outlook.late[0], "seconds": round(outlook.late[1], 1)},
    }


def publish(file: Path, report: Mapping[str, Any]) -> None:
    """Replace `file` by the report, atomically. On a full disk only the file's time moves: it needs no room."""
    try:
        file.parent.mkdir(exist_ok=True)  # and no data folder that somebody has just removed
        replace_file(file, json.dumps(report))
    except OSError:
        with contextlib.suppress(OSError):
            file.touch()


def end_process(status: int, event: str, **details: Any) -> NoReturn:
    """Say why in one line, and end this process now, whatever its threads and clients wait for."""
    # Whoever reads our lines may have stopped reading: that must not keep us.
    words = threading.Thread(target=lambda: log.critical(event, **details), daemon=True)
    words.start()
    words.join(_LAST_WORDS_SECONDS)
    os._exit(status)


LIVENESS = Liveness()
"""The activities of this process."""
