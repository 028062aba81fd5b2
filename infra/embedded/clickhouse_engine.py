"""chDB behind the calls of the HTTP protocol: one engine for the process, a connection for each thread that runs calls.

A connection keeps the database and settings of the last call on it and changes only what differs, so settings that a
client always sends cost nothing after the first call. What a statement itself changes (SET, USE) does not outlive it.

A statement runs only as far as clickhouse_users.xml grants it and clickhouse_statements.py lets it pass. The engine's
own database `default` shows files as tables: `default` means another one here, called `main`.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from chdb.state import connect

from infra.embedded.clickhouse_analyst import (
    ANALYST_BASE,
    ROLE,
    analyst_call,
    check_analyst_statement,
    check_copies,
)
from infra.embedded.clickhouse_answers import Outcome
from infra.embedded.clickhouse_http import Call, StatementRejected, first_word
from infra.embedded.clickhouse_statements import (
    check_no_rows,
    check_statement,
    insert_head,
    refused_table_functions,
)

MIB = 1 << 20

# Statements that were judged are remembered: clients send the same few again and again, with other parameters.
_MOST_KEPT, _LARGEST_KEPT = 512, 16_384

_CONFIG = Path(__file__).with_name("clickhouse_config.xml")
_DATABASE = "main"

# Small for a small machine: caches in MiB instead of ClickHouse's GiB, two threads for merges.
_SERVER = {
    "mark_cache_size": 64 * MIB,
    "primary_index_cache_size": 64 * MIB,
    "index_mark_cache_size": 8 * MIB,
    "query_condition_cache_size": 8 * MIB,
    "text_index_tokens_cache_size": MIB,
    "background_pool_size": 2,
    "background_schedule_pool_size": 2,
}

# Every call begins with these unless it says otherwise.
_BASE = {
    # An answered INSERT is a written part, not a buffer in memory.
    "async_insert": "0",
    "max_execution_time": "300",
    "max_result_bytes": str(512 * MIB),
    "result_overflow_mode": "throw",
}


class _Connection:
    """A chDB connection and what it is set to at the moment."""

    def __init__(self, address: str, base: Mapping[str, str]) -> None:
        self._chdb: Any = connect(address)
        self._base = base
        self._database = ""
        self._settings: dict[str, str] = {}
        self._set(dict(base))

    def close(self) -> None:
        self._chdb.close()

    def run(self, call: Call) -> Outcome:
        if call.insert_format is not None:
            return self._insert(call, call.insert_format)
        result = self._chdb.query(call.statement, call.default_format, params=dict(call.parameters))
        return Outcome(
            body=result.bytes() or b"",
            read_rows=result.rows_read(),
            read_bytes=result.bytes_read(),
            written_rows=result.rows_written(),
            written_bytes=result.bytes_written(),
            elapsed=result.elapsed(),
        )

    def _insert(self, call: Call, insert_format: str) -> Outcome:
        if call.parameters:
            self._set({f"param_{name}": value for name, value in call.parameters.items()})
        with self._chdb.send_insert(call.statement.decode(errors="replace"), insert_format) as inserter:
            for piece in call.data:
                inserter.append(piece)
            done = inserter.finish()
        return Outcome(body=b"", written_rows=done.rows_written, written_bytes=done.bytes_written, elapsed=done.elapsed)

    def adopt(self, database: str, settings: Mapping[str, str]) -> None:
        """Take over the database and settings of the next call."""
        database = _DATABASE if database == "default" else database
        if database != self._database:
            self._chdb.query("USE `{}`".format(database.replace("\\", "\\\\").replace("`", "\\`")))
            self._database = database
        if settings == self._settings:
            return
        gone = {name: self._base.get(name) for name in self._settings if name not in settings}
        new = {name: value for name, value in settings.items() if self._settings.get(name) != value}
        self._set(gone | new)
        self._settings = dict(settings)

    def give_up_rights(self, role: str) -> None:
        """From here on only what is granted to `role` is allowed, and no setting can be changed."""
        self._chdb.query(f"SET ROLE {role}")
        self._chdb.query("SET readonly = 1")

    def written_down(self, statement: str) -> str:
        """A statement as the engine writes it down again. Raises RuntimeError with ClickHouse's text for bad syntax."""
        given = "".join(_ESCAPES.get(sign, sign) for sign in statement)
        try:
            result = self._chdb.query(
                "SELECT formatQuerySingleLine({statement:String})", "TabSeparatedRaw", params={"statement": given}
            )
        except RuntimeError as error:
            # The query is not the caller's.
            raise RuntimeError(_without_own_scope(str(error))) from None
        return str((result.bytes() or b"").decode()).removesuffix("\n")

    def _set(self, values: Mapping[str, str | None]) -> None:
        if values:
            self._chdb.query("SET " + ", ".join(f"{name} = {_literal(value)}" for name, value in values.items()))


_OWN_SCOPE = ": In scope SELECT formatQuerySingleLine("


def _without_own_scope(text: str) -> str:
    begin, end = text.find(_OWN_SCOPE), text.rfind("). (")
    return text[:begin] + text[end + 1 :] if 0 <= begin < end else text


# How the value of a parameter is written.
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def _literal(value: str | None) -> str:
    return "DEFAULT" if value is None else "'{}'".format(value.replace("\\", "\\\\").replace("'", "\\'"))


def _place(folder: Path) -> str:
    """A folder as the engine takes it: a question mark would end its name, so such a one becomes the current folder."""
    place = str(folder.resolve())
    if "?" not in place:
        return place
    os.chdir(place)
    return "."


class Engine:
    """The ClickHouse of this process; it keeps its data in `folder`."""

    def __init__(self, folder: Path, memory: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        options = _SERVER | {"max_server_memory_usage": memory, "config-file": str(_CONFIG)}
        self._address = f"{_place(folder)}?{urlencode(options)}"
        # A single query may not take what the others and the merges need.
        self._base = _BASE | {"max_memory_usage": str(memory * 2 // 3)}
        self._own = threading.local()
        # Held open from start to end: the engine lives as long as any connection does.
        self._anchor = _Connection(self._address, self._base)
        self._judging = threading.Lock()
        self._judged: OrderedDict[tuple[bytes, str | None], bytes] = OrderedDict()
        self._ask(f"CREATE DATABASE IF NOT EXISTS {_DATABASE} ENGINE = Atomic")
        about = self._ask("SELECT version(), timezone()").split("\t")
        self.version, self.timezone = about[0], about[1]
        known = self._ask("SELECT name FROM system.table_functions").split()
        self._refused = refused_table_functions(frozenset(known))

    def run_for_analyst(self, call: Call) -> Outcome:
        """Run a call that may do no more than clickhouse_analyst.py says. Raises `StatementRejected` and what `run`
        raises.

        Each has a connection of its own: nothing that it sets is there for another, and rights that a connection has
        given up it cannot take back, since it runs one statement, which is none that does.
        """
        call = analyst_call(call)
        check_copies(call.statement)
        connection = _Connection(self._address, self._base | ANALYST_BASE)
        try:
            # On that connection, too: what takes long or much to read keeps nobody else waiting.
            judged = self._judged_by(connection, call)
            check_analyst_statement(judged.decode())
            connection.adopt(call.database, call.settings)
            connection.give_up_rights(ROLE)
            return connection.run(replace(call, statement=judged))
        finally:
            connection.close()

    def run(self, call: Call) -> Outcome:
        """Run a call on this thread's connection. Raises what chDB raises: RuntimeError with ClickHouse's text."""
        call = replace(call, statement=self._judge(call))
        connection = self._ready(call)
        try:
            return connection.run(call)
        finally:
            if (call.parameters and call.insert_format) or first_word(call.statement) in (b"SET", b"USE"):
                self._drop()

    def _judge(self, call: Call) -> bytes:
        """The statement as it is to be run. Raises `StatementRejected`, and what the engine raises for bad syntax."""
        asked = (call.statement, call.insert_format)
        with self._judging:
            if asked in self._judged:
                self._judged.move_to_end(asked)
                return self._judged[asked]
            judged = self._judged_by(self._anchor, call)
            if len(call.statement) <= _LARGEST_KEPT:
                self._judged[asked] = judged
                if len(self._judged) > _MOST_KEPT:
                    self._judged.popitem(last=False)
            return judged

    def _judged_by(self, connection: _Connection, call: Call) -> bytes:
        try:
            text = call.statement.decode()
        except UnicodeDecodeError:
            raise StatementRejected(62, "Syntax error: the statement is not UTF-8. (SYNTAX_ERROR)") from None
        if "\0" in text:
            raise StatementRejected(62, "Syntax error: a NUL character in the statement. (SYNTAX_ERROR)")
        if call.insert_format is None:
            text = connection.written_down(text)
            check_no_rows(text)
        else:
            text = insert_head(connection.written_down(f"{text} FORMAT {call.insert_format}"), call.insert_format)
        check_statement(text, self._refused)
        return text.encode()

    def _ready(self, call: Call) -> _Connection:
        connection: _Connection | None = getattr(self._own, "connection", None)
        if connection is not None:
            try:
                connection.adopt(call.database, call.settings)
                return connection
            except Exception:
                # Half changed, or it cannot change any more (readonly): a new one tells whether the call is at fault.
                self._drop()
        connection = self._own.connection = _Connection(self._address, self._base)
        try:
            connection.adopt(call.database, call.settings)
        except Exception:
            self._drop()
            raise
        return connection

    def _drop(self) -> None:
        self._own.connection.close()
        self._own.connection = None

    def _ask(self, statement: str) -> str:
        call = Call(statement.encode(), None, (), "default", {}, {}, "TabSeparated", "")
        return self._anchor.run(call).body.decode().rstrip("\n")
