"""The ClickHouse HTTP protocol, as far as clickhouse-connect speaks it: requests in, statuses and headers out. Pure.

A request is read into a `Call`: what to run, and the data that follows an INSERT as an iterator, so that a large body
is unpacked piece by piece. Nothing here knows the engine that runs it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from itertools import chain
from urllib.parse import parse_qsl

from infra.embedded.clickhouse_codec import PREFERRED, packed, unpacked
from infra.errors import InfraError

# Arguments of the transport: they say how to talk, not how to run a query.
_TRANSPORT = frozenset(
    {
        "query", "database", "default_format", "query_id", "session_id", "session_timeout", "session_check",
        "quota_key", "user", "password", "role", "compress", "decompress", "buffer_size", "wait_end_of_query",
        "client_protocol_version", "send_progress_in_http_headers", "http_headers_progress_interval_ms",
        "enable_http_compression", "cancel_http_readonly_queries_on_client_close",
    }
)  # fmt: skip
# Below this a compressed answer is hardly smaller, and costs both sides time.
_WORTH_COMPRESSING = 1024

# What may stand before the word we look for, or hide it: comments, strings, quoted names, numbers, other signs.
_TOKEN = re.compile(
    rb"""(?P<skip>\s+|--[^\n]*|/\*.*?\*/|\#!?\ [^\n]*)
        |(?P<quoted>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`\\]|\\.|``)*`)
        |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
        |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_TRAILING_FORMAT = re.compile(rb"\bFORMAT\s+([A-Za-z][A-Za-z0-9]*)\s*;?\s*\Z", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_READING = frozenset({b"SELECT", b"WITH", b"SHOW", b"DESCRIBE", b"DESC", b"EXPLAIN", b"EXISTS", b"CHECK"})

# ClickHouse's own table of statuses by exception code; every other code is a 500.
_STATUS = {
    **dict.fromkeys(
        (6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427), 400
    ),
    **dict.fromkeys((441, 675, 676), 400),
    **dict.fromkeys((497, 516), 403),
    **dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511), 404),
    159: 408,
    229: 413,
    779: 415,
    48: 501,
    **dict.fromkeys((76, 209, 439), 503),
}
_CODE = re.compile(r"Code: (\d+)\.")


class StatementRejected(InfraError):
    """The request itself is not acceptable; `code` is ClickHouse's number for the reason."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {text}")


@dataclass(frozen=True)
class Call:
    """One statement to run. `insert_format` is set when `data` follows the statement, and names how it is written."""

    statement: bytes
    insert_format: str | None
    data: Iterable[bytes]
    database: str
    parameters: Mapping[str, str]
    settings: Mapping[str, str]
    default_format: str
    query_id: str
    encoding: str | None = None

    @property
    def reads(self) -> bool:
        """Whether the statement gives rows rather than changing something."""
        return first_word(self.statement) in _READING

    @property
    def format(self) -> str:
        found = _TRAILING_FORMAT.search(self.statement)
        return found[1].decode() if found else self.default_format


@dataclass(frozen=True)
class Outcome:
    """What the engine gave back."""

    body: bytes
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    elapsed: float = 0.0


@dataclass
class Response:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def decode(method: str, query_string: bytes, headers: Mapping[str, str], body: bytes) -> Call:
    """Read a request; header names are given in lower case. Raises `StatementRejected`."""
    arguments = dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True))
    kind = headers.get("content-type", "")
    pieces: Iterator[bytes] = iter(())
    if kind.startswith(("multipart/form-data", "application/x-www-form-urlencoded")):
        arguments |= _form(kind, b"".join(unpacked(body, headers.get("content-encoding", ""))))
    elif body:
        pieces = unpacked(body, headers.get("content-encoding", ""))
    if arguments.get("decompress", "0") == "1":
        raise StatementRejected(
            48, "ClickHouse's own block compression of requests is not supported, use Content-Encoding"
        )
    statement, insert_format, data = _statement(arguments.get("query", ""), pieces)
    if not statement.strip():
        raise StatementRejected(62, "Syntax error: Empty query. (SYNTAX_ERROR)")
    if method == "GET" and first_word(statement) not in _READING:
        # As ClickHouse does: a link or an image in a page must not change anything.
        raise StatementRejected(
            164, "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly"
        )
    settings = {name: value for name, value in arguments.items() if _is_setting(name)}
    return Call(
        statement=statement,
        insert_format=insert_format,
        data=data,
        database=arguments.get("database") or "default",
        parameters={_parameter(name): value for name, value in arguments.items() if name.startswith("param_")},
        settings=settings,
        default_format=arguments.get("default_format") or headers.get("x-clickhouse-format") or "TabSeparated",
        query_id=arguments.get("query_id", ""),
        encoding=_wanted_encoding(arguments, headers),
    )


def _is_setting(name: str) -> bool:
    if name in _TRANSPORT or name.startswith("param_"):
        return False
    if not _NAME.match(name):
        raise StatementRejected(115, f"Unknown setting '{name}'")
    return True


def _parameter(name: str) -> str:
    if not _NAME.match(name):
        raise StatementRejected(36, f"'{name}' is not the name of a parameter")
    return name.removeprefix("param_")


def _form(kind: str, body: bytes) -> dict[str, str]:
    if kind.startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(body.decode(), keep_blank_values=True))
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    values = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename() is not None:
            raise StatementRejected(48, f"External data ('{name}') is not supported by the embedded ClickHouse")
        content = part.get_payload(decode=True)
        values[str(name)] = content.decode() if isinstance(content, bytes) else ""
    return values


def _statement(query: str, pieces: Iterator[bytes]) -> tuple[bytes, str | None, Iterable[bytes]]:
    """What to run: ClickHouse takes the argument `query` and the body as one text, cut anywhere between the two."""
    text = query.encode() if query.strip() else next(pieces, b"")
    if first_word(text) == b"INSERT":
        cut = insert_cut(text)
        if cut is None:
            text, pieces = _joined(text, pieces), iter(())
            cut = insert_cut(text)
        if cut is not None:
            statement, insert_format, rest = cut
            return statement, insert_format, chain((rest,) if rest else (), pieces)
        return text, None, ()
    return _joined(text, pieces), None, ()


def _joined(text: bytes, pieces: Iterator[bytes]) -> bytes:
    rest = b"".join(pieces)
    return text + b"\n" + rest if text and rest and not text.endswith(b"\n") else text + rest


def insert_cut(text: bytes) -> tuple[bytes, str, bytes] | None:
    """`INSERT ... FORMAT X` cut into the statement before FORMAT, X, and the data after it; None for other INSERTs.
    VALUES is FORMAT Values.

    The data may be binary, so nothing behind the FORMAT is looked at.
    """
    depth = 0
    wanted: re.Match[bytes] | None = None
    for token in _TOKEN.finditer(text):
        if token.lastgroup == "skip":
            continue
        if wanted is not None:
            if token.lastgroup != "word":
                return None
            end = token.end()
            # One line break, and blanks before it, part the name of the format from its data.
            gap = re.compile(rb"[ \t]*(?:\r?\n)?").match(text, end)
            return text[: wanted.start()], token[0].decode(), text[gap.end() if gap else end :]
        if token.lastgroup == "other":
            depth += (token[0] == b"(") - (token[0] == b")")
        elif token.lastgroup == "word" and depth == 0:
            word = token[0].upper()
            if word in (b"SELECT", b"WITH", b"INFILE"):
                return None
            if word == b"VALUES":
                return text[: token.start()], "Values", text[token.end() :]
            if word == b"FORMAT":
                wanted = token
    return None


def first_word(text: bytes) -> bytes:
    """The keyword that a statement begins with, in capitals; comments and parentheses before it do not count."""
    for token in _TOKEN.finditer(text):
        if token.lastgroup == "word":
            return token[0].upper()
        if token.lastgroup != "skip" and token[0] != b"(":
            break
    return b""


def _wanted_encoding(arguments: Mapping[str, str], headers: Mapping[str, str]) -> str | None:
    """How to compress the answer: as the client accepts, unless it says not to (ClickHouse 26's default)."""
    if arguments.get("enable_http_compression", "1") in ("0", "false"):
        return None
    accepted = [part.split(";")[0].strip().lower() for part in headers.get("accept-encoding", "").split(",")]
    return next((name for name in PREFERRED if name in accepted), None)


def answer(call: Call, outcome: Outcome, timezone: str) -> Response:
    """The response to a call that was run."""
    summary = {
        "read_rows": outcome.read_rows,
        "read_bytes": outcome.read_bytes,
        "written_rows": outcome.written_rows,
        "written_bytes": outcome.written_bytes,
        "total_rows_to_read": outcome.read_rows,
        "result_rows": outcome.written_rows,
        "result_bytes": len(outcome.body),
        "elapsed_ns": int(outcome.elapsed * 1e9),
    }
    headers = {
        "Content-Type": "text/plain; charset=UTF-8" if _is_text(call.format) else "application/octet-stream",
        "X-ClickHouse-Summary": json.dumps({name: str(value) for name, value in summary.items()}),
        "X-ClickHouse-Query-Id": call.query_id,
        "X-ClickHouse-Timezone": timezone,
    }
    if call.reads or outcome.body:
        headers["X-ClickHouse-Format"] = call.format
    body = outcome.body
    if call.encoding and len(body) >= _WORTH_COMPRESSING:
        headers["Content-Encoding"] = call.encoding
        body = packed(body, call.encoding)
    return Response(200, body, headers)


def failure(text: str, version: str) -> Response:
    """The response to a call that failed with an exception text of the engine or of `StatementRejected`."""
    found = _CODE.search(text)
    code = int(found[1]) if found else 1002
    trailer = "" if "(version " in text else f" (version {version} (official build))"
    return Response(
        _STATUS.get(code, 500),
        f"{text}{trailer}\n".encode(errors="replace"),
        {"Content-Type": "text/plain; charset=UTF-8", "X-ClickHouse-Exception-Code": str(code)},
    )


def _is_text(name: str) -> bool:
    return name.startswith(("TabSeparated", "TSV", "CSV", "JSON", "Pretty", "Values", "Vertical", "Markdown", "XML"))
