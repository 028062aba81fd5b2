"""Which monitors that others depend on are down, and who depends on them: an index over the records of a partition.

A monitor that others depend on may stand in any partition; that it is down is a record in each, `dependency/<id>`.
"""

import msgspec

from processors.fold.view import View
from schemas.base import Micros
from schemas.monitor_states import DependencyDown, MonitorCopy
from schemas.monitors import Monitor


def dependency_key(monitor: str) -> str:
    """The key of the record that a monitor is down on which others depend."""
    return "dependency/" + monitor


class DependencyRecords:
    """It listens to the view, so it stands the undoing of an event."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._down: set[str] = set()
        self._dependents: dict[str, set[str]] = {}
        for key, record in view.items():
            self._changed(key, None, record)
        view.listeners.append(self._changed)

    def explain(self, monitor: Monitor) -> bool:
        """Whether something that the monitor depends on is down."""
        return bool(self._down) and any(id in self._down for id in monitor.depends_on)

    def dependents(self, monitor: str) -> list[str]:
        """The monitors of this partition that depend on one, in order."""
        return sorted(self._dependents.get(monitor, ()))

    def down(self) -> list[str]:
        """Those that are down, in order."""
        return sorted(self._down)

    def put(self, monitor: str, at: Micros) -> None:
        """A monitor on which others depend is down."""
        self._view.put(dependency_key(monitor), DependencyDown(monitor=monitor, at=at))

    def delete(self, monitor: str) -> None:
        """It is down no more."""
        self._view.delete(dependency_key(monitor))

    def _changed(self, _: str, old: msgspec.Struct | None, new: msgspec.Struct | None) -> None:
        if isinstance(old, MonitorCopy):
            for id in old.monitor.depends_on:
                dependents = self._dependents[id]
                dependents.discard(old.monitor.id)
                if not dependents:
                    del self._dependents[id]
        elif isinstance(old, DependencyDown):
            self._down.discard(old.monitor)
        if isinstance(new, MonitorCopy):
            for id in new.monitor.depends_on:
                self._dependents.setdefault(id, set()).add(new.monitor.id)
        elif isinstance(new, DependencyDown):
            self._down.add(new.monitor)
