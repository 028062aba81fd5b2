"""What time does to the checks of a partition: ticks, gaps, and the judging of what is due.

The contract:

- A tick is folded into the partition's time and its gaps first; then what it expires is judged in the order of (true
  deadline, id), each check until its next moment is to come. So a source that returns from a silence shows its gap
  before any deadline in it is judged.
- Schedules are computed nowhere but here, check by check. A check that cannot be judged is parked: its state says why,
  and a dead letter under its key says so to the operator. The next event of the check, such as that letter put back,
  takes it up again. It stops no other.
- The wheel holds for each check a time at or before its next moment, `_awaiting` at least the checks that could not be
  observed in a gap that is still open. Both are hints; the states decide. So both can be built anew at any time, stand
  the undoing of an event, and nothing that is told depends on when they were built.
"""

import copy
import heapq

from processors.checks.changes import go_down, go_late, go_not_late, go_unobserved
from processors.checks.notices import missed, overrun
from processors.checks.rules import Moment, next_moment, set_overdue
from processors.fold.contract import SAME, Context, Effect
from processors.fold.gap_records import GapRecords, gap_key
from processors.fold.partition_time import fold_tick, open_gap
from processors.fold.time_correction import correct_check, correct_gaps, correct_time
from processors.fold.view import View
from processors.fold.wheel import Wheel
from schemas.base import Micros, encode
from schemas.check_states import CheckState, DefinitionCopy
from schemas.dead_letters import DeadLetter
from schemas.definitions import Check
from schemas.ticks import PROGRESS_KEY, Gap, Progress, Tick
from schemas.topics import DEAD_LETTERS, PINGS, TRANSITIONS
from schemas.transitions import GapSeen


def definition_key(check: str) -> str:
    """The key of the fold's own copy of a definition."""
    return "definition/" + check


def time_of(view: View) -> Micros:
    """The partition's time."""
    progress: Progress = view.get(PROGRESS_KEY)
    return progress.time


def check_of(view: View, key: str) -> Check:
    """The definition of a check that has a state."""
    record: DefinitionCopy = view.get("definition/" + key)
    return record.check


class CheckClock:
    def __init__(self, view: View, partition: int) -> None:
        self._view = view
        self._partition = partition
        self._gaps = GapRecords(view)
        self._wheel = Wheel(lambda key: view.get(key) is not None)
        self._awaiting: set[str] = set()
        time = time_of(view)
        for key, state in view.items():
            if isinstance(state, CheckState) and state.parked is None:
                if state.status == "up" or state.runs:
                    self._wheel.set(key, time)
                if _is_awaiting(state):
                    self._awaiting.add(key)

    def due(self) -> Micros:
        """When a tick may have a check to judge."""
        return self._wheel.earliest()

    def look_at(self, key: str, at: Micros) -> None:
        """The next moment of a check may be as early as `at`: a tick that passes it looks at the check."""
        self._wheel.set(key, at)

    def unpark(self, key: str, state: CheckState) -> None:
        """Take a parked check up again; `state` is the caller's own copy."""
        state.parked = None
        self._wheel.set(key, time_of(self._view))
        if _is_awaiting(state):
            self._awaiting.add(key)

    def correct(self, context: Context) -> None:
        """The time has run ahead and is taken back."""
        time = correct_time(self._view, context)
        if time is None:
            return
        correct_gaps(self._view, time)
        for key in sorted(key for key, record in self._view.items() if isinstance(record, CheckState)):
            correct_check(self._view.edit(CheckState, key), time)
            self._wheel.set(key, time)

    def tick(self, tick: Tick, context: Context) -> list[Effect]:
        """Move the partition's time, tell of gaps, judge what is due."""
        progress, gaps = fold_tick(self._view.get(PROGRESS_KEY), tick, context.at)
        self._view.put(PROGRESS_KEY, progress)
        effects = [self._seen(gap, progress.time) for gap in gaps]
        ends = [gap.end for gap in gaps if gap.end is not None]
        if ends and not progress.gaps:
            self._expect_after(max(ends), progress.time)
        # The session undoes a tick that fails in the view; the wheel must not lose what it gave.
        with self._wheel.taking(progress.time) as due:
            effects.extend(_Expiry(self, progress.time, tick, context).run(due))
        return effects

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
        return Effect(TRANSITIONS, gap_key(gap), seen, SAME)

    def _expect_after(self, end: Micros, time: Micros) -> None:
        """The last open gap has closed: what could not be observed in it is expected again from its end."""
        self._awaiting = {key for key in self._awaiting if _is_awaiting(self._view.get(key))}
        for key in sorted(self._awaiting):
            self._view.edit(CheckState, key).base = end
            self._wheel.set(key, time)


class _Expiry:
    """The judging of what one tick made due."""

    def __init__(self, clock: CheckClock, time: Micros, tick: Tick, context: Context) -> None:
        self._clock, self._time, self._tick, self._context = clock, time, tick, context
        self._view = clock._view
        self._queue: list[tuple[Micros, str, Moment]] = []
        self._effects: list[Effect] = []

    def run(self, due: list[str]) -> list[Effect]:
        for key in due:
            self._arm(key)
        while self._queue:
            _, key, moment = heapq.heappop(self._queue)
            state = copy.copy(self._view.get(key))  # a copy: what fails half way leaves the state as it was
            try:
                told = self._judge(state, check_of(self._view, key), moment)
            except Exception as error:
                self._park(key, error)
                continue
            self._view.put(key, state)
            self._effects.extend(told)
            if _is_awaiting(state):
                self._clock._awaiting.add(key)
            self._arm(key)
        return self._effects

    def _arm(self, key: str) -> None:
        """Queue the next moment of a check when it has come, else set the wheel to it."""
        state = self._view.get(key)
        if not isinstance(state, CheckState) or state.parked is not None:
            return
        try:
            moment = next_moment(state, check_of(self._view, key), self._time)
        except Exception as error:
            self._park(key, error)
            return
        if moment is None:
            return
        if moment.at <= self._time:
            heapq.heappush(self._queue, (moment.at, key, moment))
        else:
            self._clock._wheel.set(key, moment.at)

    def _judge(self, state: CheckState, check: Check, moment: Moment) -> list[Effect]:
        time, run = self._time, moment.run
        if moment.what == "late":
            return go_late(state, check, moment.at, time)
        if moment.what == "not late":
            return go_not_late(state, check, time)
        if run is not None:
            set_overdue(state, run)
            if state.status == "down":
                return []
        gaps = self._clock._gaps.touching(moment.doubtful_from, moment.at)
        if gaps:
            return go_unobserved(state, check, moment.at, time, run, gaps, self._clock._gaps.over(gaps))
        if run is not None:
            return go_down(state, check, moment.at, time, "run limit", overrun(run, check))
        return go_down(state, check, moment.at, time, "deadline", missed(state, check, moment.since, moment.at))

    def _park(self, key: str, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        self._view.edit(CheckState, key).parked = reason
        letter = DeadLetter(
            topic=PINGS.name,
            partition=self._context.partition,
            offset=self._context.offset,
            key=key,
            value=encode(self._tick),
            reason=f"check {key} could not be judged and is parked: {reason}",
            at=self._context.at,
        )
        self._effects.append(Effect(DEAD_LETTERS, key, letter))


def _is_awaiting(state: object) -> bool:
    return isinstance(state, CheckState) and state.unobserved and state.status == "up" and state.base is None
