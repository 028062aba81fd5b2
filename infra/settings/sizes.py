"""Sizes as people write them in settings: `500M`, `2G`, `10%` of a disk, `none`. Pure."""

import re
from typing import NamedTuple

_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SIZE = re.compile(r"(\d{1,15})\s*([kmgt]?)(?:i?b)?")
_SHARE = re.compile(r"(\d{1,2})\s*%")
_LEAST, _MOST = 64 * 2**20, 2**30


class Reserve(NamedTuple):
    """Part of a disk: `size` bytes or `share` of it; neither: a twentieth, but between 64 MiB and 1 GiB."""

    size: int | None = None
    share: float | None = None

    def of(self, total: int) -> int:
        """In bytes, of a disk of `total` bytes."""
        if self.size is not None:
            return self.size
        if self.share is not None:
            return int(total * self.share)
        return min(max(total // 20, _LEAST), _MOST)


def parse_reserve(text: str) -> Reserve:
    """What was written; '' is the default, `none` nothing. Raises `ValueError`, which says what is accepted."""
    written = text.strip().lower()
    if written in ("", "none"):
        return Reserve(size=0) if written else Reserve()
    if match := _SHARE.fullmatch(written):
        return Reserve(share=int(match[1]) / 100)
    if match := _SIZE.fullmatch(written):
        return Reserve(size=int(match[1]) * _UNITS[match[2]])
    raise ValueError("a size is expected, such as 2G, 500M, 10% or none")
