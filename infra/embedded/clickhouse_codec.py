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

_PIECE = 1 << 20


class BadCompression(InfraError):
    """The bytes are not what their encoding says: reject the request."""


class UnknownCompression(InfraError):
    """There is no such encoding here: reject the request."""


def unpacked(body: bytes, encoding: str) -> Iterator[bytes]:
    """A body in pieces of bounded size. Clients send many compressed frames one after the other: all are read."""
    opened = _READERS.get(encoding.strip().lower())
    if opened is None:
        raise UnknownCompression(
            f"Unknown compression method '{encoding}': use one of {', '.join(filter(None, _READERS))}"
        )
    try:
        reader = opened(body)
        while piece := reader.read(_PIECE):
            yield piece
    except (EOFError, OSError, RuntimeError, lzma.LZMAError, zlib.error, zstandard.ZstdError) as error:
        raise BadCompression(f"cannot decompress: {error}") from error


def packed(body: bytes, encoding: str) -> bytes:
    return _PACKERS[encoding](body)


_READERS: dict[str, Callable[[bytes], Any]] = {
    "": io.BytesIO,
    "identity": io.BytesIO,
    "lz4": lambda body: lz4.frame.LZ4FrameFile(io.BytesIO(body)),
    "zstd": lambda body: zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True),
    "gzip": lambda body: gzip.GzipFile(fileobj=io.BytesIO(body)),
    "xz": lambda body: lzma.LZMAFile(io.BytesIO(body)),  # noqa: SIM115
    "bz2": lambda body: bz2.BZ2File(io.BytesIO(body)),
    "deflate": lambda body: io.BytesIO(zlib.decompress(body)),
}

# In the order of preference: the cheapest first, since the client is on the same machine.
_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "lz4": lz4.frame.compress,
    "zstd": lambda body: zstandard.ZstdCompressor(level=1).compress(body),
    "gzip": lambda body: gzip.compress(body, compresslevel=1),
    "deflate": lambda body: zlib.compress(body, level=1),
}
PREFERRED = tuple(_PACKERS)
