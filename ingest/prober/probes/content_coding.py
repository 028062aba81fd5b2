"""Undoes what was done to a body (`Content-Encoding`): gzip, deflate of both kinds, br and zstd, one after the other.

Whatever a server sends costs little: no more is unpacked than is asked for, a window of zstd is at most 8 MB (RFC
9659), and what one coding hands to the next is bounded. docs/decisions/0098.
"""

import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd as zstd
else:
    from backports import zstd as zstd

_WINDOW_LOG: Mapping[int, int] = {zstd.DecompressionParameter.window_log_max: 23}
# As many as curl undoes.
_MOST_CODINGS = 5
_BLOCK = 32 * 1024
_BETWEEN = 4_000_000
_GZIP = b"\x1f\x8b"
# How a frame of zstd begins; those that a reader skips (RFC 8878, section 3.1.2), too.
_ZSTD = (b"\x28\xb5\x2f\xfd", *(bytes((0x50 + number, 0x2A, 0x4D, 0x18)) for number in range(16)))
_MAGIC = 4


class _Coding(Protocol):
    """One coding. hungry: it has nothing more to give without new input. ended: what it gave is whole."""

    hungry: bool
    ended: bool

    def take(self, data: bytes, most: int) -> bytes:
        """The next of what was packed, about `most` bytes of it or less."""
        ...


class _Deflate:
    """Members of gzip, one after the other; or deflate, with a head or without. What stands behind them is left out."""

    def __init__(self, is_gzip: bool) -> None:
        self.hungry, self.ended = True, False
        self._is_gzip = is_gzip
        self._decoder: Any = None
        self._rest = b""

    def take(self, data: bytes, most: int) -> bytes:
        data, self._rest = self._rest + data, b""
        while True:
            if self._decoder is None:
                if len(data) < len(_GZIP):
                    self._rest, self.hungry = data, True
                    return b""
                if self.ended and not (self._is_gzip and data.startswith(_GZIP)):
                    self.hungry = True
                    return b""
                self._decoder, self.ended = zlib.decompressobj(self._window(data)), False
            decoder = self._decoder
            out: bytes = decoder.decompress(decoder.unconsumed_tail + data, most)
            if not decoder.eof:
                self.hungry = len(out) < most and not decoder.unconsumed_tail
                return out
            self._decoder, self._rest, self.ended = None, decoder.unused_data, True
            self.hungry = not self._rest
            if out:
                return out
            data, self._rest = self._rest, b""

    def _window(self, data: bytes) -> int:
        if self._is_gzip:
            return 31
        return 15 if data[0] & 15 == 8 and not int.from_bytes(data[:2]) % 31 else -15


class _Brotli:
    def __init__(self) -> None:
        self.hungry, self.ended = True, False
        self._decoder: Any = brotli.Decompressor()
        self._waiting = b""

    def take(self, data: bytes, most: int) -> bytes:
        self._waiting += data
        if self.ended:
            self.hungry = True
            return b""
        given = b""
        if self._decoder.can_accept_more_data():
            given, self._waiting = self._waiting, b""
        out: bytes = self._decoder.process(given, output_buffer_limit=most)
        self.ended = self._decoder.is_finished()
        # It may take new input while it still has some to give: only what gives nothing is hungry.
        more = bool(out) or (bool(self._waiting) and self._decoder.can_accept_more_data())
        self.hungry = self.ended or not more
        return out


class _Zstd:
    """Frames of zstd, one after the other. What stands behind them is left out."""

    def __init__(self) -> None:
        self.hungry, self.ended = True, False
        self._decoder: Any = zstd.ZstdDecompressor(options=_WINDOW_LOG)
        self._rest = b""

    def take(self, data: bytes, most: int) -> bytes:
        data, self._rest = self._rest + data, b""
        while True:
            if self.ended:
                if not data.startswith(_ZSTD):
                    self._rest = data if len(data) < _MAGIC else b""
                    self.hungry = True
                    return b""
                self._decoder, self.ended = zstd.ZstdDecompressor(options=_WINDOW_LOG), False
            out: bytes = self._decoder.decompress(data, most)
            self.ended = self._decoder.eof
            if not self.ended:
                self.hungry = self._decoder.needs_input
                return out
            self._rest = self._decoder.unused_data
            self.hungry = not self._rest
            if out:
                return out
            data, self._rest = self._rest, b""


_CODINGS: Mapping[str, Callable[[], _Coding]] = {
    "gzip": lambda: _Deflate(is_gzip=True),
    "x-gzip": lambda: _Deflate(is_gzip=True),
    "deflate": lambda: _Deflate(is_gzip=False),
    "br": _Brotli,
    "zstd": _Zstd,
}


class Unpacker:
    """Unpacks a body that comes in pieces. codings: in the order in which they were applied.

    fault: why it cannot be unpacked, or not further; empty: it can.
    """

    def __init__(self, codings: Sequence[str]) -> None:
        self.fault = ""
        self._between = 0
        self._input = b""
        self._had_input = False
        self._layers: list[tuple[str, _Coding]] = []
        unknown = [coding for coding in codings if coding not in _CODINGS]
        if unknown:
            self.fault = f"its coding {unknown[0][:40]!r} is unknown"
        elif len(codings) > _MOST_CODINGS:
            self.fault = f"it has {len(codings)} codings"
        else:
            self._layers = [(coding, _CODINGS[coding]()) for coding in reversed(codings)]

    def feed(self, data: bytes) -> None:
        self._input += data
        self._had_input = self._had_input or bool(data)

    def next(self, most: int) -> bytes:
        """The next of what was packed, about `most` bytes of it or less; empty: nothing more without new input."""
        try:
            return b"" if self.fault else self._pull(len(self._layers) - 1, most)
        except (zlib.error, brotli.error, zstd.ZstdError, EOFError) as error:
            self.fault = self.fault or f"its coding is not valid: {str(error).lower()[:100]}"
        return b""

    @property
    def is_coded(self) -> bool:
        return bool(self._layers)

    @property
    def missing(self) -> str:
        """What is wrong if nothing more comes; empty: nothing is."""
        open_ones = [name for name, layer in self._layers if not layer.ended]
        if self.fault or not open_ones or not self._had_input:
            return self.fault
        return f"its {open_ones[-1]} is cut off"

    def _pull(self, number: int, most: int) -> bytes:
        if number < 0:
            data, self._input = self._input, b""
            return data
        _, layer = self._layers[number]
        while True:
            if not layer.hungry and (out := layer.take(b"", most)):
                return out
            if not layer.hungry:
                continue
            data = self._pull(number - 1, _BLOCK)
            if not data:
                return b""
            if number:
                self._between += len(data)
                if self._between > _BETWEEN:
                    self.fault = "it unpacks to too much"
                    return b""
            if out := layer.take(data, most):
                return out
