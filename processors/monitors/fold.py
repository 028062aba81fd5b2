"""The fold `monitors`: the journal `probe-results` decides the status of monitors.

The contract:

- A regular result counts once: of each region only one newer than the newest counts, of a confirmation only the one
  that is asked for. One that comes twice or late, is of a former definition, or of a region that is not asked, moves
  nothing. One that says that the prober itself could not probe is no result; why it could not is kept, for people.
- When a change is confirmed: `quorum`. An incident begins with the first result that told of it; with the newest
  one, when nothing was known in between.
- Only ticks move the time; see `expiry`. A slot that stays empty makes a monitor not observed, never down; a
  confirmation that does not come is asked of the next region.
- While the network of a region is out, what it finds failing is no result either; see `regions`.
- While what a monitor depends on is down, nobody is told that it is, too; see `dependencies`.
- What tests of certificates and registries of domains tell moves no status; see `validity`.
- Of what changes no status people may be told, too; see `performance` and `processors.fold.reminders`. While a mute
  lasts, nobody is told of anything; see `processors.fold.mutes`.
- While a window of maintenance is open, results are kept and judged by nobody; see `maintenance`.
- A definition takes the place of an older version. When it changes what is probed or when, it begins anew to count.
- The verb of a `GET/HEAD` monitor is that of the first counted result that told one, until the target is another.
"""

from collections.abc import Sequence

import msgspec

from processors.fold.contract import Context, Effect, Fold, InvalidEvent
from processors.fold.mutes import redefine_mute
from processors.fold.packed import PLAIN
from processors.fold.partition_time import END_OF_TIME, counts_at, fold_plain_tick, progress_of, time_of
from processors.fold.told_together import name_in, with_others
from processors.fold.view import View
from processors.monitors.dependencies import MonitorDependencies
from processors.monitors.dependency_records import DependencyRecords
from processors.monitors.expiry import MonitorExpiry, definition_key, monitor_of, must_be_past
from processors.monitors.incidents import MonitorIncidents
from processors.monitors.maintenance import MonitorMaintenance
from processors.monitors.messages import cause_of, unprobed
from processors.monitors.performance import count, forget
from processors.monitors.quorum import all_disregarded, begin_change, is_undecidable, quorum_result, vote
from processors.monitors.region_records import RegionRecords
from processors.monitors.regions import MonitorRegions
from processors.monitors.slots import MARGIN, MOST_EARLY, begin, ended, expect_after, is_missing, note
from processors.monitors.transitions import (
    begin_as_dependency,
    end_as_dependency,
    end_mute,
    go_down,
    go_observed,
    go_up,
    pass_empty_slot,
    pause,
    remove,
    resume,
)
from processors.monitors.validity import MonitorValidity
from schemas.base import Micros
from schemas.escalations import EscalationDefined, EscalationRemoved
from schemas.ids import is_uuid
from schemas.incidents import IncidentAcknowledged, IncidentCommented, IncidentReleased, IncidentToTell
from schemas.monitor_states import MonitorCopy, MonitorState, MonitorStatesRecord, Seen
from schemas.monitors import Monitor
from schemas.notice_choices import NoticesChosen
from schemas.on_call import OnCallDefined, OnCallRemoved
from schemas.probe_kinds import PROBER_ERRORS
from schemas.probes import (
    CertificateTested,
    DependencyChanged,
    DomainTested,
    MaintenanceDefined,
    MaintenanceRemoved,
    MonitorDefined,
    MonitorRemoved,
    ProbeCompleted,
    ProbeResultsEvent,
    RegionTroubled,
    RegionWell,
)
from schemas.slots import confirming_region, is_slot, region_of
from schemas.ticks import Tick, TimeCorrected
from schemas.topics import MONITOR_STATES, PROBE_RESULTS
from schemas.transitions import JournalTruncated


class Monitors:
    """The fold; see `processors.fold.contract.Fold`."""

    name = "monitors"
    version = 8
    journal = PROBE_RESULTS
    states = MONITOR_STATES
    packer = PLAIN
    events: msgspec.json.Decoder[ProbeResultsEvent] = msgspec.json.Decoder(ProbeResultsEvent)
    records: msgspec.json.Decoder[MonitorStatesRecord] = msgspec.json.Decoder(MonitorStatesRecord)

    def owner(self, view: View, key: str) -> str:
        copy = view.get(definition_key(key))
        return copy.monitor.project if isinstance(copy, MonitorCopy) else ""

    def open(self, view: View, partition: int) -> "MonitorsPartition":
        return MonitorsPartition(view, partition)


class MonitorsPartition:
    def __init__(self, view: View, partition: int) -> None:
        self._view = view
        self._out = RegionRecords(view)
        known = DependencyRecords(view)
        self._expiry = MonitorExpiry(view, self._out, known)
        self._dependencies = MonitorDependencies(view, self._expiry, known)
        self._regions = MonitorRegions(view, self._expiry, self._out, partition)
        self._incidents = MonitorIncidents(view, self._expiry)
        self._validity = MonitorValidity(view, self._out)
        self._maintenance = MonitorMaintenance(view, self._expiry, self._validity)

    def apply(self, event: ProbeResultsEvent, context: Context) -> Sequence[Effect]:
        effects = self._apply(event, context)
        return effects if len(effects) < 2 else with_others(effects, name_in(self._expiry.policies.choices, self._view))

    def _apply(self, event: ProbeResultsEvent, context: Context) -> Sequence[Effect]:
        match event:
            case ProbeCompleted():
                return self._completed(event, context)
            case Tick():
                return self._tick(event, context)
            case TimeCorrected():
                time = self._expiry.correct(context)
                if time is not None:
                    self._validity.correct(time)
                self._maintenance.look_again()
                return ()
            case CertificateTested():
                return self._validity.certificate_tested(event, context)
            case DomainTested():
                return self._validity.domain_tested(event, context)
            case MonitorDefined():
                return self._defined(event, context)
            case MonitorRemoved():
                return self._removed(event, context)
            case MaintenanceDefined():
                if context.key != event.maintenance.id:
                    raise InvalidEvent("the key of a window of maintenance must be its id")
                return self._maintenance.defined(event.maintenance, counts_at(self._view, event.at), context.retried)
            case MaintenanceRemoved():
                return self._maintenance.removed(event.id, counts_at(self._view, event.at))
            case RegionTroubled() | RegionWell():
                return self._regions.heard(event, context)
            case DependencyChanged():
                return self._dependencies.heard(event, context)
            case IncidentAcknowledged() | IncidentReleased() | IncidentCommented():
                return self._incidents.said(event, context)
            case IncidentToTell():
                return self._incidents.tell(event, context)
            case EscalationDefined() | EscalationRemoved():
                return self._incidents.policy(event, context)
            case OnCallDefined() | OnCallRemoved():
                self._expiry.policies.rotations.heard(event, context)
                return ()
            case NoticesChosen():
                return self._incidents.chosen(event, context)

    def truncated(self, event: JournalTruncated) -> Sequence[Effect]:
        """Slots whose results are lost stay empty, which accuses nobody. That a dependency is back may be lost, too."""
        return self._dependencies.forget(event.since)

    def due(self) -> Micros:
        return min(self._expiry.due(), self._validity.due(), self._maintenance.due(), self._regions.due())

    # ---- results

    def _completed(self, result: ProbeCompleted, context: Context) -> Sequence[Effect]:
        view, key, time = self._view, context.key, time_of(self._view)
        must_be_past(result.at, view, context)
        if not 0 <= result.slot <= result.at:
            raise InvalidEvent("a probe cannot begin before its slot")
        state = view.get(key)
        if not isinstance(state, MonitorState) or context.retried:
            return ()
        out = self._out.out(time)
        monitor = monitor_of(view, key)
        if result.failure in PROBER_ERRORS and result.region not in out:
            why = unprobed(result)
            if state.unprobed != why and not monitor.paused and _is_asked_for(state, monitor, result):
                view.edit(MonitorState, key).unprobed = why
            return ()
        # One that took longer to get here than a tick waits for it says nothing about now.
        late = ended(monitor, result) + MARGIN < time
        if late or monitor.paused or not _is_asked_for(state, monitor, result):
            return ()
        if not result.confirm and not is_missing(state, result.slot):
            return ()
        means_nothing = not result.ok and result.region in out
        # Its slot need not be waited for, as long as another region can tell how the monitor is.
        if means_nothing and (result.confirm or state.unobserved or all_disregarded(monitor, out)):
            return ()
        state = view.edit(MonitorState, key)
        if state.parked is not None:
            self._expiry.unpark(key, state)
        effects: list[Effect] = []
        if not result.confirm:
            if len(state.early) >= MOST_EARLY:
                effects = pass_empty_slot(state, monitor, time, out)
            note(state, monitor, result.slot)
        elif state.unobserved:
            expect_after(state, monitor, max(result.at, state.expected))
        if not means_nothing and (result.confirm or _is_newest(state, result)):
            effects += self._count(state, monitor, result, time)
        self._expiry.look_at(key, state, monitor)
        return effects

    def _count(self, state: MonitorState, monitor: Monitor, result: ProbeCompleted, time: Micros) -> list[Effect]:
        state.results += 1
        state.unprobed = ""
        state.verb = state.verb or result.verb
        if state.last_at is None or result.at >= state.last_at:
            state.last_at, state.last_ok = result.at, result.ok
            state.last_ms = round(result.took / 1_000, 1) if result.ok else None
            state.last_status = result.status
            state.last_detail = "" if result.ok else cause_of(result)
            state.family_down = result.family_down
            expires, state.expires = state.expires, _newest_date(state.expires, result.expires)
            if state.expires != expires:
                self._validity.seen_by_probe(monitor.id, state.expires, result.at)
            state.domain_expires = _newest_date(state.domain_expires, result.domain_expires)
        if not result.confirm:
            state.seen = (
                *(seen for seen in state.seen if seen.region != result.region),
                Seen(result.region, result.slot, result.ok),
            )
            state.slot = max(state.slot, result.slot)
            if not state.maintained:
                count(state, monitor, result)
        if not result.ok and not result.family_down:
            state.partial = False
        if state.maintained:
            return []
        was_down = state.status == "down"
        effects = self._judge(state, monitor, result, time)
        if was_down and state.status == "up":
            effects += self._maintenance.look_at(state, monitor, result.at)
            self._validity.look_again(monitor.id)  # it may have ended a mute
        if state.unobserved:
            effects += go_observed(state, monitor, result.at, time)
        return effects

    def _judge(self, state: MonitorState, monitor: Monitor, result: ProbeCompleted, time: Micros) -> list[Effect]:
        going_down = state.status != "down"
        out = self._out.out(time)
        if all_disregarded(monitor, out):
            return []
        if not result.confirm and _began_before(state, result):
            return []
        if state.pending_change is None:
            if result.ok == going_down:  # as it was
                return go_up(state, monitor, result.at, time) if state.status == "new" else []
            change = begin_change(monitor, result, out)
        else:
            change = vote(monitor, state.pending_change, result, going_down, out)
        state.pending_change = change
        match quorum_result(monitor, change, going_down, out):
            case "confirmed" if going_down:
                # What was between the change and an empty slot is not known.
                since = result.at if state.unobserved else change.at
                return go_down(state, monitor, change, since, result.at, time)
            case "confirmed":
                return go_up(state, monitor, change.at, time)
            case "rejected":
                state.pending_change = None
                return go_up(state, monitor, result.at, time) if state.status == "new" else []
            case "pending":
                if is_undecidable(monitor, change, going_down):
                    state.pending_change = None
                return []

    def _tick(self, tick: Tick, context: Context) -> Sequence[Effect]:
        if not 0 < tick.now <= END_OF_TIME:
            raise InvalidEvent("a tick must tell a time between the years 1970 and 9999")
        if not context.retried:
            try:
                time = fold_plain_tick(progress_of(self._view), tick, context.at).time
                opened = self._maintenance.tick(time)
                return [*opened, *self._expiry.tick(tick, context, lambda time: self._after(time, tick, context))]
            except BaseException:
                self._maintenance.look_again()  # the session undoes what the tick changed
                raise
        self._expiry.retried(context.key)
        self._validity.retried(context.key)
        return ()

    def _after(self, time: Micros, tick: Tick, context: Context) -> list[Effect]:
        """What a tick does behind the deadlines of monitors."""
        while self._expiry.unmuted:
            self._validity.look_again(self._expiry.unmuted.pop())
        return [*self._validity.tick(time, tick, context), *self._regions.tick(time)]

    # ---- definitions

    def _defined(self, event: MonitorDefined, context: Context) -> Sequence[Effect]:
        view, key, monitor = self._view, context.key, event.monitor
        if key != monitor.id or not is_uuid(key):
            raise InvalidEvent("the key of a definition must be the id of its monitor")
        if not monitor.probed_from:
            raise InvalidEvent("a monitor needs a region to be probed from")
        at, time = counts_at(self._view, event.at), time_of(view)
        known = view.get(key)
        effects: list[Effect] = []
        if known is None:
            state = MonitorState(version=monitor.version, status="paused" if monitor.paused else "new", since=at)
            state.muted = monitor.mute_until is not None
            begin(state, monitor, at)
            view.put(key, state)
        elif monitor.version > known.version:
            state = view.edit(MonitorState, key)
            state.version = monitor.version
            if state.parked is not None:
                self._expiry.unpark(key, state)
            old = monitor_of(view, key)
            untold = self._expiry.untold(state, monitor)
            effects = redefine_mute(state, old, monitor, lambda: end_mute(state, monitor, at, at, False, untold=untold))
            effects += self._redefine(state, old, monitor, at, time)
            self._validity.redefined(old, monitor)
        else:
            return ()
        view.put(definition_key(key), MonitorCopy(monitor=monitor))
        effects += self._maintenance.look_at(state, monitor, at)
        self._expiry.look_at(key, state, monitor)
        return effects

    def _redefine(self, state: MonitorState, old: Monitor, new: Monitor, at: Micros, time: Micros) -> list[Effect]:
        if (old.kind, old.target) != (new.kind, new.target):  # it may be another host, which has others
            state.expires = state.domain_expires = None
            state.verb = ""
        if old.apdex_threshold != new.apdex_threshold:
            forget(state)
        if old.paused != new.paused:
            begin(state, new, at)
            return pause(state, new, at, time) if new.paused else resume(state, new, at, time)
        if _probing(old) != _probing(new):
            begin(state, new, at)
        if old.depended_on and not new.depended_on:
            return end_as_dependency(state, old, at)
        return begin_as_dependency(state, new, at) if new.depended_on and not old.depended_on else []

    def _removed(self, event: MonitorRemoved, context: Context) -> Sequence[Effect]:
        view, key = self._view, context.key
        if not isinstance(view.get(key), MonitorState):
            return ()
        state = view.edit(MonitorState, key)
        effects = remove(state, monitor_of(view, key), counts_at(self._view, event.at), time_of(view))
        view.delete(key)
        view.delete(definition_key(key))
        self._validity.removed(key)
        return effects


def _is_asked_for(state: MonitorState, monitor: Monitor, result: ProbeCompleted) -> bool:
    """Whether a result is of a slot, or the confirmation, that its region is to probe now."""
    slot, region = result.slot, result.region
    if 0 < result.version < state.oldest:
        return False
    if result.confirm:
        change = state.pending_change
        return (
            change is not None
            and (slot, result.confirm) == (change.since, change.asked)
            and region == confirming_region(monitor, change.region, change.asked)
        )
    return slot >= state.begun and is_slot(monitor, slot, state.begun) and region_of(monitor, slot) == region


def _newest_date(known: Micros | None, told: Micros | None) -> Micros | None:
    """What a result tells, if it tells any, as a time that can be shown."""
    return known if told is None else max(0, min(told, END_OF_TIME))


def _is_newest(state: MonitorState, result: ProbeCompleted) -> bool:
    """Whether a regular result is newer than all that its region has seen."""
    return all(seen.slot < result.slot for seen in state.seen if seen.region == result.region)


def _began_before(state: MonitorState, result: ProbeCompleted) -> bool:
    """Whether a probe began before what is known now, of the pending change or else of the status, did."""
    if state.pending_change is not None:
        return result.at < state.pending_change.at
    return state.status != "new" and result.at < state.since


def _probing(monitor: Monitor) -> tuple[object, ...]:
    """What must not change for results to be comparable."""
    return monitor.kind, monitor.target, monitor.interval, monitor.timeout, monitor.probed_from


FOLD: Fold = Monitors()
