"""Escalation policies: Pingfold's own, in the style of the API. Whom to tell of what nobody acknowledges, and when.

A policy is for the monitors and heartbeat checks that it names; one that names none is for all others of the project.
"""

from collections.abc import Callable, Iterable
from typing import Annotated

from fastapi import APIRouter, Response
from msgspec import UNSET, Meta, Struct, UnsetType

from query_api.http.field_types import Count, Time, Uuid
from query_api.http.idempotency import IdempotencyKey
from query_api.http.openapi import body_of
from query_api.poppaping.auth import AlertsReader, AlertsWriter, JsonObject
from query_api.poppaping.bodies import judged
from query_api.poppaping.objects import Deleted
from query_api.poppaping.openapi import ERRORS, errors, list_of, one_of
from query_api.poppaping.read_only import without_read_only
from query_api.poppaping.responses import (
    Page,
    PerPage,
    PoppaPingApiError,
    listed_page,
    made_or_found,
    one,
    time,
)
from query_api.poppaping.service import Service, ServiceDep
from schemas.definitions import ApiKey, Channel, Check
from schemas.escalations import (
    MOST_CHANNELS,
    MOST_ON_CALL,
    MOST_STEPS,
    EscalationPolicy,
    Minutes,
    PolicyName,
    Repeat,
    Step,
    fault_of,
)
from schemas.ids import is_uuid, new_id
from schemas.incident_requests import EscalationCreate, EscalationDelete, EscalationFields, EscalationUpdate
from schemas.managed import ManagedBy
from schemas.monitors import Monitor
from schemas.on_call import OnCallRotation

router = APIRouter(tags=["escalation policies"], responses=ERRORS)

_Things = Annotated[
    list[str],
    Meta(max_length=10_000, description="Monitors and heartbeat checks; empty: all that no other policy names."),
]


class StepBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """A step: whom to notify if nobody has acknowledged the incident this long after the first notice."""

    after_minutes: Annotated[
        Minutes, Meta(description="Time since the start of the round; each step later than the previous one.")
    ]
    alert_channel_ids: Annotated[list[str], Meta(max_length=MOST_CHANNELS)] = []
    own_channels: Annotated[bool, Meta(description="Whether to notify the channels of the monitor itself again.")] = (
        False
    )
    on_call: Annotated[
        list[str],
        Meta(
            max_length=MOST_ON_CALL,
            description="On-call rotations; the step notifies whoever is on call then. If nobody is on call and the "
            "step has no other channels, it notifies the channels of the monitor itself.",
        ),
    ] = []


class UpdateEscalationPolicyBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """The fields of a policy to change."""

    name: PolicyName | UnsetType = UNSET
    steps: Annotated[list[StepBody], Meta(max_length=MOST_STEPS)] | UnsetType = UNSET
    repeat: (
        Annotated[
            Repeat,
            Meta(
                description="Number of further rounds through the steps; each round starts at the last step of the "
                "previous one. Null: until somebody acknowledges."
            ),
        ]
        | UnsetType
    ) = UNSET
    monitor_ids: _Things | UnsetType = UNSET
    managed_by: ManagedBy | UnsetType = UNSET


class CreateEscalationPolicyBody(UpdateEscalationPolicyBody, kw_only=True):
    """A new policy."""

    name: PolicyName
    steps: Annotated[list[StepBody], Meta(max_length=MOST_STEPS)]


class ShownStep(Struct, kw_only=True, gc=False):
    """One step."""

    after_minutes: Count
    alert_channel_ids: list[Uuid]
    own_channels: bool
    on_call: Annotated[list[Uuid], Meta(description="On-call rotations.")]


class EscalationPolicyObject(Struct, kw_only=True, gc=False):
    """An escalation policy."""

    id: Uuid
    name: str
    steps: list[ShownStep]
    repeat: Annotated[Count | None, Meta(description="Null: until somebody acknowledges.")]
    monitor_ids: Annotated[list[Uuid], Meta(description="Empty: all that no other policy names.")]
    created_at: Time
    updated_at: Time
    managed_by: ManagedBy | UnsetType = UNSET


_POLICY = one_of(EscalationPolicyObject, "The policy.") | errors(404)
_EXAMPLE = {
    "name": "Night shift",
    "steps": [{"after_minutes": 5, "own_channels": True}, {"after_minutes": 15, "own_channels": True}],
    "repeat": 3,
}


@router.get(
    "/escalation-policies",
    summary="List escalation policies (Pingfold's own)",
    responses=list_of(EscalationPolicyObject, "The policies, oldest first.") | errors(400),
)
async def list_policies(service: ServiceDep, key: AlertsReader, page: Page = 1, per_page: PerPage = 25) -> Response:
    """List the escalation policies of the project, oldest first."""
    return listed_page(service.deps.directory.policies_of(key.project), page, per_page, _object)


@router.post(
    "/escalation-policies",
    status_code=201,
    summary="Create an escalation policy (Pingfold's own)",
    responses=one_of(EscalationPolicyObject, "The new policy.", 201)
    | one_of(EscalationPolicyObject, "The policy that was there (`Idempotency-Key`).")
    | errors(400),
    openapi_extra=body_of(CreateEscalationPolicyBody, _EXAMPLE),
)
async def create_policy(
    service: ServiceDep, key: AlertsWriter, body: JsonObject, idempotency_key: IdempotencyKey = None
) -> Response:
    """Create an escalation policy. Open incidents that nobody has acknowledged start at its first step now."""
    fields = await _fields(service, key, judged(body, CreateEscalationPolicyBody))
    id = service.id_for(key, "escalation policy", idempotency_key)
    request = EscalationCreate(request=new_id(), at=service.deps.clock.now(), id=id, fields=fields)
    decision = await service.ask(key, request)
    return made_or_found(decision, _object(await service.read_back(decision, service.deps.directory.policy)))


@router.get("/escalation-policies/{id}", summary="Read an escalation policy (Pingfold's own)", responses=_POLICY)
async def read_policy(service: ServiceDep, key: AlertsReader, id: str) -> Response:
    """Read one escalation policy."""
    return one(_object(await _find(service, key, id)))


@router.patch(
    "/escalation-policies/{id}",
    summary="Change an escalation policy (Pingfold's own)",
    responses=_POLICY | errors(400),
    openapi_extra=body_of(UpdateEscalationPolicyBody, {"repeat": None}),
)
async def change_policy(service: ServiceDep, key: AlertsWriter, id: str, body: JsonObject) -> Response:
    """Change an escalation policy. Omitted fields stay. Open incidents start at the first step again, unless the change
    only removes channels."""
    known = await _find(service, key, id)
    body = without_read_only(body, _object(known), UpdateEscalationPolicyBody)
    fields = await _fields(service, key, judged(body, UpdateEscalationPolicyBody), known.steps)
    request = EscalationUpdate(request=new_id(), at=service.deps.clock.now(), id=known.id, fields=fields)
    return one(_object(await service.change(key, request, service.deps.directory.policy)))


@router.delete(
    "/escalation-policies/{id}",
    summary="Delete an escalation policy (Pingfold's own)",
    responses=one_of(Deleted, "The id of what was deleted.") | errors(404),
)
async def delete_policy(service: ServiceDep, key: AlertsWriter, id: str) -> Response:
    """Delete an escalation policy. It notifies nobody any more."""
    known = await _find(service, key, id)
    request = EscalationDelete(request=new_id(), at=service.deps.clock.now(), id=known.id)
    return await service.delete(key, request, service.deps.directory.policy)


async def _find(service: Service, key: ApiKey, id: str) -> EscalationPolicy:
    return await service.owned(key, id, service.deps.directory.policy, "escalation policy")


async def _fields(
    service: Service, key: ApiKey, wanted: UpdateEscalationPolicyBody, known: tuple[Step, ...] = ()
) -> EscalationFields:
    steps: tuple[Step, ...] | UnsetType = UNSET
    if wanted.steps is not UNSET:
        steps = steps_of(wanted.steps)
        if steps != known:  # the channels of what is sent back as it was read may have been removed
            must_make_sense(steps)
        for id in {id for step in steps for id in step.channels}:
            await _must_be_there(service, key, id, "alert channel", "alert_channel_ids")
        for id in {id for step in steps for id in step.on_call}:
            await _must_be_there(service, key, id, "on-call rotation", "on_call")
    things: tuple[str, ...] | UnsetType = UNSET
    if wanted.monitor_ids is not UNSET:
        things = tuple(sorted(set(wanted.monitor_ids)))
        for id in things:
            await _must_be_there(service, key, id, "monitor", "monitor_ids")
    return EscalationFields(
        name=wanted.name, steps=steps, repeat=wanted.repeat, things=things, managed_by=wanted.managed_by
    )


def steps_of(wanted: Iterable[StepBody]) -> tuple[Step, ...]:
    """Steps as they are stored."""
    return tuple(
        Step(
            each.after_minutes,
            tuple(dict.fromkeys(each.alert_channel_ids)),
            each.own_channels,
            tuple(dict.fromkeys(each.on_call)),
        )
        for each in wanted
    )


def must_make_sense(steps: tuple[Step, ...]) -> None:
    """Raises `PoppaPingApiError` for steps out of order, and for one that tells nobody."""
    fault = fault_of(steps)
    if not fault and any(not (step.channels or step.own or step.on_call) for step in steps):
        fault = "each step needs 'alert_channel_ids', 'on_call' or 'own_channels'"
    if fault:
        raise PoppaPingApiError(400, f"Field 'steps': {fault}.")


async def _must_be_there(service: Service, key: ApiKey, id: str, what: str, field: str) -> None:
    directory = service.deps.directory
    find: Callable[[str], Channel | OnCallRotation | Monitor | Check | None] = {
        "alert channel": directory.channel,
        "on-call rotation": directory.rotation,
    }.get(what, lambda id: directory.monitor(id) or directory.check(id))

    def found() -> bool | None:
        thing = find(id)
        return True if thing is not None and thing.project == key.project else None

    there = await service.look_up(what, found) if is_uuid(id) else None
    if there is None:
        raise PoppaPingApiError(400, f"Field '{field}': there is no {what} '{id}'.")


def _object(policy: EscalationPolicy) -> EscalationPolicyObject:
    return EscalationPolicyObject(
        id=policy.id,
        name=policy.name,
        steps=[
            ShownStep(
                after_minutes=step.after,
                alert_channel_ids=list(step.channels),
                own_channels=step.own,
                on_call=list(step.on_call),
            )
            for step in policy.steps
        ],
        repeat=policy.repeat,
        monitor_ids=list(policy.things),
        created_at=time(policy.created),
        updated_at=time(policy.revised),
        managed_by=policy.managed_by or UNSET,
    )
