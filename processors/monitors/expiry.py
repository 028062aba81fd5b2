"""What time does to the monitors of a partition: ticks, and what each deadline means for a monitor.

The contract:

- What a tick expires is judged by `processors.fold.expiry`: a slot that stayed empty, a confirmation that did not come,
  a notice that was held back. A region that was disregarded at that deadline owes neither result, as long as another
  one of the monitor counts.
"""

from collections.abc import Callable, Iterable
from typing import Literal

from msgspec import Struct

from processors.fold.contract import Context, Effect, InvalidEvent
from processors.fold.escalations import EscalationPolicies, escalation_due
from processors.fold.expiry import Expiry
from processors.fold.mutes import is_yet_to_tell, mute_end, mute_ended
from processors.fold.partition_time import AHEAD, END_OF_TIME, fold_plain_tick, vouched
from processors.fold.reminders import reminder_due
from processors.fold.time_correction import correct_time
from processors.fold.view import View
from processors.monitors.dependency_records import DependencyRecords
from processors.monitors.quorum import all_disregarded, ask_next, confirmation_deadline, is_undecidable
from processors.monitors.region_records import RegionRecords
from processors.monitors.slots import expect_after, slot_deadline
from processors.monitors.time_correction import correct_monitors
from processors.monitors.transitions import (
    end_mute,
    escalate_of,
    pass_empty_slot,
    pass_hour,
    release_notice,
    remind_after,
    remind_of,
    tell_after_window,
)
from schemas.base import SECOND, Micros
from schemas.monitor_states import MonitorCopy, MonitorState
from schemas.monitors import Monitor
from schemas.slots import region_of
from schemas.ticks import PROGRESS_KEY, Tick
from schemas.topics import PROBE_RESULTS


def must_be_past(at: Micros, view: View, context: Context) -> None:
    """Refuse an event that tells of a time which nobody can have seen."""
    if not 0 <= at <= min(vouched(view.get(PROGRESS_KEY), context.at) + AHEAD, END_OF_TIME):
        raise InvalidEvent(f"dated more than {AHEAD // SECOND} s ahead of the partition's time, or before 1970")


def definition_key(monitor: str) -> str:
    """The key of the fold's own copy of a definition."""
    return "definition/" + monitor


def monitor_of(view: View, key: str) -> Monitor:
    """The definition of a monitor that has a state."""
    record: MonitorCopy = view.get("definition/" + key)
    return record.monitor


class Deadline(Struct, frozen=True, gc=False):
    """What a tick decides next of a monitor, and when, if no result comes."""

    at: Micros
    what: Literal[
        "empty slot",
        "no confirmation",
        "held-back notice",
        "end of mute",
        "untold",
        "reminder",
        "escalation",
        "end of hour",
    ]


def next_deadline(
    state: MonitorState, monitor: Monitor, untold: bool, escalation: Micros | None = None
) -> Deadline | None:
    """The first deadline; of those at the same time, slots come first, then confirmations.

    untold: no notice that it is down is due, for what it depends on is down, too, or a window over it is open.
    escalation: when its next step is due, if people are to be told.
    """
    slot = slot_deadline(state, monitor)
    first = None if slot is None else Deadline(slot, "empty slot")
    if state.pending_change is not None:
        confirmed_by = confirmation_deadline(state.pending_change, monitor)
        if first is None or confirmed_by < first.at:
            first = Deadline(confirmed_by, "no confirmation")
    notice = None if untold and state.status == "down" else state.notice_at
    if notice is not None and (first is None or notice < first.at):
        first = Deadline(notice, "held-back notice")
    if state.muted and (end := mute_end(state, monitor)) is not None and (first is None or end < first.at):
        first = Deadline(end, "end of mute")
    if not untold and state.notice_at is None and is_yet_to_tell(state) and (first is None or state.since < first.at):
        first = Deadline(state.since, "untold")
    if state.status == "down":
        reminder = reminder_due(state, remind_after(monitor))
        if reminder is not None and (first is None or reminder < first.at):
            first = Deadline(reminder, "reminder")
    if escalation is not None and not (untold or state.unobserved) and (first is None or escalation < first.at):
        first = Deadline(escalation, "escalation")
    if state.judge_at is not None and (first is None or state.judge_at < first.at):
        first = Deadline(state.judge_at, "end of hour")
    return first


class MonitorExpiry:
    """The deadlines of the monitors of a partition; see `processors.fold.expiry.Judge`."""

    def __init__(self, view: View, regions: RegionRecords, dependencies: DependencyRecords) -> None:
        self._view, self._regions, self._dependencies = view, regions, dependencies
        self.policies = EscalationPolicies(view)
        # Whether a window over a monitor is open, be it down; told by who knows the windows.
        self.is_maintained: Callable[[Monitor], bool] = lambda _: False
        self._expiry: Expiry[MonitorState, Deadline] = Expiry(view, PROBE_RESULTS, "monitor", MonitorState, self)
        self.due = self._expiry.due
        self.unpark = self._expiry.unpark
        # Monitors whose mute was ended by a tick, for the rest of the fold: a hint.
        self.unmuted: list[str] = []

    def look_at(self, key: str, state: MonitorState, monitor: Monitor) -> None:
        """A monitor has been moved: a tick that passes its next deadline looks at it."""
        deadline = self._next_deadline(state, monitor)
        if deadline is not None:
            self._expiry.look_at(key, deadline.at)

    def retried(self, key: str) -> None:
        """The dead letter that told of a parked monitor was put back: the monitor is taken up again."""
        state = self._expiry.parked(key)
        if state is not None:
            self.unpark(key, state)

    def correct(self, context: Context) -> Micros | None:
        """The time has run ahead and is taken back; to when, None when it is not ahead."""
        time = correct_time(self._view, context)
        if time is not None:
            correct_monitors(self._view, time)
            self._expiry.look_at_all()
        return time

    def tick(self, tick: Tick, context: Context, then: Callable[[Micros], Iterable[Effect]]) -> list[Effect]:
        """Move the partition's time, judge what is due, and do with that time what comes after it."""
        progress = fold_plain_tick(self._view.get(PROGRESS_KEY), tick, context.at)
        self._view.put(PROGRESS_KEY, progress)
        return self._expiry.tick(progress.time, tick, context, then)

    def _next_deadline(self, state: MonitorState, monitor: Monitor) -> Deadline | None:
        due = escalation_due(state, monitor, self.policies)
        return next_deadline(state, monitor, self.untold(state, monitor), due)

    def untold(self, state: MonitorState, monitor: Monitor) -> bool:
        """Whether the monitor is down and nobody is to be told now: that is explained, or a window is open."""
        return state.status == "down" and (self._dependencies.explain(monitor) or self.is_maintained(monitor))

    # ---- as a judge

    def may_wait(self, state: MonitorState) -> bool:
        return state.status != "paused" or state.muted

    def next_deadline(self, key: str, state: MonitorState, time: Micros) -> Deadline | None:
        return self._next_deadline(state, monitor_of(self._view, key))

    def expire(self, key: str, state: MonitorState, deadline: Deadline, time: Micros) -> list[Effect]:
        monitor, out = monitor_of(self._view, key), self._regions.out(deadline.at)
        match deadline.what:
            case "empty slot":
                if region_of(monitor, state.expected) in out and not all_disregarded(monitor, out):
                    expect_after(state, monitor, state.expected)
                    return []
                return pass_empty_slot(state, monitor, time, out)
            case "held-back notice":
                return release_notice(state, monitor, time, out)
            case "end of mute":
                untold = self.untold(state, monitor)
                told = end_mute(state, monitor, deadline.at, time, expired=True, untold=untold)
                self.unmuted.append(key)
                return [*told, mute_ended(monitor, deadline.at)]
            case "untold":
                return tell_after_window(state, monitor, self.policies, time)
            case "reminder":
                return remind_of(state, monitor, deadline.at, self.untold(state, monitor))
            case "escalation":
                return escalate_of(state, monitor, self.policies, time)
            case "end of hour":
                return pass_hour(state, monitor, self._dependencies.explain(monitor))
            case "no confirmation":
                assert state.pending_change is not None
                asked = ask_next(monitor, state.pending_change, time, out)
                state.pending_change = (
                    None if is_undecidable(monitor, asked, going_down=state.status != "down") else asked
                )
                return []
