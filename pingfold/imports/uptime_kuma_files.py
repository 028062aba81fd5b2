"""The files of Uptime Kuma: its JSON backup (1.x) and its SQLite database (1.x and 2.x).

A backup is bounded in bytes. Of a database, which may hold years of heartbeats, only the tables of settings are read,
without writing: each is bounded in rows and cells, and all of it in time, so that a file made to harm does none.
Raises `NotReadable`.
"""

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pingfold.imports.reading import read_file
from pingfold.imports.things import NotReadable
from pingfold.imports.uptime_kuma import Backup

MOST_BACKUP_BYTES = 64 * 2**20
MOST_ROWS, MOST_CELL_BYTES, MOST_SECONDS = 100_000, 4 * 2**20, 60.0
_SQLITE = b"SQLite format 3\0"
# The tables that are read, and the rows of a `Backup` that they are. The first must be there.
_TABLES = {
    "monitor": "monitors",
    "notification": "notifications",
    "monitor_notification": "monitor_notifications",
    "tag": "tags",
    "monitor_tag": "monitor_tags",
    "maintenance": "windows",
    "monitor_maintenance": "monitor_windows",
    "status_page": "pages",
    "group": "groups",
    "monitor_group": "monitor_groups",
    "setting": "settings",
}
_LINKS = {
    "monitor_notification": ("monitor_id", "notification_id"),
    "monitor_tag": ("monitor_id", "tag_id"),
    "monitor_maintenance": ("monitor_id", "maintenance_id"),
    "monitor_group": ("monitor_id", "group_id"),
    "tag": ("id",),
}
# Fields of a backup whose column is not the same word in snake case.
_COLUMNS = {
    "accepted_statuscodes": "accepted_statuscodes_json",
    "ignoreTls": "ignore_tls",
    "upsideDown": "upside_down",
    "retryInterval": "retry_interval",
    "resendInterval": "resend_interval",
    "proxyId": "proxy_id",
    "invertKeyword": "invert_keyword",
    "httpBodyEncoding": "http_body_encoding",
    "authMethod": "auth_method",
}


def read_backup_file(name: str) -> Backup:
    """The backup or the database in a file; - is a backup on standard input."""
    if name != "-" and _begins_with(name, _SQLITE):
        return read_database(Path(name))
    return read_backup(read_file(name, MOST_BACKUP_BYTES))


def _begins_with(name: str, start: bytes) -> bool:
    try:
        with Path(name).open("rb") as file:
            return file.read(len(start)) == start
    except OSError:
        return False  # whoever reads it says why


def read_backup(content: bytes) -> Backup:
    """A JSON backup of Uptime Kuma 1.x. Pure."""
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        raise NotReadable("this is neither a JSON backup nor an SQLite database of Uptime Kuma") from None
    if not isinstance(told, dict) or not isinstance(told.get("monitorList"), list):
        raise NotReadable("this JSON is no backup of Uptime Kuma: it has no monitorList")
    version = str(told.get("version", ""))
    if not version.startswith("1."):
        told_version = version[:20] or "an unknown version"
        raise NotReadable(f"backups of Uptime Kuma 1.x are read, not of {told_version}; of 2.x give its kuma.db")
    backup = Backup(notifications=[*_objects(told.get("notificationList") or [], "notificationList")])
    for monitor in _objects(told["monitorList"], "monitorList"):
        row = {_COLUMNS.get(name, name): value for name, value in monitor.items()}
        backup.monitors.append(row)
        linked = monitor.get("notificationIDList")
        for id, chosen in linked.items() if isinstance(linked, dict) else ():
            if chosen and id.isascii() and id.isdigit() and len(id) < 19:
                backup.monitor_notifications.append({"monitor_id": row.get("id"), "notification_id": int(id)})
        for tag in _objects(monitor.get("tags") or [], "tags"):
            backup.tags.append({"id": tag.get("tag_id"), "name": tag.get("name")})
            backup.monitor_tags.append(
                {"monitor_id": row.get("id"), "tag_id": tag.get("tag_id"), "value": tag.get("value")}
            )
    return backup


def _objects(values: Any, what: str) -> list[dict[str, Any]]:
    if not isinstance(values, list) or not all(isinstance(one, dict) for one in values):
        raise NotReadable(f"this is no backup of Uptime Kuma: {what} is no list of objects")
    if len(values) > MOST_ROWS:
        raise NotReadable(f"{what} has {len(values):,} entries; at most {MOST_ROWS:,} are read")
    for one in values:
        if any(isinstance(one.get(key), list | dict) for key in ("id", "tag_id")):
            raise NotReadable(f"this is no backup of Uptime Kuma: an id in {what} is no number")
    return values


def read_database(path: Path, monotonic: Callable[[], float] = time.monotonic) -> Backup:
    """An SQLite database of Uptime Kuma 1.x or 2.x, which is not changed."""
    journal = path.with_name(f"{path.name}-wal")
    if journal.is_file() and journal.stat().st_size:
        raise NotReadable(
            f"{journal.name} holds changes that are not in {path.name} yet: stop Uptime Kuma first, or copy it by "
            f"sqlite3 {path.name} '.backup copy.db' and give the copy"
        )
    deadline = monotonic() + MOST_SECONDS
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, timeout=5)
        try:
            connection.set_progress_handler(lambda: monotonic() > deadline, 10_000)
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_CELL_BYTES)
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA cell_size_check = ON")
            return _tables(connection)
        finally:
            connection.close()
    except (sqlite3.Error, UnicodeError) as error:
        raise NotReadable(f"{path} cannot be read as a database of Uptime Kuma: {error}") from None


def _tables(connection: sqlite3.Connection) -> Backup:
    connection.row_factory = sqlite3.Row
    # Views and virtual tables run what somebody has written into the file.
    plain = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
    there = {str(row["name"]) for row in connection.execute(plain)}
    if "monitor" not in there:
        raise NotReadable("this SQLite database has no table `monitor`: it is not that of Uptime Kuma")
    backup = Backup()
    for table, rows in _TABLES.items():
        if table in there:
            found = [dict(row) for row in connection.execute(f'SELECT * FROM "{table}" LIMIT {MOST_ROWS + 1}')]
            if len(found) > MOST_ROWS:
                raise NotReadable(f"the table {table} has more than {MOST_ROWS:,} rows, the most that are read")
            if found and (
                missing := [
                    name for name in _LINKS.get(table, ("id",) if table != "setting" else ()) if name not in found[0]
                ]
            ):
                raise NotReadable(f"the table {table} has no column {missing[0]}: it is not that of Uptime Kuma")
            setattr(backup, rows, found)
    return backup
