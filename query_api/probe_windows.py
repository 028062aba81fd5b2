"""Questions about all regular results of a monitor since a moment, as SQL: answered from days, hours and rows, exactly.

Whole days and whole hours come from the roll-ups, the piece of an hour at the beginning from the rows. So does each
hour of which a row is newer than the newest roll-up; a day with such an hour comes from its other hours.
"""

from schemas.base import SECOND, Micros

HOUR: Micros = 3_600 * SECOND
DAY: Micros = 24 * HOUR

# Scalars: they are found once for the whole question.
_WINDOW = """
WITH fromUnixTimestamp64Micro({start:Int64}, 'UTC') AS start,
     toDateTime({first_hour:UInt32}, 'UTC') AS first_hour, toDateTime({first_day:UInt32}, 'UTC') AS first_day,
     (SELECT max(done_to) FROM rolled_up WHERE source = 'probe_results') AS done_to,
     (
         SELECT groupUniqArray(toStartOfHour(slot)) FROM probe_results
         WHERE monitor = {monitor:String} AND confirm = 0 AND slot >= start AND inserted_at >= done_to
     ) AS fresh,
     arrayMap(hour -> toStartOfDay(hour), fresh) AS fresh_days,
     arrayMin(arrayPushBack(fresh, toDateTime('2106-01-01 00:00:00', 'UTC'))) AS first_fresh
"""

_DAYS = """
probe_days FINAL WHERE monitor = {monitor:String} AND day >= first_day AND NOT has(fresh_days, day)
"""
# The bounds that say less are what the index understands.
_HOURS = """
probe_hours FINAL
WHERE monitor = {monitor:String} AND hour >= first_hour AND (hour < first_day OR hour >= toStartOfDay(first_fresh))
  AND NOT has(fresh, hour) AND (hour < first_day OR has(fresh_days, toStartOfDay(hour)))
"""
_ROWS = """
probe_results FINAL
WHERE monitor = {monitor:String} AND confirm = 0 AND slot >= start AND (slot < first_hour OR slot >= first_fresh)
  AND (slot < first_hour OR has(fresh, toStartOfHour(slot)))
"""


def over_window(figures: str, rolled: str, rows: str) -> str:
    """`figures` of the columns that `rolled` makes of roll-ups and `rows` of results."""
    return f"""{_WINDOW}
SELECT {figures} FROM (
    SELECT {rolled} FROM {_DAYS} UNION ALL SELECT {rolled} FROM {_HOURS} UNION ALL SELECT {rows} FROM {_ROWS}
)"""


def window(monitor: str, start: Micros) -> dict[str, object]:
    """The parameters of such a question."""
    return {
        "monitor": monitor,
        "start": start,
        "first_hour": -(-start // HOUR) * HOUR // SECOND,
        "first_day": -(-start // DAY) * DAY // SECOND,
    }
