"""Whether the run time of a job drifts towards its limit: `monitor.run_time_drift`. Pure, and one step for each run.

The contract:

- A run counts that ends with a success and has a duration (`processors.checks.rules.end_run`). Jobs that never send a
  start have none, and their states hold nothing of this. One that fails may have ended at any point of its work.
- The average follows the runs: the mean of the first four, then the newest counts a quarter. No run counts as longer
  than the limit. So one that hangs cannot bring an average of less than 73 % of the limit to the threshold.
- People are told once when the average reaches `NEAR` percent of the limit, after `FEWEST` runs at least; and again
  only when it was below `FAR` percent in between. While nobody is to be told of the check, that is not noted as told.
- Integers only, rounded down: each replay gives the same.
"""

from msgspec import Struct

from processors.checks.packed_records import definition_key, part_of_check
from processors.fold.view import View
from schemas.base import SECOND, Micros
from schemas.check_states import CheckState
from schemas.definitions import DEFAULT_GRACE
from schemas.run_times import RunTimes

# Percent of the run limit.
NEAR, FAR = 80, 60
FEWEST = 4


class _Limits(Struct, gc=False):
    grace: int = DEFAULT_GRACE
    run_limit: int | None = None


_limits = part_of_check(_Limits)


def run_limit_of(view: View, check: str) -> Micros:
    """The run limit of a check that has a state: no more of its definition is unpacked for each run that ends."""
    packed = view.packed(definition_key(check))
    assert packed is not None
    limits = _limits(packed)
    return (limits.grace if limits.run_limit is None else limits.run_limit) * SECOND


def note_run(state: CheckState, duration: Micros, limit: Micros) -> bool:
    """A run has succeeded, under this limit; whether people are to be told of its drift now."""
    known, took = state.run_times, min(duration, limit)
    if known is None:
        state.run_times = RunTimes(took)
        return False
    runs, before = min(known.runs + 1, FEWEST), min(known.average, limit)
    average = before + (took - before) // runs
    told = known.told and average * 100 >= FAR * limit
    tell = not told and not (state.muted or state.maintained) and runs == FEWEST and average * 100 >= NEAR * limit > 0
    state.run_times = RunTimes(average, runs, told or tell)
    return tell
