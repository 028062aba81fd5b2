"""Signals of heartbeat checks by day and quarter of an hour, for the uptime by count: pings of success or failure. A
ping counts in the day of its own time, once.
"""

from infra.clickhouse.uptime_days import signal_days
from processors.history.count_days import counts_of
from processors.history.ping_hours import NEW, NEW_FACTS, NEW_PINGS, RANGE
from processors.history.roll_ups import RollUp
from processors.history.uptime_months import months_of

# Checks and days of the rows that came since, and of the pings whose facts came since: long after them, perhaps.
_TOUCHED = f"""
    SELECT check_id AS thing, toDate(at) AS day FROM {NEW_PINGS}
    UNION DISTINCT
    SELECT check_id AS thing, toDate(at) AS day FROM pings
    WHERE {RANGE} AND (check_id, off, part) IN (SELECT check_id, off, part FROM {NEW_FACTS})
"""

_ROWS = f"{RANGE} AND (check_id, toDate(at)) IN (SELECT thing, day FROM ({_TOUCHED}))"

_CHECKS = f"SELECT check_id, count() FROM pings WHERE {_ROWS} GROUP BY check_id ORDER BY check_id"

_DAYS = counts_of("signals", _TOUCHED, signal_days(_ROWS))

SIGNAL_DAYS = RollUp("signal_days", ("pings", "ping_facts"), NEW, _CHECKS, (_DAYS, months_of("signals", _TOUCHED)))
