"""The outstanding regular slots of a monitor: pure functions of its state.

A slot is empty if its time has passed without a result for it, even if later slots have results.
"""

from schemas.base import SECOND, Micros
from schemas.monitor_states import MonitorState
from schemas.monitors import Monitor
from schemas.probes import ProbeCompleted
from schemas.slots import first_slot, time_limit

# How long after the end of its time a result may take to be in the log before its slot counts as empty.
MARGIN: Micros = 10 * SECOND
# So many slots may have results while an older one is waited for; with more, that one is taken for empty.
MOST_EARLY = 150


def ended(monitor: Monitor, result: ProbeCompleted) -> Micros:
    """When a probe was over. One that took longer than it may was held up by its prober."""
    return result.at + min(result.took, time_limit(monitor))


def begin(state: MonitorState, monitor: Monitor, at: Micros) -> None:
    """From `at` on results count anew; it is the first slot itself."""
    state.pending_change, state.seen, state.early, state.unprobed = None, (), (), ""
    state.begun = state.expected = at
    state.oldest = monitor.version
    state.hour = state.samples = state.points = 0
    state.apdexes, state.judge_at = (), None


def slot_deadline(state: MonitorState, monitor: Monitor) -> Micros | None:
    """When the slot that is expected counts as empty; None while nothing is expected, or it is known to be empty."""
    if state.status == "paused" or state.unobserved or state.maintained:
        return None
    return state.expected + time_limit(monitor) + MARGIN


def is_missing(state: MonitorState, slot: Micros) -> bool:
    """Whether no result of a regular slot has come yet."""
    return slot >= state.expected and slot not in state.early


def note(state: MonitorState, monitor: Monitor, slot: Micros) -> None:
    """A result of a regular slot has come."""
    if state.unobserved or slot == state.expected:
        expect_after(state, monitor, max(slot, state.expected))
    elif is_missing(state, slot):
        state.early = tuple(sorted((*state.early, slot)))


def expect_after(state: MonitorState, monitor: Monitor, at: Micros) -> None:
    """No slot up to `at` is waited for any more: expected is the oldest one after it that has no result."""
    state.expected = first_slot(monitor, at)
    while state.early and state.early[0] <= state.expected:
        if state.early[0] == state.expected:
            state.expected = first_slot(monitor, state.expected)
        state.early = state.early[1:]
