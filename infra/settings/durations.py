"""Durations as people write them in settings: `90d`, `12h`, `1d 12h`, `forever`. Pure."""

import re

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_PART = re.compile(r"(\d{1,6})\s*([smhdwy])")
_WHOLE = re.compile(rf"(?:{_PART.pattern}\s*)+")
_FOREVER = frozenset({"forever", "for ever", "-1"})


def parse_duration(text: str) -> int | None:
    """The seconds of a duration; None is `forever`. Raises `ValueError`, which says what is accepted."""
    written = text.strip().lower()
    if written in _FOREVER:
        return None
    if not _WHOLE.fullmatch(written):
        raise ValueError("a duration is expected, such as 90d, 12h or forever (units: s, m, h, d, w, y)")
    return sum(int(count) * _SECONDS[unit] for count, unit in _PART.findall(written))


def format_duration(seconds: int | None) -> str:
    """A duration as `parse_duration` reads it."""
    if seconds is None:
        return "forever"
    for unit in ("d", "h", "m"):
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{seconds // _SECONDS[unit]}{unit}"
    return f"{seconds}s"
