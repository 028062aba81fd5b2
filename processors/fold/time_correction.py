"""Taking back a time that has run ahead: what `time.corrected` does to the states of a partition. Pure.

A clock that was ahead may have moved the time of a partition before anybody noticed. The time never goes back by
itself, so every deadline up to it would pass unseen, and every ping before it be dated later than it came. An
operator's word sets the time back to that of Kafka's clock. Moments in the states that would still lie ahead become
that time: a check's next run is expected from then, a monitor's results count anew from then. What was told already
stays told.
"""

from msgspec.structs import replace

from processors.fold.contract import Context
from processors.fold.view import View
from processors.monitors.rules import begin
from schemas.base import Micros
from schemas.check_states import CheckState
from schemas.deliveries import Delivery, EndpointHealth
from schemas.maintenance import open_until
from schemas.monitor_states import MaintenanceCopy, MonitorCopy, MonitorState, RegionOut
from schemas.ticks import PROGRESS_KEY, Gap, Progress


def correct_time(view: View, context: Context) -> Micros | None:
    """Set the partition's time back to that of the record in hand; that time, or None when it is not ahead."""
    progress: Progress = view.get(PROGRESS_KEY)
    time = context.at + progress.offset
    if not context.at or context.retried:
        return None
    if progress.time <= time:
        if progress.refused:  # whoever corrects the time has looked at what was refused
            view.put(PROGRESS_KEY, replace(progress, refused={}))
        return None
    clock = min(progress.clock, context.at)
    sources = {
        slot: replace(
            source,
            # An epoch is its process's clock at the start. After one that was ahead, no later one would count.
            epoch=source.epoch if source.epoch <= context.at else 0,
            at=min(source.at, time),
            now=min(source.now, context.at + source.offset),
            heard=min(source.heard, clock),
        )
        for slot, source in progress.sources.items()
    }
    view.put(
        PROGRESS_KEY,
        replace(
            progress,
            time=time,
            clock=clock,
            sources=sources,
            gaps=tuple(replace(gap, start=min(gap.start, time)) for gap in progress.gaps),
            stopped_at=_least(progress.stopped_at, time),
            refused={},
        ),
    )
    return time


def correct_check(state: CheckState, time: Micros) -> None:
    """The caller's own copy of a check's state."""
    state.since = min(state.since, time)
    state.base, state.down_since = _least(state.base, time), _least(state.down_since, time)
    state.last_ping, state.last_success = _least(state.last_ping, time), _least(state.last_success, time)
    state.last_start = _least(state.last_start, time)
    if any(run.started > time for run in state.runs):
        state.runs = tuple(replace(run, started=min(run.started, time)) for run in state.runs)


def correct_gaps(view: View, time: Micros) -> None:
    """A span that nobody has lived through is no gap: of those that reach beyond `time` the rest is forgotten."""
    for key, gap in sorted((key, record) for key, record in view.items() if isinstance(record, Gap)):
        if gap.start >= time:
            view.delete(key)
        elif gap.end is not None and gap.end > time:
            view.put(key, replace(gap, end=time))


def correct_monitors(view: View, time: Micros) -> list[str]:
    """Every monitor begins anew to count, windows and regions are looked at again; the keys of the monitors."""
    for key, record in sorted(view.items()):
        match record:
            case MaintenanceCopy():
                view.put(key, replace(record, until=open_until(record.maintenance.window, time)))
            case RegionOut() if record.start > time:
                view.delete(key)
            case RegionOut() if record.until > time:
                view.put(key, replace(record, until=time))
            case MonitorState():
                _correct_monitor(view, key, time)
    return sorted(key for key, record in view.items() if isinstance(record, MonitorState))


def _correct_monitor(view: View, key: str, time: Micros) -> None:
    state, copy = view.edit(MonitorState, key), view.get(f"definition/{key}")
    state.since, state.slot = min(state.since, time), min(state.slot, time)
    state.last_at, state.down_since = _least(state.last_at, time), _least(state.down_since, time)
    state.notice_at = _least(state.notice_at, time)
    if isinstance(copy, MonitorCopy) and state.status != "paused":
        begin(state, copy.monitor, time)


def correct_deliveries(view: View, before: Micros, time: Micros) -> None:
    """What waited goes on waiting as long as it would have, had the time never run ahead of `time` to `before`."""
    for key, record in sorted(view.items()):
        match record:
            case Delivery():
                due = record.due if record.due is None or record.due <= time else time + max(0, record.due - before)
                view.put(key, replace(record, due=due, first_due=min(record.first_due, time)))
            case EndpointHealth():
                health = view.edit(EndpointHealth, key)
                health.failing_since = _least(record.failing_since, time)
                health.last_success = _least(record.last_success, time)


def _least(moment: Micros | None, time: Micros) -> Micros | None:
    return None if moment is None else min(moment, time)
