"""Response times of a monitor by hour, and the notice `monitor.performance_drop`. Pure.

The contract:

- Regular results that count are counted in the hour of their slot, by the Apdex threshold of the monitor. A failing
  result counts as frustrated.
- The first tick after the end of an hour and of the time for late results evaluates it. Apdex has dropped if it is more
  than `DROP` percent below the lowest of the five previous hours. The comparison uses the displayed values, in
  thousandths; the percentage is truncated.
- An hour counts only if nearly every slot has a result, and at least `FEWEST` do. It is evaluated only if the five
  hours directly before it count. So gaps, maintenance, a disregarded region and a new definition prevent an evaluation,
  and so does a long probe interval.
- No notice is sent while the monitor or one of its dependencies is down.
"""

from processors.fold.contract import Effect
from processors.fold.status_transition import Subject, request
from processors.monitors.messages import notice_data
from processors.monitors.slots import MARGIN
from schemas.apdex_drops import BEFORE, HOUR, Drop, drop_data
from schemas.base import Micros
from schemas.ids import derived_id
from schemas.monitor_states import MonitorState
from schemas.monitors import Monitor
from schemas.notices import Notice
from schemas.probes import ProbeCompleted
from schemas.response_times import answered_in
from schemas.slots import first_slot, time_limit

PERFORMANCE_DROP: tuple[Notice, ...] = ("monitor.performance_drop",)

# Percent.
DROP = 30
# An hour with fewer results tells nothing.
FEWEST = 6
_LONGEST_INTERVAL = 3_600 // FEWEST


def count(state: MonitorState, monitor: Monitor, result: ProbeCompleted) -> None:
    """A regular result counts in its hour; one of an hour that is over does not count any more."""
    hour = result.slot // HOUR
    if hour != state.hour:
        if hour < state.hour or monitor.interval > _LONGEST_INTERVAL:
            return
        _begin_hour(state, monitor, hour)
    state.samples += 1
    if result.ok:
        phases, satisfying = result.phases, monitor.apdex_threshold * 1_000
        took = answered_in(result.took, phases.connect, phases.first_byte)
        if took <= satisfying:
            state.points += 2
        elif took <= 4 * satisfying:
            state.points += 1


def forget(state: MonitorState) -> None:
    """What was counted cannot be compared with what comes."""
    state.hour = state.samples = state.points = 0
    state.apdexes, state.judge_at = (), None


def judge(state: MonitorState, monitor: Monitor) -> Drop | None:
    """The hour that is due is over: whether Apdex has dropped in it."""
    assert state.judge_at is not None
    hour = state.judge_at // HOUR - 1
    if state.hour == hour:
        _end_hour(state, monitor)
    later = state.hour - 1 - hour
    known = state.apdexes[: max(0, len(state.apdexes) - later)]
    if state.apdexes or state.samples:
        state.judge_at = _judged_at(monitor, hour + 1)
    else:
        forget(state)
    if len(known) <= BEFORE:
        return None
    now, lowest = known[-1], min(known[-1 - BEFORE : -1])
    if (lowest - now) * 100 <= DROP * lowest:
        return None
    starts = range(hour - BEFORE, hour + 1)
    hours = zip((start * HOUR for start in starts), known[-1 - BEFORE :], strict=True)
    return Drop((lowest - now) * 100 // lowest, tuple(hours))


def tell_of_drop(drop: Drop, state: MonitorState, monitor: Monitor, subject: Subject) -> list[Effect]:
    """The notice, at the end of the hour."""
    start, _ = drop.hours[-1]
    id = derived_id(monitor.id, "performance drop", start)
    data = notice_data(state, monitor, None) | drop_data(drop)
    return request(subject, id, start + HOUR, PERFORMANCE_DROP, data)


def _begin_hour(state: MonitorState, monitor: Monitor, hour: int) -> None:
    """The first result of an hour has come."""
    if state.hour:
        _end_hour(state, monitor)
    if state.hour != hour:  # there is nothing directly before it
        forget(state)
        state.hour = hour
    if state.judge_at is None:
        state.judge_at = _judged_at(monitor, hour)


def _end_hour(state: MonitorState, monitor: Monitor) -> None:
    if state.samples >= max(FEWEST, -(-9 * 3_600 // (10 * monitor.interval))):
        # Rounded half up, as it is shown.
        apdex = (state.points * 1_000 + state.samples) // (2 * state.samples)
        state.apdexes = (*state.apdexes[-BEFORE:], apdex)
    else:
        state.apdexes = ()
    state.hour += 1
    state.samples = state.points = 0


def _judged_at(monitor: Monitor, hour: int) -> Micros:
    """When an hour is judged: its last results have come, and monitors are spread over an interval."""
    return first_slot(monitor, (hour + 1) * HOUR + time_limit(monitor) + MARGIN)
