"""Why a thing has its status, in one sentence for whoever looks at it. Pure.

A sentence names the facts it follows from: since when no ping came, when one was expected and how much grace there was;
of a monitor the cause and where it was found. Moments are shown by the reader's clock, also those within a cause that a
fold wrote.
"""

import re

from query_api.web.shown.schedule_words import period_words, schedule_words, span_words
from query_api.web.shown.sentences import clause, sentence
from query_api.web.shown.shown_times import ShownTimes
from schemas import check_states, monitor_states
from schemas.base import SECOND, Micros
from schemas.check_states import CheckState
from schemas.definitions import Check
from schemas.duration_words import duration_words
from schemas.incidents import Acknowledged
from schemas.languages.causes import in_units
from schemas.monitor_states import MonitorState
from schemas.monitors import Monitor
from schemas.mutes import MuteUntil
from schemas.schedules import next_after
from schemas.times import read_iso

STATUS_WORDS: dict[str, str] = {
    "down": "down",
    "not_observed": "not observed",
    "late": "late",
    "up": "up",
    "new": "new",
    "maintenance": "maintenance",
    "paused": "paused",
    "removed": "removed",
}


def status_word(status: str) -> str:
    """A status as pages tell it; one of a version that is yet to come by its own name."""
    return STATUS_WORDS.get(status, status)


_AT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+00:00", re.ASCII)
_SPAN = re.compile(r"(?<![\d:.])(?:(\d{1,6}) days?, )?(\d{1,2}):(\d{2}):(\d{2})(?![\d:.])", re.ASCII)
# What a fold writes of a ping that did not come (`processors.checks.messages.missed`).
_MISSED = re.compile(r"No ping(?: for .+?)? \(expected at (\S+?)(?:, late limit (.+?))?\)", re.ASCII)


def check_reason(check: Check, state: CheckState | None, times: ShownTimes) -> str:
    """Why a check has its status; of one that is well, when the next ping is expected."""
    if state is None or (state.status == "new" and not state.maintained):
        return f"No ping yet; one is expected {schedule_words(check.schedule)}." if state else "It was just made."
    match check_states.visible_status(state):
        case "down":
            return sentence(_missed(state, times) or _failed(state, times))
        case "late":
            return _late(check, state, times)
        case "not_observed":
            return f"A run was due while Pingfold could not be reached; {_silence(state, times)}."
        case "maintenance":
            failing = "" if state.failing is None else f" The job reported a failure: {clause(state.failing.cause)}."
            return f"In maintenance: no deadline is judged.{in_reach(failing, times)}"
        case "paused":
            return "Paused: nothing is expected until it is resumed or pinged."
        case _:
            return _well(check, state, times)


def monitor_reason(monitor: Monitor, state: MonitorState | None, times: ShownTimes) -> str:
    """Why a monitor has its status; of one that is well, how fast it answered last."""
    if state is None:
        return "It was just made."
    match monitor_states.visible_status(state):
        case "down":
            regions = sorted({one.region for one in state.confirmed_by if not one.ok})
            cause = clause(in_reach(state.cause or "It does not answer as it should", times))
            where = f", found from {', '.join(regions)}" if regions else ""
            since = "" if state.down_since is None else f", since {times.clock(state.down_since)}"
            return sentence(f"{cause}{since}{where}")
        case "not_observed":
            known = "no result yet" if state.last_at is None else f"no result since {times.clock(state.last_at)}"
            why = f": {state.unprobed}" if state.unprobed else "; no prober has reported"
            return sentence(f"{known}{in_reach(why, times)}")
        case "maintenance":
            return "In maintenance: results are recorded and change nothing."
        case "paused":
            return "Paused: it is not probed."
        case "new":
            return f"No result yet; it is probed every {period_words(monitor.interval)}."
        case _:
            return _answering(state, times)


def acknowledged_words(said: Acknowledged | None) -> str:
    """Who takes care of what is down; empty: nobody."""
    return "" if said is None else f"acknowledged by {said.by or 'somebody'}"


def muted_words(until: MuteUntil, times: ShownTimes) -> str:
    """What a page says of a mute; empty: there is none."""
    if until is None:
        return ""
    if isinstance(until, int):
        return f"muted until {times.clock(until)}"
    return "muted until it recovers" if until == "recovery" else "muted"


def limits_words(check: Check) -> str:
    """How late a ping may be, and how long a run may take, in words."""
    late = check.grace if check.late_limit is None else check.late_limit
    run = check.grace if check.run_limit is None else check.run_limit
    if late == run:
        return f"grace {span_words(late)}"
    return f"grace {span_words(late)}, runs at most {span_words(run)}"


def in_reach(text: str, times: ShownTimes) -> str:
    """A text of a fold with its moments by the reader's clock, and its spans in units."""
    text = _AT.sub(lambda found: times.clock(read_iso(found[0])), text)
    return _SPAN.sub(lambda found: _units(found), text)


def _units(found: re.Match[str]) -> str:
    days, hours, minutes, seconds = (int(piece or 0) for piece in found.groups())
    return in_units(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def _missed(state: CheckState, times: ShownTimes) -> str:
    found = _MISSED.fullmatch(state.cause)
    if found is None:
        return ""
    expected = times.clock(read_iso(found[1])) if _AT.fullmatch(found[1]) else found[1]
    grace = f", grace {in_reach(found[2], times)}" if found[2] else ""
    return f"{_silence(state, times)}, expected {expected}{grace}"


def _failed(state: CheckState, times: ShownTimes) -> str:
    cause = in_reach(state.cause or "It is down", times)
    since = "" if state.down_since is None else f", since {times.clock(state.down_since)}"
    return f"{clause(cause)}{since}"


def _late(check: Check, state: CheckState, times: ShownTimes) -> str:
    expected = None if state.base is None else next_after(check.schedule, state.base)
    if expected is None:
        return sentence(_silence(state, times))
    limit = check.grace if check.late_limit is None else check.late_limit
    deadline: Micros = expected + limit * SECOND
    told = f"{_silence(state, times)}, expected {times.clock(expected)}"
    return sentence(f"{told}; down at {times.clock(deadline)} if none comes")


def _well(check: Check, state: CheckState, times: ShownTimes) -> str:
    last = "No ping yet" if state.last_ping is None else f"Last ping {times.clock(state.last_ping)}"
    running = f", running since {times.clock(state.runs[-1].started)}" if state.runs else ""
    expected = None if state.base is None else next_after(check.schedule, state.base)
    following = "" if expected is None else f", next expected {times.clock(expected)}"
    return f"{last}{running}{following}."


def _answering(state: MonitorState, times: ShownTimes) -> str:
    if state.pending_change is not None:
        cause = in_reach(state.pending_change.cause or state.last_detail or "A result disagrees", times)
        return sentence(f"Being confirmed since {times.clock(state.pending_change.at)}: {cause}")
    if state.last_at is None:
        return "No result yet."
    took = "" if state.last_ms is None else f" in {round(state.last_ms)} ms"
    status = "" if state.last_status is None else f" with {state.last_status}"
    return f"Answered{status}{took} at {times.clock(state.last_at)}."


def _silence(state: CheckState, times: ShownTimes) -> str:
    return "no ping yet" if state.last_ping is None else f"no ping since {times.clock(state.last_ping)}"


def for_how_long(since: Micros, times: ShownTimes) -> str:
    """How long a status has lasted: `12 min`."""
    return duration_words(max(0, times.now - since) / SECOND)
