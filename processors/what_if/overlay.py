"""Events and states of a fold as they would stand if things had other settings. Pure.

The contract:

- A definition of a chosen thing is given the settings in each of its versions; all else of it stays. No other event of
  a thing changes.
- `maintenance=none` and `mute=none` take windows, and mutes of tags and of the things, out of the journal.
- Monitors that chosen ones are made to depend on say to others that they are down (`depended_on`).
- What is not said of, is left as it is: without changes, events come out byte for byte.
"""

from collections.abc import Mapping, Set
from typing import Any

import msgspec
from msgspec.structs import replace

from processors.fold.contract import Record
from processors.refold.one_thing import prefix
from schemas.base import encode
from schemas.check_states import CheckState, DefinitionCopy
from schemas.definitions import Check
from schemas.maintenance import MaintenanceCopy, MaintenanceDefined, MaintenanceRemoved
from schemas.monitor_states import MonitorCopy, MonitorState
from schemas.monitors import Monitor
from schemas.pings import CheckDefined
from schemas.probes import DependencyChanged, MonitorDefined
from schemas.schedules import BadSchedule, Schedule, Simple, parse_schedule
from schemas.tag_mutes import TagMuteCopy, TagMuted, TagUnmuted
from schemas.what_if.settings import SETTINGS, Changes

_DEFINED = (prefix(CheckDefined), prefix(MonitorDefined))
_WINDOWS = (prefix(MaintenanceDefined), prefix(MaintenanceRemoved))
_TAGS = (prefix(TagMuted), prefix(TagUnmuted))
_DEPENDENCY = prefix(DependencyChanged)
_SCHEDULE = ("period", "schedule", "tz")
# Events that may change, or be left out.
CHANGED = (*_DEFINED, *_WINDOWS, *_TAGS, _DEPENDENCY)

_decode_check: Any = msgspec.json.Decoder(CheckDefined).decode
_decode_monitor: Any = msgspec.json.Decoder(MonitorDefined).decode


class Overlay:
    """The settings of one case. chosen: ids of the things that have them.

    relied_on: ids of monitors that others depend on, too. retold: ids of monitors whose word of being down is told anew
    (`processors.what_if.dependencies`), so that what the journal holds of it does not count.
    """

    def __init__(
        self,
        changes: Changes,
        chosen: Set[str],
        relied_on: Set[str] = frozenset(),
        retold: Set[str] = frozenset(),
    ) -> None:
        self.changes, self._chosen, self._relied_on, self._retold = changes, chosen, relied_on, retold
        values = {change.name: change.value for change in changes}
        self._without_windows = "maintenance" in values
        self._without_mutes = "mute" in values
        self._check: dict[str, Any] = {name: value for name, value in values.items() if _is_field(name, "check")}
        self._monitor: dict[str, Any] = {name: value for name, value in values.items() if _is_field(name, "monitor")}
        self._schedule: dict[str, Any] = {name: self._check.pop(name) for name in _SCHEDULE if name in self._check}
        if self._without_mutes:
            self._check["mute_until"] = self._monitor["mute_until"] = None

    def record(self, record: Record) -> Record | None:
        """An event that may change (`CHANGED`), as it would stand; None: it would not."""
        value = record.value or b""
        if value.startswith(_WINDOWS):
            return None if self._without_windows else record
        if value.startswith(_TAGS):
            return None if self._without_mutes else record
        key = (record.key or b"").decode(errors="replace")
        if value.startswith(_DEPENDENCY):
            return None if key in self._retold else record
        if key not in self._chosen and key not in self._relied_on:
            return record
        try:
            event = (_decode_check if value.startswith(_DEFINED[0]) else _decode_monitor)(value)
        except msgspec.MsgspecError:  # the fold refuses it, as it did
            return record
        if isinstance(event, CheckDefined):
            changed: CheckDefined | MonitorDefined = replace(event, check=self.check(event.check))
        else:
            changed = replace(event, monitor=self.monitor(event.monitor))
        return record if changed == event else record._replace(value=encode(changed))

    def check(self, check: Check) -> Check:
        """A definition as it would be."""
        if check.id not in self._chosen or not (self._check or self._schedule):
            return check
        return replace(check, **self._check, schedule=_scheduled(check.schedule, self._schedule))

    def monitor(self, monitor: Monitor) -> Monitor:
        """A definition as it would be."""
        fields: dict[str, Any] = dict(self._monitor) if monitor.id in self._chosen else {}
        if "depends_on" in fields:
            fields["depends_on"] = tuple(id for id in fields["depends_on"] if id != monitor.id)
        if monitor.id in self._relied_on:
            fields["depended_on"] = True
        return replace(monitor, **fields) if fields else monitor

    def states(self, states: Mapping[str, msgspec.Struct]) -> dict[str, msgspec.Struct]:
        """States to begin with, with the settings from there on."""
        return {key: self._state(record) for key, record in states.items()}

    def ends(self, states: Mapping[str, msgspec.Struct], at: int) -> list[tuple[str, msgspec.Struct]]:
        """Events, each with its key, that end the windows and the mutes of tags which the states know, at `at`."""
        ended: list[tuple[str, msgspec.Struct]] = []
        for record in states.values():
            if isinstance(record, MaintenanceCopy) and self._without_windows:
                id = record.maintenance.id
                ended.append((id, MaintenanceRemoved(at=at, id=id)))
            elif isinstance(record, TagMuteCopy) and self._without_mutes:
                ended.append((record.mute.id, TagUnmuted(at=at, id=record.mute.id)))
        return ended

    def _state(self, record: msgspec.Struct) -> msgspec.Struct:
        if isinstance(record, DefinitionCopy):
            return replace(record, check=self.check(record.check))
        if isinstance(record, MonitorCopy):
            return replace(record, monitor=self.monitor(record.monitor))
        if self._without_mutes and isinstance(record, CheckState):
            return replace(record, muted=record.by_tag)
        if self._without_mutes and isinstance(record, MonitorState):
            return replace(record, muted=False)
        return record


def _is_field(name: str, kind: str) -> bool:
    return kind in SETTINGS[name].of and SETTINGS[name].form != "none"


def _scheduled(schedule: Schedule, said: Mapping[str, Any]) -> Schedule:
    """The schedule with what is said of it, as the Management API takes it: an expression beats a period, and a time
    zone alone says nothing to a period."""
    if "schedule" not in said and "period" in said:
        return Simple(said["period"])
    expression = said.get("schedule", None if isinstance(schedule, Simple) else schedule.expression)
    if expression is None:
        return schedule
    tz = said.get("tz", "UTC" if isinstance(schedule, Simple) else schedule.tz)
    try:
        return parse_schedule(expression, tz)
    except BadSchedule:  # it has no run in that time zone
        return schedule
