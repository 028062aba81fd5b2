"""The effect of the fields of a request on the check that the fold has found. Pure.

Some fields depend on the current check: an expression without a time zone keeps the check's zone, a zone without an
expression keeps the check's expression, and a slug made from a name changes when the name changes. They are resolved
here, in the order of the journal, and not in the requesting process, which may see another check or an older version.
"""

from typing import Any

from msgspec import UNSET
from msgspec.structs import asdict

from processors.fold.contract import InvalidEvent
from processors.projects.index import RequestRejected
from schemas.definitions import Check
from schemas.rejections import RejectionCode
from schemas.requests import CheckFields
from schemas.schedules import BadSchedule, BadTimezone, Schedule, Simple, parse_schedule

# A year, in seconds, as for every limit.
_LONGEST_PERIOD = 31_536_000


def resolved(fields: CheckFields, check: Check) -> dict[str, Any]:
    """The fields of `check` that change; a new check has its defaults. Raises `RequestRejected`."""
    given = {name: value for name, value in asdict(fields).items() if value is not UNSET}
    expression, tz = given.pop("expression", None), given.pop("tz", None)
    derived, keyword = given.pop("slug_when_renamed", None), given.pop("filter_subject_while", None)
    if "schedule" in given:
        _must_run(given["schedule"])
    elif (schedule := _schedule(expression, tz, check.schedule)) is not None:
        given["schedule"] = schedule
    if derived is not None and "slug" not in given and given.get("name", check.name) != check.name:
        given["slug"] = derived
    if keyword is not None and "filter_subject" not in given:
        given["filter_subject"] = bool(getattr(check, keyword))
    return given


def _schedule(expression: str | None, tz: str | None, now: Schedule) -> Schedule | None:
    """The schedule that an expression or a time zone alone makes of the one that is there; None: it stays."""
    if expression is None:
        if tz is None or isinstance(now, Simple):
            return None
        expression = now.expression
    try:
        return parse_schedule(expression, tz or ("UTC" if isinstance(now, Simple) else now.tz))
    except (BadSchedule, BadTimezone) as error:
        raise RequestRejected(RejectionCode.INVALID_SCHEDULE, str(error)) from error


def _must_run(schedule: Schedule) -> None:
    """A schedule must be one that the `checks` fold can follow, whoever wrote the request."""
    if isinstance(schedule, Simple):
        if schedule.period > _LONGEST_PERIOD:
            raise InvalidEvent("the period is too long")
        return
    try:
        parse_schedule(schedule.expression, schedule.tz)
    except (BadSchedule, BadTimezone) as error:
        raise InvalidEvent(f"the schedule {error}") from error
