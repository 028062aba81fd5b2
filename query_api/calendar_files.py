"""Reading an uploaded iCalendar file (RFC 5545) from anywhere: its events, recurring ones one by one. Pure.

The contract: whatever the bytes are, `read_events` ends soon, with events or with `BadCalendar`, whose text names the
line or the event.

- A file, its lines, its events and what they repeat are counted before a library sees them. Each event is read by
  itself, so that a fault has its line.
- Rules of recurrence are held to those that have an occurrence in each of their periods. A rule that nothing fits
  (30 February) would be looked for until the year 9999; one of every second makes more events than anybody needs.
- Definitions of time zones in the file are not read, they are rules as well: names of the IANA database count, and
  those of Windows. A time without a zone, and a whole day, is by the clock of the zone that the caller names.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any, NamedTuple

from dateutil.rrule import rrulestr
from icalendar import Event

from query_api.errors import QueryApiError
from schemas.base import SECOND, Micros
from schemas.schedules import DAY, EPOCH, moment_of
from schemas.times import LAST, micros_of, utc

MOST_BYTES = 256 * 2**10
MOST_LINES = 10_000
MOST_EVENTS = 1_000
MOST_RECURRING = 50
# So many occurrences of all series are computed, those that are over among them.
MOST_STEPS = 15_000
# Of single dates that an event leaves out or adds.
MOST_DATES = 200
_DEEPEST = 4
# Recurring events may have begun so long ago; single ones are read as far ahead, recurring ones less far.
_OLDEST = timedelta(days=3_660)
AHEAD = timedelta(days=366)
RECURRING_AHEAD = timedelta(days=92)
_PARTS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST"}
# What else a rule may say, so that each period has an occurrence.
_MORE = {"DAILY": set[str](), "WEEKLY": {"BYDAY"}, "MONTHLY": {"BYDAY", "BYMONTHDAY"}, "YEARLY": set[str]()}
_SHORTEST_MONTH = 28
_MOST_VALUES = 40


class BadCalendar(QueryApiError):
    """What is wrong with a file, in words."""


class Occurrence(NamedTuple):
    """An event, or one of a series. people: whom its attendees are, as addresses. line: where the event begins."""

    start: Micros
    end: Micros
    uid: str
    line: int
    summary: str
    people: tuple[str, ...]


class _Read(NamedTuple):
    line: int
    uid: str
    event: Any


def read_events(content: bytes, tz: str, now: Micros) -> list[Occurrence]:
    """The events that have not ended yet, in order. Takes a while: not to be called on the event loop."""
    read = [_event(line, lines) for line, lines in _blocks(_text(content))]
    if not read:
        raise BadCalendar("there is no event (VEVENT) in it")
    if sum(map(_recurs, read)) > MOST_RECURRING:
        raise BadCalendar(f"more than {MOST_RECURRING} events recur")
    moved, found, steps = set(), list[Occurrence](), count()
    for each in filter(_is_moved, read):
        with _blamed(each):
            moved.add((each.uid, _micros(each.event["RECURRENCE-ID"].dt, tz)))
    for each in read:
        with _blamed(each):
            taken = moved if _recurs(each) else ()
            found += [one for one in _occurrences(each, tz, now, steps) if (one.uid, one.start) not in taken]
    return sorted(one for one in found if max(one.start, one.end) > now)


def _text(content: bytes) -> str:
    if len(content) > MOST_BYTES:
        raise BadCalendar(f"it is larger than {MOST_BYTES // 2**10} KiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadCalendar("it is not text in UTF-8") from None


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """The lines of each event, without the components in it, and the number of the first."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > MOST_LINES:
        raise BadCalendar(f"it has more than {MOST_LINES} lines")
    open_: list[str] = []
    block: list[str] = []
    first = events = 0
    for number, line in enumerate(lines, 1):
        # A line that begins with a blank goes on with the text of the one before.
        word, _, name = line.rstrip().upper().partition(":")
        if word == "BEGIN":
            open_.append(name)
            if open_[0] != "VCALENDAR" or len(open_) > _DEEPEST:
                raise BadCalendar(f"line {number}: {line[:60]!r} does not belong there")
            if open_[1:] == ["VEVENT"]:
                first, block = number, [line]
        elif word == "END":
            if not open_ or open_.pop() != name:
                raise BadCalendar(f"line {number}: {line[:60]!r} ends what has not begun")
            if name == "VEVENT" and len(open_) == 1:
                events += 1
                if events > MOST_EVENTS:
                    raise BadCalendar(f"line {number}: it has more than {MOST_EVENTS} events")
                yield first, [*block, line]
        elif open_[1:] == ["VEVENT"]:
            block.append(line)
    if open_:
        raise BadCalendar(f"it ends within a {open_[-1]}")


def _event(line: int, lines: list[str]) -> _Read:
    try:
        event = Event.from_ical("\r\n".join(lines) + "\r\n")
    except Exception as error:  # a parser of others, fed with anything
        raise BadCalendar(f"the event at line {line} cannot be read: {str(error)[:200]}") from None
    if not isinstance(event, Event) or event.errors:
        what = event.errors[0][1] if getattr(event, "errors", ()) else "it is no event"
        raise BadCalendar(f"the event at line {line} cannot be read: {str(what)[:200]}")
    read = _Read(line, str(event.get("UID", "")), event)
    for name in ("UID", "DTSTART"):
        if name not in event or isinstance(event[name], list):
            raise _bad(read, f"it needs one {name}")
    for name in ("DTEND", "DURATION", "RECURRENCE-ID", "RRULE", "STATUS"):
        if isinstance(event.get(name), list):
            raise _bad(read, f"it may have one {name} only")
    for name in ("DTSTART", "DTEND", "RECURRENCE-ID"):
        if name in event:
            _must_know_zone(read, name)
    return read


def _must_know_zone(read: _Read, name: str) -> None:
    value = read.event[name]
    moment = getattr(value, "dt", None)
    if not isinstance(moment, date):
        raise _bad(read, f"its {name} is no time")
    named = value.params.get("TZID")
    if named and isinstance(moment, datetime) and moment.tzinfo is None:
        raise _bad(read, f"the time zone {str(named)[:60]!r} is not known: use a name such as Europe/Berlin")


def _recurs(read: _Read) -> bool:
    return "RRULE" in read.event or "RDATE" in read.event


def _is_moved(read: _Read) -> bool:
    """Whether it stands for one of a series."""
    return "RECURRENCE-ID" in read.event


def _occurrences(read: _Read, tz: str, now: Micros, steps: Iterator[int]) -> Iterator[Occurrence]:
    """The occurrences of an event. Computed by its own clock, then told in the time of all."""
    event = read.event
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return
    start, length = event["DTSTART"].dt, _length(event)
    summary, people = _summary(event), _people(event)  # once: they may be long, and a series has thousands
    for local in _starts(read, now, steps):
        zone = start.tzinfo if isinstance(start, datetime) else None
        begin, end = (_micros(each.replace(tzinfo=zone), tz) for each in (local, local + length))
        yield Occurrence(begin, end, read.uid, read.line, summary, people)


def _length(event: Any) -> timedelta:
    """How long it lasts, by its clock."""
    start = event["DTSTART"].dt
    if "DTEND" in event:
        return _local(event["DTEND"].dt, start) - _local(start, start)
    if "DURATION" in event:
        length: timedelta = event["DURATION"].dt
        return length
    return timedelta() if isinstance(start, datetime) else timedelta(days=1)


def _starts(read: _Read, now: Micros, steps: Iterator[int]) -> list[datetime]:
    """When it begins, by its own clock, as far as anybody asks."""
    event = read.event
    start = event["DTSTART"].dt
    first, today = _local(start, start), utc(now).replace(tzinfo=None)
    if not _recurs(read):
        return [first] if first < today + AHEAD else []
    if "EXRULE" in event:
        raise _bad(read, "an EXRULE is not known here")
    left_out, added = _dates(read, "EXDATE"), _dates(read, "RDATE")
    whole_days = {each.date() for each in left_out if each == datetime.combine(each, time())}
    found = {first, *added}
    if "RRULE" in event:
        found |= set(_by_rule(read, first, today, steps))
    horizon = today + RECURRING_AHEAD
    return sorted(each for each in found if each < horizon and each not in left_out and each.date() not in whole_days)


def _by_rule(read: _Read, first: datetime, today: datetime, steps: Iterator[int]) -> Iterator[datetime]:
    rule = {str(name).upper(): values for name, values in read.event["RRULE"].items()}
    if today - first > _OLDEST:
        raise _bad(read, "it began more than ten years ago")
    if fault := _fault_of_rule(rule, first.date()):
        raise _bad(read, f"its RRULE {fault}")
    [until] = rule.pop("UNTIL", [None])
    end = today + RECURRING_AHEAD
    if isinstance(until, datetime):
        end = min(end, _local(until, read.event["DTSTART"].dt))
    elif until is not None:
        end = min(end, datetime.combine(until, time.max))
    text = ";".join(f"{name}={','.join(str(each) for each in values)}" for name, values in rule.items())
    for each in rrulestr(text, dtstart=first):
        if next(steps) > MOST_STEPS:
            raise _bad(read, "it and those before it recur too often, and began too long ago")
        if each > end:
            return
        yield each


def _dates(read: _Read, name: str) -> set[datetime]:
    """The dates that a series leaves out or adds."""
    given = read.event.get(name, [])
    dates = [each.dt for some in (given if isinstance(given, list) else [given]) for each in some.dts]
    if len(dates) > MOST_DATES:
        raise _bad(read, f"it has more than {MOST_DATES} dates in {name}")
    if not all(isinstance(each, date) for each in dates):
        raise _bad(read, f"it has periods in {name}, which are not known here")
    return {_local(each, read.event["DTSTART"].dt) for each in dates}


def _local(moment: date, start: date) -> datetime:
    """A time by the clock of the event that begins at `start`."""
    if not isinstance(moment, datetime):
        return datetime.combine(moment, time())
    if moment.tzinfo is not None and isinstance(start, datetime) and start.tzinfo is not None:
        moment = moment.astimezone(start.tzinfo)
    return moment.replace(tzinfo=None)


def _fault_of_rule(rule: dict[str, Any], first: date) -> str:
    """What a rule says that is not expanded, in words; empty: nothing."""
    [frequency, *others] = [str(each).upper() for each in rule.get("FREQ", [""])]
    if others or frequency not in _MORE:
        return f"has FREQ={frequency}; DAILY, WEEKLY, MONTHLY and YEARLY are known here"
    unknown = sorted(rule.keys() - _PARTS - _MORE[frequency])
    if unknown:
        return f"has {unknown[0]}, which is not known here with FREQ={frequency}"
    if any(len(values) > _MOST_VALUES for values in rule.values()):
        return f"has more than {_MOST_VALUES} values in a part"
    if any(not 1 <= int(each) <= 1_000 for each in rule.get("INTERVAL", [1])):
        return "has an INTERVAL that is not from 1 to 1000"
    if frequency in ("MONTHLY", "YEARLY"):
        days, weekdays = rule.get("BYMONTHDAY", []), [str(each) for each in rule.get("BYDAY", [])]
        if days and weekdays:
            return "has both BYDAY and BYMONTHDAY"
        if any(not 1 <= abs(int(each)) <= _SHORTEST_MONTH for each in days):
            return "has a BYMONTHDAY that not every month has"
        if any(abs(int(each[:-2] or 1)) > 4 for each in weekdays):
            return "has a BYDAY that not every month has"
        if not (days or weekdays) and first.day > _SHORTEST_MONTH and (frequency == "MONTHLY" or first.month == 2):
            return "begins on a day that not every month has"
    elif any(str(each)[:-2] for each in rule.get("BYDAY", [])):
        return "counts days of the week, which only MONTHLY can"
    return ""


def _micros(moment: date, tz: str) -> Micros:
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        at = micros_of(moment.astimezone(UTC))
    elif isinstance(moment, datetime):
        at = moment_of(micros_of(moment) // SECOND, tz) * SECOND
    else:
        at = moment_of((moment.toordinal() - EPOCH) * DAY, tz) * SECOND
    return min(max(at // SECOND * SECOND, 0), LAST)


def _summary(event: Any) -> str:
    return " ".join(str(event.get("SUMMARY", "")).split())


def _people(event: Any) -> tuple[str, ...]:
    given = event.get("ATTENDEE", [])
    people = given if isinstance(given, list) else [given]
    return tuple(str(each).strip().lower().removeprefix("mailto:") for each in people)


@contextmanager
def _blamed(read: _Read) -> Iterator[None]:
    """Calculations of others, fed with anything: whatever they raise, the event is at fault."""
    try:
        yield
    except BadCalendar:
        raise
    except Exception as error:
        raise _bad(read, f"its times cannot be read: {str(error)[:100]}") from None


def _bad(read: _Read, what: str) -> BadCalendar:
    return BadCalendar(f"the event {_summary(read.event)[:60]!r} at line {read.line}: {what}")
