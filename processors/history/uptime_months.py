"""Months of days (infra/clickhouse/tables/0022_uptime_days.sql), made of all days of the month, those among them whose
rows have expired: the same for whatever days are made of.
"""

_RANGE = "thing >= {first:String} AND thing <= {last:String}"


def months_of(source: str, touched: str) -> str:
    """The step that makes the months of some things anew. touched: SQL of the things and days that were made just
    now."""
    lists = ", ".join(
        f"groupArrayInsertAt(0, 31)({name}, toUInt32(toDayOfMonth(day) - 1))"
        for name in ("toUInt32(total)", "toUInt32(good)", "up", "down", "not_observed")
    )
    return f"""
INSERT INTO uptime_months (thing, month, source, version, totals, goods, ups, downs, not_observed)
WITH touched AS (SELECT DISTINCT thing, toStartOfMonth(day) AS month FROM ({touched}))
SELECT thing, toStartOfMonth(day) AS month, '{source}', sum(version), {lists}
FROM uptime_days FINAL
WHERE {_RANGE} AND source = '{source}'
  AND day >= (SELECT min(month) FROM touched) AND day < (SELECT addMonths(max(month), 1) FROM touched)
  AND (thing, toStartOfMonth(day)) IN (SELECT thing, month FROM touched)
GROUP BY thing, month
"""
