"""Regular results of monitors by day and quarter of an hour, for the uptime by count. A result counts in the day of its
slot, however often it stands there; what was made in maintenance counts in none.
"""

from infra.clickhouse.uptime_days import result_days
from processors.history.count_days import counts_of
from processors.history.probe_hours import NEW, NEW_RESULTS, RANGE
from processors.history.roll_ups import RollUp
from processors.history.uptime_months import months_of

_TOUCHED = f"SELECT DISTINCT monitor AS thing, toDate(slot) AS day FROM {NEW_RESULTS}"

_ROWS = f"{RANGE} AND confirm = 0 AND (monitor, toDate(slot)) IN (SELECT thing, day FROM ({_TOUCHED}))"

_MONITORS = f"SELECT monitor, count() FROM probe_results WHERE {_ROWS} GROUP BY monitor ORDER BY monitor"

_DAYS = counts_of("results", _TOUCHED, result_days(_ROWS))

RESULT_DAYS = RollUp("result_days", ("probe_results",), NEW, _MONITORS, (_DAYS, months_of("results", _TOUCHED)))
