"""Pings of checks by hour. A ping counts in the hour of its own time.

An hour whose pings have expired is left alone.
"""

from infra.clickhouse.uptime_days import PINGS_WITH_FACTS
from processors.history.roll_ups import RollUp

RANGE = "check_id >= {first:String} AND check_id <= {last:String}"
_SINCE = "inserted_at >= {since:DateTime('UTC')} AND inserted_at < {until:DateTime('UTC')}"
NEW_FACTS = f"ping_facts WHERE {_SINCE} AND {RANGE}"
NEW_PINGS = f"pings WHERE {_SINCE} AND {RANGE}"

NEW = f"""
SELECT check_id, count() FROM (SELECT check_id FROM {NEW_PINGS} UNION ALL SELECT check_id FROM {NEW_FACTS})
GROUP BY check_id ORDER BY check_id
"""

# Checks and hours of the rows that came since, and of the pings whose facts came since: long after them, perhaps.
_TOUCHED = f"""
    SELECT check_id, toStartOfHour(at) AS hour FROM {NEW_PINGS}
    UNION DISTINCT
    SELECT check_id, toStartOfHour(at) AS hour FROM pings
    WHERE {RANGE} AND (check_id, off, part) IN (SELECT check_id, off, part FROM {NEW_FACTS})
"""

_TO_MAKE = f"""
    SELECT check_id, hour FROM ({_TOUCHED})
    WHERE hour + 3600 > {{kept:DateTime('UTC')}} OR (check_id, hour) NOT IN (
        SELECT check_id, hour FROM ping_hours WHERE {RANGE} AND hour < {{kept:DateTime('UTC')}}
    )
"""

_ROWS = f"{RANGE} AND (check_id, toStartOfHour(at)) IN touched"

_CHECKS = f"""
WITH touched AS ({_TO_MAKE})
SELECT check_id, count() FROM pings WHERE {_ROWS} GROUP BY check_id ORDER BY check_id
"""

_HOURS = f"""
INSERT INTO ping_hours (check_id, hour, successes, starts, fails, logs, ignored,
                        durations, duration_sum, duration_max, version)
WITH touched AS ({_TO_MAKE})
SELECT check_id, toDateTime(toStartOfHour(at), 'UTC') AS begin,
       countIf(counted AND kind = 'success'), countIf(counted AND kind = 'start'), countIf(counted AND kind = 'fail'),
       countIf(counted AND kind = 'log'), countIf(counted AND kind = 'ign'),
       countIf(counted AND lasted >= 0), sumIf(lasted, counted AND lasted >= 0), maxIf(lasted, counted AND lasted >= 0),
       count() + sum(known)
FROM ({PINGS_WITH_FACTS.format(rows=_ROWS)})
GROUP BY check_id, begin
"""

PING_HOURS = RollUp("pings", ("pings", "ping_facts"), NEW, _CHECKS, (_HOURS,))
