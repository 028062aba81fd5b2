"""Which events led to a change: the one that decided it, and those without which it had come out otherwise. Pure.

What a change follows from may stand before the first event that was folded here. Then it is not named, and
`Causes.of` says so: whoever wants all of it begins earlier.
"""

from typing import Any, NamedTuple, Protocol

from processors.fold.contract import Record
from processors.refold.steps import Step
from schemas.base import Micros
from schemas.check_states import CheckState, Run
from schemas.monitor_states import MonitorState
from schemas.transitions import GapSeen, StatusChanged

# So many gaps are remembered, and so many results of one pending change.
_MOST_GAPS = 50
_MOST_RESULTS = 20


class Named(NamedTuple):
    """The events of a change, in their order.

    earlier: the offset and the time of a ping that is one of them, and stands before what was folded here.
    whole: all others are known.
    """

    records: tuple[Record, ...]
    whole: bool = True
    earlier: tuple[int, Micros] | None = None


class Causes(Protocol):
    """What is remembered of the events of one thing."""

    def of(self, change: StatusChanged, step: Step) -> Named:
        """The events behind a change that `step` made; asked before `note`."""

    def note(self, step: Step) -> None:
        """Remember what this event set."""


def causes_of(fold: str) -> Causes:
    return CheckCauses() if fold == "checks" else MonitorCauses()


def _named(step: Step, *records: Record | None) -> Named:
    """None: an event that is not known here."""
    known = {each.offset: each for each in (*records, step.record) if each is not None}
    return Named(tuple(known[offset] for offset in sorted(known)), None not in records)


class CheckCauses:
    """What the next deadline of a check follows from."""

    def __init__(self) -> None:
        self._definition: Record | None = None
        self._base: Record | None = None  # what the next run is counted from
        self._starts: dict[Run, Record] = {}
        self._failing: Record | None = None
        self._gaps: list[tuple[GapSeen, Record]] = []

    def of(self, change: StatusChanged, step: Step) -> Named:
        before: CheckState | None = step.before
        if change.reason not in ("deadline", "gap", "run limit", "fail") or before is None:
            return _named(step)
        if change.reason == "fail":
            return _named(step, self._failing) if before.failing is not None else _named(step)
        records, earlier = list[Record | None](), None
        if before.base is not None and change.reason != "run limit":
            if self._base is None and before.base == before.last_success == before.last_ping and before.offset >= 0:
                earlier = before.offset, before.base
            else:
                records.append(self._base)
        if self._definition is not None and (self._base is None or self._definition.offset > self._base.offset):
            records.append(self._definition)
        after: CheckState = step.after
        overdue = [run for run in before.runs if run.is_watched() and run not in after.runs]
        records += [self._starts.get(run) for run in overdue]
        if change.reason == "gap":
            records += [record for gap, record in self._gaps if gap.start <= change.at]
        return _named(step, *records)._replace(earlier=earlier)

    def note(self, step: Step) -> None:
        before, after = step.before, step.after
        for effect in step.effects:
            if isinstance(effect.value, GapSeen):
                self._gaps = [*self._gaps[1 - _MOST_GAPS :], (effect.value, step.record)]
        if after is before:
            return
        if after is None:
            self._definition = self._base = self._failing = None
            self._starts = {}
            return
        if before is None or before.version != after.version:
            self._definition = step.record
        if before is None or before.base != after.base:
            self._base = step.record
        if before is None or before.failing != after.failing:
            self._failing = step.record
        known = () if before is None else before.runs
        for run in after.runs:
            if run not in known:
                self._starts[run] = self._began(run) or step.record
        self._starts = {run: record for run, record in self._starts.items() if run in after.runs}

    def _began(self, run: Run) -> Record | None:
        """Of a run that something else than its start has changed."""
        return next((record for each, record in self._starts.items() if each.started == run.started), None)


class MonitorCauses:
    """The results that a change of a monitor follows from."""

    def __init__(self) -> None:
        self._results: list[Record] = []  # since the pending change began
        self._whole = False
        self._last: Record | None = None

    def of(self, change: StatusChanged, step: Step) -> Named:
        before: MonitorState | None = step.before
        if before is None:
            return _named(step)
        if change.reason == "probe" and before.pending_change is not None:
            named = _named(step, *self._results)
            return named if self._whole else named._replace(whole=False)
        if change.reason == "gap" and before.results:
            return _named(step, self._last)
        return _named(step)

    def note(self, step: Step) -> None:
        before, after = step.before, step.after
        if after is before or after is None:
            return
        was = None if before is None else before.pending_change
        if after.pending_change is None:
            self._results, self._whole = [], True
        elif was is None:
            self._results, self._whole = [step.record], True
        if before is not None and after.results > before.results:
            self._last = step.record
            if was is not None and after.pending_change is not None:
                self._results = [*self._results[:1], *self._results[1:][2 - _MOST_RESULTS :], step.record]


def changes_in(step: Step, thing: str, kind: type[Any]) -> list[Any]:
    """The effects of a step of this type that are about the thing, in order."""
    return [
        effect.value
        for effect in step.effects
        if isinstance(effect.value, kind) and getattr(effect.value, "thing", None) == thing
    ]
