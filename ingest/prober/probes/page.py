"""The body of an answer as a page in which a keyword is looked for: unpacked, decoded, searched while it comes.

What was found counts, whatever else is wrong with the page. What was not found counts as absent only where the page
could be read: it was unpacked, and it is text in a charset that is known, or was tried. docs/decisions/0098.

Work is done in steps of 32 KB, between which others have their turn.
"""

import asyncio
import contextlib
import unicodedata

from ingest.prober.probes.charsets import LEGACY, PRESCAN, charset_of, is_markup
from ingest.prober.probes.content_coding import Unpacker
from ingest.prober.probes.http_head import Head
from ingest.prober.probes.json_escapes import is_json
from ingest.prober.probes.text_search import TextSearch, composed

BODY_READ = 1_000_000
# As much of a page that is no UTF-8, and says no charset, is searched in all others.
TRIED = 128 * 1024
_STEP = 32 * 1024
_SNIFFED = 1_445
# Bytes that no text has (WHATWG MIME Sniffing, "binary data byte"); more than one in fifty, and it is none.
_BINARY = bytes(byte for byte in range(32) if byte not in b"\t\n\f\r\x1b")
_ONE_IN = 50
# What begins letters beyond ASCII in ISO-2022-JP; terminals know other sequences.
_ESCAPED_JAPANESE = (b"\x1b$", b"\x1b(I")
# Codings that are none, which servers say all the same: charsets, how mail is sent, how a file once came to its store.
_NO_CODINGS = frozenset(
    {
        "none", "null", "binary", "7bit", "8bit", "utf-8", "utf8", "us-ascii", "iso-8859-1", "windows-1252",
        "aws-chunked",
    }
)  # fmt: skip


class Page:
    """found: the keyword was in what has been looked at. is_full: no more of the body is read. is_whole: the body has
    ended, and all of it is here."""

    def __init__(self, keyword: str, head: Head) -> None:
        self._keyword, self._raw = keyword, keyword.encode()
        self._type = next(iter(head.values(b"content-type")), b"").decode("latin-1")[:1_000]
        self._unpacker = Unpacker([coding for coding in head.codings if coding not in _NO_CODINGS])
        self._packed, self._bytes = bytearray(), bytearray()
        self._unpacked = self._looked = 0
        self._may_unpack = False
        self._fault = ""
        self._search: TextSearch | None = None
        self._codec = "utf-8"
        self._charset_unknown = ""
        self._is_declared = self._is_settled = self._tried_in_part = False
        self._misread = ""  # the charset in which it holds the keyword, and which it does not say
        self.found = self.is_whole = False

    @property
    def is_full(self) -> bool:
        return len(self._bytes) >= BODY_READ or len(self._packed) >= BODY_READ

    @property
    def is_stream(self) -> bool:
        """Whether it is a stream of events, which never ends."""
        return self._type.split(";")[0].strip().lower() == "text/event-stream"

    @property
    def came(self) -> int:
        """Bytes of the body that are here, as they came."""
        return len(self._packed)

    @property
    def size(self) -> int:
        """Bytes that were unpacked."""
        return len(self._bytes)

    def feed(self, data: bytes) -> None:
        """The next bytes of the body."""
        self._packed += data[: BODY_READ - len(self._packed)]

    def look(self, last: bool = False) -> bool:
        """Look at some more of what came; whether there is still more. last: nothing more comes."""
        if self.found:
            return False
        self._unpack()
        end = min(len(self._bytes), self._looked + _STEP)
        at_end = last and end == len(self._bytes) and not self._may_unpack
        if end > self._looked or at_end:
            self._look_at(end, at_end)
        return not self.found and (self._looked < len(self._bytes) or self._may_unpack)

    async def read(self) -> None:
        """Look at all that came, with all that is known of charsets, until the keyword is found."""
        more = True
        while more:
            more = self.look(last=True)
            if more:
                await asyncio.sleep(0)
        search = self._search
        if self.found or search is None:
            return
        self._look_in_wide()
        others = [] if self.found else self._others(search.replaced)
        end = min(len(self._bytes), TRIED)
        self._tried_in_part = len(self._bytes) > TRIED and (bool(others) or self._may_be_legacy(search.replaced))
        for codec in others:
            other = TextSearch(self._keyword, codec)
            for start in range(0, end, _STEP):
                other.take(bytes(self._bytes[start : min(start + _STEP, end)]), start + _STEP >= len(self._bytes))
                if other.found:
                    self.found = True
                    return
                await asyncio.sleep(0)
        if self._is_declared and search.mostly_replaced and not self._misread:
            await self._look_in_others()

    def _look_in_wide(self) -> None:
        """For the keyword in UTF-16 and UTF-32, in either order of bytes: a page of those, and no other, has NULs.

        One that says another charset, or the other order, cannot be read: its letters come out as others or as NULs.
        """
        begins = bytes(self._bytes[:PRESCAN])
        if b"\0" not in begins:
            return
        # Letters of ASCII have their NULs on one side: a letter of one order is another letter in the other one.
        before, behind = begins[::2].count(0), begins[1::2].count(0)
        orders = ("le", "be") if before == behind else ("le",) if behind > before else ("be",)
        for form, codec in _wide_forms(self._keyword, orders).items():
            if codec != self._codec and form in self._bytes:
                self.found, self._misread = not self._is_declared, codec
                return

    async def _look_in_others(self) -> None:
        """For the keyword's bytes in other charsets: another than this one is declared, and that is not true."""
        for form, codec in _legacy_forms(self._keyword).items():
            if form in self._bytes:
                self._misread = codec
                return
            await asyncio.sleep(0)

    @property
    def unreadable(self) -> str:
        """Why what was not found may be there all the same; empty: it is not there. To be asked after `read`."""
        is_read = self.is_whole and len(self._bytes) < BODY_READ  # else what is left is not unpacked
        missing = self._fault or (self._unpacker.missing if is_read else self._unpacker.fault)
        if missing:
            return missing
        replaced = self._search is not None and self._search.replaced
        if self._charset_unknown and replaced:
            return f"its charset {self._charset_unknown[:40]!r} is unknown"
        if self._misread:
            return f"it says that it is {self._codec}, and it is not: read as {self._misread} it holds the keyword"
        if self._is_binary(replaced):
            return "it is not text"
        if self._tried_in_part:
            other = "is no UTF-8" if replaced else "looks like Japanese"
            return f"it says no charset and {other}, and only its first {TRIED // 1024} KB are tried in others"
        return ""

    def _unpack(self) -> None:
        """One step more, if there may be more."""
        new = bytes(self._packed[self._unpacked : self._unpacked + _STEP])
        self._unpacked += len(new)
        self._unpacker.feed(new)
        room = BODY_READ - len(self._bytes)
        out = self._unpacker.next(min(_STEP, room)) if room else b""
        self._bytes += out[:room]
        if self._unpacker.fault and not self._bytes:
            # Some servers say that they packed what they did not: then it is looked at as it is.
            self._fault, self._unpacker, self._unpacked = self._unpacker.fault, Unpacker([]), 0
            self._may_unpack = True
            return
        waits = self._unpacked < len(self._packed) or (bool(out) and self._unpacker.is_coded)
        self._may_unpack = waits and len(self._bytes) < BODY_READ and not self._unpacker.fault

    def _look_at(self, end: int, last: bool) -> None:
        if not self._is_settled:
            # What a page says of itself stands in its first bytes: before they are there, it is looked at anew.
            self._is_settled = last or len(self._bytes) >= PRESCAN
            self._begin()
            self._looked = 0
        search = self._search
        assert search is not None
        start = max(0, self._looked - len(self._raw) + 1)
        search.take(bytes(self._bytes[self._looked : end]), last and self.is_whole)
        self.found = search.found or self._bytes.find(self._raw, start, end) >= 0
        self._looked = end

    def _begin(self) -> None:
        begins = bytes(self._bytes[:PRESCAN])
        charset = charset_of(self._type, begins)
        self._is_declared, self._charset_unknown = charset.codec is not None, charset.said
        self._codec = charset.codec or "utf-8"
        self._search = TextSearch(self._keyword, self._codec, is_markup(self._type), is_json(self._type, begins))

    def _others(self, replaced: bool) -> list[str]:
        """The charsets in which the page may be as well."""
        if self._keyword.isascii():
            return []  # it is the same bytes in all of them
        others = []
        # All of such a text is written with seven bits.
        if not self._is_declared and self._bytes.isascii() and any(one in self._bytes for one in _ESCAPED_JAPANESE):
            others.append("iso2022_jp_ext")
        if self._may_be_legacy(replaced):
            others += [codec for codec in LEGACY if _has(codec, self._keyword)]
        return others

    def _may_be_legacy(self, replaced: bool) -> bool:
        """Whether it is in a charset that nothing tells. One that is said and known is believed, as by browsers."""
        return replaced and not self._is_declared and not self._keyword.isascii()

    def _is_binary(self, replaced: bool) -> bool:
        begins = bytes(self._bytes[:_SNIFFED])
        if self._search is None or self._codec.startswith(("utf-16", "utf-32")):
            return False
        if self._codec == "utf-8" and not replaced:
            return False
        return len(begins) - len(begins.translate(None, _BINARY)) > len(begins) // _ONE_IN


def _wide_forms(keyword: str, orders: tuple[str, ...]) -> dict[bytes, str]:
    """The keyword as bytes of UTF-16 and UTF-32, and the codec of each. They are looked for as they are: to decode a
    page costs more than all else."""
    texts = {keyword, *(unicodedata.normalize(form, keyword) for form in ("NFC", "NFD"))}
    codecs = [f"{name}-{order}" for name in ("utf-32", "utf-16") for order in orders]
    return {text.encode(codec, "surrogatepass"): codec for codec in codecs for text in texts}


def _legacy_forms(keyword: str) -> dict[bytes, str]:
    """The keyword as bytes of each other charset that has its letters, and the first one that writes it so."""
    forms: dict[bytes, str] = {}
    for codec in () if keyword.isascii() else LEGACY:
        with contextlib.suppress(UnicodeEncodeError):
            forms.setdefault(composed(keyword).encode(codec), codec)
    return forms


def _has(codec: str, keyword: str) -> bool:
    """Whether a charset has the letters of a keyword. windows-1258 writes some of them as two."""
    if codec == "cp1258":
        return True
    try:
        composed(keyword).encode(codec)
    except UnicodeEncodeError:
        return False
    return True
