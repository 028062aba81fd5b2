"""What maintenance does to the monitors of a partition: while a window is open, those it covers are not judged.

The contract:

- Windows reach every partition as broadcast events; each keeps a copy, which says whether the window is open.
- Only ticks and definitions open and close windows. A monitor is shown as in maintenance from the opening on, and as
  it was before from the close on, when it is probed at once. Results in between are kept, and judged by nobody.
- A monitor that is down when a window opens stays down, with its incident, until it comes back; then it is in
  maintenance, too. Nobody is told or reminded of it meanwhile: a notice that was held back waits for the close. A
  paused one is paused.
- A window that opened and closed between two ticks moved nothing.
- The copy of a window that is over is dropped; were its definition to come again, it would be dropped again.
"""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from processors.fold.contract import Effect, InvalidEvent
from processors.fold.partition_time import time_of
from processors.fold.view import View
from processors.monitors.expiry import MonitorExpiry, monitor_of
from processors.monitors.transitions import enter_maintenance, leave_maintenance
from processors.monitors.validity import MonitorValidity
from schemas.base import Micros
from schemas.maintenance import (
    Maintenance,
    Window,
    covers,
    fault_of,
    is_over,
    maintenance_key,
    names_nothing,
    open_occurrence,
    open_until,
    opens_after,
)
from schemas.monitor_states import MaintenanceCopy, MonitorState
from schemas.monitors import Monitor
from schemas.ticks import NEVER


class MonitorMaintenance:
    def __init__(self, view: View, expiry: MonitorExpiry, validity: MonitorValidity) -> None:
        self._view, self._expiry, self._validity = view, expiry, validity
        # The copies in the view, by key: an index that follows it.
        self._known = {key: record for key, record in view.items() if isinstance(record, MaintenanceCopy)}
        view.listeners.append(self._changed)
        # When a tick has something to open or close, at the earliest: a hint.
        self._next: Micros = 0
        expiry.is_maintained = self.covers

    def _changed(self, key: str, _: msgspec.Struct | None, new: msgspec.Struct | None) -> None:
        if isinstance(new, MaintenanceCopy):
            self._known[key] = new
        else:
            self._known.pop(key, None)

    def due(self) -> Micros:
        """When a tick may have a window to open or to close."""
        return min(self._next, NEVER)

    def tick(self, time: Micros) -> list[Effect]:
        """Close what has ended, open what has begun."""
        if time < self._next:
            return []
        effects: list[Effect] = []
        for copy in self._copies():
            until = copy.until
            if until is not None and until <= time:
                self._put(replace(copy, until=None))
                effects += self._refresh(self._covered(copy.maintenance), until)
                copy = replace(copy, until=None)
            if copy.until is None and (until := open_until(copy.maintenance.window, time)) is not None:
                self._put(replace(copy, until=until))
                effects += self._refresh(self._covered(copy.maintenance), _opened(copy.maintenance.window, time))
        for copy in self._copies():
            if copy.until is None and is_over(copy.maintenance.window, time):
                self._view.delete(maintenance_key(copy.maintenance.id))
        self._look_ahead(time)
        return effects

    def defined(self, maintenance: Maintenance, at: Micros, retried: bool = False) -> list[Effect]:
        """A window was made or changed. Raises `InvalidEvent` for a schedule that nobody could follow.

        retried: by a dead letter that is put back. It counts for a window that is known: without a copy nothing tells
        whether it has been removed since.
        """
        if fault := fault_of(maintenance.window):
            raise InvalidEvent(fault)
        known = self._view.get(maintenance_key(maintenance.id))
        if retried and not isinstance(known, MaintenanceCopy):
            return []
        touched: dict[str, None] = {}
        if isinstance(known, MaintenanceCopy):
            if known.maintenance.version >= maintenance.version:
                return []
            touched |= dict.fromkeys(self._covered(known.maintenance))
        self._put(MaintenanceCopy(maintenance=maintenance, until=open_until(maintenance.window, at)))
        self._next = 0
        return self._refresh(touched | dict.fromkeys(self._covered(maintenance)), at)

    def removed(self, id: str, at: Micros) -> list[Effect]:
        """A window is gone, perhaps while it was open."""
        known = self._view.get(maintenance_key(id))
        if not isinstance(known, MaintenanceCopy):
            return []
        covered = list(self._covered(known.maintenance))
        self._view.delete(maintenance_key(id))
        return self._refresh(covered, at)

    def look_at(self, state: MonitorState, monitor: Monitor, at: Micros) -> list[Effect]:
        """A monitor was defined, or is no longer down: it may be in a window. `state`: the caller's own copy."""
        return self._settle(state, monitor, at, self._copies())

    def covers(self, monitor: Monitor) -> bool:
        """Whether a window over the monitor is open."""
        return _covered_by(self._known.values(), monitor)

    def look_again(self) -> None:
        """What the last tick did was undone."""
        self._next = 0

    def _refresh(self, keys: Iterable[str], at: Micros) -> list[Effect]:
        copies = self._copies()
        effects: list[Effect] = []
        for key in sorted(keys):
            if isinstance(self._view.get(key), MonitorState):
                state, monitor = self._view.edit(MonitorState, key), monitor_of(self._view, key)
                effects += self._settle(state, monitor, at, copies)
                self._expiry.look_at(key, state, monitor)
        return effects

    def _settle(self, state: MonitorState, monitor: Monitor, at: Micros, copies: list[MaintenanceCopy]) -> list[Effect]:
        inside = _covered_by(copies, monitor)
        time = time_of(self._view)
        if state.maintained and not inside:
            effects = leave_maintenance(state, monitor, at, time)
            self._validity.look_again(monitor.id)
            return effects
        if inside and not state.maintained and state.status in ("new", "up"):
            return enter_maintenance(state, monitor, at, time)
        return []

    def _copies(self) -> list[MaintenanceCopy]:
        return sorted(self._known.values(), key=lambda copy: copy.maintenance.id)

    def _covered(self, maintenance: Maintenance) -> list[str]:
        if not names_nothing(maintenance):
            keys = [key for key in maintenance.monitors if isinstance(self._view.get(key), MonitorState)]
        else:
            keys = [key for key, record in self._view.items() if isinstance(record, MonitorState)]
        return [key for key in keys if covers(maintenance, monitor_of(self._view, key).project, key)]

    def _put(self, copy: MaintenanceCopy) -> None:
        self._view.put(maintenance_key(copy.maintenance.id), copy)

    def _look_ahead(self, time: Micros) -> None:
        moments = [
            moment
            for copy in self._copies()
            if (moment := copy.until or opens_after(copy.maintenance.window, time)) is not None
        ]
        self._next = min(moments, default=NEVER)


def _covered_by(copies: Iterable[MaintenanceCopy], monitor: Monitor) -> bool:
    return any(copy.until is not None and covers(copy.maintenance, monitor.project, monitor.id) for copy in copies)


def _opened(window: Window, time: Micros) -> Micros:
    """When the window began that is open then."""
    occurrence = open_occurrence(window, time)
    return time if occurrence is None else occurrence.start
