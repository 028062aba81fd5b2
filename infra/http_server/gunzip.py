"""Bodies packed by gzip, unpacked as they come: in pieces of a bounded size, whatever they unpack to. Pure.

Gzip's files may have several parts. Of more than `MOST_PARTS`, each of which is begun anew, no client makes one.
"""

import zlib
from collections.abc import Iterator

from infra.errors import InfraError

MOST_PARTS = 64
_GZIP_WINDOW = 31
_PIECE = 64 * 2**10

CODINGS = ("gzip", "x-gzip")
PLAIN = ("", "identity")


class NotGzip(InfraError):
    """The bytes are not what gzip makes."""


class Gunzip:
    """`piece`: no piece is longer, in bytes."""

    def __init__(self, piece: int = _PIECE) -> None:
        self._piece = piece
        self._part = zlib.decompressobj(_GZIP_WINDOW)
        self._parts = 1

    @property
    def is_complete(self) -> bool:
        """Whether what came so far ends where a part ends."""
        return self._part.eof

    def unpack(self, packed: bytes) -> Iterator[bytes]:
        """What the next bytes of the body hold. Raises `NotGzip`."""
        goes_on = False
        while packed or goes_on:
            if self._part.eof:
                self._begin()
            try:
                piece = self._part.decompress(packed, self._piece)
            except zlib.error:
                raise NotGzip from None
            if piece:
                yield piece
            packed = self._part.unused_data if self._part.eof else self._part.unconsumed_tail
            # With the piece full, more may be held although no input is left.
            goes_on = len(piece) == self._piece and not self._part.eof

    def _begin(self) -> None:
        if self._parts == MOST_PARTS:
            raise NotGzip
        self._part = zlib.decompressobj(_GZIP_WINDOW)
        self._parts += 1
