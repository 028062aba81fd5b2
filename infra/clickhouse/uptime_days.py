"""How rows become counts by day and quarter of an hour, in SQL: for the roll-ups, and for what is not rolled up yet.

infra/clickhouse/tables/0022_uptime_days.sql says what the figures mean.
"""

QUARTER, QUARTERS = 900, 96  # seconds; of a day

# Pings, each once, as they counted: `known` are those of which the fold told more. FINAL merges copies as it reads, in
# little memory.
PINGS_WITH_FACTS = """
    SELECT p.check_id AS check_id, p.at AS at, f.known AS known,
           if(known, f.counted, 1) AS counted, if(known, f.duration, -1) AS lasted,
           if(f.kind = '', p.kind, f.kind) AS kind
    FROM (
        SELECT check_id, off, part, at, CAST(kind, 'String') AS kind
        FROM pings FINAL
        WHERE {rows}
    ) AS p LEFT ANY JOIN (
        SELECT check_id, off, part, CAST(kind, 'String') AS kind, duration, counted, 1 AS known
        FROM ping_facts
        WHERE (check_id, off, part) IN (SELECT check_id, off, part FROM pings WHERE {rows})
    ) AS f ON p.check_id = f.check_id AND p.off = f.off AND p.part = f.part
"""


def result_days(rows: str) -> str:
    """Days of monitors from those rows of `probe_results` of which a condition holds."""
    return _by_quarter(
        f"""
        SELECT monitor AS thing, slot AS at, NOT maintenance AS counts, ok AS well, 1 AS known
        FROM probe_results FINAL WHERE confirm = 0 AND {rows}
        """
    )


def signal_days(rows: str) -> str:
    """Days of checks from those rows of `pings` of which a condition holds."""
    return _by_quarter(
        f"""
        SELECT check_id AS thing, at, counted AND kind IN ('success', 'fail') AS counts, kind = 'success' AS well,
               1 + known AS known
        FROM ({PINGS_WITH_FACTS.format(rows=rows)})
        """
    )


def _by_quarter(rows: str) -> str:
    return f"""
    SELECT day, thing, sum(rows) AS version, sum(counted) AS total, sum(welled) AS good,
           groupArrayInsertAt(0, {QUARTERS})(counted, quarter) AS totals,
           groupArrayInsertAt(0, {QUARTERS})(welled, quarter) AS goods
    FROM (
        SELECT thing, toDate(at) AS day, toUInt32(intDiv(toUnixTimestamp(at) % 86400, {QUARTER})) AS quarter,
               sum(known) AS rows, toUInt32(countIf(counts)) AS counted, toUInt32(countIf(counts AND well)) AS welled
        FROM ({rows})
        GROUP BY thing, day, quarter
    )
    GROUP BY day, thing
    """
