"""Which runs of a check are not judged because of maintenance: pure rules, no effects.

What a window touches is not judged, as with gaps (docs/design.md, "A run that was due in a gap"), but nobody is told of
that, since the window was announced:

- A run that is due while the window is open, from the moment at which it may come to its deadline, is forgiven. The
  next one is that of the first expected moment at the end of the window or after it; for a simple period, the end +
  period.
- Until the next success a further run is forgiven only when a window is open at its expected moment or at its deadline.
  So windows that come often, like those of deployments, hide no job for ever that has stopped.
- A run that was open in the window may have been stopped by it, and has no limit any more: the schedule tells whether
  the job goes on. Where nothing is expected yet, a limit that passed in the window counts from its end.
"""

from msgspec.structs import replace

from processors.checks.rules import doubtful_from, late_limit, limit_begins, run_limit
from schemas.base import Micros
from schemas.check_states import CheckState, Run
from schemas.definitions import Check
from schemas.schedules import Simple, next_after


def forgive(state: CheckState, check: Check, began: Micros, end: Micros) -> None:
    """A window that was open from `began` to `end` closes over a check; `state` is the caller's own copy."""
    if state.runs:
        state.runs = tuple(_forgiven(run, state, check, end) for run in state.runs)
    if state.status != "up":
        return
    # A moment of the schedule comes after its base, and the end of the window is no part of the window.
    base = end if isinstance(check.schedule, Simple) else end - 1
    if state.base is None:  # it could not be observed when the window began, and the gap lasted
        state.base = base
        return
    try:
        expected = next_after(check.schedule, state.base)
    except Exception:  # who judges the next deadline parks the check
        return
    if expected is None:
        return
    if _is_touched(state, check, state.base, expected, began, end):
        state.base, state.excused = max(state.base, base), end
    elif expected < end:
        state.late = True


def _is_touched(state: CheckState, check: Check, base: Micros, expected: Micros, began: Micros, end: Micros) -> bool:
    """Whether the run that is expected then may be missing because of the window; it was not overdue before that."""
    if state.excused is None or (state.last_success is not None and state.last_success >= state.excused):
        return doubtful_from(state, check, base, expected) < end
    return began <= expected < end or began <= expected + late_limit(check) < end


def _forgiven(run: Run, state: CheckState, check: Check, end: Micros) -> Run:
    if run.overdue or run.started >= end:
        return run
    if state.status == "up":
        return replace(run, waived=True)
    return replace(run, limit_from=end) if limit_begins(run) + run_limit(check) < end else run
