"""Lines of bulk requests: what each means, and what is told of one that means nothing."""

import json
from typing import Any

import pytest

from ingest.ping.bulk_lines import LONG_LINE, LONGEST_LINE, BulkLine, BulkPing, Lines, read_line
from ingest.ping.request import LIMITS
from ingest.ping.urls import PingTarget
from tests.ping_world import KEY, SLUG, UUID
from tests.source_tree import ROOT

RID = "123e4567-e89b-12d3-a456-426614174000"


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


@pytest.mark.parametrize(
    ("fields", "target", "body"),
    [
        ({"uuid": UUID}, PingTarget("success", UUID), b""),
        ({"uuid": UUID.upper(), "kind": "start", "rid": RID.upper()}, PingTarget("start", UUID, rid=RID), b""),
        ({"uuid": UUID, "kind": "log", "body": "größer\n"}, PingTarget("log", UUID), "größer\n".encode()),
        ({"uuid": UUID, "body_base64": "/wA="}, PingTarget("success", UUID), b"\xff\x00"),
        ({"uuid": UUID, "exitstatus": 0}, PingTarget("success", UUID, exitstatus=0), b""),
        ({"uuid": UUID, "exitstatus": 255}, PingTarget("fail", UUID, exitstatus=255), b""),
        ({"uuid": UUID, "exitstatus": 3, "kind": "fail"}, PingTarget("fail", UUID, exitstatus=3), b""),
        ({"uuid": UUID, "rid": None, "create": False}, PingTarget("success", UUID), b""),
        ({"slug": SLUG, "ping_key": KEY}, PingTarget("success", "", KEY, SLUG), b""),
        ({"slug": "start", "ping_key": KEY, "create": True}, PingTarget("success", "", KEY, "start", create=True), b""),
    ],
)
def test_what_a_line_means(fields: dict[str, Any], target: PingTarget, body: bytes) -> None:
    assert read_line(line(**fields)) == BulkPing(target, body)


def test_the_request_may_give_the_ping_key_and_create() -> None:
    assert read_line(line(slug=SLUG), KEY, True) == BulkPing(PingTarget("success", "", KEY, SLUG, create=True), b"")
    own = read_line(line(slug=SLUG, ping_key="other", create=False), KEY, True)
    assert own == BulkPing(PingTarget("success", "", "other", SLUG), b"")
    assert read_line(line(uuid=UUID), KEY, True) == BulkPing(PingTarget("success", UUID), b"")


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"nonsense", "not JSON: invalid character at byte 5"),
        (
            b'{"uuid": "' + UUID.encode() + b'"} {}',
            "not JSON: trailing characters at byte 51; each ping is one object on one line",
        ),
        (b"{", "not JSON: it ends too early; each ping is one object on one line"),
        (b'{"uuid": "\xff"}', "not JSON: not UTF-8"),
        ('{"uuid": "x"}'.encode("utf-16"), "not JSON: not UTF-8"),
        (b'{"body": "\0"}', "not JSON: invalid character at byte 11"),
        (b"{" * 50_000, "not JSON: object keys must be strings at byte 2"),
        (b'{"body": ' + b"[" * 50_000, "body: an array where a string is expected"),
        (b'{"x": ' + b"[" * 500_000, '"x": no such field'),
        (b"[1]", "an array where an object is expected: each ping is one object on one line"),
        (line(), "uuid: missing, and there is no slug"),
        (line(uuid="5bf66975"), "uuid: not a UUID with dashes"),
        (line(uuid=UUID + "\n"), "uuid: not a UUID with dashes"),
        (line(uuid=None), "uuid: null where a string is expected"),
        (line(uuid=UUID, slug=SLUG), "slug: there is a uuid, too"),
        (line(uuid=UUID, ping_key=KEY), "ping_key: only of use with a slug"),
        (line(uuid=UUID, create=True), "create: only of use with a slug"),
        (line(slug=SLUG), "ping_key: missing beside slug, in the line and in the query of the request"),
        (line(slug=SLUG, ping_key="a/b"), "ping_key: not of the characters a-z A-Z 0-9 - _"),
        (line(slug="Backup", ping_key=KEY), "slug: not 1 to 100 of the characters a-z 0-9 - _"),
        (line(slug="a" * 101, ping_key=KEY), "slug: not 1 to 100 of the characters a-z 0-9 - _"),
        (line(uuid=UUID, kind="failure"), 'kind: "failure" is not one of success, start, fail, log'),
        (line(uuid=UUID, kind="got - at `$.x`"), 'kind: "got - at `$.x`" is not one of success, start, fail, log'),
        (
            line(uuid=UUID, kind="a\x1b[2J\u202e'" + "b" * 90),
            f"kind: \"a\\x1b[2J\\u202e'{'b' * 35}\"... is not one of success, start, fail, log",
        ),
        (line(uuid=UUID, kind=7), "kind: a whole number where a string is expected"),
        (line(uuid=UUID, exitstatus=256), "exitstatus: not 0 to 255"),
        (line(uuid=UUID, exitstatus=-1), "exitstatus: not 0 to 255"),
        (line(uuid=UUID, exitstatus=True), "exitstatus: true or false where a whole number is expected"),
        (line(uuid=UUID, exitstatus=1, kind="success"), "kind: exitstatus 1 means fail"),
        (line(uuid=UUID, exitstatus=0, kind="log"), "kind: exitstatus 0 means success"),
        (line(uuid=UUID, rid="7"), "rid: not a UUID with dashes"),
        (line(uuid=UUID, body=7), "body: a whole number where a string is expected"),
        (line(uuid=UUID, body_base64="*"), "body_base64: not base64"),
        (line(uuid=UUID, body="a", body_base64="YQ=="), "body_base64: there is a body, too"),
        (line(uuid=UUID, exit_status=1), '"exit_status": no such field'),
        (line(**{"uuid": UUID, "a`\n- at `$.kind`": 1}), '"a`\ufffd- at `$.kind`": no such field'),
        (line(uuid=UUID, at=1), "at: a ping is stamped when it is received, and has no time of its own"),
        (line(**{"uuid": UUID, "x" * 900: 1}), f'"{"x" * 50}"...: no such field'),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_line(sent: bytes, told: str) -> None:
    assert read_line(sent) == told


def test_the_page_has_every_field_and_limit() -> None:
    page = (ROOT / "docs" / "bulk-pings.md").read_text("utf-8")
    missing = [name for name in BulkLine.__struct_fields__ if f"`{name}`" not in page]
    assert not missing, f"name in docs/bulk-pings.md: {missing}"
    assert LONGEST_LINE == 2**20
    assert "more than 1 MiB" in page
    assert f"{LIMITS.bulk_lines:,} lines" in page
    assert f"{LIMITS.bulk_size // 2**20} MiB, compressed or decompressed" in page
    assert f"{LIMITS.bulk_wait:.0f} s" in page
    assert LIMITS.bulk_in_flight * 2 == LIMITS.in_flight, "at most half of the pings under way"


def cut(*pieces: bytes, longest: int = LONGEST_LINE) -> list[tuple[int, Any]]:
    lines = Lines(longest)
    return [found for piece in pieces for found in lines.cut(piece)] + list(lines.last())


def test_lines_have_their_numbers_and_blank_ones_are_left_out() -> None:
    assert cut(b"\xef\xbb\xbfa\r\n\n  \nb\n", b"c", b"c\nd") == [(1, b"a"), (4, b"b"), (5, b"cc"), (6, b"d")]
    assert cut(b"a\n") == [(1, b"a")]
    assert cut() == cut(b"") == []


def test_a_line_that_is_too_long_is_thrown_away_and_the_next_is_read() -> None:
    lines = Lines(longest=4)
    assert list(lines.cut(b"abcd\nabcde\nabc")) == [(1, b"abcd"), (2, LONG_LINE)]
    assert lines.held == 3
    assert list(lines.cut(b"de")) == []
    assert lines.held == 0
    assert list(lines.cut(b"f" * 100)) == []
    assert lines.held == 0
    assert list(lines.cut(b"\nok\n")) == [(3, LONG_LINE), (4, b"ok")]
    assert list(lines.last()) == []
    assert cut(b"abc", b"de", longest=4) == [(1, LONG_LINE)]


def test_no_more_is_cut_than_shows_that_there_are_too_many_lines() -> None:
    lines = Lines(most=2)
    assert list(lines.cut(b"a\n\n")) == [(1, b"a")]
    assert list(lines.cut(b"\n" * 1_000_000 + b"b\n")) == []
    assert lines.number == 3
    lines = Lines(most=2)
    assert list(lines.cut(b"a\nb\nc\nd\n")) == [(1, b"a"), (2, b"b"), (3, b"c")]
    assert list(Lines(most=2).cut(b"a\nb\n")) == [(1, b"a"), (2, b"b")]
