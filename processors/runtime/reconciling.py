"""Reading what the others know, for the partition of a truncated journal (`processors.fold.reconciliation`). Blocks.

It reads all of `definitions` and, for deliveries, the newest part of `transitions` and the states of the things told of
there. That takes as long as loading those topics does, once for each partition that lost something.
"""

import contextlib
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec
import structlog
from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from infra.log.admin import admin_client, end_offsets, partition_count
from infra.log.partitioner import partition_of
from infra.log.reading import NotRead, ends_of, read_partition, read_to_end
from processors.checks.packed_records import definition_key
from processors.fold.contract import Fold
from processors.fold.reconciliation import (
    Defined,
    Missed,
    Thing,
    Told,
    missed_by_checks,
    missed_by_deliveries,
    missed_by_monitors,
    missed_requests,
)
from processors.fold.view import View
from processors.runtime.loading import Loading
from processors.runtime.shared_definitions import shared_definitions
from schemas.base import SECOND, Micros, encode
from schemas.check_states import CheckState, CheckStatesRecord, DefinitionCopy
from schemas.definitions import Channel, Check, Definition, Project
from schemas.deliveries import DeliveryRequested, EndpointDefined, EndpointRemoved
from schemas.escalations import EscalationDefined, EscalationPolicy, EscalationRemoved
from schemas.maintenance import Maintenance
from schemas.message_templates import MessageTemplate, TemplateDefined, TemplateRemoved
from schemas.monitor_states import MonitorCopy, MonitorState, MonitorStatesRecord
from schemas.monitors import Monitor
from schemas.notice_choices import NoticesChosen
from schemas.on_call import OnCallDefined, OnCallRemoved, OnCallRotation
from schemas.pings import CheckDefined, CheckRemoved
from schemas.probes import MaintenanceDefined, MaintenanceRemoved, MonitorDefined, MonitorRemoved
from schemas.tag_mutes import TagMute, TagMuted, TagUnmuted
from schemas.ticks import PROGRESS_KEY
from schemas.topics import (
    CHECK_STATES,
    DELIVERIES,
    MONITOR_STATES,
    PINGS,
    PROBE_RESULTS,
    TRANSITIONS,
    Topic,
)
from schemas.transitions import DeliveryFinished, IncidentTold, StatusChanged, ValidityTold

log = structlog.get_logger(__name__)

T = TypeVar("T")

# What was folded last and what was told in `transitions` bear the times of two hosts' clocks.
_MARGIN: Micros = 60 * SECOND
_CALL_SECONDS = 10.0
# Kinds of definitions that each partition is told of.
_EVERYWHERE = ("project", "maintenance", "escalation", "on-call", "tag-mute", "template")
_PATIENCE_SECONDS = 30.0
_CHANGED, _FINISHED = b'{"type":"status.changed"', b'{"type":"delivery.finished"'
_VALIDITY, _INCIDENT = b'{"type":"validity.told"', b'{"type":"incident.told"'

_definitions: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Definition)
_sent: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
    CheckDefined
    | CheckRemoved
    | MonitorDefined
    | MonitorRemoved
    | MaintenanceDefined
    | MaintenanceRemoved
    | EscalationDefined
    | EscalationRemoved
    | NoticesChosen
    | OnCallDefined
    | OnCallRemoved
    | TagMuted
    | TagUnmuted
    | EndpointDefined
    | EndpointRemoved
    | TemplateDefined
    | TemplateRemoved
    | DeliveryRequested
)
_Told = StatusChanged | ValidityTold | IncidentTold | DeliveryFinished
_told: msgspec.json.Decoder[_Told] = msgspec.json.Decoder(_Told)
_states: dict[Topic, msgspec.json.Decoder[Any]] = {
    CHECK_STATES: msgspec.json.Decoder(CheckStatesRecord),
    MONITOR_STATES: msgspec.json.Decoder(MonitorStatesRecord),
}


def missed_by(
    bootstrap: str, fold: Fold, partition: int, view: View, loading: Loading, start: int | None = None
) -> list[Missed]:
    """The events that the partition's journal has lost before they were folded, as far as others know of them.

    `view`: the states as they were loaded. `loading` grows while it is read. `start`: what the journal holds from this
    offset on is not missed; None: all of it is new. Raises `infra.log.reading.NotRead` when Kafka does not give it.
    """
    if fold.journal not in (PINGS, PROBE_RESULTS, DELIVERIES):
        return []
    place = f"{fold.journal}/{partition}"

    def read() -> list[Missed]:
        reader = _Reader(bootstrap, partition, loading)
        missed = _missed_by(reader, fold.journal, view)
        return missed if start is None else reader.without_those_in(fold.journal, start, missed)

    try:
        missed = _patiently(place, read)
    except msgspec.MsgspecError as error:  # it will not be readable another time: what can be folded is
        log.error("fold.not_reconciled", journal=place, error=str(error), what="events that it has lost are missing")
        return []
    if not missed:
        return []
    kinds = [event.__struct_config__.tag for _, event in missed]
    log.warning(
        "fold.reconciled",
        journal=place,
        missed={str(kind): kinds.count(kind) for kind in sorted(set(kinds), key=str)},
        what="events that others had sent and the journal has lost are folded from what the others know",
    )
    return missed


def _missed_by(reader: "_Reader", journal: Topic, view: View) -> list[Missed]:
    if journal == PINGS:
        of_checks = ("check", "maintenance", "escalation", "on-call", "tag-mute", "channel")
        return list(missed_by_checks(view, reader.defined(*of_checks, whole=("channel",))))
    if journal == PROBE_RESULTS:
        kinds = ("monitor", "maintenance", "escalation", "on-call", "channel")
        return list(missed_by_monitors(view, reader.defined(*kinds, whole=("channel",))))
    defined = reader.defined("channel", "project", "template")
    if not defined.channels:  # nobody here was to be told of anything
        return list(missed_by_deliveries(view, defined))
    told, finished = reader.told_since(view.get(PROGRESS_KEY).newest)
    projects = {channel.project for channel in defined.channels.values()}
    changes = [change for change in told if change.project in projects]
    things = reader.things({change.thing for change in changes})
    requests = missed_requests(view, defined.channels, changes, things, finished)
    return [*missed_by_deliveries(view, defined), *requests]


def _identity(event: msgspec.Struct) -> bytes:
    """What makes two events of one key the same, whenever they were sent."""
    match event:
        case CheckDefined():
            return encode(event.check)
        case MonitorDefined():
            return encode(event.monitor)
        case MaintenanceDefined():
            return encode(event.maintenance)
        case EscalationDefined():
            return encode(event.policy)
        case TemplateDefined():
            return encode(event.template)
        case NoticesChosen():
            return encode(msgspec.structs.replace(event, at=0))
        case OnCallDefined():
            return encode(event.rotation)
        case TagMuted():
            return encode(event.mute)
        case EndpointDefined():
            return encode(event.endpoint)
        case DeliveryRequested():
            return event.transition.encode()
    return str(event.__struct_config__.tag).encode()


def _patiently(place: str, read: Callable[[], T]) -> T:
    """Read again while a broker that has just started does not know its partitions yet."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return read()
        except (KafkaException, TimeoutError) as error:
            if time.monotonic() > deadline:
                raise NotRead(f"{place}: what it has lost is not known: {error}") from error
            time.sleep(0.2)


class _Reader:
    def __init__(self, bootstrap: str, partition: int, loading: Loading) -> None:
        self._bootstrap, self._partition, self._loading = bootstrap, partition, loading
        self._count = partition_count(bootstrap)

    def defined(self, *kinds: str, whole: tuple[str, ...] = ()) -> Defined:
        """The definitions of these kinds, of checks, monitors and channels those of our partition.

        whole: kinds of which all are wanted.
        """
        whole += _EVERYWHERE
        definitions = shared_definitions(self._bootstrap).read(self._loading)
        newest: list[bytes] = []
        for key, stored in definitions.records.items():
            kind, _, _ = key.partition("/")
            if kind in kinds and (kind in whole or stored.owner == self._partition):
                newest.append(stored.value)
        found: dict[type[msgspec.Struct], dict[str, Any]] = {}
        for value in newest:
            definition = _definitions.decode(value)
            found.setdefault(type(definition), {})[definition.id] = definition
        return Defined(
            checks=found.get(Check, {}),
            monitors=found.get(Monitor, {}),
            channels=found.get(Channel, {}),
            projects=found.get(Project, {}),
            windows=found.get(Maintenance, {}),
            policies=found.get(EscalationPolicy, {}),
            complete=definitions.complete,
            templates=found.get(MessageTemplate, {}),
            rotations=found.get(OnCallRotation, {}),
            tag_mutes=found.get(TagMute, {}),
        )

    def told_since(self, newest: Micros) -> tuple[list[Told], set[str]]:
        """What was told from a moment before `newest` on: changes and notices, and the deliveries that ended."""
        changes: dict[str, Told] = {}
        finished: set[str] = set()
        for number, start in self._offsets_at(TRANSITIONS, max(0, newest - _MARGIN)).items():
            end = ends_of(self._bootstrap, TRANSITIONS)[number]
            for stored in read_partition(self._bootstrap, TRANSITIONS, number, end, start=start):
                self._loading.steps += 1
                if not (stored.value or b"").startswith((_CHANGED, _VALIDITY, _INCIDENT, _FINISHED)):
                    continue
                told = _told.decode(stored.value or b"")
                if isinstance(told, DeliveryFinished):
                    finished.add(told.id)
                else:
                    changes[told.id] = told
        return list(changes.values()), finished

    def things(self, ids: Iterable[str]) -> dict[str, Thing]:
        """Those of the checks and monitors with these ids that are there."""
        ids = set(ids)
        partitions = {partition_of(id.encode(), self._count) for id in ids}
        things: dict[str, Thing] = {}
        for topic in (CHECK_STATES, MONITOR_STATES) if ids else ():
            keys = {*ids, *map(definition_key, ids)}
            ends = {number: end for number, end in ends_of(self._bootstrap, topic).items() if number in partitions}
            newest: dict[str, bytes | None] = {}
            for stored in read_to_end(self._bootstrap, topic, ends):
                self._loading.steps += 1
                if (key := (stored.key or b"").decode()) in keys:
                    newest[key] = stored.value
            records = {key: _states[topic].decode(value) for key, value in newest.items() if value is not None}
            for id in ids:
                state, copy = records.get(id), records.get(definition_key(id))
                if isinstance(state, CheckState) and isinstance(copy, DefinitionCopy):
                    things[id] = Thing(state, copy.check)
                elif isinstance(state, MonitorState) and isinstance(copy, MonitorCopy):
                    things[id] = Thing(state, copy.monitor)
        return things

    def without_those_in(self, journal: Topic, start: int, missed: list[Missed]) -> list[Missed]:
        """Those that the journal does not hold from `start` on.

        Uncommitted records count as well: `definitions` may show a transaction a moment before the journal does.
        """
        if not missed:
            return []
        place = (journal.name, self._partition)
        admin, isolation = admin_client(self._bootstrap), IsolationLevel.READ_UNCOMMITTED
        end = end_offsets(admin, [place], _CALL_SECONDS, isolation)[place]
        kinds = tuple({b'{"type":"%s"' % str(event.__struct_config__.tag).encode() for _, event in missed})
        there: set[tuple[str, bytes]] = set()
        for stored in read_partition(self._bootstrap, journal, self._partition, end, start=start, uncommitted=True):
            self._loading.steps += 1
            if (stored.value or b"").startswith(kinds):
                with contextlib.suppress(msgspec.MsgspecError):  # not one of ours
                    there.add(((stored.key or b"").decode(), _identity(_sent.decode(stored.value or b""))))
        return [(key, event) for key, event in missed if (key, _identity(event)) not in there]

    def _offsets_at(self, topic: Topic, at: Micros) -> dict[int, int]:
        """Where in each partition the first record from that time on stands, of those that have one."""
        spec = OffsetSpec.for_timestamp(at // 1_000)
        asked = {TopicPartition(topic.name, number): spec for number in range(self._count)}
        admin = admin_client(self._bootstrap)  # while it is gone nothing is answered
        futures = admin.list_offsets(asked, request_timeout=_CALL_SECONDS)
        found = {tp.partition: int(future.result(_CALL_SECONDS).offset) for tp, future in futures.items()}
        return {number: offset for number, offset in found.items() if offset >= 0}
