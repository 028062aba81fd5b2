"""Which monitors and heartbeat checks a list of incidents is about.

Clients of PoppaPing follow `monitor_id` to `/monitors/<id>`, where no heartbeat check is. So the incidents of checks
are listed for who asks for them: by `type`, or by the id of one.
"""

import asyncio
from typing import Annotated, Literal

from fastapi import Query
from msgspec import Struct

from query_api.dependencies import Dependencies
from query_api.poppaping.monitor_filters import filter_of
from schemas.definitions import Check
from schemas.probe_kinds import MonitorKind

HEARTBEAT = "heartbeat"
_ANY = "any"
# So many checks are looked at in one go, before other requests get their turn.
_AT_ONCE = 256

IncidentTypes = Annotated[
    list[MonitorKind | Literal["heartbeat", "any"]] | None,
    Query(
        alias="type",
        description="Only incidents of monitors of this type; several: of any of them. `heartbeat`: of heartbeat "
        "checks; `any`: of those and of all monitors. Left out: of all monitors. Pingfold's own.",
    ),
]
IncidentSearch = Annotated[
    str,
    Query(
        max_length=200,
        description="Only incidents of monitors whose name or target holds this text, and of checks whose name, slug "
        "or tags do, in any case. Pingfold's own.",
    ),
]


class Wanted(Struct, frozen=True):
    """What was asked for. id: of one monitor or check, None: all."""

    types: frozenset[str] = frozenset()
    search: str = ""
    id: str | None = None

    async def things(self, deps: Dependencies, project: str) -> list[str]:
        """The ids of the monitors and checks that it is about."""
        if self.id is not None:
            monitor, check = deps.directory.monitor(self.id), deps.directory.check(self.id)
            monitors = [] if monitor is None or monitor.project != project else [monitor]
            checks = [] if check is None or check.project != project else [check]
            # Who names a check wants it.
            with_checks = not self.types or self._of_checks
        else:
            monitors, checks, with_checks = deps.directory.monitors_of(project), None, self._of_checks
        found: list[str] = []
        if kinds := self._monitor_kinds:
            wanted = filter_of(kinds=() if kinds is True else kinds, search=self.search)
            found = [one.id for one in await wanted.among(monitors, deps.monitor_states)]
        if with_checks:
            text = self.search.strip().casefold()
            for number, check in enumerate(deps.directory.checks_of(project) if checks is None else checks, 1):
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)
                if not text or text in _text(check):
                    found.append(check.id)
        return found

    @property
    def _of_checks(self) -> bool:
        return not self.types.isdisjoint((HEARTBEAT, _ANY))

    @property
    def _monitor_kinds(self) -> frozenset[str] | bool:
        """Monitors of these kinds; True: of all, False: of none."""
        if not self.types or _ANY in self.types:
            return True
        return self.types - {HEARTBEAT} or False


def _text(check: Check) -> str:
    return f"{check.name}\n{check.slug}\n{check.tags}".casefold()
