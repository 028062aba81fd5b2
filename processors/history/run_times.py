"""How long the runs of heartbeat checks took, by hour and by day of their end. A run counts once.

A day is made of all its hours, those among them whose facts have expired. Such an hour is left alone.
"""

from infra.clickhouse.run_times import run_hours
from processors.history.roll_ups import RollUp

_RANGE = "check_id >= {first:String} AND check_id <= {last:String}"
_NEW_FACTS = f"""
ping_facts WHERE inserted_at >= {{since:DateTime('UTC')}} AND inserted_at < {{until:DateTime('UTC')}} AND {_RANGE}
"""

_NEW = f"SELECT check_id, count() FROM {_NEW_FACTS} GROUP BY check_id ORDER BY check_id"

_ROWS = f"""
    {_RANGE} AND (check_id, toStartOfHour(at)) IN (
        SELECT check_id, toStartOfHour(at) AS hour FROM {_NEW_FACTS}
        AND (hour + 3600 > {{kept:DateTime('UTC')}} OR (check_id, hour) NOT IN (
            SELECT check_id, begin FROM run_times
            WHERE {_RANGE} AND length = 3600 AND begin < {{kept:DateTime('UTC')}}
        ))
    )
"""

_CHECKS = f"SELECT check_id, count() FROM ping_facts WHERE {_ROWS} GROUP BY check_id ORDER BY check_id"

_HOURS = f"""
INSERT INTO run_times (check_id, length, begin, runs, took, longest, buckets, times)
SELECT check_id, 3600, begin, runs, took, longest, buckets, times FROM ({run_hours(_ROWS)})
"""

_DAYS = f"""
INSERT INTO run_times (check_id, length, begin, runs, took, longest, buckets, times)
SELECT check_id, 86400, toStartOfDay(begin) AS day, sum(runs), sum(took), max(longest),
       (sumMap(buckets, times) AS spread).1, spread.2
FROM run_times FINAL
WHERE {_RANGE} AND length = 3600
  AND (check_id, toDate(begin)) IN (SELECT check_id, toDate(at) FROM {_NEW_FACTS})
GROUP BY check_id, day
"""

RUN_TIMES = RollUp("run_times", ("ping_facts",), _NEW, _CHECKS, (_HOURS, _DAYS))
