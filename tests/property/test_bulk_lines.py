"""Bulk requests cut in any way, packed or not, hold the same lines; garbage is told as such, and never raises."""

import gzip
from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from infra.http_server.gunzip import Gunzip, NotGzip
from ingest.ping.bulk_lines import LONG_LINE, BulkPing, Lines, LongLine, read_line
from schemas.ids import is_uuid

UUID = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"
LONGEST = 20


def pieces_of(content: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(content) + 1) for cut in cuts), len(content)]
    return [content[begin:end] for begin, end in pairwise(edges)]


def expected(content: bytes) -> list[tuple[int, bytes | LongLine]]:
    found: list[tuple[int, bytes | LongLine]] = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if len(line) > LONGEST:
            found.append((number, LONG_LINE))
        elif line.strip():
            found.append((number, line.strip()))
    return found


@given(st.lists(st.binary(max_size=30)), st.lists(st.integers(min_value=0), max_size=12))
def test_however_a_body_is_cut_its_lines_are_the_same(parts: list[bytes], cuts: list[int]) -> None:
    content = b"\n".join(parts)
    lines = Lines(LONGEST)
    found: list[tuple[int, bytes | LongLine]] = []
    for piece in pieces_of(content, cuts):
        found += lines.cut(piece)
        assert lines.held <= LONGEST
    assert [*found, *lines.last()] == expected(content)


@given(
    st.lists(st.binary(max_size=3_000), min_size=1, max_size=4),
    st.lists(st.integers(min_value=0), max_size=12),
    st.integers(min_value=1, max_value=500),
)
def test_what_is_unpacked_is_what_was_packed_in_bounded_pieces(parts: list[bytes], cuts: list[int], piece: int) -> None:
    packed = b"".join(map(gzip.compress, parts))
    gunzip, unpacked = Gunzip(piece), b""
    for part in pieces_of(packed, cuts):
        for found in gunzip.unpack(part):
            assert 0 < len(found) <= piece
            unpacked += found
    assert gunzip.is_complete
    assert unpacked == b"".join(parts)


@given(st.binary(max_size=300), st.lists(st.integers(min_value=0), max_size=5))
def test_what_is_no_gzip_is_told(garbage: bytes, cuts: list[int]) -> None:
    gunzip = Gunzip()
    try:
        for part in pieces_of(garbage, cuts):
            list(gunzip.unpack(part))
    except NotGzip:
        return
    assert not gunzip.is_complete or gzip.decompress(garbage) is not None


FIELDS = ("uuid", "slug", "ping_key", "kind", "exitstatus", "rid", "body", "body_base64", "create", "at")
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 300), st.text(max_size=8),
    st.sampled_from([UUID, UUID.upper(), "success", "start", "fail", "log", "a-slug"]),
)  # fmt: skip


@given(st.one_of(st.binary(), st.dictionaries(st.sampled_from(FIELDS), VALUES).map(msgspec.json.encode)))
def test_a_line_means_something_or_is_told_what_is_wrong(line: bytes) -> None:
    match read_line(line):
        case str(told):
            assert 0 < len(told) < 200
        case BulkPing(target, _):
            assert not target.fault
            assert is_uuid(target.check) if target.check else target.slug and target.ping_key
            assert target.rid is None or is_uuid(target.rid)
            if target.exitstatus is not None:
                assert (target.kind == "fail") == (target.exitstatus > 0)
