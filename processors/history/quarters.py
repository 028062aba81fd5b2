"""Days of quarters of an hour, in SQL, from rows that say what counts and what was well
(infra/clickhouse/tables/0022_uptime_days.sql)."""


def by_quarter(source: str, rows: str) -> str:
    """The step that makes days of a SELECT of `thing`, `at`, `counts`, `well`, and `known`: how many rows it is of."""
    return f"""
INSERT INTO uptime_days (day, thing, source, version, total, good, totals, goods)
SELECT day, thing, '{source}', sum(rows), sum(counted), sum(welled),
       groupArrayInsertAt(0, 96)(counted, quarter), groupArrayInsertAt(0, 96)(welled, quarter)
FROM (
    SELECT thing, toDate(at) AS day, toUInt32(intDiv(toUnixTimestamp(at) % 86400, 900)) AS quarter,
           sum(known) AS rows, toUInt32(countIf(counts)) AS counted, toUInt32(countIf(counts AND well)) AS welled
    FROM ({rows})
    GROUP BY thing, day, quarter
)
GROUP BY day, thing
"""
