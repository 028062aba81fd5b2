"""The correction of monitors when the time of their partition is set back (`processors.fold.time_correction`). Pure."""

from msgspec.structs import replace

from processors.fold import acknowledgements, escalations
from processors.fold.choices import correct_choices
from processors.fold.time_correction import not_after
from processors.fold.view import View
from processors.monitors.slots import begin
from schemas.base import Micros
from schemas.maintenance import open_until
from schemas.monitor_states import MaintenanceCopy, MonitorCopy, MonitorState, RegionOut


def correct_monitors(view: View, time: Micros) -> None:
    """Every monitor begins anew to count, windows and regions are looked at again."""
    correct_choices(view, time)
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


def _correct_monitor(view: View, key: str, time: Micros) -> None:
    state, copy = view.edit(MonitorState, key), view.get(f"definition/{key}")
    state.since, state.slot = min(state.since, time), min(state.slot, time)
    state.last_at, state.down_since = not_after(state.last_at, time), not_after(state.down_since, time)
    state.notice_at = not_after(state.notice_at, time)
    acknowledgements.correct(state, time)
    escalations.correct(state, time)
    if isinstance(copy, MonitorCopy) and state.status != "paused":
        begin(state, copy.monitor, time)
