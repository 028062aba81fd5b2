"""Pings of checks by hour. A ping counts in the hour of its own time."""

from processors.history.roll_ups import RollUp

_RANGE = "check_id >= {first:String} AND check_id <= {last:String}"
_NEW_FACTS = f"ping_facts WHERE inserted_at >= {{since:DateTime('UTC')}} AND {_RANGE}"
_NEW_PINGS = f"pings WHERE inserted_at >= {{since:DateTime('UTC')}} AND {_RANGE}"

_NEW = f"""
SELECT check_id, count() FROM (SELECT check_id FROM {_NEW_PINGS} UNION ALL SELECT check_id FROM {_NEW_FACTS})
GROUP BY check_id ORDER BY check_id
"""

# Checks and hours of the rows that came since, and of the pings whose facts came since: long after them, perhaps.
_TOUCHED = f"""
    SELECT check_id, toStartOfHour(at) AS hour FROM {_NEW_PINGS}
    UNION DISTINCT
    SELECT check_id, toStartOfHour(at) AS hour FROM pings
    WHERE {_RANGE} AND (check_id, off, part) IN (SELECT check_id, off, part FROM {_NEW_FACTS})
"""

_ROWS = f"{_RANGE} AND (check_id, toStartOfHour(at)) IN touched"

_CHECKS = f"""
WITH touched AS ({_TOUCHED})
SELECT check_id, count() FROM pings WHERE {_ROWS} GROUP BY check_id ORDER BY check_id
"""

# FINAL merges copies as it reads, in little memory.
_HOURS = f"""
INSERT INTO ping_hours (check_id, hour, successes, starts, fails, logs, ignored,
                        durations, duration_sum, duration_max, version)
WITH touched AS ({_TOUCHED})
SELECT check_id, toDateTime(hour, 'UTC'),
       countIf(counted AND kind = 'success'), countIf(counted AND kind = 'start'), countIf(counted AND kind = 'fail'),
       countIf(counted AND kind = 'log'), countIf(counted AND kind = 'ign'),
       countIf(counted AND lasted >= 0), sumIf(lasted, counted AND lasted >= 0), maxIf(lasted, counted AND lasted >= 0),
       count() + sum(known)
FROM (
    SELECT p.check_id AS check_id, p.hour AS hour, f.known AS known,
           if(known, f.counted, 1) AS counted, if(known, f.duration, -1) AS lasted,
           if(f.kind = '', p.kind, f.kind) AS kind
    FROM (
        SELECT check_id, off, part, toStartOfHour(at) AS hour, CAST(kind, 'String') AS kind
        FROM pings FINAL
        WHERE {_ROWS}
    ) AS p LEFT ANY JOIN (
        SELECT check_id, off, part, CAST(kind, 'String') AS kind, duration, counted, 1 AS known
        FROM ping_facts
        WHERE (check_id, off, part) IN (SELECT check_id, off, part FROM pings WHERE {_ROWS})
    ) AS f ON p.check_id = f.check_id AND p.off = f.off AND p.part = f.part
)
GROUP BY check_id, hour
"""

PING_HOURS = RollUp("pings", _NEW, _CHECKS, (_HOURS,))
