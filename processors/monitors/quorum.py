"""When a change of a monitor's status is confirmed: pure functions of the results of its regions.

The contract:

- The first result that disagrees with the status starts a pending change. While it is pending, confirmation probes are
  requested, and the newest result of each region since then is its vote.
- A monitor goes down when a majority of its regions (one of one, two of two, two of three) and `confirmations` results
  agree. The change is rejected when the votes against it make a majority impossible.
- It goes up by the same thresholds, with `recoveries` instead of `confirmations`.
- With a `confirm_interval`, confirming results are that far apart, and `confirmations` consecutive results decide, from
  two regions if there are several. One result to the contrary rejects the change.
- A disregarded region (`regions`) gets no confirmation requests and does not count for the majority, unless it has
  found the monitor healthy during this pending change.
- A change is given up after every region was asked so often that it should be settled: the regions disagree
  permanently, or do not answer. The next result that disagrees starts another change.
"""

from collections.abc import Set as AbstractSet
from typing import Literal

from msgspec.structs import replace

from processors.monitors.messages import cause_of
from processors.monitors.slots import MARGIN, ended
from schemas.base import Micros
from schemas.monitor_states import ConfirmingResult, PendingChange, Seen
from schemas.monitors import Monitor
from schemas.probes import ProbeCompleted
from schemas.slots import confirm_after, confirm_from, confirming_region, time_limit

# Of the results of a pending change so many are kept for the notice.
MOST_RESULTS = 10

QuorumResult = Literal["confirmed", "rejected", "pending"]


def begin_change(monitor: Monitor, result: ProbeCompleted, disregarded: AbstractSet[str]) -> PendingChange:
    """The first result that disagrees with the status."""
    number = _question(monitor, result.region, 1, disregarded)
    return PendingChange(
        since=result.slot,
        at=result.at,
        region=result.region,
        cause="" if result.ok else cause_of(result),
        asked=number,
        asked_at=confirm_from(monitor, result.slot, ended(monitor, result)) + confirm_after(monitor, number),
        votes=(Seen(result.region, result.slot, result.ok),),
        partial=bool(result.family_down) and not result.ok,
        results=() if result.ok else (_kept(result),),
    )


def vote(
    monitor: Monitor, change: PendingChange, result: ProbeCompleted, going_down: bool, disregarded: AbstractSet[str]
) -> PendingChange:
    """A further result counts; one that was asked for makes room for the next question."""
    votes = (*(v for v in change.votes if v.region != result.region), Seen(result.region, result.slot, result.ok))
    partial = change.partial and (result.ok or bool(result.family_down))
    results = (*change.results[:1], *change.results[1:][2 - MOST_RESULTS :], _kept(result)) if going_down else ()
    agreeing = change.agreeing + (result.ok != going_down)
    change = replace(change, votes=votes, agreeing=agreeing, partial=partial, results=results)
    if result.confirm != change.asked:
        return change
    return ask_next(monitor, change, confirm_from(monitor, change.asked_at, ended(monitor, result)), disregarded)


def _kept(result: ProbeCompleted) -> ConfirmingResult:
    cause = "" if result.ok else cause_of(result)
    return ConfirmingResult(result.region, result.at, result.took, result.ok, cause, result.status, result.confirm)


def ask_next(monitor: Monitor, change: PendingChange, after: Micros, disregarded: AbstractSet[str]) -> PendingChange:
    """The question goes to the next region that counts, `after` or a little later."""
    number = _question(monitor, change.region, change.asked + 1, disregarded)
    return replace(change, asked=number, asked_at=after + confirm_after(monitor, number))


def _question(monitor: Monitor, begun_by: str, number: int, disregarded: AbstractSet[str]) -> int:
    """`number`, or the first confirmation after it that is the turn of a region that counts."""
    later = range(number, number + len(monitor.probed_from))
    return next((n for n in later if confirming_region(monitor, begun_by, n) not in disregarded), number)


def without_region(change: PendingChange, region: str, going_down: bool) -> PendingChange | None:
    """The change without what a region that is disregarded from now on found failing; None if that was its reason."""
    votes = tuple(v for v in change.votes if v.ok or v.region != region)
    if not going_down:
        return replace(change, votes=votes)
    results = tuple(each for each in change.results if each.ok or each.region != region)
    if change.region == region:
        return None
    if all(v.region != region for v in change.votes):
        return change
    agreeing = sum(not v.ok for v in votes)
    return replace(change, votes=votes, agreeing=agreeing, results=results) if agreeing else None


def all_disregarded(monitor: Monitor, disregarded: AbstractSet[str]) -> bool:
    """Whether no region of a monitor counts: nobody can tell how it is."""
    return all(region in disregarded for region in monitor.probed_from)


def quorum_result(
    monitor: Monitor, change: PendingChange, going_down: bool, disregarded: AbstractSet[str]
) -> QuorumResult:
    """What the votes so far decide."""
    failing = sum(not v.ok for v in change.votes)
    well = len(change.votes) - failing
    regions = len(set(monitor.probed_from) - disregarded | {v.region for v in change.votes})
    if monitor.confirm_interval is not None:
        agreeing, other = (failing, well) if going_down else (well, failing)
        if other:
            return "rejected"
        needed = monitor.confirmations if going_down else monitor.recoveries
        return "confirmed" if agreeing >= min(2, regions) and change.agreeing >= needed else "pending"
    down = regions // 2 + 1
    up = regions - down + 1
    if going_down:
        if failing >= down and change.agreeing >= monitor.confirmations:
            return "confirmed"
        return "rejected" if well >= up else "pending"
    if well >= up and change.agreeing >= monitor.recoveries:
        return "confirmed"
    return "rejected" if failing >= down else "pending"


def is_undecidable(monitor: Monitor, change: PendingChange, going_down: bool) -> bool:
    """Whether every region was asked once more often than results are needed."""
    needed = monitor.confirmations if going_down else monitor.recoveries
    return change.asked > len(monitor.probed_from) * (needed + 1)


def confirmation_deadline(change: PendingChange, monitor: Monitor) -> Micros:
    """When the confirmation that is asked for has not come."""
    return change.asked_at + time_limit(monitor) + MARGIN
