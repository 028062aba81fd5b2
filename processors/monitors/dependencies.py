"""Monitors that depend on others: while one of those is down, nobody is told that they are down, too.

The contract:

- What is probed and judged does not change: a monitor goes down, its incident opens and is shown. Only the notice is
  held back: for `dependency_wait` seconds, in which the verdict on what it depends on may come, and then for as long as
  one of those is down.
- When the last of those is back, the monitor has `dependency_wait` seconds to come back as well; then it is told.
- One that comes back before it was told of is not told of at all. What was told is always told to be over.
- Monitors that others depend on say to every partition that they went down, or are down no more (`changes`).
"""

from collections.abc import Sequence

from processors.fold.contract import Context, Effect, InvalidEvent
from processors.fold.escalations import told_now
from processors.fold.view import View
from processors.monitors.dependency_records import DependencyRecords
from processors.monitors.expiry import MonitorExpiry, monitor_of, must_be_past
from schemas.base import SECOND, Micros
from schemas.monitor_states import MonitorState
from schemas.probes import DependencyChanged


class MonitorDependencies:
    def __init__(self, view: View, expiry: MonitorExpiry, records: DependencyRecords) -> None:
        self._view, self._expiry, self._records = view, expiry, records

    def heard(self, event: DependencyChanged, context: Context) -> Sequence[Effect]:
        """A monitor that others depend on went down, or is down no more."""
        if context.key != event.monitor:
            raise InvalidEvent("the key of what is said of a monitor must be its id")
        must_be_past(event.at, self._view, context)
        if context.retried:
            return ()
        if event.down:
            self._records.put(event.monitor, event.at)
            return ()
        self._release(event.monitor, event.at)
        return ()

    def forget(self, at: Micros) -> Sequence[Effect]:
        """Believe of no dependency that it is down, lest a notice be held back for ever: word of it may be lost."""
        for monitor in self._records.down():
            self._release(monitor, at)
        return ()

    def _release(self, dependency: str, at: Micros) -> None:
        self._records.delete(dependency)
        for key in self._records.dependents(dependency):
            known: MonitorState = self._view.get(key)
            if known.status != "down" or (known.notice_at is None and known.escalation is None):
                continue
            state, monitor = self._view.edit(MonitorState, key), monitor_of(self._view, key)
            if known.notice_at is not None:
                state.notice_at = max(known.notice_at, at + monitor.dependency_wait * SECOND)
            if known.escalation is not None:
                told_now(state, at)
            self._expiry.look_at(key, state, monitor)
