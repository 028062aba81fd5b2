"""Which runs of a check are open, and what the check waits for next: pure rules, no effects.

See docs/compatibility/pinging.md, "What a signal does" and the sections after it. Two of the rules are our own: a run
is known by its id, and no id is one of them, so a ping without one ends the run without one; only when there is none,
it ends the run started last, without a duration. `late_limit` and `run_limit` default to `grace`.
"""

from typing import Literal, NamedTuple

from msgspec.structs import replace

from processors.fold.mutes import mute_end
from processors.fold.reminders import reminder_due
from schemas.base import SECOND, Micros
from schemas.check_states import WATCHED_RUNS, CheckState, Run
from schemas.definitions import Check
from schemas.schedules import Simple, next_after

# A ping so long after its start, or longer, tells no duration in history.
LONGEST_DURATION: Micros = 72 * 3600 * SECOND
_HOUR: Micros = 3600 * SECOND
_DAY: Micros = 24 * _HOUR


def late_limit(check: Check) -> Micros:
    return (check.grace if check.late_limit is None else check.late_limit) * SECOND


def run_limit(check: Check) -> Micros:
    return (check.grace if check.run_limit is None else check.run_limit) * SECOND


# ---- runs


def start_run(state: CheckState, rid: str | None, at: Micros) -> None:
    """Open a run; a second start of the same id takes the place of the first.

    With `WATCHED_RUNS` open, one that is watched no more makes room, else the new one is not watched. Those that could
    give no duration any more are let go, so that the state of a job that always hangs, or is stopped, stays small.
    """
    state.last_start = at
    runs = [run for run in state.runs if run.rid != rid and (run.is_watched() or at - run.started < LONGEST_DURATION)]
    if len(runs) >= WATCHED_RUNS:
        unwatched = next((run for run in runs if not run.is_watched()), None)
        if unwatched is not None:
            runs.remove(unwatched)
    if len(runs) < WATCHED_RUNS:
        runs.append(Run(started=at, rid=rid))
    state.runs = tuple(runs)


def end_run(state: CheckState, rid: str | None, at: Micros) -> Micros | None:
    """Close the run that a success or failure ends, and only that; its duration when the ids agree."""
    duration = None
    ended = next((run for run in state.runs if run.rid == rid), None)
    if ended is not None:
        duration = max(0, at - ended.started)
    elif rid is None and state.runs:
        ended = state.runs[-1]
    if ended is not None:
        state.runs = tuple(run for run in state.runs if run is not ended)
    return duration


def watched_runs(state: CheckState) -> list[Run]:
    """The runs whose limit is judged: none in a window of maintenance."""
    return [] if state.maintained else [run for run in state.runs if run.is_watched()]


def limit_begins(run: Run) -> Micros:
    """When the limit of a run begins."""
    return run.started if run.limit_from is None else run.limit_from


def set_overdue(state: CheckState, overdue: Run) -> None:
    """The limit of a run has passed: it is watched no more, and kept for its duration."""
    state.runs = tuple(replace(run, overdue=True) if run is overdue else run for run in state.runs)


# ---- what comes next


class Moment(NamedTuple):
    """What a tick will do to a check, and when. `since`: the expected moment, or the start of `run`.

    doubtful_from: a gap that touches the time from here to `at` may have taken the ping that was waited for. It is
    `since`, but for a simple period (docs/decisions/0005): that may end a late limit too early as well; when it is
    counted from the end of a gap or a window, or has no late limit, anywhere.
    """

    at: Micros
    what: Literal[
        "late",
        "not late",
        "deadline",
        "run limit",
        "end of mute",
        "end of tag mute",
        "untold",
        "reminder",
        "escalation",
    ]
    since: Micros
    doubtful_from: Micros
    run: Run | None = None


def next_moment(
    state: CheckState, check: Check, time: Micros, escalation: Micros | None = None, tags: Micros | None = None
) -> Moment | None:
    """The first thing that a tick will do to the check, as of `time`; None if nothing is due.

    escalation: when its next step is due. tags: when it is not muted by a tag any more.

    A start can only bring it nearer: the schedule's deadline stands beside those of the runs. Both are inclusive.
    """
    moment = None
    if state.status == "up" and state.base is not None and not state.maintained:
        moment = _scheduled(state, check, state.base, time)
    watched = watched_runs(state) if state.runs else None
    if watched:
        run = min(watched, key=limit_begins)
        deadline = limit_begins(run) + run_limit(check)
        if moment is None or deadline < moment.at:
            moment = Moment(deadline, "run limit", run.started, run.started, run)
    if state.muted and (end := mute_end(state, check)) is not None and (moment is None or end < moment.at):
        moment = Moment(end, "end of mute", end, end)
    if tags is not None and (moment is None or tags < moment.at):
        moment = Moment(tags, "end of tag mute", tags, tags)
    if state.status == "down":
        due = reminder_due(state, remind_after(state, check))
        if due is not None and (moment is None or due < moment.at):
            moment = Moment(due, "reminder", due, due)
    if escalation is not None and (moment is None or escalation < moment.at):
        moment = Moment(escalation, "escalation", escalation, escalation)
    return moment


def remind_after(state: CheckState, check: Check) -> Micros:
    """How long after a check went down people are reminded of it for the first time.

    When one more run should have come, but not within an hour; a day, when no further run is expected.
    """
    since = state.down_since or 0
    expected = next_after(check.schedule, since)
    return _DAY if expected is None else max(_HOUR, expected - since)


def _scheduled(state: CheckState, check: Check, base: Micros, time: Micros) -> Moment | None:
    expected = next_after(check.schedule, base)
    shown_late = state.late and not state.unobserved
    if expected is None or (shown_late and expected > time):
        # Only a new definition can do this to a check that is late.
        return Moment(time, "not late", time, time) if shown_late else None
    since = doubtful_from(state, check, base, expected)
    if state.late or state.unobserved:
        return Moment(expected + late_limit(check), "deadline", expected, since)
    return Moment(expected, "late", expected, since)


def doubtful_from(state: CheckState, check: Check, base: Micros, expected: Micros) -> Micros:
    """From when on the ping may come that is expected then; see `Moment`. base: what the schedule counts from."""
    if not isinstance(check.schedule, Simple):
        return expected
    # A period counts from the last ping, so its next one may come as much too early as it may come too late; when it
    # counts from the end of a gap or a window, nobody knows when in it, nor of a period that has the tolerance in it.
    limit = late_limit(check)
    from_ping = not state.unobserved and base == state.last_success
    return max(base + 1, expected - limit) if from_ping and limit else base + 1
