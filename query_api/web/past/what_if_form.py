"""What a reader asks of other settings of a thing, as it stands in the URL, and as the API is asked. Pure.

Each setting takes one value, or several of which each is tried: `20m`, `5m,10m,20m`, `5m..1h`. Whether they are right,
the API says.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from infra.settings.durations import format_duration
from schemas.definitions import Check
from schemas.monitors import Monitor
from schemas.schedules import Simple
from schemas.what_if.settings import SETTINGS

DAYS = ("7", "30", "90")
_DEFAULT_DAYS = "30"
_LONGEST = 200
# What the form, and answers to it, call each setting that can be asked about here.
LABELS = {
    "grace": "Grace",
    "period": "Period",
    "confirmations": "Failing results in a row",
    "recoveries": "Good results in a row",
}
_SECONDS_TRIED = (300, 600, 1_200, 3_600)
_NUMBERS_TRIED = (1, 2, 3, 5)


class Field(NamedTuple):
    """A setting that can be asked about. now: its value. tried: values to begin with."""

    name: str
    label: str
    now: str
    tried: str
    said: str = ""


class WhatIfForm(NamedTuple):
    """fields: with what was said. days: over how many. fault: what is wrong with it; then nothing can be asked."""

    fields: tuple[Field, ...]
    days: str
    fault: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked yet."""
        return not any(field.said for field in self.fields)

    @property
    def is_sweep(self) -> bool:
        """Whether several values are asked about."""
        return any(_is_many(field.said) for field in self.fields)

    def body(self, thing: str) -> dict[str, Any]:
        """The question to the API."""
        swept = [field for field in self.fields if _is_many(field.said)]
        asked: dict[str, Any] = {"thing": thing, "since": f"{self.days}d"}
        asked["set"] = {field.name: field.said for field in self.fields if field.said and field not in swept}
        return asked | ({"sweep": f"{swept[0].name}={swept[0].said}"} if swept else {})


def read_form(thing: Check | Monitor, pairs: Iterable[tuple[str, str]]) -> WhatIfForm:
    """What a query asks of a thing; what it does not know says nothing."""
    given = {name: value.strip()[:_LONGEST] for name, value in pairs}
    fields = tuple(field._replace(said=given.get(field.name, "")) for field in _fields(thing))
    days = given.get("days", "")
    several = [field.label for field in fields if _is_many(field.said)]
    fault = f"Give several values of one setting only, not of {' and '.join(several)}." if len(several) > 1 else ""
    return WhatIfForm(fields, days if days in DAYS else _DEFAULT_DAYS, fault)


def _fields(thing: Check | Monitor) -> Iterable[Field]:
    if isinstance(thing, Check):
        yield _seconds("grace", thing.grace)
        if isinstance(thing.schedule, Simple):
            yield _seconds("period", thing.schedule.period)
    else:
        yield _number("confirmations", thing.confirmations)
        yield _number("recoveries", thing.recoveries)


def _seconds(name: str, now: int) -> Field:
    least, most = SETTINGS[name].least, SETTINGS[name].most
    tried = sorted(
        {now, *_SECONDS_TRIED, 2 * now} if name == "grace" else {now, max(least, now // 2), min(most, 2 * now)}
    )
    values = [format_duration(each) for each in tried if least <= each <= most]
    return Field(name, LABELS[name], format_duration(now), ",".join(values))


def _number(name: str, now: int) -> Field:
    return Field(name, LABELS[name], str(now), ",".join(map(str, sorted({now, *_NUMBERS_TRIED}))))


def _is_many(said: str) -> bool:
    return any(mark in said for mark in (",", "..", "|"))
