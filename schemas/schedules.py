"""The schedule of a heartbeat check: when the next ping is expected.

The contract:

- Times are integers, microseconds since the Unix epoch, UTC. `next_after(schedule, at)` is the first run strictly after
  `at`, or None when there is none. It is monotone in `at`, never raises for a schedule that `parse_schedule` made, and
  always ends. A time before 1970 counts as 1970; cron ends with the year 2299, OnCalendar (as in systemd) with 2199.
- Pure: no clock, and the only data read are those of the `tzdata` package, never the system's, so that a replay on
  another machine gives the same. `TZDATA_VERSION` names them. The caches below never change an answer.
- `parse_schedule` and `canonical_tz` take any text from outside, and raise only `BadSchedule` and `BadTimezone`.

The packages cronsim and oncalendar read the expressions and say which days match; the walk through time is ours. Theirs
parse the expression again for every question, and around changes of the clock their answer depends on where the walk
began: asked in the second pass of a repeated hour they return times that are past. Here, a zone is a row of spans with
a constant offset, and the three rules for changes of the clock differ only in which local times a span covers (`Rule`).
"""

import calendar
from bisect import bisect_left, bisect_right
from collections.abc import Container
from datetime import date, datetime, timedelta
from enum import Enum
from functools import cache, lru_cache
from importlib import metadata, resources
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo

import tzdata  # type: ignore[import-untyped]
from cronsim import CronSim
from msgspec import Meta
from oncalendar import BaseIterator

from schemas.base import SECOND, Fact, Micros
from schemas.errors import SchemaError

TZDATA_VERSION: str = tzdata.IANA_VERSION
# Which schedules are valid, and what they mean, is decided by these two.
SCHEDULES_VERSION = f"{metadata.version('cronsim')}/{metadata.version('oncalendar')}"
MAX_EXPRESSION = 100
YEAR_2000: Micros = 946_684_800 * SECOND

DAY = 86_400
EPOCH = date(1970, 1, 1).toordinal()
END_YEAR = 2300
END = date(END_YEAR, 1, 1).toordinal() - EPOCH
# A cron that matches at all matches within 40 years: 29 February on one weekday, across a century without a leap day.
CRON_HORIZON = 51 * 366 * DAY
# At least this long lies between any two changes of a zone's offset since 1970 (the least is 7 days: Brazil in 2000).
PROBE = 3 * DAY


class BadSchedule(SchemaError):
    """The expression is not a schedule; the message says why."""


class BadTimezone(SchemaError):
    """The name is not one of an IANA time zone."""


class Simple(Fact, tag="simple", frozen=True, kw_only=False):
    """A run every `period` seconds, counted from the last ping."""

    period: Annotated[int, Meta(ge=1)]


class Cron(Fact, tag="cron", frozen=True, kw_only=False):
    """Five fields as in Debian's cron, in local time of `tz`."""

    expression: str
    tz: str


class OnCalendar(Fact, tag="oncalendar", frozen=True, kw_only=False):
    """Systemd calendar expressions, one a line, in local time of `tz` unless the line ends with a zone of its own."""

    expression: str
    tz: str


Schedule: TypeAlias = Simple | Cron | OnCalendar


@lru_cache(maxsize=1)
def _zone_names() -> dict[str, str]:
    """Every name of the tz database, with the name that we use for it.

    Most links of the database are names of the past (Europe/Kiev, US/Eastern) and give way to their target. Those in
    good use stay: links that stand for a country (Europe/Oslo; zone.tab lists them), UTC, GMT and all of Etc/.
    """
    data = resources.files(tzdata) / "zoneinfo"
    names: dict[str, str] = {}
    links: dict[str, str] = {}
    for line in (data / "tzdata.zi").read_text("ascii").splitlines():
        if line.startswith("Z "):
            name = line.split(" ", 2)[1]
            names[name] = name
        elif line.startswith("L "):
            _, target, name = line.split(" ")
            links[name] = target
    in_use = {line.split("\t")[2] for line in (data / "zone.tab").read_text("utf-8").splitlines() if line[:1] != "#"}
    for name, target in links.items():
        while target in links:
            target = links[target]
        names[name] = name if name in in_use or name in {"UTC", "GMT"} or name.startswith("Etc/") else target
    del names["Factory"]  # the database's word for "not set"
    return names


def canonical_tz(name: str) -> str:
    """The name under which we keep a time zone; BadTimezone if there is none of this name."""
    # Looking the name up in the database's own list, and not as a file, leaves no way to a path made of hostile text.
    if canonical := _zone_names().get(name):
        return canonical
    raise BadTimezone("is not the name of an IANA time zone")


@cache
def zone_names() -> tuple[str, ...]:
    """The names under which we keep time zones, in order."""
    return tuple(sorted(set(_zone_names().values())))


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The time zone of this name, from the tzdata package; BadTimezone if there is none."""
    canonical_tz(name)
    with resources.files(tzdata).joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


Span: TypeAlias = tuple[int, int, int, int]  # first second, end, offset, the offset before it (the same: no change)


@lru_cache(maxsize=4096)
def _spans(name: str, year: int) -> tuple[Span, ...]:
    """The spans of constant offset that make up a year (of UTC) in a zone, in seconds."""
    tz = zone(name)

    def offset_at(second: int) -> int:
        offset = datetime.fromtimestamp(second, tz).utcoffset() or timedelta()
        return offset.days * DAY + offset.seconds

    def changed(second: int) -> bool:
        return offset_at(second) != offset

    spans: list[Span] = []
    start, end = ((date(y, 1, 1).toordinal() - EPOCH) * DAY for y in (year, year + 1))
    before, offset = offset_at(start - 1), offset_at(start)
    for probe in range(start, end, PROBE):
        last = min(probe + PROBE, end) - 1
        if offset_at(last) != offset:
            change = probe + bisect_left(range(probe, last), True, key=changed)
            spans.append((start, change, offset, before))
            start, before, offset = change, offset, offset_at(last)
    spans.append((start, end, offset, before))
    return tuple(spans)


def moment_of(local: int, tz: str) -> int:
    """The first second at which the clock of a zone shows this time, or a later one.

    local: as seconds of a clock without time zone. So a time that is skipped comes at the change, one that is repeated
    is the first; later times never come earlier.
    """
    # No zone is two days away from UTC: before this year the clock has shown nothing as late.
    year = date.fromordinal(EPOCH + local // DAY - 2).year
    while True:
        for start, end, offset, _ in _spans(tz, year):
            if local < end + offset:
                return max(local - offset, start)
        year += 1


class Rule(Enum):
    """Which local times a span covers that begins with a change of the clock."""

    STEPPED = 0  # all that it shows: skipped hours do not run, repeated hours run twice; cron with a star in the time
    FIXED = 1  # all that no span before has: skipped runs come at the change, repeated ones once; every other cron
    SKIPPED = 2  # all that it shows and no span before has: neither; OnCalendar


class _Calendar:
    """One expression, parsed: the local times that match, and the runs that they give in a zone."""

    def __init__(self, parsed: CronSim | BaseIterator, tz: str, rule: Rule) -> None:
        self.parsed = parsed
        self.tz = tz
        self.rule = rule
        self.seconds: tuple[int, ...] = tuple(sorted(parsed.seconds))
        self.minutes: tuple[int, ...] = tuple(sorted(parsed.minutes))
        self.hours: tuple[int, ...] = tuple(sorted(parsed.hours))
        self.months = frozenset(parsed.months)
        self.years: Container[int] = range(1970, END_YEAR)
        self.horizon = CRON_HORIZON
        if rule is Rule.SKIPPED:
            self.years, self.horizon = frozenset(parsed.years), END_YEAR * 366 * DAY
            # Without the months that are too short for the days, "*-02-30" is known at once to have no run.
            self.months = frozenset(m for m in parsed.months if min(parsed.days) <= calendar.monthrange(2000, m)[1])

    def next(self, second: int) -> int | None:
        """The first run strictly after `second`, both in seconds since the epoch."""
        year = date.fromordinal(EPOCH + min(second // DAY, END)).year
        while year < END_YEAR:
            for start, end, offset, before in _spans(self.tz, year):
                if end <= second:
                    continue
                skipping = max(offset, before) if self.rule is Rule.SKIPPED else before
                low = start + (offset if self.rule is Rule.STEPPED else skipping)
                local = self._first_match(max(low, second + 1 + offset) if start <= second else low, end + offset)
                if local is not None:
                    return max(local - offset, start)
            # Nothing in this year: go on in the year of the next match, give or take what offsets can move.
            ahead = self._first_match(end - 2 * DAY, end + self.horizon)
            if ahead is None:
                return None
            year = max(year + 1, date.fromordinal(EPOCH + ahead // DAY - 2).year)
        return None

    def _first_match(self, low: int, high: int) -> int | None:
        """The first matching local time in [low, high), as seconds of a clock without time zone."""
        day, second = divmod(low, DAY)
        end = min(-(-high // DAY), END)
        found = self._day_from(day, end)
        time = self._time_from(second if found == day else 0)
        if time is None:
            found, time = self._day_from(day + 1, end), self._time_from(0)
        match = None if found is None or time is None else found * DAY + time
        return match if match is not None and match < high else None

    def _day_from(self, day: int, end: int) -> int | None:
        """The first matching day in [day, end), in days since the epoch; skips whole years and months."""
        while day < end:
            at = date.fromordinal(EPOCH + day)
            if at.year not in self.years:
                day = date(at.year + 1, 1, 1).toordinal() - EPOCH
            elif at.month not in self.months:
                day += calendar.monthrange(at.year, at.month)[1] - at.day + 1
            elif self._matches(at):
                return day
            else:
                day += 1
        return None

    def _matches(self, day: date) -> bool:
        if self.rule is Rule.SKIPPED:
            return bool(self.parsed.match_dow(day) and self.parsed.match_dom(day))
        return bool(self.parsed.match_day(day))

    def _time_from(self, second: int) -> int | None:
        """The first matching time of day at or after `second`."""
        hour, rest = divmod(second, 3600)
        minute, second = divmod(rest, 60)
        if hour in self.hours:
            if minute in self.minutes and second <= self.seconds[-1]:
                return hour * 3600 + minute * 60 + self.seconds[bisect_left(self.seconds, second)]
            if minute < self.minutes[-1]:
                return hour * 3600 + self.minutes[bisect_right(self.minutes, minute)] * 60 + self.seconds[0]
        if hour < self.hours[-1]:
            return self.hours[bisect_right(self.hours, hour)] * 3600 + self.minutes[0] * 60 + self.seconds[0]
        return None


class _Plan:
    """A parsed schedule and the window of its last answer: from `since` on, before `until`, the next run is `until`.

    Folds ask about moments close together. The window is replaced as one tuple: a thread sees the old or the new.
    """

    def __init__(self, calendars: list[_Calendar]) -> None:
        self.calendars = calendars
        self.window: tuple[Micros, Micros | None] = (0, 0)

    def next(self, at: Micros) -> Micros | None:
        since, until = self.window
        if since <= at and (until is None or at < until):
            return until
        # Runs are on whole seconds, so the one after the second of `at` is after `at`.
        runs = [run for calendar in self.calendars if (run := calendar.next(at // SECOND)) is not None]
        until = min(runs) * SECOND if runs else None
        self.window = (at, until)
        return until


@lru_cache(maxsize=4096)
def _plan(schedule: Cron | OnCalendar) -> _Plan:
    beginning = datetime(1970, 1, 1)  # noqa: DTZ001 - the parsers want a local time; we only take what they parsed
    if isinstance(schedule, Cron):
        parsed = CronSim(schedule.expression, beginning)
        starred = parsed.parts[1].startswith("*") or parsed.parts[2].startswith("*")
        return _Plan([_Calendar(parsed, canonical_tz(schedule.tz), Rule.STEPPED if starred else Rule.FIXED)])
    calendars = []
    for line in schedule.expression.strip().split("\n"):
        head, *last = line.rsplit(maxsplit=1) if line.strip() else ("",)
        own_tz = bool(last) and last[0] in _zone_names()
        parsed = BaseIterator(head.strip() if own_tz else line.strip(), beginning)
        calendars.append(_Calendar(parsed, canonical_tz(last[0] if own_tz else schedule.tz), Rule.SKIPPED))
    return _Plan(calendars)


def next_after(schedule: Schedule, at: Micros) -> Micros | None:
    """The next expected time strictly after `at`; None when there will be none."""
    if isinstance(schedule, Simple):
        return at + schedule.period * SECOND
    return _plan(schedule).next(max(at, -1))


def parse_schedule(expression: str, tz: str) -> Cron | OnCalendar:
    """The schedule that a person wrote: one line of five words is cron, all else OnCalendar."""
    tz = canonical_tz(tz)
    if len(expression) > MAX_EXPRESSION:
        raise BadSchedule(f"is longer than {MAX_EXPRESSION} characters")
    if not expression.strip():
        raise BadSchedule("is empty")
    kind = Cron if "\n" not in expression.strip() and len(expression.split()) == 5 else OnCalendar
    schedule = kind(expression, tz)
    try:
        first = next_after(schedule, YEAR_2000)
    except Exception as error:  # parsers of others, fed with anything: whatever they raise, the expression is at fault
        name = "a cron" if kind is Cron else "an OnCalendar"
        raise BadSchedule(f"is not {name} expression: {error}") from error
    if first is None:
        raise BadSchedule("never runs after 2000-01-01")
    return schedule
