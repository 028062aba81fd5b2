"""What became of a thing up to a time, event by event: its changes, and the states as they were at that time. Pure.

The time of a question is one of people: the clock time that records tell, with what the test clock added. What a tick
decides is dated at its deadline and noticed a moment later. So the story goes on until a tick has passed the time:
what is dated up to it belongs to the answer, and whatever came after it does not.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace

from infra.log.reading import Stored
from processors.explain.causes import Causes, Named, changes_in
from processors.explain.check_causes import CheckCauses
from processors.explain.monitor_causes import MonitorCauses
from processors.explain.rules import notice_rule, rule_of
from processors.fold.contract import Fold
from processors.refold.steps import Refold, Step
from schemas.base import Micros
from schemas.check_states import CheckState, DefinitionCopy
from schemas.check_states import visible_status as check_status
from schemas.definitions import Check
from schemas.deliveries import DeliveryRequested, delivery_id, event_id
from schemas.explanations import ExplainedChange, RequestedNotice
from schemas.ids import derived_id
from schemas.monitor_states import MonitorCopy, MonitorState
from schemas.monitor_states import visible_status as monitor_status
from schemas.monitors import Monitor
from schemas.ticks import PROGRESS_KEY, Progress, is_tick
from schemas.transitions import IncidentTold, StatusChanged, VisibleStatus

# So many of the newest changes are told, and of the notices beside them.
MOST_CHANGES = 20
# Reasons of changes that a deadline led to, or votes.
_JUDGED = ("deadline", "run limit", "gap", "probe")


# What a change, and who is told of it, comes with.
_TOLD = (StatusChanged, IncidentTold, DeliveryRequested)

# What the ticks of a test clock hold.
_STEPPED = b'"offset":'


class _Offset(msgspec.Struct):
    offset: Micros = 0


_offset = msgspec.json.Decoder(_Offset).decode


@dataclass
class ToldChange:
    """A change with the events that it follows from, which are put into words when it is told.

    judged: the states upon which a deadline was judged that it is of.
    """

    change: ExplainedChange
    named: Named
    judged: "Moment | None" = None


@dataclass
class Moment:
    """The states at a time, by the fold that made them. last: the newest event that had come by then."""

    fold: Fold
    records: dict[str, msgspec.Struct]
    last: int

    @property
    def progress(self) -> Progress:
        progress = self.records.get(PROGRESS_KEY)
        return progress if isinstance(progress, Progress) else Progress()


@dataclass
class Story:
    """changes: up to the time, oldest first. moment: the states then. removed: when the thing ceased, if that is among
    what was folded. former: when another of the same id did, which was there before this one; what that went through is
    none of `changes`. ahead: what a tick decided later had gone beyond the time already, so the
    states of that moment do not show what is dated up to it.
    """

    until: Micros
    changes: list[ToldChange] = field(default_factory=list)
    moment: Moment | None = None
    removed: Micros | None = None
    former: Micros | None = None
    project: str = ""
    name: str = ""
    ahead: bool = False
    events: int = 0


def tell(refold: Refold, journal: Iterable[Stored], until: Micros, through: int = 0) -> Story:
    """Fold the records of the thing, and those after them that tell what is dated up to `until`."""
    story, causes = Story(until), _causes_of(refold)
    _note_name(story, refold)
    passed = False
    for stored in journal:
        if not passed and clock_of(stored, refold.progress) > until:
            passed = True
            story.moment = _moment(refold)
        if passed and refold.progress.time > until and (refold.state is None or refold.state.changes >= through):
            break
        _take(story, refold, causes, refold.step(stored), passed)
    if not passed:
        story.moment = _moment(refold)
    return story


def _causes_of(refold: Refold) -> Causes:
    return CheckCauses(refold.thing) if refold.fold.name == "checks" else MonitorCauses()


def clock_of(stored: Stored, progress: Progress) -> Micros:
    """The clock time at which a record was appended, with what the test clock added then."""
    value = stored.value or b""
    if is_tick(value) and _STEPPED in value:
        return stored.timestamp + _offset(value).offset
    return stored.timestamp + progress.offset


def _take(story: Story, refold: Refold, causes: Causes, step: Step, passed: bool) -> None:
    story.events += 1
    if step.after is step.before and not step.effects:
        return
    if step.before is None or step.after is None or step.before.version != step.after.version:
        _note_life(story, refold, step, passed)
    if not any(isinstance(effect.value, _TOLD) for effect in step.effects):
        causes.note(step)
        return
    found = _changes(refold, causes, step)
    dated = [each for each in found if each.change.at <= story.until]
    if passed and dated:
        if len(dated) == len(found):
            story.moment = _moment(refold)
        else:
            story.ahead = True
    if not passed or dated:
        story.changes += dated
        _attach(story, refold.thing, step)
        story.changes = _newest(story.changes)
    causes.note(step)


def _note_life(story: Story, refold: Refold, step: Step, passed: bool) -> None:
    if not passed and step.before is None and step.after is not None:
        story.former, story.removed, story.changes = story.removed, None, []
    if not passed and step.after is None and step.before is not None:
        told = changes_in(step, refold.thing, StatusChanged)
        story.removed = told[-1].at if told else max(step.time, step.before.since)
    _note_name(story, refold)


def _note_name(story: Story, refold: Refold) -> None:
    if (definition := definition_in(refold.session.view.get("definition/" + refold.thing))) is not None:
        story.project, story.name = definition.project, definition.name or getattr(definition, "slug", "")


def _moment(refold: Refold) -> Moment:
    return Moment(refold.fold, refold.records(), refold.progress.applied)


def _changes(refold: Refold, causes: Causes, step: Step) -> list[ToldChange]:
    """What a step made, without the requests to send."""
    fold, thing = refold.fold.name, refold.thing
    definition = definition_in(refold.session.view.get("definition/" + thing))
    monitor = definition if isinstance(definition, Monitor) else None
    made = changes_in(step, thing, StatusChanged)
    records = refold.records() if made else {}
    found = [
        ToldChange(
            ExplainedChange(
                id=each.id,
                n=each.n,
                at=each.at,
                detected_at=each.detected_at,
                was=each.was,
                now=each.now,
                rule=rule_of(fold, each, step, monitor),
                events=(),
                reason=each.reason,
                incident=each.incident,
                detail=each.detail,
                silent=each.silent,
            ),
            causes.of(each, step, records),
            _judged(refold, step) if each.reason in _JUDGED else None,
        )
        for each in made
    ]
    return found + [_told(each, step) for each in changes_in(step, thing, IncidentTold)]


def _judged(refold: Refold, step: Step) -> Moment:
    """The states as they were judged: those of the partition after the tick, and the thing as it was before."""
    return Moment(refold.fold, refold.records() | {refold.thing: step.before}, step.record.offset)


def _told(told: IncidentTold, step: Step) -> ToldChange:
    status = status_of(step.after) or "down"
    return ToldChange(
        ExplainedChange(
            id=told.id,
            n=told.n,
            at=told.at,
            detected_at=told.detected_at,
            was=status,
            now=status,
            rule=notice_rule(told.notice),
            events=(),
            notice=told.notice,
            incident=told.incident,
        ),
        Named((step.record,)),
    )


def _newest(changes: list[ToldChange]) -> list[ToldChange]:
    """As many as are told: no number of notices displaces a change."""
    if len(changes) <= MOST_CHANGES:
        return changes
    of_status = [each for each in changes if not each.change.notice][-MOST_CHANGES:]
    notices = [each for each in changes if each.change.notice][-MOST_CHANGES:]
    kept = {id(each) for each in (*of_status, *notices)}
    return [each for each in changes if id(each) in kept]


def _attach(story: Story, thing: str, step: Step) -> None:
    """The requests to send of a step, each to the change that it tells: a notice that was held back comes later."""
    for effect in step.effects:
        request = effect.value
        if not isinstance(request, DeliveryRequested):
            continue
        asked = requested(effect.key, request)
        known = next((each for each in story.changes if each.change.id == request.transition), None)
        if known is not None:
            known.change = replace(known.change, requested=(*known.change.requested, *asked))
        elif request.at <= story.until:
            story.changes.append(_of_request(request, thing, step, asked))


def _of_request(request: DeliveryRequested, thing: str, step: Step, asked: tuple[RequestedNotice, ...]) -> ToldChange:
    """A notice of its own; or one of a change that is not among those that are known here."""
    status = status_of(step.after) or "removed"
    change = ExplainedChange(
        id=request.transition,
        n=0 if step.after is None else step.after.changes,
        at=request.at,
        detected_at=step.time,
        was=status,
        now=status,
        rule=notice_rule(request.notices[0]),
        events=(),
        notice=request.notices[0],
        requested=asked,
    )
    return ToldChange(change, Named((step.record,), whole=request.transition != derived_id(thing, "change", change.n)))


def requested(channel: str, request: DeliveryRequested) -> tuple[RequestedNotice, ...]:
    """The notices that a channel was to be sent, with the ids under which they are."""
    events = [(notice, event_id(request.transition, notice)) for notice in request.notices]
    return tuple(RequestedNotice(channel, notice, event, delivery_id(event, channel)) for notice, event in events)


def status_of(state: object) -> VisibleStatus | None:
    """The status that people see; None: there is no such thing."""
    if isinstance(state, CheckState):
        return check_status(state)
    return monitor_status(state) if isinstance(state, MonitorState) else None


def definition_in(record: object) -> Check | Monitor | None:
    """The definition that a fold's own copy holds."""
    if isinstance(record, DefinitionCopy):
        return record.check
    return record.monitor if isinstance(record, MonitorCopy) else None
