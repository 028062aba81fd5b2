"""Quiet hours on the command line: `22:00-07:00`, optionally with days before and a time zone after it."""

import re
from typing import Any

from pingfold.errors import CommandFailed
from schemas.quiet_hours import DAYS

_DAY = f"(?:{'|'.join(DAYS)})"
_SPAN = f"{_DAY}(?:-{_DAY})?"
_FORM = re.compile(
    rf"(?:(?P<days>{_SPAN}(?:\+{_SPAN})*),)?"
    r"(?P<from>\d\d:\d\d)-(?P<to>\d\d:\d\d)(?:,(?P<zone>[A-Za-z0-9_+/-]+))?"
)


def quiet_hours(text: str) -> dict[str, Any]:
    """The `quiet_hours` of a channel in the APIs, which judge times and zone. Raises `CommandFailed`."""
    parts = _FORM.fullmatch(text.strip())
    if parts is None:
        raise CommandFailed(
            "--quiet: give times such as 22:00-07:00, with days and time zone if need be: "
            "mon-fri,22:00-07:00,Europe/Berlin or sat+sun,00:00-00:00"
        )
    told: dict[str, Any] = {"from": parts["from"], "to": parts["to"]}
    if parts["days"]:
        told["days"] = _days(parts["days"])
    if parts["zone"]:
        told["time_zone"] = parts["zone"]
    return told


def _days(text: str) -> list[str]:
    """`mon-fri` or `mon+wed+sun`; a range may go over the end of the week."""
    chosen: list[str] = []
    for piece in text.split("+"):
        first, _, last = piece.partition("-")
        start = DAYS.index(first)
        count = (DAYS.index(last or first) - start) % 7 + 1
        chosen += [DAYS[(start + n) % 7] for n in range(count)]
    return [day for day in DAYS if day in chosen]
