"""What an analyst may ask of the embedded ClickHouse: the views of the database `analytics`, in bounds. Pure.

The engine itself refuses everything else: an analyst's statement runs with the role of clickhouse_users.xml that may
SELECT from that database only, and with `readonly = 1`, so that no statement changes a setting. What is left is here:
statements that change the connection, tables of the engine that tell what others ask, and settings of a request.
"""

import re
from dataclasses import replace
from types import MappingProxyType

from infra.embedded.clickhouse_http import Call, StatementRejected

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
    }
)

# Settings of a request that only say how an answer looks or how it is reckoned.
_HARMLESS = re.compile(
    r"(?:output_format_\w+|format_csv_delimiter|date_time_output_format|session_timezone|join_use_nulls|max_threads|"
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
    r"""'(?:[^'\\]|\\.)*'
        |(?:(?P<word>[A-Za-z_][A-Za-z0-9_]*)|`(?P<quoted>(?:[^`\\]|\\.)*)`)(?P<part>\.)?
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
    return replace(call, database=DATABASE, settings=settings)


def check_analyst_statement(text: str) -> None:
    """Raise `StatementRejected` for what tells of the questions of others. text: as the engine writes it down again."""
    if text.upper().startswith("SHOW PROCESSLIST"):
        raise _denied("SHOW PROCESSLIST")
    before = ""
    for token in _TOKEN.finditer(text):
        name = (token["word"] or token["quoted"] or "").lower()
        if before == "system" and name not in _SYSTEM_TABLES:
            raise _denied(f"the table system.{name}")
        before = name if token["part"] else ""


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
