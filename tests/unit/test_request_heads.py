"""What is made of heads that the parser refuses."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.http_server.request_heads import Mended, ascii_target, mend, shown


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"GET / HTTP/1.0\n\nrest", Mended(b"GET / HTTP/1.0\r\n\r\n", 16, True)),
        (b"GET / HTTP/1.1\r\nA: b\r\n\r\nrest", Mended(b"GET / HTTP/1.1\r\nA: b\r\n\r\n", 24, False)),
        (b"GET / HTTP/1.1\r\nA: b\r\n\n", Mended(b"GET / HTTP/1.1\r\nA: b\r\n\r\n", 23, True)),
        (b"GET / HTTP/1.1\r\nA:\r\n\tb\r\n\r\n", Mended(b"GET / HTTP/1.1\r\nA: b\r\n\r\n", 26, True)),
        (b"GET /\n", Mended(b"GET / HTTP/1.0\r\n\r\n", 6, True)),
        (b"POST /\n", None),
        (b"GET /\nA: b\n", None),
        (b"GET /", None),
        (b"", None),
        (b"\r\n\r\n", None),
        (b"GET / HTTP/1.1\n", None),
        (b"GET / HTTP/1.1\nA: b\n", None),
        (b"GET / HTTP/1.1\n A: b\n\n", "the header line ' A: b' is not of the form Name: value"),
    ],
)
def test_heads(data: bytes, wanted: Mended | str | None) -> None:
    assert mend(data) == wanted


def test_what_is_shown_is_printable_and_short() -> None:
    assert shown(b"a\x00\xff\r\n") == r"'a\x00\xff'"
    assert len(shown(b"x" * 1_000)) < 80
    assert ascii_target(b"/a%20\xc3\xb6?\xff") == b"/a%20%C3%B6?%FF"


class _Heads:
    def __init__(self) -> None:
        self.urls = [b""]
        self.headers: list[tuple[bytes, bytes]] = []
        self.wholes = 0

    def on_url(self, url: bytes) -> None:
        self.urls[-1] += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_message_complete(self) -> None:
        self.wholes += 1


def parsed(data: bytes) -> _Heads:
    heads = _Heads()
    httptools.HttpRequestParser(heads).feed_data(data)
    return heads


_NAMES = st.text("abcXYZ-", min_size=1, max_size=5).filter(lambda name: name.strip("-") != "")
_VALUES = st.text("abc \u00f6:;,", max_size=8).map(str.strip)


@given(st.lists(st.tuples(_NAMES, _VALUES), max_size=4), st.lists(st.booleans(), min_size=8, max_size=8))
def test_line_ends_change_nothing(headers: list[tuple[str, str]], ends: list[bool]) -> None:
    """Whatever mixture of CRLF and LF: the parser sees what it sees of the usual form."""
    lines = ["GET /p HTTP/1.1", *(f"X{name}: {value}" for name, value in headers), ""]
    usual = "".join(f"{line}\r\n" for line in lines).encode()
    mixed = b"".join(line.encode() + (b"\r\n" if end else b"\n") for line, end in zip(lines, ends, strict=False))
    mended = mend(mixed + b"rest")
    assert isinstance(mended, Mended)
    assert mixed[: mended.size] == mixed
    assert parsed(mended.head).headers == parsed(usual).headers
    assert mended.last == (not all(ends[: len(lines)]))


@given(
    st.binary(max_size=60)
    | st.lists(st.sampled_from([b"GET ", b"/", b"\n", b"\r", b" ", b"A: b", b"HTTP/1.1", b"\xff"])).map(b"".join)
)
def test_nothing_is_raised_and_a_mended_head_is_one_head(data: bytes) -> None:
    mended = mend(data)
    if isinstance(mended, Mended):
        assert 0 < mended.size <= len(data)
        assert mended.head.count(b"\r\n\r\n") == 1
        assert mended.head.endswith(b"\r\n\r\n")
        assert mended.head.isascii() or b":" in mended.head
        assert b"\n" not in mended.head.replace(b"\r\n", b"")
