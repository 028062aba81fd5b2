"""The effect of time on the checks of a partition: ticks, gaps and expired deadlines.

The contract:

- A tick first updates the time and the gaps of the partition; then the deadlines that it expires are evaluated
  (`processors.fold.expiry`). So a source that returns from a silence reports its gap before any deadline in it is
  evaluated.
- Only this module computes schedules, check by check.
- `_awaiting` contains at least the checks that could not be observed in an open gap. Like the wheel it is a hint: the
  states decide, so it can be rebuilt at any time, and needs no rollback when an event is undone.
"""

from functools import partial

from processors.checks.maintenance import CheckMaintenance
from processors.checks.messages import missed, overrun
from processors.checks.outages import Unjudged, ended
from processors.checks.outputs import keep_output_of
from processors.checks.packed_records import definition_key
from processors.checks.places import CheckPlaces
from processors.checks.rules import Moment, late_limit, next_moment, remind_after, set_overdue
from processors.checks.time_correction import correct_check, correct_gaps
from processors.checks.transitions import (
    end_mute,
    escalate_of,
    go_down,
    go_late,
    go_not_late,
    go_unobserved,
    remind_of,
    tell_after_window,
)
from processors.fold.choices import correct_choices
from processors.fold.contract import Context, Effect
from processors.fold.escalations import EscalationPolicies, escalation_due
from processors.fold.expiry import Expiry
from processors.fold.gap_records import GapRecords, gap_key
from processors.fold.mutes import end_own_mute, is_muted_itself, is_yet_to_tell, mute_ended
from processors.fold.partition_time import fold_tick, open_gap, time_of
from processors.fold.placement import to_transitions
from processors.fold.tag_mutes import TagMutes
from processors.fold.time_correction import correct_time
from processors.fold.view import View
from schemas.base import Micros
from schemas.check_states import CheckState, DefinitionCopy
from schemas.definitions import Check
from schemas.ticks import PROGRESS_KEY, Gap, Progress, Tick
from schemas.topics import PINGS
from schemas.transitions import GapSeen


def check_of(view: View, key: str) -> Check:
    """The definition of a check that has a state."""
    record: DefinitionCopy = view.get(definition_key(key))
    return record.check


class CheckExpiry:
    """The deadlines of the checks of a partition; see `processors.fold.expiry.Judge`."""

    def __init__(self, view: View, partition: int) -> None:
        self._view = view
        self._partition = partition
        self._gaps = GapRecords(view)
        self.policies = EscalationPolicies(view)
        self.choices = self.policies.choices
        self._outages = Unjudged()
        self.tag_mutes = TagMutes(view)
        self._expiry: Expiry[CheckState, Moment] = Expiry(view, PINGS, "check", CheckState, self)
        states = view.items_of(CheckState)
        self._awaiting = {key for key, state in states if _is_awaiting(state) and state.parked is None}
        self.look_at = self._expiry.look_at
        self.places = CheckPlaces(view)
        self.maintenance = CheckMaintenance(view, self.places, self.look_at, self._expiry.look_at_all)

    def due(self) -> Micros:
        """When a tick may have something to do."""
        return min(self._expiry.due(), self.maintenance.due())

    def unpark(self, key: str, state: CheckState) -> None:
        """Take a check up again that is, or may be, parked; `state` is the caller's own copy."""
        self._expiry.unpark(key, state)
        if _is_awaiting(state):
            self._awaiting.add(key)

    def retried(self, key: str) -> None:
        """The dead letter that told of a parked check was put back: the check is taken up again."""
        state = self._expiry.parked(key)
        if state is not None:
            self.unpark(key, state)

    def correct(self, context: Context) -> list[Effect]:
        """The time has run ahead and is taken back."""
        time = correct_time(self._view, context)
        if time is None:
            return []
        correct_gaps(self._view, time)
        correct_choices(self._view, time)
        for key in self._expiry.look_at_all():
            correct_check(self._view.edit(CheckState, key), time)
        return self.maintenance.corrected(time)

    def tick(self, tick: Tick, context: Context) -> list[Effect]:
        """Move the partition's time, tell of gaps, judge what is due."""
        before: Progress = self._view.get(PROGRESS_KEY)
        progress, gaps = fold_tick(before, tick, context.at)
        self._view.put(PROGRESS_KEY, progress)
        effects = [self._seen(gap, progress.time) for gap in gaps]
        ends = [gap.end for gap in gaps if gap.end is not None]
        self._outages = Unjudged()
        if ends and not progress.gaps:
            end = max(ends)
            start = self._gaps.began(end)
            self._expect_after(start, end, progress.time)
            # That pings of this partition were refused concerns its checks only.
            if any(gap.cause != "refused" for gap in gaps):
                effects += ended(start, end, progress.time)
        judge = partial(self._expiry.tick, tick=tick, context=context)
        effects += self.maintenance.tick(before.time, progress.time, judge)
        return effects + self._outages.told(progress.time)

    def truncated(self, since: Micros) -> list[Effect]:
        """Pings acknowledged after `since` may have gone with the end of the journal: a gap, until the next tick.

        Before the first tick there is no time, and nothing was due.
        """
        if not since:
            return []
        progress, gaps = open_gap(self._view.get(PROGRESS_KEY), "journal truncated", since)
        self._view.put(PROGRESS_KEY, progress)
        return [self._seen(gap, progress.time) for gap in gaps]

    def _seen(self, gap: Gap, time: Micros) -> Effect:
        if gap.end is not None:
            self._gaps.record(gap, time)
        seen = GapSeen(partition=self._partition, cause=gap.cause, start=gap.start, end=gap.end, slot=gap.slot)
        return to_transitions(gap_key(gap), seen)

    def _expect_after(self, start: Micros, end: Micros, time: Micros) -> None:
        """The last open gap has closed, of those since `start`: what could not be observed in it is expected again from
        its end."""
        self._awaiting = {key for key in self._awaiting if _is_awaiting(self._view.get(key))}
        for key in sorted(self._awaiting):
            state = self._view.edit(CheckState, key)
            state.base = end
            self._outages.add(state, check_of(self._view, key), start, end)
            self.look_at(key, time)

    # ---- as a judge

    def may_wait(self, state: CheckState) -> bool:
        return state.status in ("up", "down") or bool(state.runs) or state.muted

    def next_deadline(self, key: str, state: CheckState, time: Micros) -> Moment | None:
        check, due = check_of(self._view, key), None
        if is_yet_to_tell(state) and not self.maintenance.is_open(check, time):
            return Moment(state.since, "untold", state.since, state.since)
        if state.escalation is not None and not self.maintenance.is_open(check, time):
            due = escalation_due(state, check, self.policies)
            if due is not None and due <= time < (now := time_of(self._view)):
                due = now  # windows open and close within this tick, and it tells each channel once
        tags = self._end_of_tag_mutes(state, check) if state.by_tag else None
        return next_moment(state, check, time, due, tags)

    def _end_of_tag_mutes(self, state: CheckState, check: Check) -> Micros | None:
        """When the last mute ends of the tags of a check, as of when it was looked at last; None: it has no end."""
        ends = [mute.until for mute in self.tag_mutes.of(check.project, check.tags)]
        if "forever" in ends:
            return None
        # Without any they have been lifted, which the event has told.
        return max((end for end in ends if isinstance(end, int)), default=None)

    def expire(self, key: str, state: CheckState, deadline: Moment, time: Micros) -> list[Effect]:
        effects = self._judge(state, check_of(self._view, key), deadline, time)
        if _is_awaiting(state):
            self._awaiting.add(key)
        return effects

    def _judge(self, state: CheckState, check: Check, moment: Moment, time: Micros) -> list[Effect]:
        # People are told when the tick comes; `time` is before that while it passes windows of maintenance.
        run, now = moment.run, time_of(self._view)
        match moment.what:
            case "late":
                return go_late(state, check, moment.at, now, self._told_late(state, check, moment, now))
            case "not late":
                return go_not_late(state, check, time)
            case "end of mute":
                untold = self.maintenance.is_open(check, time)
                end_own_mute(state)
                told = [] if state.muted else end_mute(state, check, moment.at, now, expired=True, untold=untold)
                return [*told, mute_ended(check, moment.at)]
            case "end of tag mute":
                untold = self.maintenance.is_open(check, time)
                state.by_tag, state.muted = False, is_muted_itself(state, check)
                return [] if state.muted else end_mute(state, check, moment.at, now, expired=True, untold=untold)
            case "untold":
                return tell_after_window(state, check, self.policies, now)
            case "reminder":
                untold = self.maintenance.is_open(check, time)
                return remind_of(state, check, remind_after(state, check), time, untold)
            case "escalation":
                return escalate_of(state, check, self.policies, now)
        if run is not None:
            set_overdue(state, run)
            if state.status == "down" or (state.status == "paused" and self.maintenance.is_open(check, time)):
                return []
        gaps = self._gaps.touching(moment.doubtful_from, moment.at)
        if gaps:
            over = self._gaps.over(gaps)
            effects = go_unobserved(state, check, moment.at, now, run, gaps, over)
            if over is not None:
                self._outages.add(state, check, self._gaps.began(over), over)
            return effects
        if run is not None:
            keep_output_of(state, run.rid)
            return go_down(state, check, moment.at, now, "run limit", overrun(run, check))
        return go_down(state, check, moment.at, now, "deadline", missed(state, check, moment.since, moment.at))

    def _told_late(self, state: CheckState, check: Check, moment: Moment, time: Micros) -> tuple[str, ...]:
        """The channels that are told that a check is late. None while a run is open whose limit says how long it may
        take; none when it is down already; and none when its ping may have been lost in a gap."""
        channels = self.choices.of(check.channels, "monitor.late")
        if (
            not channels
            or state.maintained
            or moment.at + late_limit(check) <= time
            or any(run.is_watched() for run in state.runs)
        ):
            return ()
        return () if self._gaps.touching(moment.doubtful_from, time) else channels


def _is_awaiting(state: object) -> bool:
    return isinstance(state, CheckState) and state.unobserved and state.status == "up" and state.base is None
