"""When a change of a monitor is believed: votes of regions and results in a row, as pure functions of its state.

The contract:

- The first result that disagrees with the status begins a doubt. While it lasts, confirmations are asked for, and each
  region's newest result since then is its vote.
- A monitor is down when a majority of its regions vote so (one of one, two of two, two of three) and `confirmations`
  results did; the doubt is over when so many vote that it is well that no majority can come about.
- It is up again by the same thresholds the other way round, with `recoveries` in place of `confirmations`.
"""

from typing import Literal

from msgspec.structs import replace

from processors.telling import iso
from schemas.base import Micros
from schemas.monitor_states import Doubt, MonitorState, Seen
from schemas.monitors import Monitor
from schemas.probes import ProbeCompleted
from schemas.slots import confirm_after, first_slot, time_limit

# How long after the end of its time a result may take to be in the log before its slot counts as empty.
MARGIN: Micros = 10_000_000

Verdict = Literal["believed", "dismissed", "open"]

_CAUSES = {
    "name": "Name could not be resolved",
    "refused target": "Address may not be probed",
    "connect": "Connection failed",
    "timeout": "Connection timed out",
    "tls": "TLS failed",
    "closed": "Connection was closed",
    "protocol": "Answer is not valid",
    "status": "Unexpected status",
    "keyword": "Keyword check failed",
    "redirects": "Too many redirects",
    "answer": "Unexpected answer",
}


def cause_of(result: ProbeCompleted) -> str:
    """Why a probe failed, in words."""
    cause = _CAUSES.get(result.failure, "Failed")
    return f"{cause}: {result.detail}" if result.detail else cause


def failing_quorum(monitor: Monitor) -> int:
    """So many regions must find a monitor failing: a majority."""
    return len(monitor.probed_from) // 2 + 1


def begin(state: MonitorState, monitor: Monitor, at: Micros) -> None:
    """From `at`, the time of the definition, on results count anew; it is the first slot itself."""
    state.doubt, state.seen = None, ()
    state.begun = state.expected = at


def begin_doubt(monitor: Monitor, result: ProbeCompleted) -> Doubt:
    """The first result that disagrees with the status."""
    return Doubt(
        since=result.slot,
        at=result.at,
        region=result.region,
        cause="" if result.ok else cause_of(result),
        asked_at=result.at + result.took + confirm_after(monitor, 1),
        votes=(Seen(result.region, result.slot, result.ok),),
    )


def vote(monitor: Monitor, doubt: Doubt, result: ProbeCompleted) -> Doubt:
    """A further result counts; one that was asked for makes room for the next question."""
    votes = (*(v for v in doubt.votes if v.region != result.region), Seen(result.region, result.slot, result.ok))
    first = doubt.votes[0].ok
    doubt = replace(doubt, votes=votes, agreeing=doubt.agreeing + (result.ok == first))
    return ask_next(monitor, doubt, result.at + result.took) if result.confirm == doubt.asked else doubt


def ask_next(monitor: Monitor, doubt: Doubt, after: Micros) -> Doubt:
    """The question goes to the next region."""
    number = doubt.asked + 1
    return replace(doubt, asked=number, asked_at=after + confirm_after(monitor, number))


def verdict(monitor: Monitor, doubt: Doubt, going_down: bool) -> Verdict:
    """Whether the change is believed, dismissed, or still in doubt."""
    failing = sum(not v.ok for v in doubt.votes)
    well = len(doubt.votes) - failing
    down = failing_quorum(monitor)
    up = len(monitor.probed_from) - down + 1
    if going_down:
        if failing >= down and doubt.agreeing >= monitor.confirmations:
            return "believed"
        return "dismissed" if well >= up else "open"
    if well >= up and doubt.agreeing >= monitor.recoveries:
        return "believed"
    return "dismissed" if failing >= down else "open"


def next_deadline(state: MonitorState, monitor: Monitor) -> Micros | None:
    """When a tick has something to say next, if no result comes."""
    if state.status == "paused":
        return None
    moments = []
    if not state.unobserved:
        moments.append(state.expected + time_limit(monitor) + MARGIN)
    if state.doubt is not None:
        moments.append(state.doubt.asked_at + time_limit(monitor) + MARGIN)
    return min(moments, default=None)


def expect_after(state: MonitorState, monitor: Monitor, slot: Micros) -> None:
    """A result of `slot` is there: the next one is expected in the slot after it."""
    state.expected = max(state.expected, first_slot(monitor, slot))


def unseen(state: MonitorState) -> str:
    """What is known of a monitor whose slots stay empty."""
    known = "no result yet" if state.last_at is None else f"no result since {iso(state.last_at)}"
    return f"{known}; no prober has reported"
