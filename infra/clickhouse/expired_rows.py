"""From when on the rows of a table are all there: none of them has expired, whatever its retention was before.

ClickHouse removes rows by the TTL that a table has at the time. So when a TTL is changed, what it may have removed is
recorded (`record_expired`), and a longer one brings nothing back.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

# As infra/clickhouse/retention.py writes the TTL of tables whose rows go by when they were inserted.
_BY_ARRIVAL = re.compile(r" TTL inserted_at \+ toIntervalSecond\((\d+)\)")

_TTLS = """
SELECT name, engine_full FROM system.tables WHERE database = currentDatabase() AND name IN {names:Array(String)}
"""
# Nothing was inserted before the database was made, so nothing of before has expired: its rows are those that were
# written again, such as from journals that are read from their beginning.
_RECORDED = """
SELECT now('UTC'), (SELECT min(applied_at) FROM migrations),
       (SELECT max(until) FROM expired_rows WHERE name IN {names:Array(String)})
"""
_RECORD = "INSERT INTO expired_rows (name, until) SELECT {name:String}, now('UTC') - {seconds:UInt32}"


def kept_since(client: Client, tables: Sequence[str]) -> datetime:
    """The moment from which on all rows that were inserted into these tables are there; 1970 if none has expired."""
    asked = {"names": list(tables)}
    [(now, made, until)] = client.query(_RECORDED, parameters=asked).result_rows
    kept = int(until.replace(tzinfo=UTC).timestamp())
    for _, engine in client.query(_TTLS, parameters=asked).result_rows:
        if (found := _BY_ARRIVAL.search(engine)) is not None:
            kept = max(kept, int(now.replace(tzinfo=UTC).timestamp()) - int(found[1]))
    return datetime.fromtimestamp(kept if kept > made.replace(tzinfo=UTC).timestamp() else 0, UTC)


def record_expired(client: Client, name: str, engine: str) -> None:
    """Record what the TTL that a table has may have removed, before it is changed. engine: `engine_full` of the
    table."""
    if (found := _BY_ARRIVAL.search(engine)) is not None:
        client.command(_RECORD, parameters={"name": name, "seconds": int(found[1])})
