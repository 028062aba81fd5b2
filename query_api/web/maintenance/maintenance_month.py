"""A month as a calendar of windows of maintenance, by the clock of a zone. Pure.

A window that recurs has very many times: of each at most `MOST_TIMES` are shown in a month, and of a day at most
`MOST_IN_DAY`; the page says how many more there are.
"""

from calendar import Calendar
from collections.abc import Iterable, Iterator
from datetime import MAXYEAR, date, datetime, tzinfo
from itertools import islice
from typing import NamedTuple

from schemas.base import SECOND, Micros
from schemas.maintenance import Maintenance, Once
from schemas.schedules import next_after
from schemas.times import day_text, local, micros_of, read_day

MOST_TIMES, MOST_IN_DAY = 50, 12
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
# No window of a Pingfold is older, and none is planned later.
_FIRST_YEAR, _LAST_YEAR = 2000, 2200


class Occasion(NamedTuple):
    """A time at which a window is open: [start, end)."""

    maintenance: Maintenance
    start: Micros
    end: Micros


class Day(NamedTuple):
    """inside: it is of the month that is shown. more: how many occasions are left out."""

    date: date
    inside: bool
    occasions: tuple[Occasion, ...]
    more: int = 0

    @property
    def text(self) -> str:
        """`2025-06-15`."""
        return day_text(self.date)

    @property
    def weekday(self) -> str:
        """`Monday`."""
        return WEEKDAYS[self.date.weekday()]


class Month(NamedTuple):
    """A month of a year."""

    year: int
    month: int

    @property
    def name(self) -> str:
        """`2025-06`, as URLs have it."""
        return f"{self.year:04}-{self.month:02}"

    @property
    def words(self) -> str:
        """`June 2025`."""
        return f"{MONTHS[self.month - 1]} {self.year}"

    def moved(self, months: int) -> "Month | None":
        """So many months later; None: out of reach."""
        years, month = divmod(self.month - 1 + months, 12)
        year = self.year + years
        return Month(year, month + 1) if _FIRST_YEAR <= year < min(_LAST_YEAR, MAXYEAR) else None


def read_month(text: str, now: Micros, zone: tzinfo) -> Month:
    """The month that a URL names; that of now for anything else."""
    today = local(now, zone).date()
    try:
        day = read_day(f"{text}-01")
    except ValueError:
        day = today
    return Month(day.year, day.month) if _FIRST_YEAR <= day.year < _LAST_YEAR else Month(today.year, today.month)


class Shown(NamedTuple):
    """weeks: of a month, from Monday, with what is open on each day. cut: windows of which not every time is there."""

    weeks: list[list[Day]]
    cut: list[Maintenance]


def shown_month(month: Month, windows: Iterable[Maintenance], zone: tzinfo) -> Shown:
    """What a month shows of these windows."""
    weeks = Calendar().monthdatescalendar(month.year, month.month)
    first, last = weeks[0][0], weeks[-1][-1]
    start, end = _midnight(first, zone), _midnight(last, zone) + 25 * 3_600 * SECOND
    occasions, cut = list[Occasion](), list[Maintenance]()
    for window in windows:
        found = list(islice(occasions_of(window, start, end), MOST_TIMES + 1))
        cut += [window] if len(found) > MOST_TIMES else []
        occasions += found[:MOST_TIMES]
    occasions.sort(key=lambda one: (one.start, one.maintenance.name, one.maintenance.id))
    by_day: dict[date, list[Occasion]] = {}
    for one in occasions:
        day, until = max(first, local(one.start, zone).date()), min(last, local(one.end - 1, zone).date())
        while day <= until:
            by_day.setdefault(day, []).append(one)
            day = date.fromordinal(day.toordinal() + 1)
    return Shown([[_day(month, day, by_day.get(day, [])) for day in week] for week in weeks], cut)


def occasions_of(maintenance: Maintenance, start: Micros, end: Micros) -> Iterator[Occasion]:
    """When a window is open between two times, in their order but for one that was changed. Before it was made it was
    not."""
    window = maintenance.window
    if isinstance(window, Once):
        if window.start < end and window.end > start:
            yield Occasion(maintenance, window.start, window.end)
        return
    lasts, changed = window.duration * SECOND, window.changed
    if changed is not None and changed.start < end and changed.end > start:
        yield Occasion(maintenance, changed.start, changed.end)
    began = next_after(window.schedule, max(start, maintenance.created) - lasts)
    while began is not None and began < end:
        if began + lasts > start and (changed is None or began != changed.start):
            yield Occasion(maintenance, began, began + lasts)
        began = next_after(window.schedule, began)


def _day(month: Month, day: date, occasions: list[Occasion]) -> Day:
    more = max(0, len(occasions) - MOST_IN_DAY)
    return Day(day, day.month == month.month, tuple(occasions[:MOST_IN_DAY]), more)


def _midnight(day: date, zone: tzinfo) -> Micros:
    return micros_of(datetime(day.year, day.month, day.day, tzinfo=zone))
