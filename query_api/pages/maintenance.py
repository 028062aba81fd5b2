"""The windows of maintenance that a status page announces. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from query_api.history.status_pages import DAY
from schemas.base import SECOND, Micros
from schemas.ids import derived_id
from schemas.maintenance import Maintenance, Once, Recurring, open_until, opens_after

# Windows that begin within this are announced, at most so many.
AHEAD: Micros = 14 * DAY
MOST_PLANNED = 50


class Planned(NamedTuple):
    """A window that is open (`active`) or will be. id: for the public. components: the public ids of what it covers."""

    id: str
    name: str
    starts: Micros
    ends: Micros
    active: bool
    components: tuple[str, ...]


def planned(windows: Iterable[Maintenance], shown: Mapping[str, str], now: Micros) -> tuple[Planned, ...]:
    """The windows that cover any of the monitors `shown`, the earliest first; of one that recurs, only the next time.

    shown: ids of monitors of the windows' project, each with its public id.
    """
    found = []
    for maintenance in windows:
        covered = [shown[id] for id in shown if not maintenance.monitors or id in maintenance.monitors]
        span = _span(maintenance, now)
        if covered and span is not None and span[0] <= now + AHEAD:
            starts, ends = span
            id = derived_id("announced", maintenance.id)
            found.append(Planned(id, maintenance.name, starts, ends, starts <= now, tuple(covered)))
    return tuple(sorted(found, key=lambda one: (one.starts, one.id))[:MOST_PLANNED])


def _span(maintenance: Maintenance, now: Micros) -> tuple[Micros, Micros] | None:
    """From when to when the window is open now, or will be next; None: never again."""
    window = maintenance.window
    until, next_start = open_until(window, now), opens_after(window, now)
    match window:
        case Once(start=start, end=end):
            return None if until is None and next_start is None else (start, end)
        case Recurring(duration=seconds):
            if until is not None:
                return until - seconds * SECOND, until
            return None if next_start is None else (next_start, next_start + seconds * SECOND)
