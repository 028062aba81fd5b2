"""Which monitors of a project a list is of: by status, type, and what their name or target holds."""

import asyncio
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import Depends, Query
from msgspec import Struct

from query_api.poppaping.monitor_object import CurrentStatus, current_status
from query_api.state.states import MonitorStates
from schemas.monitors import Monitor
from schemas.probe_kinds import PROBE_KINDS, MonitorKind

# So many monitors are looked at in one go, before other requests get their turn.
_AT_ONCE = 256


class MonitorFilter(Struct, frozen=True):
    """What must hold of a monitor; of several statuses or types one. What is empty says nothing."""

    statuses: frozenset[CurrentStatus] = frozenset()
    kinds: frozenset[MonitorKind] = frozenset()
    text: str = ""

    async def among(self, monitors: Iterable[Monitor], states: MonitorStates) -> list[Monitor]:
        """Those of which it holds, in their order."""
        found = list(monitors)
        if not (self.statuses or self.kinds or self.text):
            return found
        kept: list[Monitor] = []
        for number, monitor in enumerate(found, 1):
            if self._takes(monitor, states):
                kept.append(monitor)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return kept

    def _takes(self, monitor: Monitor, states: MonitorStates) -> bool:
        return (
            (not self.kinds or monitor.kind in self.kinds)
            and (not self.text or self.text in _text(monitor))
            and (not self.statuses or current_status(states.state(monitor.id)) in self.statuses)
        )


def _text(monitor: Monitor) -> str:
    return f"{monitor.name}\n{PROBE_KINDS[monitor.kind].label(monitor.target)}".casefold()


Kinds = Annotated[
    list[MonitorKind] | None,
    Query(alias="type", description="Only what concerns monitors of this type; several: of any of them."),
]
Search = Annotated[
    str,
    Query(max_length=200, description="Only what concerns monitors whose name or target holds this text, in any case."),
]
_Statuses = Annotated[
    list[CurrentStatus] | None,
    Query(alias="status", description="Only monitors with this `current_status`; several: with any of them."),
]


def filter_of(statuses: Any = None, kinds: Any = None, search: str = "") -> MonitorFilter:
    """The filter that parameters ask for."""
    return MonitorFilter(frozenset(statuses or ()), frozenset(kinds or ()), search.strip().casefold())


async def _filter(status: _Statuses = None, kind: Kinds = None, search: Search = "") -> MonitorFilter:
    return filter_of(status, kind, search)


Filter = Annotated[MonitorFilter, Depends(_filter)]
