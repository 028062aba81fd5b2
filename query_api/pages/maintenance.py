"""The windows of maintenance that a status page announces. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from query_api.history.status_pages import DAY
from schemas.base import SECOND, Micros
from schemas.definitions import Check
from schemas.ids import derived_id
from schemas.maintenance import (
    Maintenance,
    Once,
    Recurring,
    covers,
    covers_check,
    open_occurrence,
    opens_after,
)
from schemas.monitors import Monitor

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


def planned(
    windows: Iterable[Maintenance], shown: Iterable[tuple[Monitor | Check, str]], now: Micros
) -> tuple[Planned, ...]:
    """The windows that cover any of the things `shown`, the earliest first; of one that recurs, only the next time.

    shown: things of the windows' project, each with its public id.
    """
    found, things = [], list(shown)
    for maintenance in windows:
        span = _span(maintenance, now)
        if span is None or span[0] > now + AHEAD:  # most are over: what they covered is not asked
            continue
        if covered := tuple(id for thing, id in things if _covers(maintenance, thing)):
            starts, ends = span
            id = derived_id("announced", maintenance.id)
            found.append(Planned(id, maintenance.name, starts, ends, starts <= now, covered))
    return tuple(sorted(found, key=lambda one: (one.starts, one.id))[:MOST_PLANNED])


def _covers(maintenance: Maintenance, thing: Monitor | Check) -> bool:
    if isinstance(thing, Monitor):
        return covers(maintenance, thing.project, thing.id)
    return covers_check(maintenance, thing.project, thing.id, thing.tags)


def _span(maintenance: Maintenance, now: Micros) -> tuple[Micros, Micros] | None:
    """From when to when the window is open now, or will be next; None: never again."""
    window = maintenance.window
    if (occurrence := open_occurrence(window, now)) is not None:
        return occurrence.start, occurrence.end
    starts = opens_after(window, now)
    match window:
        case Once(start=start, end=end):
            return None if starts is None else (start, end)
        case Recurring(duration=seconds):
            return None if starts is None else (starts, starts + seconds * SECOND)
