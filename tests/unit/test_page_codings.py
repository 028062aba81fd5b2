"""The codings of a page are undone, in pieces, however many members it has, and no further than is read."""

import gzip
import random
import zlib
from typing import Any

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.prober.probes.charsets import LEGACY
from ingest.prober.probes.content_coding import zstd
from ingest.prober.probes.page import BODY_READ, Page
from ingest.prober.probes.text_search import composed
from tests.pages import HTML, head, read

MB = 1_000_000
# A frame of zstd for other programs, as pzstd writes it.
SKIPPED = b"\x5f\x2a\x4d\x18\x04\0\0\0abcd"
PACKED: dict[str, Any] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}


@pytest.mark.parametrize("pieces", [1, 7, 1000])
@pytest.mark.parametrize("coding", [*PACKED, "gzip, gzip", "br, gzip", "zstd,deflate,BR", "identity, gzip"])
def test_codings_are_undone(coding: str, pieces: int) -> None:
    body = b"".join(b"%d " % number for number in range(9_999)) + b"well"
    for each in coding.lower().split(","):
        body = PACKED.get(each.strip(), bytes)(body)
    assert read("9998 well", body, f"Content-Encoding: {coding}", pieces=pieces).found
    ill = read("ill", body, f"Content-Encoding: {coding}", pieces=pieces)
    assert (ill.found, ill.unreadable) == (False, "")


@pytest.mark.parametrize("coding", [*PACKED, "br, gzip", "br, br"])
def test_a_large_page_is_unpacked_to_its_end(coding: str) -> None:
    """As pages are: it shrinks to a fifth, so much comes out of little."""
    words = random.Random(1).choices(
        [f"<p class=w{number % 7}>word {number}</p>\n" for number in range(3_000)], k=30_000
    )
    body = "".join(words).encode()[: BODY_READ - 5] + b" well"
    packed = body
    for each in coding.split(", "):
        packed = PACKED[each](packed)
    for pieces in (1, 9):
        page = read(" well", packed, f"Content-Encoding: {coding}", pieces=pieces)
        assert (page.found, page.size) == (True, len(body))


def test_several_members_and_what_stands_behind() -> None:
    for packed, coding in (
        (gzip.compress(b"all is ") + gzip.compress(b"well"), "gzip"),
        (gzip.compress(b"all is well") + b"\0" * 20, "gzip"),
        (zstd.compress(b"all is ") + zstd.compress(b"well"), "zstd"),
        (SKIPPED + zstd.compress(b"all is ") + SKIPPED + zstd.compress(b"well") + SKIPPED, "zstd"),
        (zlib.compress(b"all is well")[2:-4], "deflate"),
    ):
        for pieces in (1, 1000):
            page = read("all is well", packed, f"Content-Encoding: {coding}", pieces=pieces)
            assert page.found
            assert not read("ill", packed, f"Content-Encoding: {coding}", pieces=pieces).unreadable


def test_what_is_not_packed_although_it_is_said_to_be_is_looked_at_as_it_is() -> None:
    for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip", "compress"):
        for pieces in (1, 5):
            assert read("all is well", b"all is well", f"Content-Encoding: {coding}", pieces=pieces).found


@pytest.mark.parametrize("coding", [*PACKED, "gzip, gzip", "br, zstd", "much behind the end"])
def test_a_bomb_is_unpacked_as_far_as_is_read(coding: str) -> None:
    bomb = bytes(20 * MB)
    for each in coding.split(", "):
        bomb = PACKED[each](bomb) if each in PACKED else zstd.compress(gzip.compress(b"x") + bomb)
    page = Page("well", head(f"Content-Encoding: {coding if coding[0] != 'm' else 'gzip, zstd'}"))
    page.feed(bomb)
    steps = 0
    more = True
    while more:
        before, steps = page.size, steps + 1
        more = page.look(last=True)
        assert page.size - before <= 128 * 1024
    assert not page.found
    assert page.size <= BODY_READ
    assert steps < 200


@pytest.mark.parametrize("coding", [*PACKED, "gzip, br"])
def test_what_is_longer_than_is_read_is_not_cut_off(coding: str) -> None:
    """Packed or not, the keyword is absent from all that is read."""
    packed = body = b"a" * (BODY_READ + 1)
    for each in coding.split(", "):
        packed = PACKED[each](packed)
    for page in (read("ill", body), read("ill", packed, f"Content-Encoding: {coding}")):
        assert (page.found, page.unreadable) == (False, "")


def test_many_empty_members_and_frames() -> None:
    for packed, coding in ((gzip.compress(b""), "gzip"), (zstd.compress(b""), "zstd")):
        body = packed * 9_999 + PACKED[coding](b"well")
        assert read("well", body, f"Content-Encoding: {coding}").found


def test_a_window_of_zstd_that_is_too_large_is_refused() -> None:
    for log, found in ((23, True), (24, False), (31, False)):
        block = (1 | 1 << 1 | 5 << 3).to_bytes(3, "little") + b"w"  # the last one, five times the same byte
        page = read("wwwww", b"\x28\xb5\x2f\xfd\0" + bytes([(log - 10) << 3]) + block, "Content-Encoding: zstd")
        assert page.found is found
        assert page.unreadable.startswith("" if found else "its coding is not valid")


@given(st.data())
def test_pieces_change_nothing(data: st.DataObject) -> None:
    coding = data.draw(st.sampled_from(["identity", *PACKED]))
    codec = data.draw(st.sampled_from(["utf-8", "utf-16-le", *LEGACY]))
    text = data.draw(st.text(st.sampled_from("aAéßж中の&;#x1 \n"), max_size=3_000))
    body = PACKED.get(coding, bytes)(text.encode(codec, "replace"))
    keyword = data.draw(st.text(st.sampled_from("aAéßж中の&;#x1"), min_size=1, max_size=4))
    headers = [f"Content-Encoding: {coding}", data.draw(st.sampled_from([HTML, HTML + f"; charset={codec}"]))]
    at_once = read(keyword, body, *headers)
    in_pieces = read(keyword, body, *headers, pieces=data.draw(st.integers(2, 50)))
    assert at_once.found == in_pieces.found
    assert at_once.found or at_once.unreadable == in_pieces.unreadable


@given(st.binary(max_size=400), st.sampled_from([*PACKED, "gzip, br", "zstd, gzip"]), st.integers(1, 9))
def test_whatever_is_said_to_be_packed_ends(body: bytes, coding: str, pieces: int) -> None:
    page = read("well", body, f"Content-Encoding: {coding}", pieces=pieces)
    assert page.size <= BODY_READ


def test_marks_without_end_are_cut() -> None:
    """To put thousands of marks in order would take seconds."""
    marks = "\u0315\u0300" * 50_000
    assert len(composed("e" + marks)) <= 32
    assert composed("e\u0301") == "é"
    assert read("é", ("e" + marks + "\u0301 é").encode()).found
