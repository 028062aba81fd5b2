"""The last use of each API key, as far as recorded: the newest records of `key-uses` (`schemas.key_uses`).

Fed by a replica's thread, read by the event loop. There is one record per key.
"""

import msgspec

from schemas.base import Micros
from schemas.key_uses import KeyUsed

_decode = msgspec.json.Decoder(KeyUsed).decode


class LastUses:
    """The newest use of each key. Processes tell of their uses each for itself: the latest of all counts."""

    def __init__(self) -> None:
        self._at: dict[str, Micros] = {}

    def apply(self, _: int, key: str, value: bytes | None) -> None:
        """Take one record."""
        if value is None:
            self._at.pop(key, None)
            return
        used = _decode(value)
        self._at[used.key] = max(used.at, self._at.get(used.key, 0))

    def at(self, key: str) -> Micros | None:
        """When the key with this id was last used, or up to 5 minutes before that; None: no use was told."""
        return self._at.get(key)
