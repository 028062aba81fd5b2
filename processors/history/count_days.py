"""Counts of results and of signals by day and quarter of an hour: the step that makes them from rows.

Rows may be kept for less than a day, or come long after others of their day have expired. So a quarter whose rows have
expired is left as it was counted, and of one that may have lost some of its rows the fuller count stays.
"""

from infra.clickhouse.uptime_days import QUARTER, QUARTERS
from processors.history.uptime_months import lost_days

_RANGE = "thing >= {first:String} AND thing <= {last:String}"


def counts_of(source: str, touched: str, days: str) -> str:
    """touched: SQL of things and days. days: SQL of these, counted from the rows that are there.

    `kept`, a parameter of the step: all rows that were inserted from then on are there.
    """
    begins = f"toUnixTimestamp(toDateTime(day, 'UTC')) + quarter * {QUARTER}"
    kept = "toUnixTimestamp({kept:DateTime('UTC')})"
    before = f"if(had.1 > 0 AND {begins} + {QUARTER} <= {kept} OR had.1 > has.1 AND {begins} < {kept}, had, has)"
    zipped = f"arrayZip(arrayResize({{0}}totals, {QUARTERS}), arrayResize({{0}}goods, {QUARTERS}))"
    return f"""
INSERT INTO uptime_days (day, thing, source, version, total, good, totals, goods)
WITH touched AS ({touched})
SELECT day, thing, '{source}', greatest(version, was_version), arraySum(quarters.1) AS total,
       arraySum(quarters.2), quarters.1, quarters.2
FROM (
    SELECT made.day AS day, made.thing AS thing, made.version AS version, was.version AS was_version, known,
           arrayMap((quarter, has, had) -> {before}, range({QUARTERS}), {zipped.format("made.")},
                    {zipped.format("was.")}) AS quarters
    FROM ({days}) AS made
    LEFT ANY JOIN (
        SELECT thing, day, version, totals, goods FROM uptime_days FINAL
        WHERE {_RANGE} AND source = '{source}' AND day <= toDate({{kept:DateTime('UTC')}})
          AND (thing, day) IN (SELECT thing, day FROM touched)
    ) AS was ON made.thing = was.thing AND made.day = was.day
    LEFT ANY JOIN ({lost_days(source)}) AS lost ON made.thing = lost.thing AND made.day = lost.day
)
WHERE total >= known
"""
