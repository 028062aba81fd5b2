"""Regular results of probes by hour, and by day made of the hours. A result counts in the hour of its slot.

A day is made of all its hours, those among them whose results have expired.
"""

from processors.roll_ups import RollUp

_RANGE = "monitor >= {first:String} AND monitor <= {last:String}"
_NEW_RESULTS = f"probe_results WHERE inserted_at >= {{since:DateTime('UTC')}} AND {_RANGE} AND confirm = 0"

_NEW = f"SELECT monitor, count() FROM {_NEW_RESULTS} GROUP BY monitor ORDER BY monitor"

_ROWS = f"""
    {_RANGE} AND confirm = 0
    AND (monitor, toStartOfHour(slot)) IN (SELECT monitor, toStartOfHour(slot) FROM {_NEW_RESULTS})
"""

_MONITORS = f"SELECT monitor, count() FROM probe_results WHERE {_ROWS} GROUP BY monitor ORDER BY monitor"

# FINAL merges copies as it reads, in little memory.
_HOURS = f"""
INSERT INTO probe_roll_ups (monitor, length, begin, region, total, up, took, spread)
SELECT monitor, 3600, toStartOfHour(slot) AS hour, region,
       count(), countIf(ok), sumIf(took, ok), quantilesTDigestStateIf(0.5, 0.95, 0.99)(took, ok)
FROM probe_results FINAL
WHERE {_ROWS}
GROUP BY monitor, hour, region
"""

_DAYS = f"""
INSERT INTO probe_roll_ups (monitor, length, begin, region, total, up, took, spread)
SELECT monitor, 86400, toStartOfDay(begin) AS day, region,
       sum(total), sum(up), sum(took), quantilesTDigestMergeState(0.5, 0.95, 0.99)(spread)
FROM probe_roll_ups FINAL
WHERE {_RANGE} AND length = 3600
  AND (monitor, toStartOfDay(begin)) IN (SELECT monitor, toStartOfDay(slot) FROM {_NEW_RESULTS})
GROUP BY monitor, day, region
"""

PROBE_HOURS = RollUp("probe_results", _NEW, _MONITORS, (_HOURS, _DAYS))
