"""When a change of a monitor is believed, and which slots are still to come: pure functions of its state.

The contract:

- The first result that disagrees with the status begins a doubt. While it lasts, confirmations are asked for, and each
  region's newest result that began since then is its vote.
- A monitor is down when a majority of its regions vote so (one of one, two of two, two of three) and `confirmations`
  results did; the doubt is over when so many vote that it is well that no majority can come about.
- It is up again by the same thresholds the other way round, with `recoveries` in place of `confirmations`.
- A region that is disregarded (`regions`) is asked nothing, and is none of those whose majority decides, unless
  it found the monitor well in this very doubt.
- A doubt that every region was asked about so often that it should have been settled is given up: regions disagree for
  good, or do not answer. The next result that disagrees begins another.
- A slot is empty when its time is over and no result of it has come, whatever has come of later ones.
"""

from collections.abc import Set as AbstractSet
from typing import Literal

from msgspec.structs import replace

from processors.fold.telling import iso
from schemas.base import SECOND, Micros
from schemas.monitor_states import Doubt, MonitorState, Seen
from schemas.monitors import Monitor
from schemas.probe_kinds import FAILURE_WORDS
from schemas.probes import ProbeCompleted
from schemas.slots import confirm_after, confirming_region, first_slot, time_limit

# How long after the end of its time a result may take to be in the log before its slot counts as empty.
MARGIN: Micros = 10 * SECOND
# So many slots may have results while an older one is waited for; with more, that one is taken for empty.
MOST_EARLY = 150
# Of what a prober tells in words so much is kept.
_LONGEST_DETAIL = 200

Verdict = Literal["believed", "dismissed", "open"]


def cause_of(result: ProbeCompleted) -> str:
    """Why a probe failed, in words."""
    cause = FAILURE_WORDS.get(result.failure, "Failed")
    return f"{cause}: {result.detail[:_LONGEST_DETAIL]}" if result.detail else cause


def unprobed(result: ProbeCompleted) -> str:
    """Why a prober could not probe, in words."""
    return result.detail[:_LONGEST_DETAIL]


def ended(monitor: Monitor, result: ProbeCompleted) -> Micros:
    """When a probe was over. One that took longer than it may was held up by its prober."""
    return result.at + min(result.took, time_limit(monitor))


def begin(state: MonitorState, monitor: Monitor, at: Micros) -> None:
    """From `at` on results count anew; it is the first slot itself."""
    state.doubt, state.seen, state.early, state.unprobed = None, (), (), ""
    state.begun = state.expected = at
    state.oldest = monitor.version


def begin_doubt(monitor: Monitor, result: ProbeCompleted, disregarded: AbstractSet[str]) -> Doubt:
    """The first result that disagrees with the status."""
    number = _question(monitor, result.region, 1, disregarded)
    return Doubt(
        since=result.slot,
        at=result.at,
        region=result.region,
        cause="" if result.ok else cause_of(result),
        asked=number,
        asked_at=ended(monitor, result) + confirm_after(monitor, number),
        votes=(Seen(result.region, result.slot, result.ok),),
    )


def vote(
    monitor: Monitor, doubt: Doubt, result: ProbeCompleted, going_down: bool, disregarded: AbstractSet[str]
) -> Doubt:
    """A further result counts; one that was asked for makes room for the next question."""
    votes = (*(v for v in doubt.votes if v.region != result.region), Seen(result.region, result.slot, result.ok))
    doubt = replace(doubt, votes=votes, agreeing=doubt.agreeing + (result.ok != going_down))
    return ask_next(monitor, doubt, ended(monitor, result), disregarded) if result.confirm == doubt.asked else doubt


def ask_next(monitor: Monitor, doubt: Doubt, after: Micros, disregarded: AbstractSet[str]) -> Doubt:
    """The question goes to the next region that counts."""
    number = _question(monitor, doubt.region, doubt.asked + 1, disregarded)
    return replace(doubt, asked=number, asked_at=after + confirm_after(monitor, number))


def _question(monitor: Monitor, doubted_by: str, number: int, disregarded: AbstractSet[str]) -> int:
    """`number`, or the first confirmation after it that is the turn of a region that counts."""
    later = range(number, number + len(monitor.probed_from))
    return next((n for n in later if confirming_region(monitor, doubted_by, n) not in disregarded), number)


def without(doubt: Doubt, region: str, going_down: bool) -> Doubt | None:
    """The doubt without what a region that is disregarded from now on found failing; None when that was its reason."""
    votes = tuple(v for v in doubt.votes if v.ok or v.region != region)
    if not going_down:
        return replace(doubt, votes=votes)
    if doubt.region == region:
        return None
    if all(v.region != region for v in doubt.votes):
        return doubt
    agreeing = sum(not v.ok for v in votes)
    return replace(doubt, votes=votes, agreeing=agreeing) if agreeing else None


def all_out(monitor: Monitor, disregarded: AbstractSet[str]) -> bool:
    """Whether no region of a monitor counts: nobody can tell how it is."""
    return all(region in disregarded for region in monitor.probed_from)


def verdict(monitor: Monitor, doubt: Doubt, going_down: bool, disregarded: AbstractSet[str]) -> Verdict:
    """Whether the change is believed, dismissed, or still in doubt."""
    failing = sum(not v.ok for v in doubt.votes)
    well = len(doubt.votes) - failing
    regions = len(set(monitor.probed_from) - disregarded | {v.region for v in doubt.votes})
    down = regions // 2 + 1
    up = regions - down + 1
    if going_down:
        if failing >= down and doubt.agreeing >= monitor.confirmations:
            return "believed"
        return "dismissed" if well >= up else "open"
    if well >= up and doubt.agreeing >= monitor.recoveries:
        return "believed"
    return "dismissed" if failing >= down else "open"


def worn_out(monitor: Monitor, doubt: Doubt, going_down: bool) -> bool:
    """Whether every region was asked once more often than results are needed."""
    needed = monitor.confirmations if going_down else monitor.recoveries
    return doubt.asked > len(monitor.probed_from) * (needed + 1)


def slot_deadline(state: MonitorState, monitor: Monitor) -> Micros | None:
    """When the slot that is expected counts as empty; None while nothing is expected, or it is known to be empty."""
    if state.status == "paused" or state.unobserved or state.maintained:
        return None
    return state.expected + time_limit(monitor) + MARGIN


def doubt_deadline(doubt: Doubt, monitor: Monitor) -> Micros:
    """When the confirmation that is asked for has not come."""
    return doubt.asked_at + time_limit(monitor) + MARGIN


def next_deadline(state: MonitorState, monitor: Monitor, explained: bool) -> Micros | None:
    """When a tick has something to say next, if no result comes. explained: what the monitor depends on is down."""
    slot = slot_deadline(state, monitor)
    if state.doubt is None and state.notice_at is None:
        return slot
    doubt = None if state.doubt is None else doubt_deadline(state.doubt, monitor)
    notice = None if explained and state.status == "down" else state.notice_at
    return min((deadline for deadline in (slot, doubt, notice) if deadline is not None), default=None)


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


def unseen(state: MonitorState, monitor: Monitor, disregarded: AbstractSet[str]) -> str:
    """What is known, and what is not, of a monitor whose slots stay empty."""
    known = "no result yet" if state.last_at is None else f"no result since {iso(state.last_at)}"
    out = [region for region in monitor.probed_from if region in disregarded]
    if not out:
        return f"{known}; {f'it could not be probed: {state.unprobed}' if state.unprobed else 'no prober has reported'}"
    return (
        f"{known}; nothing answers in {', '.join(out)}, control targets neither: "
        "whether this is down, or only the network there, is not known"
    )
