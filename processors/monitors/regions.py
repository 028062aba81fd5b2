"""Regions whose own network is down: meanwhile their failing results say nothing about targets.

The contract:

- A prober reports the outage to every partition, repeatedly while it lasts. A region is disregarded until `QUIET` after
  the newest report, or until the prober reports its end. So a region whose probers died during an outage is not
  disregarded forever.
- While a region is disregarded, its failing results do not count, it gets no confirmation requests, and it does not
  count for the majority. Its slots are not expected either, if another region of the monitor counts. Good results
  count.
- A pending change that such a region started is dropped, and so are its failing votes in other changes. A change that
  continues needs as many agreeing results as if the remaining regions were the only ones.
- While no region of a monitor counts, its status does not change; empty slots make it not observed.
- Each partition reports the start and the end in `transitions`.
"""

from collections.abc import Sequence

from processors.fold.contract import Context, Effect, InvalidEvent
from processors.fold.partition_time import time_of
from processors.fold.placement import to_transitions
from processors.fold.view import View
from processors.monitors.expiry import MonitorExpiry, monitor_of, must_be_past
from processors.monitors.quorum import all_disregarded, ask_next, is_undecidable, without_region
from processors.monitors.region_records import RegionRecords, region_key
from schemas.base import SECOND, Micros
from schemas.monitor_states import MonitorState, RegionOut
from schemas.monitors import Monitor
from schemas.probes import RegionTroubled, RegionWell
from schemas.slots import confirming_region
from schemas.transitions import RegionDisregarded

# So long after the newest word that its network is out a region counts again.
QUIET: Micros = 60 * SECOND


class MonitorRegions:
    def __init__(self, view: View, expiry: MonitorExpiry, records: RegionRecords, partition: int) -> None:
        self._view, self._expiry, self._records, self._partition = view, expiry, records, partition

    def heard(self, event: RegionTroubled | RegionWell, context: Context) -> Sequence[Effect]:
        """A prober says how the network of its region is."""
        if context.key != event.region:
            raise InvalidEvent("the key of what is said of a region must be its name")
        must_be_past(event.at, self._view, context)
        if context.retried:
            return ()
        if isinstance(event, RegionTroubled):
            return self._troubled(event.region, event.at)
        return self._well(event.region, event.at)

    def _troubled(self, region: str, at: Micros) -> list[Effect]:
        known = self._records.get(region)
        until = at + QUIET
        if until <= (time_of(self._view) if known is None else known.until):
            return []
        if known is not None:
            self._records.put(RegionOut(region=region, start=known.start, until=until))
            return []
        self._records.put(RegionOut(region=region, start=at, until=until))
        self._clear_changes(region)
        return [self._told(region, at, None)]

    def _well(self, region: str, at: Micros) -> list[Effect]:
        known = self._records.get(region)
        if known is None or at < known.until - QUIET:  # another prober of the region knows better since
            return []
        self._records.delete(region)
        return [self._told(region, known.start, min(at, known.until))]

    def due(self) -> Micros:
        """When a region may count again."""
        return self._records.next_end()

    def tick(self, time: Micros) -> list[Effect]:
        """Nothing has been heard for long enough."""
        effects = []
        for record in self._records.over(time):
            self._records.delete(record.region)
            effects.append(self._told(record.region, record.start, record.until))
        return effects

    def _told(self, region: str, start: Micros, end: Micros | None) -> Effect:
        told = RegionDisregarded(partition=self._partition, region=region, start=start, end=end)
        return to_transitions(region_key(region), told)

    def _clear_changes(self, region: str) -> None:
        pending = [
            key
            for key, record in self._view.items()
            if isinstance(record, MonitorState)
            and record.pending_change is not None
            and region in monitor_of(self._view, key).probed_from
        ]
        for key in sorted(pending):
            state, monitor = self._view.edit(MonitorState, key), monitor_of(self._view, key)
            self._clear_change(state, monitor, region)
            self._expiry.look_at(key, state, monitor)

    def _clear_change(self, state: MonitorState, monitor: Monitor, region: str) -> None:
        time = time_of(self._view)
        out = self._records.out(time)
        going_down = state.status != "down"
        assert state.pending_change is not None
        change = None if all_disregarded(monitor, out) else without_region(state.pending_change, region, going_down)
        if change is not None and confirming_region(monitor, change.region, change.asked) == region:
            change = ask_next(monitor, change, max(time, change.asked_at), out)
            change = None if is_undecidable(monitor, change, going_down) else change
        state.pending_change = change
