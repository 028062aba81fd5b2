"""HTTP content encodings as ClickHouse uses them: lz4, zstd, gzip, deflate; bodies also in xz and bz2. Pure."""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import lz4.frame
import zstandard

from infra.errors import InfraError

_PIECE, _FED = 1 << 20, 1 << 16
# xz -9 asks for 65 MiB.
_XZ_MEMORY = 128 << 20


class BadCompression(InfraError):
    """The bytes are not what their encoding says: reject the request."""


class TooMuch(InfraError):
    """The bytes unpack to more than they may: reject the request."""


class UnknownCompression(InfraError):
    """There is no such encoding here: reject the request."""


def unpacked(body: bytes, encoding: str, largest: int | None = None) -> Iterator[bytes]:
    """A body in pieces of bounded size, of at most `largest` bytes in all; unpacked as they are asked for. Clients send
    many compressed frames one after the other: all are read."""
    opened = _READERS.get(encoding.strip().lower())
    if opened is None:
        raise UnknownCompression(
            f"Unknown compression method '{encoding}': use one of {', '.join(filter(None, _READERS))}"
        )
    try:
        reader = opened(body)
        size = 0
        while piece := reader.read(_PIECE):
            size += len(piece)
            if largest is not None and size > largest:
                raise TooMuch(f"it unpacks to more than {largest} bytes")
            yield piece
    except (EOFError, OSError, RuntimeError, lzma.LZMAError, zlib.error, zstandard.ZstdError) as error:
        raise BadCompression(f"cannot decompress: {error}") from error


def packed(body: bytes, encoding: str) -> bytes:
    return _PACKERS[encoding](body)


class _Deflated:
    """Reads one zlib stream in pieces."""

    def __init__(self, body: bytes) -> None:
        self._stream, self._source = zlib.decompressobj(), io.BytesIO(body)

    def read(self, size: int) -> bytes:
        while not self._stream.eof:
            given = self._stream.unconsumed_tail or self._source.read(_FED)
            if piece := self._stream.decompress(given, size):
                return piece
            if not given:
                raise EOFError("the stream ends before its end")
        return b""


class _Xz:
    """Reads xz streams in pieces, in bounded memory: a few bytes can ask for a dictionary of gigabytes."""

    def __init__(self, body: bytes) -> None:
        self._stream, self._source = lzma.LZMADecompressor(memlimit=_XZ_MEMORY), io.BytesIO(body)

    def read(self, size: int) -> bytes:
        while True:
            given = b""
            if self._stream.eof:
                given = self._stream.unused_data or self._source.read(_FED)
                if not given:
                    return b""
                self._stream = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
            elif self._stream.needs_input:
                given = self._source.read(_FED)
                if not given:
                    raise EOFError("the stream ends before its end")
            if piece := self._stream.decompress(given, size):
                return piece


_READERS: dict[str, Callable[[bytes], Any]] = {
    "": io.BytesIO,
    "identity": io.BytesIO,
    "lz4": lambda body: lz4.frame.LZ4FrameFile(io.BytesIO(body)),
    "zstd": lambda body: zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True),
    "gzip": lambda body: gzip.GzipFile(fileobj=io.BytesIO(body)),
    "xz": _Xz,
    "bz2": lambda body: bz2.BZ2File(io.BytesIO(body)),
    "deflate": _Deflated,
}

# In the order of preference: the cheapest first, since the client is on the same machine.
_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "lz4": lz4.frame.compress,
    "zstd": lambda body: zstandard.ZstdCompressor(level=1).compress(body),
    "gzip": lambda body: gzip.compress(body, compresslevel=1),
    "deflate": lambda body: zlib.compress(body, level=1),
}
PREFERRED = tuple(_PACKERS)
