"""Where the body of an answer ends: after a length, with the last chunk, or with the connection. As curl sees it. Pure.

A length longer than what came, and chunks without a last one, are a body that is cut off.
"""

import re

from ingest.prober.probes.http_head import Head

_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})[ \t\r]*(?:;|\Z)")
# A line that tells the size of a chunk, with what else stands there.
_LINE_READ = 16 * 1024


class Framing:
    """Takes what comes after the head, and tells what of it is the body.

    ended: nothing more belongs to it. declared: its length is known. broken: what is not valid; nothing more is taken.
    cut_off: what is missing if the connection ends now; empty: nothing is.
    """

    def __init__(self, head: Head) -> None:
        self._chunked = head.is_chunked
        length = None if self._chunked or head.tokens(b"transfer-encoding") not in ([], ["identity"]) else head.length
        self.declared = length is not None
        self._left = length or 0  # of the body, or of the chunk
        self._line = bytearray()
        self._behind_chunk = False
        self.ended = length == 0
        self._length = length
        self.broken = ""
        self.pieces = 0

    @property
    def cut_off(self) -> str:
        if self.ended:
            return ""
        if self._length is not None:
            return f"{self._length - self._left} of {self._length} bytes came"
        return "the last chunk did not come" if self._chunked else ""

    def take(self, data: bytes) -> bytes:
        """The body in `data`."""
        if self._chunked:
            return self._of_chunks(data)
        if self._length is None:
            self.pieces += 1
            return data
        data = data[: self._left]
        self._left -= len(data)
        self.ended = not self._left
        self.pieces += 1
        return data

    def _of_chunks(self, data: bytes) -> bytes:
        found, at = bytearray(), 0
        while at < len(data) and not self.ended and not self.broken:
            if self._left:
                piece = data[at : at + self._left]
                found += piece
                at += len(piece)
                self._left -= len(piece)
                self._behind_chunk = not self._left
                self.pieces += 1
                continue
            end = data.find(b"\n", at)
            self._line += data[at : end if end >= 0 else len(data)]
            if len(self._line) > _LINE_READ:
                self.broken = "a chunk of the body has too long a head"
            elif end >= 0:
                self._take_line()
            if end < 0:
                break
            at = end + 1
        return bytes(found)

    def _take_line(self) -> None:
        line = bytes(self._line)
        self._line.clear()
        if self._behind_chunk:
            if line.strip(b"\r"):
                self.broken = f"a chunk of the body is longer than said, by {_shown(line)}"
            self._behind_chunk = False
            return
        size = _SIZE.match(line)
        if size is None:
            self.broken = f"a chunk of the body begins with {_shown(line)}, which is no size"
            return
        self._left = int(size[1], 16)
        # What may stand behind the last chunk, headers that come late, is of no interest.
        self.ended = not self._left


def _shown(line: bytes) -> str:
    return repr(line[:20].decode("latin-1"))
