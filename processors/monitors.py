"""The fold `monitors`: the journal `probe-results` decides the status of monitors (DESIGN sections 1 and 4).

The contract:

- A regular result counts once: of each region only one newer than the newest counts, of a confirmation only the one
  that is asked for. One that comes twice or late, is of a former definition, or of a region that is not asked, moves
  nothing. One that says that the prober itself could not probe is no result.
- When a change is believed: `monitor_rules`. An incident begins with the first result that told of it.
- Only ticks move the clock. A slot that stays empty makes a monitor not observed, never down; a confirmation that does
  not come is asked of the next region.
- A definition takes the place of an older version. When it changes what is probed or when, it begins anew to count.
"""

import copy
from collections.abc import Sequence

import msgspec

from processors.fold import Context, Effect, Refused, View
from processors.monitor_changes import go_down, go_observed, go_unobserved, go_up, pause, remove, resume
from processors.monitor_rules import (
    MARGIN,
    ask_next,
    begin,
    begin_doubt,
    cause_of,
    expect_after,
    next_deadline,
    verdict,
    vote,
)
from processors.partition_time import fold_plain_tick
from processors.wheel import Wheel
from schemas.base import SECOND, Micros
from schemas.ids import is_uuid
from schemas.monitor_states import MonitorCopy, MonitorState, MonitorStatesRecord, Seen
from schemas.monitors import Monitor
from schemas.probes import MonitorDefined, MonitorRemoved, ProbeCompleted, ProbeResultsEvent
from schemas.slots import confirming_region, is_slot, region_of, time_limit
from schemas.ticks import PROGRESS_KEY, Progress, Tick
from schemas.topics import MONITOR_STATES, PROBE_RESULTS

AHEAD: Micros = 60 * SECOND
# The last moment that can be written as a date.
END_OF_TIME: Micros = 253_402_300_799 * SECOND


class Monitors:
    """The fold; see `processors.fold.Fold`."""

    name = "monitors"
    version = 1
    journal = PROBE_RESULTS
    states = MONITOR_STATES
    events: msgspec.json.Decoder[ProbeResultsEvent] = msgspec.json.Decoder(ProbeResultsEvent)
    records: msgspec.json.Decoder[MonitorStatesRecord] = msgspec.json.Decoder(MonitorStatesRecord)

    def open(self, view: View, partition: int) -> "MonitorsPartition":
        return MonitorsPartition(view)


def definition_key(monitor: str) -> str:
    """The key of the fold's own copy of a definition."""
    return "definition/" + monitor


class MonitorsPartition:
    def __init__(self, view: View) -> None:
        self._view = view
        self._wheel = Wheel()
        for key, state in view.items():
            if isinstance(state, MonitorState):
                self._wheel.set(key, self._time())

    def apply(self, event: ProbeResultsEvent, context: Context) -> Sequence[Effect]:
        match event:
            case ProbeCompleted():
                return self._completed(event, context)
            case Tick():
                return self._tick(event)
            case MonitorDefined():
                return self._defined(event, context)
            case MonitorRemoved():
                return self._removed(event, context)

    # ---- results

    def _completed(self, result: ProbeCompleted, context: Context) -> Sequence[Effect]:
        view, key, time = self._view, context.key, self._time()
        newest = max(time, context.at)
        if not 0 <= result.at <= (newest + AHEAD if newest else END_OF_TIME):
            raise Refused(f"dated more than {AHEAD // SECOND} s ahead of the partition's time, or before 1970")
        if not 0 <= result.slot <= result.at:
            raise Refused("a probe cannot begin before its slot")
        if not isinstance(view.get(key), MonitorState) or context.retried or result.failure == "ours":
            return ()
        monitor = self._monitor(key)
        # One that took longer to get here than a tick waits for it says nothing about now.
        late = result.at + result.took + MARGIN < time
        if late or monitor.paused or not _counts(view.get(key), monitor, result):
            return ()
        state = view.edit(MonitorState, key)
        state.results += 1
        state.last_at, state.last_ok = result.at, result.ok
        state.last_ms = round(result.took / 1_000, 1) if result.ok else None
        state.last_detail = "" if result.ok else cause_of(result)
        state.expires = state.expires if result.expires is None else result.expires
        if result.confirm == 0:
            seen = tuple(s for s in state.seen if s.region != result.region and s.region in monitor.probed_from)
            state.seen = (*seen, Seen(result.region, result.slot, result.ok))
            state.slot = max(state.slot, result.slot)
            expect_after(state, monitor, result.slot)
        effects = self._judge(state, monitor, result, time)
        if state.unobserved:
            effects += go_observed(state, monitor, result.at, time)
        self._set_wheel(key, state, monitor)
        return effects

    def _judge(self, state: MonitorState, monitor: Monitor, result: ProbeCompleted, time: Micros) -> list[Effect]:
        down = state.status == "down"
        if state.doubt is None:
            if result.ok != down:  # as it was
                return go_up(state, monitor, result.at, time) if state.status == "new" else []
            state.doubt = begin_doubt(monitor, result)
        else:
            state.doubt = vote(monitor, state.doubt, result)
        match verdict(monitor, state.doubt, going_down=not down):
            case "believed":
                doubt = state.doubt
                return go_up(state, monitor, doubt.at, time) if down else go_down(state, monitor, doubt, time)
            case "dismissed":
                state.doubt = None
                return go_up(state, monitor, result.at, time) if state.status == "new" else []
            case "open":
                return []

    # ---- time

    def _tick(self, tick: Tick) -> Sequence[Effect]:
        if not 0 < tick.now <= END_OF_TIME:
            raise Refused("a tick must tell a time between the years 1970 and 9999")
        progress: Progress = fold_plain_tick(self._view.get(PROGRESS_KEY), tick)
        self._view.put(PROGRESS_KEY, progress)
        effects: list[Effect] = []
        due = self._wheel.due(progress.time)
        try:
            for key in due:
                effects += self._due(key, progress.time)
        except BaseException:
            for key in due:  # the session undoes the tick in the view; the wheel must not lose what it gave
                self._wheel.set(key, progress.time)
            raise
        return effects

    def _due(self, key: str, time: Micros) -> list[Effect]:
        state = self._view.get(key)
        if not isinstance(state, MonitorState):
            return []
        monitor = self._monitor(key)
        deadline = next_deadline(state, monitor)
        if deadline is None or deadline > time:
            self._set_wheel(key, state, monitor)
            return []
        state = copy.copy(state)
        effects: list[Effect] = []
        limit = time_limit(monitor) + MARGIN
        if not state.unobserved and state.expected + limit <= time:
            effects = go_unobserved(state, monitor, state.expected, time)
        if state.doubt is not None and state.doubt.asked_at + limit <= time:
            state.doubt = ask_next(monitor, state.doubt, time)
        self._view.put(key, state)
        self._set_wheel(key, state, monitor)
        return effects

    # ---- definitions

    def _defined(self, event: MonitorDefined, context: Context) -> Sequence[Effect]:
        view, key, monitor = self._view, context.key, event.monitor
        if key != monitor.id or not is_uuid(key):
            raise Refused("the key of a definition must be the id of its monitor")
        if not monitor.probed_from:
            raise Refused("a monitor needs a region to be probed from")
        at, time = self._at(event.at), self._time()
        known = view.get(key)
        if known is None:
            state = MonitorState(version=monitor.version, status="paused" if monitor.paused else "new", since=at)
            begin(state, monitor, monitor.revised)
            view.put(key, state)
            effects: list[Effect] = []
        elif monitor.version > known.version:
            before = self._monitor(key)
            state = view.edit(MonitorState, key)
            state.version = monitor.version
            effects = self._redefine(state, before, monitor, at, time)
        else:
            return ()
        view.put(definition_key(key), MonitorCopy(monitor=monitor))
        self._set_wheel(key, state, monitor)
        return effects

    def _redefine(self, state: MonitorState, old: Monitor, new: Monitor, at: Micros, time: Micros) -> list[Effect]:
        if old.paused != new.paused:
            begin(state, new, new.revised)
            return pause(state, new, at, time) if new.paused else resume(state, new, at, time)
        if _probing(old) != _probing(new):
            begin(state, new, new.revised)
        return []

    def _removed(self, event: MonitorRemoved, context: Context) -> Sequence[Effect]:
        view, key = self._view, context.key
        if not isinstance(view.get(key), MonitorState):
            return ()
        state = view.edit(MonitorState, key)
        effects = remove(state, self._monitor(key), self._at(event.at), self._time())
        view.delete(key)
        view.delete(definition_key(key))
        return effects

    def _at(self, at: Micros) -> Micros:
        if at > END_OF_TIME:
            raise Refused("dated after the year 9999")
        return max(at, self._time())

    # ---- the view

    def _time(self) -> Micros:
        progress: Progress = self._view.get(PROGRESS_KEY)
        return progress.time

    def _monitor(self, key: str) -> Monitor:
        record: MonitorCopy = self._view.get(definition_key(key))
        return record.monitor

    def _set_wheel(self, key: str, state: MonitorState, monitor: Monitor) -> None:
        deadline = next_deadline(state, monitor)
        if deadline is not None:
            self._wheel.set(key, deadline)


def _counts(state: MonitorState, monitor: Monitor, result: ProbeCompleted) -> bool:
    """Whether a result is the first of its slot and of what is asked for now."""
    slot, region = result.slot, result.region
    if result.confirm:
        doubt = state.doubt
        return (
            doubt is not None
            and (slot, result.confirm) == (doubt.since, doubt.asked)
            and region == confirming_region(monitor, doubt.region, doubt.asked)
        )
    newest = max((seen.slot for seen in state.seen if seen.region == region), default=-1)
    return (
        slot >= state.begun
        and slot > newest
        and is_slot(monitor, slot, state.begun)
        and region_of(monitor, slot) == region
    )


def _probing(monitor: Monitor) -> tuple[object, ...]:
    """What must not change for results to be comparable."""
    return monitor.kind, monitor.target, monitor.interval, monitor.timeout, monitor.probed_from
