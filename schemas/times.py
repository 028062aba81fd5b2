"""Times as text and back: ISO 8601 for programs, plain text for people. Whatever writes a time uses it.

It is UTC, but for the `local` texts of the web application, which are of a zone that the page names.

What a text has no room for is cut off, not rounded. Every function takes times from 1970 to `LAST`.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from schemas.base import SECOND, Micros

# 9999-12-31T23:59:59: no text can be made of what comes after it.
LAST: Micros = 253_402_300_799 * SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def utc(at: Micros) -> datetime:
    """The second that a time is in."""
    return datetime.fromtimestamp(at // SECOND, UTC)


def iso(at: Micros) -> str:
    """`2025-02-21T14:32:00+00:00`."""
    return utc(at).isoformat()


def iso_or_none(at: Micros | None) -> str | None:
    """The same; None stays None."""
    return None if at is None else iso(at)


def zulu(at: Micros) -> str:
    """`2025-02-21T14:32:00Z`, as updown writes it."""
    return utc(at).isoformat()[:19] + "Z"


def exact_iso(at: Micros) -> str:
    """`2025-02-21T14:32:00.123456+00:00`; of a whole second, as `iso`."""
    return utc(at).replace(microsecond=at % SECOND).isoformat()


def to_second(at: Micros) -> str:
    """`2025-02-21 14:32:00`."""
    return utc(at).strftime("%Y-%m-%d %H:%M:%S")


def to_minute(at: Micros) -> str:
    """`2025-02-21 14:32`."""
    return utc(at).strftime("%Y-%m-%d %H:%M")


def to_day(at: Micros) -> str:
    """`2025-02-21`."""
    return utc(at).strftime("%Y-%m-%d")


def local(at: Micros, zone: tzinfo) -> datetime:
    """The second that a time is in, by the clock of a zone. Not beyond what a date can say: then UTC."""
    try:
        return utc(at).astimezone(zone)
    except OverflowError:
        return utc(at)


def local_second(at: Micros, zone: tzinfo) -> str:
    """`2025-02-21 15:32:00`."""
    return local(at, zone).strftime("%Y-%m-%d %H:%M:%S")


def local_minute(at: Micros, zone: tzinfo) -> str:
    """`2025-02-21 15:32`."""
    return local(at, zone).strftime("%Y-%m-%d %H:%M")


def local_input(at: Micros, zone: tzinfo) -> str:
    """`2025-02-21T15:32`, as browsers have it in an input of a time."""
    return local(at, zone).strftime("%Y-%m-%dT%H:%M")


def local_clock(at: Micros, zone: tzinfo) -> str:
    """`15:32`."""
    return local(at, zone).strftime("%H:%M")


def local_day(at: Micros, zone: tzinfo) -> str:
    """`2025-02-21`."""
    return local(at, zone).strftime("%Y-%m-%d")


def zone_word(at: Micros, zone: tzinfo) -> str:
    """What a zone is called then: `UTC`, `CET`; of one without letters `UTC+03:30`."""
    moment = local(at, zone)
    name = moment.strftime("%Z")
    return name if name.isalpha() else f"UTC{moment.isoformat()[-6:]}"


def micros_of(moment: datetime) -> Micros:
    """A moment as a time; one without an offset is in UTC. It may be before 1970 or after `LAST`."""
    return ((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND


def read_moment(text: str) -> datetime:
    """The moment that an ISO 8601 text names, with its offset if it has one. Raises `ValueError`."""
    return datetime.fromisoformat(text)


def read_form(text: str, form: str) -> datetime:
    """The moment in UTC that a text of this form (`%Y-%m-%d %H:%M`) names. Raises `ValueError`."""
    return datetime.strptime(text, form).replace(tzinfo=UTC)


def read_day(text: str) -> date:
    """The day that `2025-02-21` names. Raises `ValueError`."""
    return date.fromisoformat(text)


def day_text(day: date) -> str:
    """`2025-02-21`."""
    return day.isoformat()


def read_clock(text: str) -> time:
    """The time of day that `14:32` names. Raises `ValueError`."""
    return time.fromisoformat(text)


def read_iso(text: str) -> Micros:
    """The time that an ISO 8601 text names, as `micros_of` it. Raises `ValueError`."""
    if "\0" in text:
        raise ValueError("a time has no NUL in it")  # which the library passes over at the end
    return micros_of(read_moment(text))


def read_local(text: str, zone: tzinfo) -> Micros:
    """The same; a text without an offset, such as `2025-02-21 15:32`, is by the clock of a zone. Of two moments at
    which that clock shows it, the earlier one. Raises `ValueError`, `OverflowError`."""
    if "\0" in text:
        raise ValueError("a time has no NUL in it")
    moment = read_moment(text)
    return micros_of(moment if moment.tzinfo is not None else moment.replace(tzinfo=zone))
