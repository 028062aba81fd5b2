"""The events that a change of a check follows from: the ping that its deadline is counted from, starts of runs, its
definition, and the gaps in which a ping may have been lost. Pure.
"""

import copy
from collections.abc import Mapping

import msgspec

from processors.checks.rules import Moment, next_moment
from processors.explain.causes import Earlier, Named, changes_in, named
from processors.fold.contract import Record
from processors.fold.gap_records import KEPT, GapRecords
from processors.fold.view import View
from processors.refold.steps import Step
from schemas.base import Micros
from schemas.check_states import CheckState, DefinitionCopy, Run
from schemas.pings import Ping, PingsEvent
from schemas.ticks import GapCause
from schemas.transitions import GapSeen, StatusChanged

_events = msgspec.json.Decoder(PingsEvent)

# Reasons of changes that follow from what was expected; the others follow from one event.
_EXPECTED = ("deadline", "gap", "run limit", "defined")
# Of the gaps that a ping may have been lost in, the newest are named.
_MOST_NAMED = 50


class CheckCauses:
    """See `processors.explain.causes.Causes`."""

    def __init__(self, thing: str) -> None:
        self._thing = thing
        self._definition: Record | None = None
        self._base: Record | None = None  # what the next run is counted from
        self._starts: dict[Run, Record] = {}
        self._failing: Record | None = None
        # The newest word of each gap: that it is open, or until when it was.
        self._gaps: dict[tuple[GapCause, Micros], Record] = {}

    def of(self, change: StatusChanged, step: Step, records: Mapping[str, msgspec.Struct]) -> Named:
        before: CheckState | None = step.before
        if before is None:
            return named(step)
        if change.reason == "fail":
            return named(step, self._failing) if before.failing is not None else named(step)
        if change.reason not in _EXPECTED:
            return named(step)
        causes = list[Record | None]()
        earlier: Earlier | None = None
        if before.base is not None and change.reason != "run limit":
            if self._base is None and before.base == before.last_success == before.last_ping and before.offset >= 0:
                defined = None if self._definition else records.get("definition/" + self._thing)
                earlier = Earlier(before.offset, before.base, defined)
            else:
                causes.append(self._base)
        if self._definition is not None and (self._base is None or self._definition.offset > self._base.offset):
            causes.append(self._definition)
        moment = _judged(change, step, self._thing, records)
        if moment is None or moment.run is not None:
            causes += [self._starts.get(run) for run in _overdue(change, step, moment)]
        if change.reason == "gap":
            causes += self._lost(change, step, moment, records)
        return named(step, *causes)._replace(earlier=earlier)

    def _lost(
        self, change: StatusChanged, step: Step, moment: Moment | None, records: Mapping[str, msgspec.Struct]
    ) -> list[Record | None]:
        """Who told of the gaps for which the change was made; None for each that is not known here."""
        told = self._gaps | self._seen(step)
        first, last = (step.before.since, change.at) if moment is None else (moment.doubtful_from, moment.at)
        gaps = GapRecords(View(dict(records))).touching(first, last)
        return [told.get((gap.cause, gap.start)) for gap in gaps[-_MOST_NAMED:]]

    @staticmethod
    def _seen(step: Step) -> dict[tuple[GapCause, Micros], Record]:
        seen = (effect.value for effect in step.effects)
        return {(each.cause, each.start): step.record for each in seen if isinstance(each, GapSeen)}

    def note(self, step: Step) -> None:
        before, after = step.before, step.after
        for gap, record in self._seen(step).items():
            self._gaps.pop(gap, None)
            self._gaps[gap] = record
            if len(self._gaps) > 2 * KEPT:  # more than the fold itself keeps
                del self._gaps[next(iter(self._gaps))]
        if after is before:
            return
        if after is None:
            self._definition = self._base = self._failing = None
            self._starts = {}
            return
        if before is None or before.version != after.version:
            self._definition = step.record
        if before is None or before.base != after.base or _has_come_again(step):
            self._base = step.record
        if before is None or before.failing != after.failing:
            self._failing = step.record
        known = () if before is None else before.runs
        if known is after.runs:
            return
        for run in after.runs:
            if run not in known:
                self._starts[run] = self._began(run) or step.record
        self._starts = {run: record for run, record in self._starts.items() if run in after.runs}

    def _began(self, run: Run) -> Record | None:
        """Of a run that something else than its start has changed."""
        return next((record for each, record in self._starts.items() if each.started == run.started), None)


def is_success_at(record: Record | None, base: Micros) -> bool:
    """Whether a record is the success from which a run is counted."""
    if record is None or record.value is None:
        return False
    try:
        event = _events.decode(record.value)
    except msgspec.MsgspecError:
        return False
    return isinstance(event, Ping) and event.kind == "success" and event.at == base


def _has_come_again(step: Step) -> bool:
    """Of several successes at one moment the newest is named: that is the one which the state knows."""
    before, after = step.before, step.after
    if before.offset == after.offset or after.base is None or after.base != after.last_ping:
        return False
    return is_success_at(step.record, after.base)


def judged_moment(state: CheckState, copied: DefinitionCopy, time: Micros) -> Moment | None:
    """What of a check is judged next, be it down or not observed: not that it is late before, or that a mute ends."""
    asked = copy.copy(state)
    asked.late, asked.muted, asked.by_tag = True, False, False
    moment = next_moment(asked, copied.check, max(time, state.since))
    return moment if moment is not None and moment.what in ("deadline", "run limit") else None


def _judged(change: StatusChanged, step: Step, thing: str, records: Mapping[str, msgspec.Struct]) -> Moment | None:
    """The deadline that a change is of; None: something in the same step has moved what was expected before."""
    copied = records.get("definition/" + thing)
    if not isinstance(copied, DefinitionCopy) or change.reason not in ("gap", "deadline", "run limit"):
        return None
    judged = (one for one in changes_in(step, thing, StatusChanged) if one.reason == change.reason)
    first = next((one for one in judged if one.now == change.now), change)
    moment = judged_moment(step.before, copied, change.at)
    return moment if moment is not None and moment.at <= change.at and first.id == change.id else None


def _overdue(change: StatusChanged, step: Step, moment: Moment | None) -> list[Run]:
    """The runs that a change is of."""
    if moment is not None:
        return [] if moment.run is None or change.now == "late" else [moment.run]
    if change.reason not in ("run limit", "gap"):
        return []
    return [run for run in step.before.runs if run.is_watched() and run not in step.after.runs]
