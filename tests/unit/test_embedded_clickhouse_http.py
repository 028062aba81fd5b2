"""The pure parts of the embedded ClickHouse: reading requests, cutting INSERTs, unpacking bodies, statuses."""

import asyncio
import bz2
import gzip
import json
import lzma
import random
import re
import time
import zlib
from typing import Any
from unittest.mock import MagicMock
from urllib.parse import urlencode

import lz4.frame
import pytest
import uvicorn
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.server import ServerState

from infra.embedded.clickhouse_answers import Outcome, answer, failure
from infra.embedded.clickhouse_codec import BadCompression, TooMuch, UnknownCompression, packed, unpacked
from infra.embedded.clickhouse_connection import ClickHouseConnection, mended
from infra.embedded.clickhouse_http import (
    TOKEN,
    Call,
    StatementRejected,
    decode,
    first_word,
    insert_cut,
)

TEXT = {"content-type": "text/plain; charset=utf-8"}


def call(body: bytes = b"", method: str = "POST", headers: dict[str, str] | None = None, **arguments: str) -> Call:
    return decode(method, urlencode(arguments).encode(), {**TEXT, **(headers or {})}, body)


def test_the_statement_is_the_body() -> None:
    read = call(b"SELECT 1 FORMAT Native", database="pingfold", query_id="q1")
    assert (read.statement, read.insert_format, read.database) == (b"SELECT 1 FORMAT Native", None, "pingfold")
    assert (read.format, read.query_id, read.reads) == ("Native", "q1", True)


def test_the_statement_is_the_argument_and_the_body_follows_it() -> None:
    assert call(query="SELECT 1").statement == b"SELECT 1"
    assert call(b"1)", query="SELECT (").statement == b"SELECT (\n1)"


def test_parameters_settings_and_arguments_of_the_transport_are_told_apart() -> None:
    read = call(b"SELECT {x:UInt32}", param_x="5", max_threads="1", session_id="s", wait_end_of_query="1", database="d")
    assert read.parameters == {"x": "5"}
    assert read.settings == {"max_threads": "1"}


def test_a_setting_whose_name_is_no_name_is_refused() -> None:
    with pytest.raises(StatementRejected, match=r"Code: 115\."):
        decode("POST", urlencode({"a = 1, b": "2"}).encode(), TEXT, b"SELECT 1")


def test_an_empty_request_is_a_syntax_error() -> None:
    with pytest.raises(StatementRejected, match=r"Code: 62\."):
        call(b" \n")


def test_get_may_only_read() -> None:
    assert call(method="GET", query="/* x */ (SELECT 1)").reads
    with pytest.raises(StatementRejected, match=r"Code: 164\."):
        call(method="GET", query="DROP TABLE t")


def test_multipart_fields_are_arguments() -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT {s:String}\r\n'
        b'--b\r\nContent-Disposition: form-data; name="param_s"\r\nContent-Type: text/plain\r\n\r\n'
        b"f\xc3\xbcnf\r\n--b--\r\n"
    )
    read = call(body, headers={"content-type": "multipart/form-data; boundary=b"}, max_threads="1")
    assert read.statement == b"SELECT {s:String}"
    assert read.parameters == {"s": "fünf"}
    assert read.settings == {"max_threads": "1"}


def test_external_tables_are_refused() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="t"; filename="t"\r\n\r\n1\r\n--b--\r\n'
    with pytest.raises(StatementRejected, match=r"Code: 48\."):
        call(body, headers={"content-type": "multipart/form-data; boundary=b"}, query="SELECT * FROM t")


def test_what_curl_calls_a_form_is_a_statement_or_rows() -> None:
    curl = {"content-type": "application/x-www-form-urlencoded"}
    assert call(b"SELECT 'a=b&c=%41+'", headers=curl).statement == b"SELECT 'a=b&c=%41+'"
    read = call(b"1,a=b&c\n", headers=curl, query="INSERT INTO t FORMAT CSV")
    assert (read.insert_format, b"".join(read.data)) == ("CSV", b"1,a=b&c\n")


def test_letters_in_the_url_as_they_are_typed() -> None:
    assert decode("POST", "query=SELECT 'größe'".encode(), {}, b"").statement == "SELECT 'größe'".encode()
    assert decode("POST", b"query=SELECT '\xff'", {}, b"").statement == "SELECT '\ufffd'".encode()


@pytest.mark.parametrize("rows", [b"(1)", b"(1);", b"(1) ;; -- end", b"(';SELECT 1')", b"(1) /* ; */, (2)"])
def test_rows_of_values_may_end_with_a_semicolon(rows: bytes) -> None:
    assert b"".join(call(b"INSERT INTO t VALUES " + rows).data).strip() == rows


@pytest.mark.parametrize("rows", [b"(1); SELECT 1", b"(1);;(2)", b"(';'); INSERT INTO t VALUES (2)"])
def test_a_second_statement_behind_the_rows_is_refused(rows: bytes) -> None:
    with pytest.raises(StatementRejected, match=r"Code: 62\..*Multi-statements"):
        call(b"INSERT INTO t VALUES " + rows)
    with pytest.raises(StatementRejected, match=r"Code: 62\..*Multi-statements"):
        call(rows, query="INSERT INTO t VALUES")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"INSERT INTO t FORMAT Native\n\x00FORMAT", (b"INSERT INTO t ", "Native", b"\x00FORMAT")),
        (b"INSERT INTO t (a, `format`) FORMAT CSV\r\n1", (b"INSERT INTO t (a, `format`) ", "CSV", b"1")),
        (b"insert into t(format)format TSV\n\n1", (b"insert into t(format)", "TSV", b"\n1")),
        (b"INSERT INTO t -- FORMAT Native\nFORMAT CSV", (b"INSERT INTO t -- FORMAT Native\n", "CSV", b"")),
        (b"INSERT INTO t SETTINGS a='FORMAT X' FORMAT CSV 1", (b"INSERT INTO t SETTINGS a='FORMAT X' ", "CSV", b"1")),
        (b"INSERT INTO t VALUES (1, 'FORMAT CSV')", (b"INSERT INTO t ", "Values", b" (1, 'FORMAT CSV')")),
        (b"INSERT INTO t SELECT 1 FORMAT CSV", None),
        (b"INSERT INTO t FORMAT", None),
        (b"INSERT INTO t", None),
    ],
)
def test_insert_cut(text: bytes, expected: tuple[bytes, str, bytes] | None) -> None:
    assert insert_cut(text) == expected


def test_an_insert_may_lie_wholly_in_the_body_or_half_in_the_argument() -> None:
    whole = call(b"INSERT INTO t FORMAT CSV\n1\n2\n")
    halves = call(b"1\n2\n", query="INSERT INTO t FORMAT CSV")
    for read in (whole, halves):
        assert (read.statement.strip(), read.insert_format) == (b"INSERT INTO t", "CSV")
        assert b"".join(read.data) == b"1\n2\n"


def test_values_may_stand_in_the_argument_and_in_the_body() -> None:
    read = call(b"(2)", query="INSERT INTO t VALUES (1),")
    assert (read.statement, read.insert_format) == (b"INSERT INTO t ", "Values")
    assert b"".join(read.data) == b" (1),(2)"


def test_a_parameter_whose_name_is_no_name_is_refused() -> None:
    with pytest.raises(StatementRejected, match=r"Code: 36\."):
        decode("POST", urlencode({"param_a = 1, b": "2"}).encode(), TEXT, b"SELECT 1")


@pytest.mark.parametrize(
    ("text", "word"),
    [(b" -- a\n/* b */ ((select 1))", b"SELECT"), (b"", b""), (b"'select'", b""), (b"\xff\x00", b"")],
)
def test_first_word(text: bytes, word: bytes) -> None:
    assert first_word(text) == word


FRAMES = {
    "lz4": lz4.frame.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
}


@pytest.mark.parametrize("encoding", sorted(FRAMES))
def test_every_frame_of_a_body_is_read(encoding: str) -> None:
    blocks = [random.Random(number).randbytes(70_000) + b"\0" * 2_000_000 for number in range(5)]
    body = b"".join(FRAMES[encoding](block) for block in blocks)
    pieces = list(unpacked(body, encoding))
    assert b"".join(pieces) == b"".join(blocks)
    assert max(map(len, pieces)) <= 1 << 20


def test_a_compressed_insert_is_cut_and_read_to_its_end() -> None:
    rows = [b"%d\n" % number for number in range(50_000)]
    frames = [lz4.frame.compress(part) for part in (b"INSERT INTO t FORMAT CSV\n", b"".join(rows), b"50000\n")]
    read = call(b"".join(frames), headers={"content-encoding": "lz4"})
    assert b"".join(read.data) == b"".join(rows) + b"50000\n"


@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip", "deflate", "xz", "bz2"])
def test_a_body_that_is_not_what_it_says_is_told_as_such(encoding: str) -> None:
    with pytest.raises(BadCompression):
        b"".join(unpacked(b"no such thing", encoding))


def test_an_encoding_that_is_not_known_is_told_as_such() -> None:
    with pytest.raises(UnknownCompression, match="gzip"):
        b"".join(unpacked(b"SELECT 1", "br"))


@pytest.mark.parametrize("encoding", ["lz4", "gzip"])
def test_a_body_that_was_cut_short_is_told_as_such(encoding: str) -> None:
    with pytest.raises(BadCompression):
        b"".join(unpacked(FRAMES[encoding](b"x" * 100_000)[:-8], encoding))


@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip", "deflate"])
def test_packed_is_unpacked_again(encoding: str) -> None:
    assert b"".join(unpacked(packed(b"ab" * 5000, encoding), encoding)) == b"ab" * 5000


@pytest.mark.parametrize(
    ("accepted", "enabled", "used"),
    [
        ("lz4,zstd,gzip,deflate", "1", "lz4"),
        ("gzip, deflate", "1", "gzip"),
        ("gzip;q=1.0", "", "gzip"),
        ("br", "1", None),
        ("lz4;q=0, gzip;q=0.0, zstd;q=0.5", "1", "zstd"),
        ("lz4", "0", None),
        ("", "1", None),
    ],
)
def test_the_answer_is_compressed_as_asked(accepted: str, enabled: str, used: str | None) -> None:
    argument = b"enable_http_compression=" + enabled.encode() if enabled else b""
    read = decode("POST", argument, {**TEXT, "accept-encoding": accepted}, b"SELECT 1")
    response = answer(read, Outcome(b"x" * 5000), "UTC")
    assert response.headers.get("Content-Encoding") == used
    assert b"".join(unpacked(response.body, used or "")) == b"x" * 5000


def test_the_answer_tells_what_was_done() -> None:
    response = answer(call(b"INSERT INTO t FORMAT CSV\n1", query_id="q"), Outcome(b"", written_rows=3), "Etc/UTC")
    assert json.loads(response.headers["X-ClickHouse-Summary"])["written_rows"] == "3"
    assert response.headers["X-ClickHouse-Query-Id"] == "q"
    assert response.headers["X-ClickHouse-Timezone"] == "Etc/UTC"
    # Its absence tells a client that the statement gives no rows, as opposed to none this time.
    assert "X-ClickHouse-Format" not in response.headers
    assert answer(call(b"SELECT 1"), Outcome(b""), "UTC").headers["X-ClickHouse-Format"] == "TabSeparated"


@pytest.mark.parametrize(
    ("code", "status"), [(60, 404), (81, 404), (62, 400), (36, 400), (47, 404), (48, 501), (159, 408), (241, 500)]
)
def test_a_failure_has_clickhouse_s_code_and_status(code: int, status: int) -> None:
    response = failure(f"Code: {code}. DB::Exception: it is so. (SOME_NAME)", "26.9")
    assert (response.status, response.headers["X-ClickHouse-Exception-Code"]) == (status, str(code))
    assert response.body == b"Code: %d. DB::Exception: it is so. (SOME_NAME) (version 26.9 (official build))\n" % code


def test_a_failure_without_a_code_is_an_unknown_exception() -> None:
    assert failure("boom", "26.9").headers["X-ClickHouse-Exception-Code"] == "1002"


def test_a_deflated_body_is_read() -> None:
    assert call(zlib.compress(b"SELECT 1"), headers={"content-encoding": "deflate"}).statement == b"SELECT 1"


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (
            "GET /?query=SELECT+'ö' HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /?query=SELECT+'%C3%B6' HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        ("GET /?a=%20'\"{}|<> HTTP/1.1\r\n\r\nö", "GET /?a=%20'\"{}|<> HTTP/1.1\r\n\r\nö"),
        (
            "POST / HTTP/1.1\r\nUPGRADE: h2c\r\nA: b\r\n\r\nx\r\nUpgrade: y",
            "POST / HTTP/1.1\r\nX-Not-Taken: h2c\r\nA: b\r\n\r\nx\r\nUpgrade: y",
        ),
        ("POST / HTTP/1.1\r\nUpgrade-Insecure-Requests: 1", "POST / HTTP/1.1\r\nUpgrade-Insecure-Requests: 1"),
        ("", ""),
        ("ö", "%C3%B6"),
    ],
)
def test_heads_are_mended_and_bodies_are_not(sent: str, read: str) -> None:
    assert mended(sent.encode()) == read.encode()


async def test_a_body_behind_its_answer_is_not_mended() -> None:
    """The answer may be given before the body has come: where the request ends is not changed by it."""
    asked: list[str] = []

    async def app(scope: Any, _: Any, send: Any) -> None:
        asked.append(scope["path"])
        await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    async def receives(data: bytes) -> None:
        connection.data_received(data)
        await asyncio.gather(*connection.tasks)

    config = uvicorn.Config(app, ws="none", lifespan="off", log_level="critical")
    connection = ClickHouseConnection(config, ServerState(), {})
    connection.connection_made(transport := MagicMock(is_closing=lambda: False))
    body = "SELECT 'ö'\r\nUpgrade: x".encode()
    await receives(b"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body))
    assert asked == ["/nowhere"]
    await receives(body[:5])
    await receives(body[5:])
    await receives("GET /ö HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert asked == ["/nowhere", "/ö"]
    assert not transport.close.called
    connection.connection_lost(None)


# Pieces of which texts can be made that an expression may have to try in many ways.
HOSTILE = (
    "'",
    "''",
    '"',
    "`",
    "/*",
    "*/",
    "--",
    "\\",
    "(",
    "FORMAT ",
    "FORMAT a",
    " ",
    "\n",
    ";",
    "a",
    "# ",
    "INSERT ",
)


@pytest.mark.parametrize("before", ["", "INSERT ", "INSERT INTO t ", "SELECT 'FORMAT a", "("])
@pytest.mark.parametrize("piece", HOSTILE)
def test_a_text_is_read_in_the_time_that_its_length_takes(before: str, piece: str) -> None:
    """A quarter of a megabyte: to try every place from every other would take many minutes."""
    text = (before + piece * (250_000 // len(piece)) + "x").encode()
    began = time.process_time()
    first_word(text)
    insert_cut(text)
    assert call(text.strip() or b"x").format
    assert time.process_time() - began < 10


@given(st.lists(st.sampled_from([*HOSTILE, "SELECT", "1", "é"]), max_size=30).map("".join))
def test_tokens_are_the_text(text: str) -> None:
    assert b"".join(token[0] for token in TOKEN.finditer(text.encode())) == text.encode()


@given(
    st.lists(st.sampled_from(["FORMAT", "format", " ", "\n", "\t", "JSON", "a1", ";", ")", "_", "'"]), max_size=12).map(
        "".join
    )
)
def test_the_format_is_the_word_at_the_end(text: str) -> None:
    statement = f"SELECT {text}".encode()
    known = re.search(rb"\bFORMAT\s+([A-Za-z][A-Za-z0-9]*)\s*;?\s*\Z", statement, re.IGNORECASE)
    asked = Call(statement, None, (), "default", {}, {}, "TabSeparated", "")
    assert asked.format == (known[1].decode() if known else "TabSeparated")


@pytest.mark.parametrize("encoding", ["", "lz4", "zstd", "gzip", "xz", "bz2", "deflate"])
def test_no_more_is_unpacked_than_may_be(encoding: str) -> None:
    plain = bytes(5_000_000)
    own = {"": plain, "xz": lzma.compress(plain), "bz2": bz2.compress(plain)}
    body = own[encoding] if encoding in own else packed(plain, encoding)
    assert sum(map(len, unpacked(body, encoding, 5_000_000))) == 5_000_000
    taken: list[int] = []
    with pytest.raises(TooMuch, match="more than 4999999 bytes"):
        taken.extend(map(len, unpacked(body, encoding, 4_999_999)))
    assert sum(taken) < 5_000_000


def test_a_dictionary_of_gigabytes_is_not_made() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 200 << 20, "mode": lzma.MODE_FAST, "mf": lzma.MF_HC3}]
    body = lzma.compress(b"SELECT 1", format=lzma.FORMAT_XZ, filters=filters)
    with pytest.raises(BadCompression, match=r"[Mm]emory"):
        list(unpacked(body, "xz"))


@pytest.mark.parametrize("encoding", ["xz", "deflate"])
def test_streams_that_end_early_are_bad(encoding: str) -> None:
    body = (lzma.compress if encoding == "xz" else zlib.compress)(random.Random(1).randbytes(100_000))
    for cut in (1, len(body) // 2, len(body) - 1):
        with pytest.raises(BadCompression):
            list(unpacked(body[:cut], encoding))


def test_a_form_has_so_many_fields_at_most() -> None:
    part = b"--x\r\nContent-Disposition: form-data; name=query\r\n\r\nSELECT 1\r\n"
    form = {"content-type": "multipart/form-data; boundary=x"}
    assert call(part * 900 + b"--x--\r\n", headers=form).statement == b"SELECT 1"
    with pytest.raises(StatementRejected, match="more than 1000 fields"):
        call(part * 1_001 + b"--x--\r\n", headers=form)
