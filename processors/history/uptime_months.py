"""Months of days (infra/clickhouse/tables/0022_uptime_days.sql), made of all days of the month: the same for whatever
days are made of.

Days may be kept for less time than months. A day whose row has expired stays in its month as it stood there. Its row is
not made anew from the few rows that are left: `lost_days` tells which these are.
"""

_RANGE = "thing >= {first:String} AND thing <= {last:String}"
_LISTS = ("total", "good", "up", "down", "not_observed")
_OF_DAY = ("version", *_LISTS)
_OF_MONTH = ("totals", "goods", "ups", "downs", "not_observed")


def months_of(source: str, touched: str) -> str:
    """The step that makes the months of some things anew. touched: SQL of the things and days that were made just
    now."""
    lists = ", ".join(f"groupArrayInsertAt(0, 31)({name}, toUInt32(toDayOfMonth(day) - 1))" for name in _LISTS)
    counts = "toUInt32(total) AS total, toUInt32(good) AS good"
    # Of a day that stands in both, its row counts. A month that is made anew always takes the place of the one before.
    return f"""
INSERT INTO uptime_months (thing, month, source, version, totals, goods, ups, downs, not_observed)
WITH touched AS (SELECT DISTINCT thing, toStartOfMonth(day) AS month FROM ({touched}))
SELECT thing, toStartOfMonth(day) AS month, '{source}', greatest(sum(version), max(before)), {lists}
FROM (
    SELECT thing, day, before, {", ".join(f"its.{number} AS {name}" for number, name in enumerate(_OF_DAY, 1))}
    FROM (
    SELECT thing, day, max(was) AS before, argMax(({", ".join(_OF_DAY)}), is_row) AS its
    FROM (
        SELECT thing, day, version, 0 AS was, {counts}, up, down, not_observed, 1 AS is_row
        FROM uptime_days FINAL
        WHERE {_RANGE} AND source = '{source}'
          AND day >= (SELECT min(month) FROM touched) AND day < (SELECT addMonths(max(month), 1) FROM touched)
          AND (thing, toStartOfMonth(day)) IN (SELECT thing, month FROM touched)
        UNION ALL
        SELECT thing, day, 0 AS version, was, {counts}, up, down, not_observed, 0 AS is_row
        FROM ({_days_of_months(source, "month")})
        WHERE (thing, toStartOfMonth(day)) IN (SELECT thing, month FROM touched)
    )
    GROUP BY thing, day
    )
)
GROUP BY thing, month
"""


def _days_of_months(source: str, at: str) -> str:
    names = ", ".join(f"{lists} AS {name}" for lists, name in zip(_OF_MONTH, _LISTS, strict=True))
    return f"""
        SELECT thing, month + number AS day, version AS was, total, good, up, down, not_observed
        FROM uptime_months FINAL
        ARRAY JOIN range(31) AS number, {names}
        WHERE {_RANGE} AND source = '{source}' AND day < addMonths(month, 1)
          AND month >= (SELECT toStartOfMonth(min({at})) FROM touched) AND month <= (SELECT max({at}) FROM touched)
"""


def lost_days(source: str) -> str:
    """Things and days, of those in `touched`, that months know and whose rows have expired, and `known`: results or
    signals, and microseconds, that months have of them."""
    return f"""
    SELECT thing, day, total + up + down + not_observed AS known
    FROM ({_days_of_months(source, "day")})
    WHERE known > 0 AND (thing, day) IN (SELECT thing, day FROM touched)
      AND (thing, day) NOT IN (
          SELECT thing, day FROM uptime_days
          WHERE {_RANGE} AND source = '{source}'
            AND day >= (SELECT min(day) FROM touched) AND day <= (SELECT max(day) FROM touched)
      )
"""
