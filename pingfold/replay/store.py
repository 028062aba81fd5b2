"""A temporary store on disk for what a replay has to remember: states, and digests of effects.

It is a private SQLite database, which has no name and vanishes with the process; `TMPDIR` says on which disk. It takes
about 70 bytes for each effect and, for each state, its size. In memory it keeps no more than `_CACHE_BYTES`.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

_CACHE_BYTES = 16 * 2**20
_AT_ONCE = 5_000


class Rows:
    """A table to which rows are appended. Ended by `drop`."""

    def __init__(self, database: sqlite3.Connection, name: str, columns: str) -> None:
        self._database, self.name = database, name
        self._insert = f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns.split(',')))})"
        self._waiting: list[Sequence[Any]] = []
        database.execute(f"CREATE TABLE {name} ({columns})")

    def add(self, *row: Any) -> None:
        self._waiting.append(row)
        if len(self._waiting) >= _AT_ONCE:
            self.flush()

    def add_all(self, rows: Iterable[Sequence[Any]]) -> None:
        for row in rows:
            self.add(*row)

    def flush(self) -> None:
        """Needed before any query."""
        if self._waiting:
            self._database.execute("BEGIN")
            self._database.executemany(self._insert, self._waiting)
            self._database.execute("COMMIT")
            self._waiting.clear()

    def drop(self) -> None:
        self._waiting.clear()
        self._database.execute(f"DROP TABLE {self.name}")


class Store:
    def __init__(self) -> None:
        # An empty name means: a file without a name, deleted when the connection is closed.
        self._database = sqlite3.connect("", isolation_level=None)
        for pragma in (f"cache_size = {-_CACHE_BYTES // 1024}", "temp_store = FILE", "journal_mode = OFF",
                       "synchronous = OFF", "locking_mode = EXCLUSIVE"):  # fmt: skip
            self._database.execute(f"PRAGMA {pragma}")
        self._tables = 0

    def table(self, columns: str) -> Rows:
        """A new table."""
        self._tables += 1
        return Rows(self._database, f"rows_{self._tables}", columns)

    def query(self, sql: str, *parameters: Any) -> Iterator[tuple[Any, ...]]:
        return self._database.execute(sql, parameters)

    def close(self) -> None:
        self._database.close()
