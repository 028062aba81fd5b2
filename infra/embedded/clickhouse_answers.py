"""What the embedded ClickHouse answers: statuses, headers and bodies as ClickHouse has them. Pure."""

import json
import re
from dataclasses import dataclass, field

from infra.embedded.clickhouse_codec import packed
from infra.embedded.clickhouse_http import Call

# Below this a compressed answer is hardly smaller, and costs both sides time.
_WORTH_COMPRESSING = 1024

_LONGEST_TOLD = 32_768

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
# The engine nests some of its errors in themselves.
_NESTED = re.compile(r"(?:(Code: \d+\. DB::Exception: )(?=\1))+")
_NESTED_END = re.compile(r"(\. \(([A-Z_]+)\))(?: \(version [\d.]+\)\. \(\2\))+\s*\Z")

# By the beginnings of the names of formats; what is in none of them is binary.
_TEXTS = {
    "JSON": "application/json; charset=UTF-8",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "TSKV": "text/tab-separated-values; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8",
    "XML": "application/xml; charset=UTF-8",
    **dict.fromkeys(("Pretty", "Values", "Vertical", "Markdown", "SQLInsert", "Null"), "text/plain; charset=UTF-8"),
}
_LINES_OF_JSON = "application/x-ndjson; charset=UTF-8"


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
        "Content-Type": _media_type(call.format),
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
    """The response to a call that failed with an exception text of the engine or of `StatementRejected`. Of a long one
    the middle is left out: the engine repeats the statement in it."""
    if len(text) > _LONGEST_TOLD:
        text = f"{text[: _LONGEST_TOLD // 2]} ... {text[-_LONGEST_TOLD // 2 :]}"
    text = _NESTED_END.sub(r"\1", _NESTED.sub("", text, count=1))
    found = _CODE.search(text)
    code = int(found[1]) if found else 1002
    trailer = "" if "(version " in text else f" (version {version} (official build))"
    return Response(
        _STATUS.get(code, 500),
        f"{text}{trailer}\n".encode(errors="replace"),
        {"Content-Type": "text/plain; charset=UTF-8", "X-ClickHouse-Exception-Code": str(code)},
    )


def _media_type(name: str) -> str:
    if name.startswith("JSON") and name.endswith("EachRow"):
        return _LINES_OF_JSON
    return next((kind for start, kind in _TEXTS.items() if name.startswith(start)), "application/octet-stream")
