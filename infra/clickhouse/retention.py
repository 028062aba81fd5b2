"""How long the tables of history keep their rows: the TTL of each, altered at start where it differs from the settings.

Rows of pings and probes go by when they were inserted, so that no time that a producer claims deletes anything, and
rows that are written again are kept as long as others. What is rolled up from rows outlives them: an hour is replaced
only by a fuller one (infra/clickhouse/tables/0001_history.sql).
"""

import re
from collections.abc import Iterator

import structlog

from infra.clickhouse.address import Address
from infra.clickhouse.client import connect, unavailable_errors
from infra.clickhouse.expired_rows import record_expired
from infra.settings.settings import Settings

log = structlog.get_logger(__name__)

_HOURS_OF_DAYS = 2 * 86_400

_TABLES = "SELECT name, engine_full, create_table_query FROM system.tables WHERE database = currentDatabase()"
_TABLE_TTL = re.compile(r" TTL (.+?)(?: SETTINGS |$)")
_BODY_TTL = re.compile(r"`body` String CODEC\(ZSTD\(1\)\)(?: TTL ([^`]+?))?, `")


def table_ttls(settings: Settings) -> dict[str, str]:
    """The TTL of each table of history, as ClickHouse writes it; '' keeps rows for ever."""
    transitions, hours, days = settings.history_transitions, settings.history_hours, settings.history_days
    # Days are made of hours, a day after it is over at the latest.
    of_days = None if hours is None else max(hours, _HOURS_OF_DAYS)
    pieces = ["forget", *_ttl("toDateTime(at)", of_days, "kind IN (1, 4)")]
    pieces += _ttl("toDateTime(at)", days, "kind IN (2, 5)")
    pieces += _ttl("toDateTime(at)", transitions, "kind = 3")
    rows = ["forget", *_ttl("toDateTime(at)", days, "kind = 1")]
    rows += _ttl("toDateTime(at)", settings.history_months, "kind = 0")
    run_times = [*_ttl("begin", of_days, "length = 3600"), *_ttl("begin", days, "length = 86400")]
    return {
        "pings": "".join(_ttl("inserted_at", settings.history_pings)),
        "ping_facts": "".join(_ttl("inserted_at", settings.history_ping_facts)),
        "probe_results": "".join(_ttl("inserted_at", settings.history_probes)),
        "spans": "".join(_ttl("toDateTime(at)", transitions)),
        "validity_told": "".join(_ttl("toDateTime(at)", settings.history_validity)),
        "gaps": "".join(_ttl("toDateTime(since)", settings.history_gaps)),
        # By the beginning, which all rows of an incident share: none of them may go before the others.
        "incidents": "".join(_ttl("toDateTime(started)", settings.history_incidents)),
        "audit": "".join(_ttl("toDateTime(at)", settings.history_audit)),
        "deliveries_finished": "".join(_ttl("toDateTime(at)", settings.history_deliveries)),
        "lost_records": "".join(_ttl("found_at", settings.history_lost_records)),
        "ping_hours": "".join(_ttl("hour", hours)),
        "run_times": ", ".join(run_times),
        "uptime_days": "".join(_ttl("day", days)),
        "uptime_months": "".join(_ttl("month", settings.history_months)),
        "uptime_pieces": ", ".join(pieces),
        "uptime_rows": ", ".join(rows),
    }


def _ttl(time: str, seconds: int | None, which: str = "") -> Iterator[str]:
    if seconds is not None:
        yield f"{time} + toIntervalSecond({seconds})" + (f" WHERE {which}" if which else "")


def apply(url: str, settings: Settings) -> list[str]:
    """Alter the tables whose retention differs; return what was altered. Raises
    `infra.clickhouse.client.ClickHouseUnavailable`.

    Rows that have expired are removed by ClickHouse's merges, within hours; this does not wait for it.
    """
    with unavailable_errors():
        client = connect(Address.parse(url))
        try:
            found = {row[0]: (row[1], row[2]) for row in client.query(_TABLES).result_rows}
            statements = dict(_alterations(settings, found))
            for what, statement in statements.items():
                if what in found:
                    record_expired(client, what, found[what][0])
                client.command(statement)
                log.info("clickhouse.retention", what=what, statement=statement)
            return list(statements)
        finally:
            client.close()


def _alterations(settings: Settings, found: dict[str, tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for table, wanted in table_ttls(settings).items():
        engine, _ = found[table]
        match = _TABLE_TTL.search(engine)
        if (match[1] if match else "") == wanted:
            continue
        if table in ("uptime_pieces", "uptime_rows"):
            # Their parts hold hours or days that are forgotten as a whole; rows that go one by one need the other way.
            whole = int(wanted == "forget")
            yield f"{table} settings", f"ALTER TABLE {table} MODIFY SETTING ttl_only_drop_parts = {whole}"
        yield table, f"ALTER TABLE {table} " + (f"MODIFY TTL {wanted}" if wanted else "REMOVE TTL")
    _, made = found["pings"]
    match, wanted = _BODY_TTL.search(made), "".join(_ttl("inserted_at", settings.history_ping_bodies))
    if ((match and match[1]) or "") != wanted:
        change = f"TTL {wanted}" if wanted else "REMOVE TTL"
        yield "pings.body", f"ALTER TABLE pings MODIFY COLUMN body {change}"
