"""What an analyst may ask of the embedded ClickHouse: the views of the database `analytics`, in bounds. Pure.

The engine itself refuses everything else: an analyst's statement runs with the role of clickhouse_users.xml that may
SELECT from that database only, and with `readonly = 1`, so that no statement changes a setting. What is left is here:
statements that change the connection, tables of the engine that tell what others ask, and settings of a request.
"""

import re
from dataclasses import dataclass, replace
from types import MappingProxyType

from infra.embedded.clickhouse_http import TOKEN, Call, StatementRejected

ROLE = "analyst"
DATABASE = "analytics"

_MIB = 1 << 20

# Bounds of one question. A request may name lower ones. More than a bound, or 0 for none, is taken as the bound, since
# clients send times of their own.
ANALYST_LIMITS = MappingProxyType(
    {
        "max_execution_time": "60",
        # Of two at a time: half of what the engine has stays for Pingfold itself.
        "max_memory_usage": str(384 * _MIB),
        "max_result_rows": "1000000",
        "max_result_bytes": str(128 * _MIB),
        # Two questions take no more of the processors than two statements of Pingfold.
        "max_threads": "1",
    }
)

# Of every question. The time is looked at between blocks, so they are small. Reading a statement has no such bound, and
# what stands in parentheses is read in several ways, each of which doubles at every depth.
ANALYST_BASE = MappingProxyType(
    {**ANALYST_LIMITS, "max_block_size": "8192", "max_parser_backtracks": "10000", "max_parser_depth": "300"}
)

# Words between which expressions stand that are read apart.
_PARTING = frozenset(
    {
        b"AND", b"ELSE", b"FROM", b"HAVING", b"ON", b"OR", b"PREWHERE", b"SELECT", b"THEN", b"UNION", b"WHEN",
        b"WHERE",
    }
)  # fmt: skip
_MOST_COPIED = 20_000

# Formats whose answers the engine keeps within the bounds of memory and time. JSONColumns, SQLInsert and Avro write a
# name or a value of a megabyte once for each row, in memory that counts for nobody.
_FORMATS = re.compile(
    r"(?:JSON(?!.*Columns)|CSV|TabSeparated|TSV|TSKV|Vertical|Pretty|Values|XML|Markdown|Native|Parquet|Arrow|ORC|"
    r"RowBinary|MsgPack|BSONEachRow|Null)\w*"
)

# Settings of a request that only say how an answer looks or how it is reckoned; none that lets it grow.
_HARMLESS = re.compile(
    r"(?:output_format_(?!sql_insert|avro|pretty_max_column_pad)\w+|format_csv_delimiter|date_time_output_format|session_timezone|join_use_nulls|"
    r"aggregate_functions_null_for_empty|prefer_column_name_to_alias|extremes|limit|offset|log_comment)\Z"
)

# Of the engine's own tables those that tell what there is to ask; others tell what others ask.
_SYSTEM_TABLES = frozenset(
    {
        "columns", "contributors", "data_type_families", "databases", "formats", "functions", "numbers", "one",
        "settings", "tables", "time_zones",
    }
)  # fmt: skip

_TOKEN = re.compile(
    r"""'(?:[^'\\]++|\\.)*+'
        |(?:(?P<word>[A-Za-z_][A-Za-z0-9_]*)|`(?P<quoted>(?:[^`\\]++|\\.)*+)`)(?P<part>\.)?
        |.""",
    re.VERBOSE | re.DOTALL,
)


def analyst_call(call: Call) -> Call:
    """The call as it is to be run. Raises `StatementRejected` for what an analyst may not do."""
    if not call.reads or call.insert_format is not None:
        raise _denied("only SELECT, SHOW, DESCRIBE, EXISTS and EXPLAIN are for an analyst")
    if call.database not in ("default", DATABASE):
        raise _denied(f"the database '{call.database}': an analyst has {DATABASE} only")
    settings = {name: _judged(name, value) for name, value in call.settings.items()}
    settings.pop("readonly", None)
    _check_format(call.default_format)
    return replace(call, database=DATABASE, settings=settings)


def check_copies(statement: bytes) -> None:
    """Raise `StatementRejected` for a statement that the engine would multiply as it reads it. What stands before a
    BETWEEN is copied: that doubles with every BETWEEN within, in memory and time that nothing in the engine bounds."""
    copied = 0
    levels = [_Level()]
    for token in TOKEN.finditer(statement):
        level, word = levels[-1], token[0].upper()
        if word in (b"(", b"["):
            levels.append(_Level())
        elif word in (b")", b"]"):
            if len(levels) > 1:
                levels.pop()
                levels[-1].elements += level.before + level.elements
        elif word == b"BETWEEN":
            copied += level.elements
            level.elements, level.open = 2 * level.elements, level.open + 1
        elif word == b"AND" and level.open:
            level.open -= 1
        elif word == b"," or word in _PARTING:
            level.before, level.elements, level.open = level.before + level.elements, 1, 0
        elif token.lastgroup != "skip":
            level.elements += 1
        if copied > _MOST_COPIED:
            raise StatementRejected(168, "The statement has too many BETWEENs within each other. (TOO_BIG_AST)")


@dataclass
class _Level:
    """Within a pair of parentheses."""

    before: int = 0  # elements of the expressions before the one in hand
    elements: int = 1  # of the one in hand
    open: int = 0  # BETWEENs that wait for their AND


def check_analyst_statement(text: str) -> None:
    """Raise `StatementRejected` for what tells of the questions of others, and for formats whose answers have no bound.
    text: as the engine writes it down again."""
    if text.upper().startswith("SHOW PROCESSLIST"):
        raise _denied("SHOW PROCESSLIST")
    before, asks_format = "", False
    for token in _TOKEN.finditer(text):
        if token[0].isspace():
            continue
        if asks_format and token["word"]:
            _check_format(token["word"])
        asks_format = token["word"] == "FORMAT"
        name = (token["word"] or token["quoted"] or "").lower()
        if before == "system" and name not in _SYSTEM_TABLES:
            raise _denied(f"the table system.{name}")
        before = name if token["part"] else ""


def _check_format(name: str) -> None:
    if not _FORMATS.fullmatch(name):
        raise StatementRejected(
            73, f"Format {name[:100]} is not for an analyst: TSV, CSV, JSONEachRow, Native, Parquet and others are. "
            "(UNKNOWN_FORMAT)"
        )  # fmt: skip


def _judged(name: str, value: str) -> str:
    """The value of a setting that counts."""
    if name in ANALYST_LIMITS:
        limit = int(ANALYST_LIMITS[name])
        if not (value.isascii() and value.isdigit()):
            raise StatementRejected(
                452, f"Setting {name} should be from 1 to {limit} for an analyst. (SETTING_CONSTRAINT_VIOLATION)"
            )
        return str(min(int(value[:20]) or limit, limit))
    if name == "readonly":
        if value not in ("1", "2"):
            raise StatementRejected(164, "Cannot modify 'readonly' setting in readonly mode. (READONLY)")
    elif not _HARMLESS.match(name):
        raise StatementRejected(164, f"Cannot modify '{name}' setting in readonly mode. (READONLY)")
    return value


def _denied(what: str) -> StatementRejected:
    return StatementRejected(497, f"{ROLE}: Not enough privileges: {what}. (ACCESS_DENIED)")
