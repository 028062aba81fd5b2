"""What the audit trail tells of the value of a field: times as dates, text and lists in bounds, addresses without what
may be a secret in them. Pure.
"""

import re
from typing import Any, NamedTuple

import msgspec

from schemas.base import Micros
from schemas.maintenance import Once, Recurring
from schemas.monitors import ProbeTarget
from schemas.on_call import OnCallRotation
from schemas.times import LAST, exact_iso

_LONGEST_TEXT = 300
_LONGEST_LIST = 100
_TIMES = frozenset(
    {"expires", "disabled_at", "confirmed_at", "confirmed", "blocked_at", "mute_until", "until", "joined"}
)
# Scheme, host with its port, path. A user and a password before the host are left out.
_URL = re.compile(r"([a-z]+)://(?:[^/?#]*@)?([A-Za-z0-9._:\[\]-]+)(/[^?#]*)?(?:[?#].*)?", re.DOTALL | re.IGNORECASE)


class Told(NamedTuple):
    """A value as it is told. hidden: it holds more than that, which may be a secret."""

    value: Any
    hidden: bool = False


def told_of(owner: type[msgspec.Struct], field: str, value: Any) -> Told:
    """What is told of a value of a field of `owner`."""
    if isinstance(value, str) and field == "url" and value:
        return _address(value, with_path=owner is ProbeTarget)
    if field in _TIMES and isinstance(value, int):
        return Told(_date(value))
    if isinstance(value, Once):
        return Told({"type": "once"} | _dates(value.start, value.end))
    if owner is OnCallRotation and field == "overrides":
        return Told(_cut([msgspec.to_builtins(each) | _dates(each.start, each.end) for each in value]))
    if isinstance(value, Recurring) and (changed := value.changed) is not None:
        return Told(_cut(msgspec.to_builtins(value) | {"changed": _dates(changed.start, changed.end)}))
    return Told(_cut(msgspec.to_builtins(value)))


def _address(url: str, with_path: bool) -> Told:
    """Scheme, host and port; the path, too, of what is probed. The rest, and the path of a webhook, may be a secret."""
    found = _URL.fullmatch(url)
    if found is None:
        return Told("", True)
    told = f"{found[1]}://{found[2]}{(found[3] or '') if with_path else ''}"
    return Told(_cut(told), hidden=told != url)


def _date(at: Micros) -> str:
    return exact_iso(min(max(at, 0), LAST))


def _dates(start: Micros, end: Micros) -> dict[str, str]:
    return {"start": _date(start), "end": _date(end)}


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return f"{value[:_LONGEST_TEXT]}…"
    if isinstance(value, list | tuple):
        left_out = len(value) - _LONGEST_LIST
        return [*map(_cut, value[:_LONGEST_LIST]), *([f"… and {left_out} more"] if left_out > 0 else [])]
    if isinstance(value, dict):
        return {name: _cut(inner) for name, inner in value.items()}
    return value
