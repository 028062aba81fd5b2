"""The views for analysts: `infra/clickhouse/views/<name>.sql`, in a database of their own, made anew at each start.

Their names and columns are a contract (docs/analytics.md); the tables of history behind them are not. A view runs with
the rights of the user who made it, so whoever asks it needs SELECT on that database and on nothing else.

A database of that name may be another's, on a ClickHouse that is shared, or that of another Pingfold: what is there and
not ours is left alone, and told. History itself does not depend on the views.
"""

import re
from importlib.resources import files

import structlog
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from infra.clickhouse.address import Address
from infra.clickhouse.client import connect, unavailable_errors
from infra.errors import InfraError
from infra.settings.settings import Settings

log = structlog.get_logger(__name__)

# Those that others are made of come first.
_FIRST = ("status_spans",)
_NOT_ALLOWED = 497

# Columns that views of response times share, of `figures` in infra/clickhouse/tables/0005_uptime_pieces.sql. Bucket b
# is up to 1.04^b microseconds: its middle, by ratio, is told.
_FIGURES_COLUMNS = """
    `results` UInt64 COMMENT 'Results of regular probes outside maintenance',
    `failures` UInt64 COMMENT 'Those of them that failed',
    `mean_seconds` Nullable(Float64) COMMENT 'Mean time of those that were well; NULL without any',
    `p50_seconds` Nullable(Float64) COMMENT 'Median of these times, to 2 %',
    `p95_seconds` Nullable(Float64) COMMENT '95th percentile, to 2 %',
    `p99_seconds` Nullable(Float64) COMMENT '99th percentile, to 2 %'
""".strip("\n")
_FIGURES_SPREAD = "arraySort(arrayZip(figures.buckets, figures.times)) AS spread, arrayCumSum(spread.2) AS reached"
_PERCENTILE = """
       if(empty(reached), NULL, pow(1.04, spread.1[arrayFirstIndex(n -> n >= {0} * reached[-1], reached)] - 0.5) / 1e6)
           AS p{1}_seconds"""
_FIGURES = (
    "figures.counted AS results,\n       figures.counted - figures.up AS failures, "
    "if(figures.up > 0, figures.took / figures.up / 1e6, NULL) AS mean_seconds,"
) + ",".join(_PERCENTILE.format(share, name) for share, name in (("0.5", 50), ("0.95", 95), ("0.99", 99)))

_FOUND = """
SELECT name, comment FROM system.tables
WHERE database = {database:String} AND name IN {names:Array(String)} AND NOT endsWith(comment, {mark:String})
ORDER BY name
"""


class ViewsNotMade(InfraError):
    """The views cannot be made as things are; the message says what to do. History works without them."""


def view_names() -> list[str]:
    """The names of the views, each after those that it is made of."""
    folder = files("infra.clickhouse").joinpath("views")
    names = sorted(entry.name.removesuffix(".sql") for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return sorted(names, key=lambda name: name not in _FIRST)


def view_statement(name: str, history: str, analytics: str) -> str:
    """The statement that makes a view. history, analytics: names of the two databases."""
    text = files("infra.clickhouse").joinpath("views", f"{name}.sql").read_text()
    bare = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    values = {"history": f"`{history}`", "analytics": f"`{analytics}`", "mark": f". {_mark(history)}"}
    values |= {"figures": _FIGURES, "figures_columns": _FIGURES_COLUMNS, "figures_spread": _FIGURES_SPREAD}
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], bare)


def apply(url: str, settings: Settings) -> bool:
    """Make the views, unless the settings want none; whether they are there now.

    What keeps them from being made is logged, and nothing else: a user who may not create a database, a database that
    is another's, a server that does not know how. Raises `infra.clickhouse.client.ClickHouseUnavailable`.
    """
    address, database = Address.parse(url), settings.analytics_database
    if database is None:
        return False
    try:
        with unavailable_errors():
            client = connect(address)
            try:
                make_views(client, address.database, database)
            finally:
                client.close()
    except (ViewsNotMade, DatabaseError) as error:
        log.warning("clickhouse.no_views", database=database, why=str(error))
        return False
    return True


def make_views(client: Client, history: str, analytics: str) -> None:
    """Make every view of the history in the database `history`. Raises `ViewsNotMade` before any is made."""
    if history == analytics:
        raise ViewsNotMade(f"'{history}' is the database of history: set PINGFOLD_ANALYTICS_DATABASE to another name")
    names = view_names()
    asked = {"database": analytics, "names": names, "mark": _mark(history)}
    if others := [row[0] for row in client.query(_FOUND, parameters=asked).result_rows]:
        raise ViewsNotMade(
            f"{analytics}.{others[0]} is there and is not of this Pingfold: set PINGFOLD_ANALYTICS_DATABASE to a name "
            "that nobody uses, or to none"
        )
    try:
        if not client.query(
            "SELECT 1 FROM system.databases WHERE name = {name:String}", parameters={"name": analytics}
        ).result_rows:
            client.command(f"CREATE DATABASE IF NOT EXISTS `{analytics}`")
        for name in names:
            client.command(view_statement(name, history, analytics))
    except DatabaseError as error:
        if error.code != _NOT_ALLOWED:
            raise
        raise ViewsNotMade(f"{error}: grant it (docs/analytics.md), or set PINGFOLD_ANALYTICS_DATABASE=none") from error


def _mark(history: str) -> str:
    """What the comment of each view ends with, which tells which Pingfold it is of."""
    return f"Made by Pingfold of the database {history}"
