"""The regions that a partition disregards: records `region/<name>` in the view, looked up by time."""

from collections.abc import Set as AbstractSet

import msgspec

from processors.fold.view import View
from schemas.base import Micros
from schemas.monitor_states import RegionOut
from schemas.ticks import NEVER

_NONE: AbstractSet[str] = frozenset()


def region_key(region: str) -> str:
    """The key of the record that a region is disregarded."""
    return "region/" + region


class RegionRecords:
    """An index over the region records of a view. It listens to the view, so it stands the undoing of an event."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._out = {key: record for key, record in view.items() if isinstance(record, RegionOut)}
        view.listeners.append(self._changed)

    def out(self, at: Micros) -> AbstractSet[str]:
        """The regions that are disregarded at a time."""
        return {record.region for record in self._out.values() if at < record.until} if self._out else _NONE

    def over(self, at: Micros) -> list[RegionOut]:
        """The records whose time is over then, in the order in which they ended."""
        return sorted((record for record in self._out.values() if record.until <= at), key=_end)

    def next_end(self) -> Micros:
        """When the first of the regions counts again."""
        return min((record.until for record in self._out.values()), default=NEVER)

    def get(self, region: str) -> RegionOut | None:
        """The record of a region that is disregarded."""
        return self._out.get(region_key(region))

    def put(self, record: RegionOut) -> None:
        """A region is disregarded, or longer than was known."""
        self._view.put(region_key(record.region), record)

    def delete(self, region: str) -> None:
        """A region counts again."""
        self._view.delete(region_key(region))

    def _changed(self, key: str, _: msgspec.Struct | None, new: msgspec.Struct | None) -> None:
        if isinstance(new, RegionOut):
            self._out[key] = new
        else:
            self._out.pop(key, None)


def _end(record: RegionOut) -> tuple[Micros, str]:
    return record.until, record.region
