"""Regular results of probes by hour, and by day made of the hours. A result counts in the hour of its slot.

A day is made of all its hours, those among them whose results have expired. Such an hour is left alone.
"""

from processors.history.roll_ups import RollUp

RANGE = "monitor >= {first:String} AND monitor <= {last:String}"
NEW_RESULTS = f"""
probe_results WHERE inserted_at >= {{since:DateTime('UTC')}} AND inserted_at < {{until:DateTime('UTC')}} AND {RANGE}
AND confirm = 0
"""

NEW = f"SELECT monitor, count() FROM {NEW_RESULTS} GROUP BY monitor ORDER BY monitor"


def rows_of_hours(kind: int) -> str:
    """A condition on rows of `probe_results`: that they are of the hours which are to be made, as pieces of that
    kind."""
    return f"""
    {RANGE} AND confirm = 0
    AND (monitor, toStartOfHour(slot)) IN (
        SELECT monitor, toStartOfHour(slot) AS hour FROM {NEW_RESULTS}
        AND (hour + 3600 > {{kept:DateTime('UTC')}} OR (monitor, hour) NOT IN (
            SELECT monitor, toDateTime(at, 'UTC') FROM uptime_pieces
            WHERE {RANGE} AND kind = {kind} AND at < toUnixTimestamp({{kept:DateTime('UTC')}})
        ))
    )
"""


def monitors_with(rows: str) -> str:
    """Monitors in order, each with the number of its rows of which a condition holds."""
    return f"SELECT monitor, count() FROM probe_results WHERE {rows} GROUP BY monitor ORDER BY monitor"


_ROWS = rows_of_hours(1)

# FINAL merges copies as it reads, in little memory. The inner step gathers results by the bucket that they took.
_HOURS = f"""
INSERT INTO uptime_pieces (monitor, kind, at, results, figures)
SELECT monitor, 1, hour,
       sum(many), (
           sumIf(many, outcome < 2), sumIf(many, outcome = 1), sumIf(spent, outcome = 1),
           groupArrayIf(bucket, outcome = 1), groupArrayIf(many, outcome = 1), arraySort(groupArrayArray(each))
       )
FROM (
    SELECT monitor, toUnixTimestamp(toStartOfHour(slot)) AS hour, if(maintenance, 2, ok) AS outcome,
           if(outcome = 1, toUInt16(ceil(log(greatest(took, 1)) / log(1.04))), 0) AS bucket,
           count() AS many, sum(took) AS spent,
           groupArray((toUInt32(toUnixTimestamp64Micro(slot) - hour * 1000000), region, outcome, took)) AS each
    FROM probe_results FINAL
    WHERE {_ROWS}
    GROUP BY monitor, hour, outcome, bucket
)
GROUP BY monitor, hour
"""

_DAYS = f"""
INSERT INTO uptime_pieces (monitor, kind, at, results, figures)
SELECT monitor, 2, intDiv(at, 86400) * 86400 AS day,
       sum(results), (
           sum(figures.counted), sum(figures.up), sum(figures.took),
           (sumMap(figures.buckets, figures.times) AS spread).1, spread.2, []
       )
FROM uptime_pieces FINAL
WHERE {RANGE} AND kind = 1
  AND (monitor, intDiv(at, 86400)) IN (SELECT monitor, intDiv(toUnixTimestamp(slot), 86400) FROM {NEW_RESULTS})
GROUP BY monitor, day
"""

PROBE_HOURS = RollUp("probe_results", ("probe_results",), NEW, monitors_with(_ROWS), (_HOURS, _DAYS))
