"""What a journal should have told a partition and did not, because the journal lost its end: found by comparison. Pure.

Effects of one fold are events in the journal of another. When that journal loses its end before they are folded (a
power cut, a restored copy), the fold that made them has moved on and never sends them again. So whoever takes over the
partition of a truncated journal compares its states with what the others know:

- with the definitions: those that the states do not have, or have in an older version, are defined now; what the states
  have and no definition stands for is removed now;
- with the changes told in `transitions` since the newest record that was folded, and what else people were told of
  incidents that are still open: deliveries of them that are neither pending nor finished are requested now.

The events that come of it are those that were lost, and folding one that was not lost changes nothing: a definition
that is known changes nothing, a delivery has the same id.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from processors.checks.transitions import request_again as check_request
from processors.checks.transitions import told_again as check_told
from processors.fold.view import View
from processors.monitors.messages import about
from processors.monitors.transitions import request_again as monitor_request
from processors.monitors.transitions import told_again as monitor_told
from processors.monitors.validity_notices import request_of as validity_request
from processors.projects.channels import endpoint_of, note_of
from schemas.base import Micros
from schemas.check_states import CheckState
from schemas.definitions import Channel, Check, Project
from schemas.deliveries import (
    DeliveryRequested,
    Endpoint,
    EndpointDefined,
    EndpointHealth,
    EndpointRemoved,
    delivery_id,
    delivery_key,
    endpoint_key,
    event_id,
    health_key,
    mailbox_key,
)
from schemas.escalations import (
    EscalationCopy,
    EscalationDefined,
    EscalationPolicy,
    EscalationRemoved,
)
from schemas.maintenance import (
    Maintenance,
    MaintenanceCopy,
    MaintenanceDefined,
    MaintenanceRemoved,
    concerns_checks,
    is_over,
    maintenance_key,
)
from schemas.message_templates import MessageTemplate, TemplateCopy, TemplateDefined, TemplateRemoved
from schemas.monitor_states import MonitorState
from schemas.monitors import Monitor
from schemas.notice_choices import ChoiceCopy, NoticesChosen, choice_key
from schemas.notices import ACKNOWLEDGED, AnyNotice
from schemas.on_call import OnCallCopy, OnCallDefined, OnCallRemoved, OnCallRotation
from schemas.pings import CheckDefined, CheckRemoved
from schemas.probes import MonitorDefined, MonitorRemoved
from schemas.tag_mutes import TagMute, TagMuteCopy, TagMuted, TagUnmuted
from schemas.ticks import PROGRESS_KEY
from schemas.transitions import IncidentTold, StatusChanged, ValidityTold

# What `transitions` says of people being told.
Told = StatusChanged | ValidityTold | IncidentTold
# An event and its key.
Missed = tuple[str, msgspec.Struct]


class Defined(NamedTuple):
    """What `definitions` says, by id: all projects, windows of maintenance, escalation policies, on-call rotations,
    mutes of tags and templates; of the others those of one partition, but for checks and monitors all channels, too.

    complete: every request was folded when it was read, so that what does not stand here does not exist.
    """

    checks: Mapping[str, Check] = {}
    monitors: Mapping[str, Monitor] = {}
    channels: Mapping[str, Channel] = {}
    projects: Mapping[str, Project] = {}
    windows: Mapping[str, Maintenance] = {}
    policies: Mapping[str, EscalationPolicy] = {}
    templates: Mapping[str, MessageTemplate] = {}
    rotations: Mapping[str, OnCallRotation] = {}
    tag_mutes: Mapping[str, TagMute] = {}
    complete: bool = True


class Thing(NamedTuple):
    """A check or a monitor: its running state and its definition."""

    state: CheckState | MonitorState
    definition: Check | Monitor


def missed_by_checks(view: View, defined: Defined) -> Iterator[Missed]:
    """What `pings` should have told: of the checks of a partition, of policies, rotations, windows of maintenance,
    mutes of tags, and what channels chose."""
    yield from _missed_rotations(view, defined)
    yield from _missed_policies(view, defined)
    yield from _missed_windows(view, defined, concerns_checks)
    yield from _missed_tag_mutes(view, defined)
    yield from _missed_choices(view, defined)
    for id, check in sorted(defined.checks.items()):
        state = view.get(id)
        if not isinstance(state, CheckState) or state.version < check.version:
            yield id, CheckDefined(at=check.created, check=check)
    yield from _removed(view, CheckState, defined.checks, defined, CheckRemoved(at=_time(view)))


def missed_by_monitors(view: View, defined: Defined) -> Iterator[Missed]:
    """What `probe-results` should have told of the monitors of a partition, windows, policies and rotations."""
    time = _time(view)
    yield from _missed_rotations(view, defined)
    yield from _missed_policies(view, defined)
    yield from _missed_windows(view, defined, lambda _: True)
    yield from _missed_choices(view, defined)
    for id, monitor in sorted(defined.monitors.items()):
        state = view.get(id)
        if not isinstance(state, MonitorState) or state.version < monitor.version:
            yield id, MonitorDefined(at=monitor.revised, monitor=monitor)
    yield from _removed(view, MonitorState, defined.monitors, defined, MonitorRemoved(at=time))


class _Versioned(Protocol):
    """A definition of which a fold has a copy in every partition."""

    @property
    def id(self) -> str: ...

    @property
    def version(self) -> int: ...


D = TypeVar("D", bound=_Versioned)


def _missed_copies(
    view: View,
    defined: Defined,
    definitions: Mapping[str, D],
    held: Callable[[object], D | None],
    told: Callable[[D], msgspec.Struct],
    removed: Callable[[str], msgspec.Struct],
) -> Iterator[Missed]:
    """Copies that are missing or older than `definitions`, or of what is gone.

    held: the definition that a record of the view is the copy of; None: it is no such copy. told, removed: the event
    that tells of a definition, and that the one with this id is gone.
    """
    copies = {copy.id: copy.version for _, record in view.items_but_packed() if (copy := held(record)) is not None}
    for id, definition in sorted(definitions.items()):
        if copies.get(id, 0) < definition.version:
            yield id, told(definition)
    if defined.complete:
        yield from ((id, removed(id)) for id in sorted(copies) if id not in definitions)


def _missed_rotations(view: View, defined: Defined) -> Iterator[Missed]:
    return _missed_copies(
        view,
        defined,
        defined.rotations,
        lambda record: record.rotation if isinstance(record, OnCallCopy) else None,
        lambda rotation: OnCallDefined(at=rotation.revised, rotation=rotation),
        lambda id: OnCallRemoved(at=_time(view), id=id),
    )


def _missed_policies(view: View, defined: Defined) -> Iterator[Missed]:
    return _missed_copies(
        view,
        defined,
        defined.policies,
        lambda record: record.policy if isinstance(record, EscalationCopy) else None,
        lambda policy: EscalationDefined(at=policy.revised, policy=policy),
        lambda id: EscalationRemoved(at=_time(view), id=id),
    )


def _missed_templates(view: View, defined: Defined) -> Iterator[Missed]:
    def told(template: MessageTemplate) -> TemplateDefined:
        project = defined.projects.get(template.project)
        name = "" if project is None else project.name
        return TemplateDefined(at=template.revised, template=template, project_name=name)

    return _missed_copies(
        view,
        defined,
        defined.templates,
        lambda record: record.template if isinstance(record, TemplateCopy) else None,
        told,
        lambda id: TemplateRemoved(at=_time(view), id=id),
    )


def _missed_tag_mutes(view: View, defined: Defined) -> Iterator[Missed]:
    return _missed_copies(
        view,
        defined,
        defined.tag_mutes,
        lambda record: record.mute if isinstance(record, TagMuteCopy) else None,
        lambda mute: TagMuted(at=mute.created, mute=mute),
        lambda id: TagUnmuted(at=_time(view), id=id, expired=True),
    )


def _missed_windows(view: View, defined: Defined, concerns: Callable[[Maintenance], bool]) -> Iterator[Missed]:
    """Windows that are missing or older, or gone. concerns: whether the fold is told of one that it does not know."""
    time = _time(view)
    for id, window in sorted(defined.windows.items()):
        copy = view.get(maintenance_key(id))
        known = copy.maintenance.version if isinstance(copy, MaintenanceCopy) else 0
        if known < window.version and (known or concerns(window)) and not is_over(window.window, time):
            yield id, MaintenanceDefined(at=window.revised, maintenance=window)
    if defined.complete:
        copies = [record.maintenance.id for _, record in view.items_but_packed() if isinstance(record, MaintenanceCopy)]
        yield from ((id, MaintenanceRemoved(at=time, id=id)) for id in sorted(copies) if id not in defined.windows)


def _missed_choices(view: View, defined: Defined) -> Iterator[Missed]:
    time = _time(view)
    copies = {
        key: NoticesChosen(time, record.notices, record.name, record.repeat, record.mute_until)
        for key, record in view.items_but_packed()
        if isinstance(record, ChoiceCopy)
    }
    for id, channel in sorted(defined.channels.items()):
        known, note = copies.pop(choice_key(id), NoticesChosen(at=time)), note_of(channel, time)
        if known != note:
            yield id, note
    if defined.complete:
        yield from ((key.partition("/")[2], NoticesChosen(at=time)) for key in sorted(copies))


def missed_by_deliveries(view: View, defined: Defined) -> Iterator[Missed]:
    """What `deliveries` should have told of the channels of a partition, and of templates."""
    yield from _missed_templates(view, defined)
    for id, channel in sorted(defined.channels.items()):
        project = defined.projects.get(channel.project)
        if project is None:
            continue
        endpoint = endpoint_of(channel, project)
        if view.get(endpoint_key(id)) != endpoint or (defined.complete and _differs(view.get(health_key(id)), channel)):
            yield id, EndpointDefined(at=channel.created, endpoint=endpoint, disabled_at=channel.disabled_at)
    if defined.complete:
        # Those of mailboxes that were asked for a confirmation have no definition.
        endpoints = (record for _, record in view.items() if isinstance(record, Endpoint))
        known = [endpoint.id for endpoint in endpoints if view.get(mailbox_key(endpoint.id)) is None]
        gone = EndpointRemoved(at=_time(view))
        yield from ((id, gone) for id in sorted(known) if id not in defined.channels)


def _differs(health: EndpointHealth | None, channel: Channel) -> bool:
    """Whether the states tell otherwise than the definition whether the channel was given up.

    It counts: what gives a channel up is told to its project, and a change that enables it again comes from there. Not
    where something has been delivered since.
    """
    if health is None or health.disabled == (channel.disabled_at is not None):
        return False
    return health.disabled or (health.last_success or 0) <= (channel.disabled_at or 0)


def missed_requests(
    view: View,
    channels: Mapping[str, Channel],
    changes: Iterable[Told],
    things: Mapping[str, Thing],
    finished: AbstractSet[str],
) -> Iterator[Missed]:
    """The requests for deliveries about `changes` that these channels should have had, as far as they are not there.

    finished: ids of deliveries that have ended. Notices that are held back at first (of monitors that depend on others,
    and of those not observed) are not among them: whether they were due cannot be told from a change.
    """
    changes = sorted(changes, key=lambda change: (change.at, change.thing, change.n))
    causes = {
        change.incident: change.detail
        for change in changes
        if isinstance(change, StatusChanged) and change.now == "down"
    }
    for change in changes:
        thing = things.get(change.thing)
        if thing is None:
            continue
        definition = thing.definition
        request = _request(change, causes, thing)
        if request is None:
            continue
        for id, anyway in _told_to(change, definition):
            channel = channels.get(id)
            if channel is None or channel.created > change.detected_at:  # another partition's, or not there then
                continue
            if notices := _unsent(view, channel, _as_called(request, change) if anyway else request, finished, anyway):
                yield id, msgspec.structs.replace(request, notices=notices, anyway=anyway)


def _as_called(request: DeliveryRequested, change: Told) -> DeliveryRequested:
    """Who was called is told the first of the notices of a change (`status_transition.notify`)."""
    if not isinstance(change, StatusChanged):
        return request
    return msgspec.structs.replace(request, notices=request.notices[:1])


def _told_to(change: Told, definition: Check | Monitor) -> Iterator[tuple[str, bool]]:
    """The channels that were told of something, and whether it was whatever they had chosen."""
    if isinstance(change, IncidentTold):
        yield from ((id, False) for id in change.channels)
        yield from ((id, True) for id in change.called)
    else:
        called = change.called if isinstance(change, StatusChanged) else ()
        yield from ((id, False) for id in definition.channels)
        yield from ((id, True) for id in called)


def _request(change: Told, causes: Mapping[str | None, str], thing: Thing) -> DeliveryRequested | None:
    """The request that went out with what was told; None when there was none, or none for certain."""
    state, definition = thing
    if isinstance(change, ValidityTold):
        assert isinstance(state, MonitorState)
        assert isinstance(definition, Monitor)
        return None if change.silent else validity_request(change, about(state, definition))
    if change.n > state.changes:  # its fold has lost it, too, and folds it again
        return None
    if isinstance(change, IncidentTold):
        if isinstance(state, CheckState):
            assert isinstance(definition, Check)
            return check_told(change, state, definition)
        assert isinstance(definition, Monitor)
        return monitor_told(change, state, definition)
    cause = causes.get(change.incident, "")
    if isinstance(state, CheckState):
        assert isinstance(definition, Check)
        return check_request(change, cause, state, definition)
    assert isinstance(definition, Monitor)
    return monitor_request(change, cause, state, definition)


def _unsent(
    view: View, channel: Channel, request: DeliveryRequested, finished: AbstractSet[str], anyway: bool
) -> tuple[AnyNotice, ...]:
    """Of the notices that the channel takes, those whose deliveries are neither pending nor finished.

    Whether an acknowledgement is told to it, the fold of the deliveries decides.
    """

    def is_there(notice: AnyNotice) -> bool:
        id = delivery_id(event_id(request.transition, notice), channel.id)
        return id in finished or view.get(delivery_key(id)) is not None

    return tuple(
        notice
        for notice in request.notices
        if (anyway or notice in channel.notices or notice == ACKNOWLEDGED) and not is_there(notice)
    )


def _removed(
    view: View, kind: type[msgspec.Struct], known: Mapping[str, object], defined: Defined, removed: msgspec.Struct
) -> Iterator[Missed]:
    """The things of a kind that no definition stands for, if that is certain."""
    if defined.complete:
        there = [key for key, _ in view.items_of(kind)]
        yield from ((key, removed) for key in sorted(there) if key not in known)


def _time(view: View) -> Micros:
    time: Micros = view.get(PROGRESS_KEY).time
    return time
