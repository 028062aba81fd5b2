"""The events that a change of a monitor follows from: the results of a change that was pending, and those by which the
slot was expected that stayed empty. Pure.
"""

import copy
from collections.abc import Mapping

import msgspec

from processors.explain.causes import Named, changes_in, named
from processors.fold.contract import Record
from processors.monitors.slots import expect_after
from processors.refold.steps import Step
from schemas.base import Micros
from schemas.monitor_states import MonitorCopy, MonitorState
from schemas.transitions import StatusChanged

# So many results of one pending change are remembered: the first, and the newest.
_MOST_RESULTS = 20


class MonitorCauses:
    """See `processors.explain.causes.Causes`."""

    def __init__(self) -> None:
        self._results: list[Record] = []  # since the pending change began
        self._whole = False
        # What moved the slot that is expected: an event, and results of later slots that had come before. A result that
        # moves nothing, as a confirmation, is none of them, be it the newest.
        self._expected: tuple[Record | None, ...] = (None,)
        self._early: dict[Micros, Record] = {}

    def of(self, change: StatusChanged, step: Step, records: Mapping[str, msgspec.Struct]) -> Named:
        before: MonitorState | None = step.before
        if before is None:
            return named(step)
        if change.reason not in ("gap", "probe"):
            return named(step)
        if change.reason == "gap" or (change.was == "not_observed" and before.status == step.after.status):
            slots = _passed(change, step, before, records.get("definition/" + change.thing))
            return named(step, *(self._expected if slots is None else map(self._early.get, slots)))
        if before.pending_change is not None:
            found = named(step, *self._results)
            return found if self._whole else found._replace(whole=False)
        return named(step)

    def note(self, step: Step) -> None:
        before: MonitorState | None = step.before
        after: MonitorState | None = step.after
        if after is before:
            return
        if after is None:
            self._results, self._whole, self._expected, self._early = [], False, (None,), {}
            return
        self._note_slots(step.record, before, after)
        was = None if before is None else before.pending_change
        if after.pending_change is None:
            self._results, self._whole = [], True
        elif was is None:
            self._results, self._whole = [step.record], True
        elif before is not None and after.results > before.results:
            self._results = [*self._results[:1], *self._results[1:][2 - _MOST_RESULTS :], step.record]

    def _note_slots(self, record: Record, before: MonitorState | None, after: MonitorState) -> None:
        known = () if before is None else before.early
        if before is None or before.expected != after.expected:
            passed = [slot for slot in known if slot < after.expected]
            self._expected = (record, *map(self._early.get, passed))
        if known is not after.early:
            self._early |= {slot: record for slot in after.early if slot not in known}
            self._early = {slot: each for slot, each in self._early.items() if slot in after.early}


def _passed(
    change: StatusChanged, step: Step, before: MonitorState, copied: msgspec.Struct | None
) -> tuple[Micros, ...] | None:
    """The slots whose results had come before, and that a change is of; None: it is of the slot that was expected.

    When a slot stays empty, a result that has come of a later one ends that at once, and the slot after it is expected:
    so one tick may pass several.
    """
    state, moved, found = copy.copy(before), None, dict[str, tuple[Micros, ...] | None]()
    for one in changes_in(step, change.thing, StatusChanged):
        if one.reason == "gap":
            found[one.id] = moved
        elif one.was == "not_observed" and state.early and isinstance(copied, MonitorCopy):
            early = state.early
            found[one.id] = early[:1]
            expect_after(state, copied.monitor, early[0])
            moved = tuple(slot for slot in early if slot not in state.early)
        else:
            found[one.id] = ()
    return found[change.id]
