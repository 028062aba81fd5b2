"""Requests of the ClickHouse HTTP protocol, as clickhouse-connect and curl send them. Pure.

A request is read into a `Call`: what to run, and the data that follows an INSERT as an iterator, so that a large body
is unpacked piece by piece. Nothing here knows the engine that runs it. What a ClickHouse would do and this one cannot
is refused in ClickHouse's own form, never ignored.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from itertools import chain
from urllib.parse import parse_qsl

from infra.embedded.clickhouse_codec import PREFERRED, unpacked
from infra.errors import InfraError

# Arguments of the transport: they say how to talk, not how to run a query.
_TRANSPORT = frozenset(
    {
        "query", "database", "default_format", "query_id", "session_id", "session_timeout", "session_check",
        "quota_key", "user", "password", "role", "compress", "decompress", "buffer_size", "wait_end_of_query",
        "client_protocol_version", "close_session", "stacktrace", "send_progress_in_http_headers",
        "http_headers_progress_interval_ms", "enable_http_compression", "cancel_http_readonly_queries_on_client_close",
    }
)  # fmt: skip
# Methods that only read, as with ClickHouse: a link or an image in a page must not change anything.
READING_METHODS = frozenset({"GET", "HEAD"})

# What may stand before the word we look for, or hide it: comments, strings, quoted names, numbers, other signs. What is
# not closed goes to the end, and nothing is tried in two ways: a text is read once, in the time that its length takes.
TOKEN = re.compile(
    rb"""(?P<skip>\s++|--[^\n]*+|/\*.*?(?:\*/|\Z)|\#!?\ [^\n]*+)
        |(?P<quoted>'(?:[^'\\]++|\\(?:.|\Z)|'')*+(?:'|\Z)
            |"(?:[^"\\]++|\\(?:.|\Z)|"")*+(?:"|\Z)
            |`(?:[^`\\]++|\\(?:.|\Z)|``)*+(?:`|\Z))
        |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
        |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_FORMAT_WORD = re.compile(rb"(?:.*\W)?FORMAT", re.IGNORECASE | re.DOTALL)
_FORMAT_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9]*")
_MOST_FIELDS = 1_000
_NEVER = re.compile(r"q=0(?:\.0*)?\Z")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_READING = frozenset({b"SELECT", b"WITH", b"SHOW", b"DESCRIBE", b"DESC", b"EXPLAIN", b"EXISTS", b"CHECK"})


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
        *_, before, name = (b"", b"", *self.statement.rstrip().removesuffix(b";").rsplit(None, 2))
        found = _FORMAT_WORD.fullmatch(before) and _FORMAT_NAME.fullmatch(name)
        return found[0].decode() if found else self.default_format


def decode(
    method: str, query_string: bytes, headers: Mapping[str, str], body: bytes, largest: int | None = None
) -> Call:
    """Read a request; header names are given in lower case. Raises `StatementRejected`, and what reading `data` raises:
    `BadCompression`, `UnknownCompression`, and `TooMuch` when the body unpacks to more than `largest` bytes.

    Of forms only `multipart/form-data` is one: curl calls every body `application/x-www-form-urlencoded`, and to
    ClickHouse that is a statement, or rows, as any other body is.
    """
    arguments = arguments_of(query_string)
    kind, packing = headers.get("content-type", ""), headers.get("content-encoding", "")
    pieces: Iterator[bytes] = iter(())
    if kind.lower().startswith("multipart/form-data"):
        arguments |= _form(kind, b"".join(unpacked(body, packing, largest)))
    elif body:
        pieces = unpacked(body, packing, largest)
    _check_possible(arguments)
    statement, insert_format, data = _statement(arguments.get("query", ""), pieces)
    if not statement.strip():
        raise StatementRejected(62, "Syntax error: Empty query. (SYNTAX_ERROR)")
    if method in READING_METHODS and first_word(statement) not in _READING:
        raise StatementRejected(
            164, f"Cannot execute query in readonly mode: the method {method} only reads, use POST. (READONLY)"
        )
    return Call(
        statement=statement,
        insert_format=insert_format,
        data=data,
        database=arguments.get("database") or headers.get("x-clickhouse-database") or "default",
        parameters={_parameter(name): value for name, value in arguments.items() if name.startswith("param_")},
        settings={name: value for name, value in arguments.items() if _is_setting(name)},
        default_format=arguments.get("default_format") or headers.get("x-clickhouse-format") or "TabSeparated",
        query_id=arguments.get("query_id", ""),
        encoding=_wanted_encoding(arguments, headers),
    )


def arguments_of(query_string: bytes) -> dict[str, str]:
    """The arguments in the URL. curl sends letters as they are typed, so not all are ASCII."""
    return dict(parse_qsl(query_string.decode(errors="replace"), keep_blank_values=True))


def _check_possible(arguments: Mapping[str, str]) -> None:
    """Raise `StatementRejected` for what only a whole ClickHouse server does."""
    if arguments.get("decompress", "0") == "1" or arguments.get("compress", "0") == "1":
        raise _not_implemented(
            "ClickHouse's own block compression (compress, decompress); use Content-Encoding and Accept-Encoding"
        )
    if arguments.get("session_check", "0") == "1":
        raise _not_implemented("sessions, so none can be there: leave session_check out")
    if role := arguments.get("role"):
        raise StatementRejected(511, f"There is no role `{role}`: the embedded ClickHouse has none. (UNKNOWN_ROLE)")


def _not_implemented(what: str) -> StatementRejected:
    return StatementRejected(48, f"The embedded ClickHouse does not have {what}. (NOT_IMPLEMENTED)")


def _is_setting(name: str) -> bool:
    if name in _TRANSPORT or name.startswith("param_"):
        return False
    if not _NAME.match(name):
        raise StatementRejected(115, f"Unknown setting '{name}'. (UNKNOWN_SETTING)")
    return True


def _parameter(name: str) -> str:
    if not _NAME.match(name):
        raise StatementRejected(36, f"'{name}' is not the name of a parameter. (BAD_ARGUMENTS)")
    return name.removeprefix("param_")


def _form(kind: str, body: bytes) -> dict[str, str]:
    head = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode(errors="replace"))
    if body.count(f"--{head.get_boundary()}".encode(errors="replace")) > _MOST_FIELDS:
        raise StatementRejected(36, f"The form has more than {_MOST_FIELDS} fields. (BAD_ARGUMENTS)")
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode(errors="replace") + body)
    if not message.is_multipart():
        raise StatementRejected(36, "The body is no form of the boundary that Content-Type says. (BAD_ARGUMENTS)")
    values = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename() is not None:
            raise _not_implemented(f"external data ('{name}')")
        content = part.get_payload(decode=True)
        values[str(name)] = content.decode(errors="replace") if isinstance(content, bytes) else ""
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
            ahead = [rest, next(pieces, b""), next(pieces, b"")]
            if insert_format == "Values" and not ahead[2]:
                _check_one_statement(ahead[0] + ahead[1])
            return statement, insert_format, chain((piece for piece in ahead if piece), pieces)
        return text, None, ()
    return _joined(text, pieces), None, ()


def _check_one_statement(rows: bytes) -> None:
    """Raise `StatementRejected` when something stands behind the semicolon that ends the rows of VALUES. The engine
    would drop it in silence. Bodies of more than a megabyte are rows, written by programs: they are not looked at."""
    ended = False
    for token in TOKEN.finditer(rows) if b";" in rows else ():
        if ended and token.lastgroup != "skip" and token[0] != b";":
            raise StatementRejected(
                62, "Syntax error (Multi-statements are not allowed): more text behind the semicolon. (SYNTAX_ERROR)"
            )
        ended = ended or token[0] == b";"


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
    for token in TOKEN.finditer(text):
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
    for token in TOKEN.finditer(text):
        if token.lastgroup == "word":
            return token[0].upper()
        if token.lastgroup != "skip" and token[0] != b"(":
            break
    return b""


def _wanted_encoding(arguments: Mapping[str, str], headers: Mapping[str, str]) -> str | None:
    """How to compress the answer: as the client accepts, unless it says not to (ClickHouse 26's default)."""
    if arguments.get("enable_http_compression", "1") in ("0", "false"):
        return None
    accepted = set()
    for part in headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = part.partition(";")
        if not _NEVER.match(weight.strip()):
            accepted.add(name.strip())
    return next((name for name in PREFERRED if name in accepted), None)
