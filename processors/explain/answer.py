"""The explanation of a thing at a time, from its story. Pure."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from processors.explain.check_causes import is_success_at
from processors.explain.coming import expected
from processors.explain.deadlines import deadline_of
from processors.explain.event_words import explained
from processors.explain.story import Story, ToldChange, definition_in, status_of
from processors.fold.contract import Fold, Record
from schemas.base import Micros
from schemas.check_states import CheckState
from schemas.definitions import Check, changes_before
from schemas.explanations import (
    DeadlinePart,
    ExpectedChange,
    ExplainedChange,
    ExplainedDeadline,
    Explanation,
    FoldedFrom,
    ThingKind,
)
from schemas.monitor_states import MonitorState
from schemas.times import to_second

# The record at an offset of the journal; None: it is not there any more.
Find = Callable[[int], Record | None]
# Whether a definition is known to have been the same at a time.
WasDefined = Callable[[msgspec.Struct, Micros], bool]

_KINDS: dict[str, ThingKind] = {"checks": "check", "monitors": "monitor"}
_FORMER = "Another one with this id was removed at {at} UTC: ask about a time before that to be told of it."
_PENDING = (
    "Results since {at} UTC told of a change that was not confirmed yet at that time: if it was later, it counts from "
    "then on, and history shows it so."
)
_AHEAD = (
    "What was due by then was noticed only later, together with what was due after it: the deadline of that time and "
    "what was to follow are not told."
)


class Named(NamedTuple):
    """Changes with their events in words. whole: no event of them is missing."""

    changes: tuple[ExplainedChange, ...]
    whole: bool


def name_events(
    changes: Sequence[ToldChange], fold: Fold, partition: int, thing: str, find: Find, was_defined: WasDefined
) -> Named:
    """Put the events of changes into words; those from before what was folded are looked up."""
    told, whole = list[ExplainedChange](), True
    for each in changes:
        named, records = each.named, list(each.named.records)
        if named.earlier is not None:
            offset, at, definition = named.earlier
            earlier = find(offset)
            if earlier is not None and is_success_at(earlier, at):
                records.insert(0, earlier)
            else:
                whole = False
            whole = whole and (definition is None or was_defined(definition, at))
        whole = whole and named.whole
        events = tuple(explained(fold, partition, record) for record in records)
        parts = () if each.judged is None else tuple(deadline_of(each.judged, partition, thing)[1])
        told.append(replace(each.change, events=events, parts=parts))
    return Named(tuple(told), whole)


def has_changed(story: Story, thing: str) -> bool:
    """Whether the thing that is there at the time has ever changed its status."""
    records = {} if story.moment is None else story.moment.records
    state, definition = records.get(thing), definition_in(records.get("definition/" + thing))
    first = changes_before(definition) if isinstance(definition, Check) else 0
    return isinstance(state, CheckState | MonitorState) and state.changes > first


def explanation(
    story: Story, thing: str, partition: int, changes: tuple[ExplainedChange, ...], folded: FoldedFrom, notes: list[str]
) -> Explanation:
    """All of the answer. notes: what is to be said beside it."""
    moment = story.moment
    assert moment is not None
    state, notes = moment.records.get(thing), list(notes)
    status, since = status_of(state), getattr(state, "since", None)
    deadline: ExplainedDeadline | None = None
    parts: list[DeadlinePart] = []
    following: tuple[ExpectedChange, ...] = ()
    if story.former is not None:
        notes.append(_FORMER.format(at=to_second(story.former)))
    if story.ahead:
        notes.append(_AHEAD)
        newest = next((each for each in reversed(changes) if not each.notice), None)
        if newest is not None:
            status, since = newest.now, newest.at
    elif state is not None:
        if isinstance(state, MonitorState) and (pending := state.pending_change) is not None:
            notes.append(_PENDING.format(at=to_second(pending.at)))
        deadline, parts = deadline_of(moment, partition, thing)
        now = min(story.until, moment.progress.time)
        following = expected(moment.fold, partition, moment.records, thing, now)
    definition = definition_in(moment.records.get("definition/" + thing))
    return Explanation(
        kind=_KINDS[moment.fold.name],
        thing=thing,
        project=story.project if definition is None else definition.project,
        name=story.name if definition is None else definition.name,
        at=story.until,
        status="removed" if state is None and story.removed is not None else status,
        since=story.removed if state is None else since,
        changes=changes,
        deadline=deadline,
        parts=tuple(parts),
        next=following,
        folded=folded,
        notes=tuple(notes),
    )
