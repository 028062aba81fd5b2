"""Response times of regular results by hour, day and region. A result counts in the hour of its slot.

A day is made of all its hours, those among them whose results have expired. The roll-ups of the uptime are of the same
results; these have a mark of their own, so what was recorded before there were any is rolled up without touching those.
"""

from infra.clickhouse.response_times import FIGURES, JUDGED
from processors.history.probe_hours import NEW, NEW_RESULTS, RANGE, monitors_with, rows_of_hours
from processors.history.roll_ups import RollUp

_ROWS = rows_of_hours(4)

# FINAL merges copies as it reads, in little memory.
_HOURS = f"""
INSERT INTO uptime_pieces (monitor, kind, at, n, results, answers)
SELECT monitor, 4, hour, cityHash64(region), count(), (region, {FIGURES})
FROM (
    SELECT monitor, region, toUnixTimestamp(toStartOfHour(slot)) AS hour, {JUDGED}
    FROM probe_results FINAL
    WHERE {_ROWS}
)
GROUP BY monitor, hour, region
"""

_SUMS = ", ".join(f"sum(answers.{phase})" for phase in ("redirect", "lookup", "connect", "tls", "first_byte"))

_DAYS = f"""
INSERT INTO uptime_pieces (monitor, kind, at, n, results, answers)
SELECT monitor, 5, intDiv(at, 86400) * 86400 AS day, n, sum(results), (
    any(answers.region), sum(answers.samples), sum(answers.failures), sumForEach(answers.times), {_SUMS}
)
FROM uptime_pieces FINAL
WHERE {RANGE} AND kind = 4
  AND (monitor, intDiv(at, 86400)) IN (SELECT monitor, intDiv(toUnixTimestamp(slot), 86400) FROM {NEW_RESULTS})
GROUP BY monitor, day, n
"""

RESPONSE_TIMES = RollUp("response_times", ("probe_results",), NEW, monitors_with(_ROWS), (_HOURS, _DAYS))
