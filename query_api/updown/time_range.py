"""The parameters `from`, `to` and `group` of metrics. Pure.

`from` is a month ago by default, `to` is now, and never later. There is an hour between them at least; a minute less is
taken, for clocks of clients that are ahead.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args

from query_api.updown.errors import UpdownError, fault
from query_api.updown.query_parameters import query_parameter
from query_api.updown.time_formats import NoTime, read_time
from schemas.base import SECOND, Micros

Group = Literal["time", "host"]

_DEFAULT_FROM = "1 month ago"
_SHORTEST: Micros = 3_600 * SECOND
_AHEAD: Micros = 60 * SECOND


class TimeRange(NamedTuple):
    """From `start` to `end`, which is not in it."""

    start: Micros
    end: Micros

    @property
    def length(self) -> Micros:
        return self.end - self.start


def range_of(parameters: Mapping[str, Any], now: Micros) -> TimeRange:
    """The time that is asked for. Raises `UpdownError` 400."""
    faults: list[str] = []
    start, end = (_time(parameters, name, now, faults) for name in ("from", "to"))
    if not faults:
        start = read_time(_DEFAULT_FROM, now) if start is None else start
        end = now if end is None else min(end, now)
        if start > now:
            faults.append(fault("from", "is in the future", parameters.get("from")))
        elif end - start < _SHORTEST - _AHEAD:
            faults.append(fault("to", "must be an hour after from at least", parameters.get("to")))
        else:
            return TimeRange(start, end)
    raise UpdownError(400, ", ".join(faults))


def group_of(parameters: Mapping[str, Any]) -> Group | None:
    """How metrics are grouped. Raises `UpdownError` 400."""
    match parameters.get("group"):
        case "time" | "host" as group:
            known: Group = group
            return known
        case None | "":
            return None
        case given:
            raise UpdownError(400, fault("group", "is not included in the list", given))


def _time(parameters: Mapping[str, Any], name: str, now: Micros, faults: list[str]) -> Micros | None:
    given = parameters.get(name)
    if given is None or given == "":
        return None
    try:
        if isinstance(given, bool) or not isinstance(given, str | int | float):
            raise NoTime("not a time")
        return read_time(str(given), now)
    except NoTime as wrong:
        faults.append(fault(name, f"is not valid: {wrong}", given))
        return None


PARAMETERS: dict[str, Any] = {
    "parameters": [
        query_parameter("from", {"type": "string"}, "A time in any of the formats. Default: a month ago."),
        query_parameter("to", {"type": "string"}, "A time, an hour later at least. Default: now."),
        query_parameter("group", {"type": "string", "enum": list(get_args(Group))}, "Metrics by hour, or by node."),
    ]
}
"""What `/openapi.json` says of them."""
