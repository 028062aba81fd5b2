"""What becomes of checks and gaps whose partition's time is taken back (`processors.fold.time_correction`). Pure.

A check's next run is expected from the corrected time on.
"""

from msgspec.structs import replace

from processors.fold import acknowledgements, escalations
from processors.fold.time_correction import not_after
from processors.fold.view import View
from schemas.base import Micros
from schemas.check_states import CheckState
from schemas.ticks import Gap


def correct_check(state: CheckState, time: Micros) -> None:
    """The caller's own copy of a check's state."""
    state.since = min(state.since, time)
    state.base, state.down_since = not_after(state.base, time), not_after(state.down_since, time)
    state.last_ping, state.last_success = not_after(state.last_ping, time), not_after(state.last_success, time)
    state.last_start = not_after(state.last_start, time)
    state.excused = not_after(state.excused, time)
    acknowledgements.correct(state, time)
    escalations.correct(state, time)
    if any(run.started > time for run in state.runs):
        state.runs = tuple(replace(run, started=min(run.started, time)) for run in state.runs)
    if any(run.limit_from is not None for run in state.runs):
        state.runs = tuple(replace(run, limit_from=not_after(run.limit_from, time)) for run in state.runs)
    if state.failing is not None:
        state.failing = replace(state.failing, at=min(state.failing.at, time))


def correct_gaps(view: View, time: Micros) -> None:
    """A span that nobody has lived through is no gap: of those that reach beyond `time` the rest is forgotten."""
    for key, gap in sorted((key, record) for key, record in view.items() if isinstance(record, Gap)):
        if gap.start >= time:
            view.delete(key)
        elif gap.end is not None and gap.end > time:
            view.put(key, replace(gap, end=time))
