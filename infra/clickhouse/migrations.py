"""The tables of ClickHouse: `infra/clickhouse/tables/NNNN_name.sql`, applied once each, in order, and recorded.

Every statement must be harmless when repeated (IF NOT EXISTS and the like): that makes a migration safe that died half
way, and two processes that migrate at once. A file that has been applied must never change; add another one.
Statements end with a semicolon at the end of a line; lines that begin with `--` are comments.
"""

import hashlib
import re
from importlib.resources import files

import structlog

from infra.clickhouse.address import Address
from infra.clickhouse.client import connect, unavailable_errors
from infra.errors import InfraError

log = structlog.get_logger(__name__)

_RECORD = """
CREATE TABLE IF NOT EXISTS migrations (name String, digest String, applied_at DateTime('UTC') DEFAULT now())
ENGINE = ReplacingMergeTree ORDER BY name SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
"""


class MigrationChanged(InfraError):
    """A migration that was applied has another text now: end, and apply nothing."""


def statements(sql: str) -> list[str]:
    """The statements of a migration, without comments."""
    bare = "\n".join(line for line in sql.splitlines() if not line.lstrip().startswith("--"))
    return [text.strip() for text in re.split(r";[ \t]*(?:\n|\Z)", bare) if text.strip()]


def all_migrations() -> list[tuple[str, str]]:
    """Name and text of every migration, in order."""
    found = [entry for entry in files("infra.clickhouse").joinpath("tables").iterdir() if entry.name.endswith(".sql")]
    return [(entry.name.removesuffix(".sql"), entry.read_text()) for entry in sorted(found, key=lambda e: e.name)]


def migrate(url: str) -> list[str]:
    """Bring the database that `url` names up to date; return what was applied.

    Raises `Unavailable` and `MigrationChanged`.
    """
    address = Address.parse(url)
    with unavailable_errors():
        founder = connect(address, database="default")
        try:
            founder.command(f"CREATE DATABASE IF NOT EXISTS `{address.database}`")
        finally:
            founder.close()
        client = connect(address)
        try:
            client.command(_RECORD)
            recorded = {row[0]: row[1] for row in client.query("SELECT name, digest FROM migrations").result_rows}
            applied = []
            for name, sql in all_migrations():
                digest = hashlib.sha256(sql.encode()).hexdigest()
                if name in recorded:
                    if recorded[name] != digest:
                        raise MigrationChanged(
                            f"migration {name} was applied with another text: put it back, add a new file"
                        )
                    continue
                for statement in statements(sql):
                    client.command(statement)
                client.insert(
                    "migrations", [[name], [digest]], ["name", "digest"],
                    column_type_names=["String", "String"], column_oriented=True, settings={"async_insert": 0},
                )  # fmt: skip
                log.info("clickhouse.migrated", migration=name)
                applied.append(name)
            return applied
        finally:
            client.close()
