"""Spans of things by day, for the uptime by time: those that are over, cut to the day.

Where a span begins, the one before it ends, whatever it says. Of one that lasted longer than ten years, the last ten
count.

A span may be longer than spans are kept: when it ends, others of the day in which it began have expired. So a day keeps
the pieces of spans that are gone, whatever let them go. A day whose own row has expired, too, is left as its month
knows it, unless one span is all of it.
"""

from processors.history.roll_ups import RollUp
from processors.history.uptime_months import lost_days, months_of

_RANGE = "thing >= {first:String} AND thing <= {last:String}"
_NEW_SPANS = f"""
spans WHERE inserted_at >= {{since:DateTime('UTC')}} AND inserted_at < {{until:DateTime('UTC')}} AND {_RANGE}
"""

_NEW = f"SELECT thing, count() FROM {_NEW_SPANS} GROUP BY thing ORDER BY thing"

_LONGEST_DAYS = 3_653
_DAY = 86_400_000_000

# First and last day that a span is in.
_LAST = "toUInt32(toDate(greatest(since, at)))"
_FIRST = f"greatest(toUInt32(toDate(least(since, at))), toUInt32({_LAST} - least({_LAST}, {_LONGEST_DAYS})))"
_DAYS_OF_SPAN = f"range({_FIRST}, toUInt32({_LAST} + 1))"

_TOUCHED = f"""
    SELECT DISTINCT thing, toDate(arrayJoin({_DAYS_OF_SPAN})) AS day FROM {_NEW_SPANS}
"""

# What is computed is the days: a span of a year is 365 of them.
_THINGS = f"SELECT thing, count() FROM ({_TOUCHED}) GROUP BY thing ORDER BY thing"


def _spent(states: str) -> str:
    spent = "greatest(least(piece.3, next) - piece.2, 0)"
    return f"arraySum((piece, next) -> if(piece.4 IN ({states}), {spent}, 0), all, nexts)"


# FINAL merges copies as it reads, in little memory. `nexts`: where the next piece begins.
_PIECES = f"""
        SELECT thing, n, CAST(state, 'String') AS state, toDate(number) AS day,
               greatest(toUnixTimestamp64Micro(since), toInt64(number) * {_DAY}) AS begins,
               least(toUnixTimestamp64Micro(at), toInt64(number + 1) * {_DAY}) AS ends
        FROM (
            SELECT thing, n, state, since, at FROM spans FINAL
            WHERE {_RANGE} AND at > since AND thing IN (SELECT thing FROM touched)
        )
        ARRAY JOIN {_DAYS_OF_SPAN} AS number
        WHERE (thing, toDate(number)) IN (SELECT thing, day FROM touched) AND ends > begins
"""
_PIECES_OF_EXPIRED = f"""
        SELECT thing, piece.n AS n, CAST(piece.state, 'String') AS state, day, piece.since AS begins,
               piece.until AS ends
        FROM (
            SELECT thing, day, pieces FROM uptime_days FINAL
            WHERE {_RANGE} AND source = 'spans'
              AND day >= (SELECT min(day) FROM touched) AND day <= (SELECT max(day) FROM touched)
              AND (thing, day) IN (SELECT thing, day FROM touched)
        )
        ARRAY JOIN pieces AS piece
        WHERE (thing, n) NOT IN (
            SELECT thing, n FROM spans WHERE {_RANGE} AND thing IN (SELECT thing FROM touched)
        )
"""
_DAYS = f"""
INSERT INTO uptime_days (day, thing, source, version, up, down, not_observed, pieces)
WITH touched AS ({_TOUCHED})
SELECT day, thing, 'spans', arraySum(piece -> piece.3 - piece.2, all) AS version,
       {_spent("'up', 'late'")}, {_spent("'down'")}, {_spent("'not_observed'")}, all
FROM (
    SELECT day, thing, arraySort(groupArray((n, begins, ends, state))) AS all,
           arrayPushBack(arrayPopFront(arrayMap(piece -> piece.2, all)), toInt64(9223372036854775807)) AS nexts
    FROM ({_PIECES} UNION ALL {_PIECES_OF_EXPIRED})
    GROUP BY day, thing
)
WHERE version = {_DAY} OR (thing, day) NOT IN (SELECT thing, day FROM ({lost_days("spans")}))
"""

SPAN_DAYS = RollUp("span_days", ("spans",), _NEW, _THINGS, (_DAYS, months_of("spans", _TOUCHED)))
