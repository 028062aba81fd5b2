"""What time does to the monitors of a partition: ticks, and the judging of what is due.

The contract:

- What a tick expires is judged in the order of (true deadline, id), each monitor until its next deadline is to come:
  a slot that stayed empty, a confirmation that did not come, a notice that was held back. A region that was
  disregarded at that deadline owes neither result, as long as another one of the monitor counts.
- A monitor that cannot be judged is parked: its state says why, and a dead letter under its key says so to the
  operator. The next event that moves the monitor, or that letter put back, takes it up again. It stops no other.
- The wheel holds for each monitor a time at or before its next deadline. It is a hint; the states decide. So it can be
  built anew at any time, and stands an event that is undone.
"""

import copy
import heapq
from collections.abc import Callable, Iterable

from processors.fold.contract import Context, Effect, Refused
from processors.fold.partition_time import fold_plain_tick, vouched
from processors.fold.time_correction import correct_monitors, correct_time
from processors.fold.view import View
from processors.fold.wheel import Wheel
from processors.monitors.changes import tell_empty, tell_held_back
from processors.monitors.dependency_records import DependencyRecords
from processors.monitors.region_records import RegionRecords
from processors.monitors.rules import (
    all_out,
    ask_next,
    doubt_deadline,
    expect_after,
    next_deadline,
    slot_deadline,
    worn_out,
)
from schemas.base import SECOND, Micros, encode
from schemas.dead_letters import DeadLetter
from schemas.monitor_states import MonitorCopy, MonitorState
from schemas.monitors import Monitor
from schemas.slots import region_of
from schemas.ticks import PROGRESS_KEY, Progress, Tick
from schemas.topics import DEAD_LETTERS, PROBE_RESULTS

AHEAD: Micros = 60 * SECOND
# The last moment that can be written as a date.
END_OF_TIME: Micros = 253_402_300_799 * SECOND


def must_be_past(at: Micros, view: View, context: Context) -> None:
    """Refuse an event that tells of a time which nobody can have seen."""
    if not 0 <= at <= min(vouched(view.get(PROGRESS_KEY), context.at) + AHEAD, END_OF_TIME):
        raise Refused(f"dated more than {AHEAD // SECOND} s ahead of the partition's time, or before 1970")


def time_of(view: View) -> Micros:
    """The time of a partition, 0 before its first tick."""
    progress: Progress = view.get(PROGRESS_KEY)
    return progress.time


def definition_key(monitor: str) -> str:
    """The key of the fold's own copy of a definition."""
    return "definition/" + monitor


def monitor_of(view: View, key: str) -> Monitor:
    """The definition of a monitor that has a state."""
    record: MonitorCopy = view.get("definition/" + key)
    return record.monitor


class MonitorClock:
    def __init__(self, view: View, regions: RegionRecords, dependencies: DependencyRecords) -> None:
        self._view, self._regions, self._dependencies = view, regions, dependencies
        self._wheel = Wheel(lambda key: view.get(key) is not None)
        time = time_of(view)
        for key, state in view.items():
            if isinstance(state, MonitorState) and state.parked is None and state.status != "paused":
                self._wheel.set(key, time)

    def due(self) -> Micros:
        """When a tick may have a monitor to judge."""
        return self._wheel.earliest()

    def look_at(self, key: str, state: MonitorState, monitor: Monitor) -> None:
        """A monitor has been moved: a tick that passes its next deadline looks at it."""
        deadline = next_deadline(state, monitor, self._dependencies.explain(monitor))
        if deadline is not None:
            self._wheel.set(key, deadline)

    def unpark(self, key: str, state: MonitorState) -> None:
        """Take a parked monitor up again; `state` is the caller's own copy."""
        state.parked = None
        self._wheel.set(key, time_of(self._view))

    def correct(self, context: Context) -> None:
        """The time has run ahead and is taken back."""
        time = correct_time(self._view, context)
        if time is not None:
            for key in correct_monitors(self._view, time):
                self._wheel.set(key, time)

    def tick(self, tick: Tick, context: Context, then: Callable[[Micros], Iterable[Effect]]) -> list[Effect]:
        """Move the partition's time, judge what is due, and do with that time what comes after it."""
        progress = fold_plain_tick(self._view.get(PROGRESS_KEY), tick, context.at)
        self._view.put(PROGRESS_KEY, progress)
        # The session undoes a tick that fails in the view; the wheel must not lose what it gave.
        with self._wheel.taking(progress.time) as due:
            expiry = _Expiry(self._view, self._regions, self._dependencies, self._wheel, progress.time, tick, context)
            return [*expiry.run(due), *then(progress.time)]


class _Expiry:
    """The judging of what one tick made due."""

    def __init__(
        self,
        view: View,
        regions: RegionRecords,
        dependencies: DependencyRecords,
        wheel: Wheel,
        time: Micros,
        tick: Tick,
        context: Context,
    ) -> None:
        self._view, self._regions, self._dependencies, self._wheel = view, regions, dependencies, wheel
        self._time, self._tick, self._context = time, tick, context
        self._queue: list[tuple[Micros, str]] = []
        self._effects: list[Effect] = []

    def run(self, due: list[str]) -> list[Effect]:
        for key in due:
            self._arm(key)
        while self._queue:
            deadline, key = heapq.heappop(self._queue)
            state = copy.copy(self._view.get(key))  # a copy: what fails half way leaves the state as it was
            try:
                told = self._judge(state, monitor_of(self._view, key), deadline)
            except Exception as error:
                self._park(key, error)
                continue
            self._view.put(key, state)
            self._effects.extend(told)
            self._arm(key)
        return self._effects

    def _arm(self, key: str) -> None:
        """Queue the next deadline of a monitor when it has come, else set the wheel to it."""
        state = self._view.get(key)
        if not isinstance(state, MonitorState) or state.parked is not None:
            return
        try:
            monitor = monitor_of(self._view, key)
            deadline = next_deadline(state, monitor, self._dependencies.explain(monitor))
        except Exception as error:
            self._park(key, error)
            return
        if deadline is None:
            return
        if deadline <= self._time:
            heapq.heappush(self._queue, (deadline, key))
        else:
            self._wheel.set(key, deadline)

    def _judge(self, state: MonitorState, monitor: Monitor, deadline: Micros) -> list[Effect]:
        out = self._regions.out(deadline)
        if slot_deadline(state, monitor) == deadline:
            if region_of(monitor, state.expected) in out and not all_out(monitor, out):
                expect_after(state, monitor, state.expected)
                return []
            return tell_empty(state, monitor, self._time, out)
        if state.doubt is None or doubt_deadline(state.doubt, monitor) != deadline:
            assert state.notice_at == deadline
            return tell_held_back(state, monitor, out)
        asked = ask_next(monitor, state.doubt, self._time, out)
        state.doubt = None if worn_out(monitor, asked, going_down=state.status != "down") else asked
        return []

    def _park(self, key: str, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        self._view.edit(MonitorState, key).parked = reason
        letter = DeadLetter(
            topic=PROBE_RESULTS.name,
            partition=self._context.partition,
            offset=self._context.offset,
            key=key,
            value=encode(self._tick),
            reason=f"monitor {key} could not be judged and is parked: {reason}",
            at=self._context.at,
        )
        self._effects.append(Effect(DEAD_LETTERS, key, letter))
