"""The shifts of an on-call rotation as an iCalendar (RFC 5545), for calendar programs. Pure: the same day gives the
same bytes as long as the rotation stays as it is, so that a tag fits them.

Times are in UTC, which every program shows by its own clock. A shift keeps its UID while it begins at the same time;
spans in which nobody is on call have no event.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

from icalendar import Calendar, Event

from schemas.base import SECOND, Micros
from schemas.ids import derived_id
from schemas.on_call import OnCallRotation
from schemas.on_call_times import Shift, shift_at, shifts
from schemas.schedules import DAY
from schemas.times import utc

# So many days before and after today are shown.
BEFORE, AFTER = 14, 92
MOST_EVENTS = 2_000


def calendar_of(rotation: OnCallRotation, now: Micros, name_of: Callable[[str], str], site: str) -> bytes:
    """The calendar. name_of: what a channel is called. Takes a while: not to be called on the event loop."""
    calendar = Calendar()
    calendar.add("prodid", "-//Pingfold//On-call rotation//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", f"On call: {rotation.name}")
    calendar.add("x-wr-caldesc", f"Who is on call in '{rotation.name}', by {site}")
    calendar.add("refresh-interval", timedelta(hours=1), parameters={"VALUE": "DURATION"})
    for shift in _shown(rotation, now):
        calendar.add_component(_event(rotation, shift, name_of))
    return bytes(calendar.to_ical())


def _shown(rotation: OnCallRotation, now: Micros) -> Iterator[Shift]:
    """The shifts around today, the first and the last of them whole."""
    today = now // (DAY * SECOND) * DAY * SECOND
    start, end = today - BEFORE * DAY * SECOND, today + AFTER * DAY * SECOND
    found = [shift for shift in shifts(rotation, start, end) if shift.duty.channels][:MOST_EVENTS]
    for shift in found:
        if shift.start == start:
            shift = shift._replace(start=shift_at(rotation, shift.start)[0] or start)
        if shift.end == end:
            shift = shift._replace(end=shift_at(rotation, shift.end - 1)[1] or end)
        yield shift


def _event(rotation: OnCallRotation, shift: Shift, name_of: Callable[[str], str]) -> Event:
    duty, channels = shift.duty, ", ".join(name_of(channel) for channel in shift.duty.channels)
    event = Event()
    event.add("uid", f"{derived_id('shift', rotation.id, shift.start)}@pingfold")
    event.add("dtstamp", utc(rotation.revised))
    event.add("last-modified", utc(rotation.revised))
    event.add("sequence", rotation.version)
    event.add("dtstart", utc(shift.start))
    event.add("dtend", utc(shift.end))
    event.add("summary", f"{duty.name or channels} ({rotation.name})")
    event.add("description", f"On call: {channels}" + (" (override)" if duty.override else ""))
    event.add("transp", "TRANSPARENT")
    return event
