"""Checks: list, create, read, update, delete, pause, resume (docs/compatibility/management.md).

Collections answer with and without the final slash; a single check has none.
"""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from msgspec import Struct

from query_api.commands import gone
from query_api.healthchecks.auth import Body, Caller, Reader, Writer
from query_api.healthchecks.check_bodies import CreateCheckBody, UpdateCheckBody
from query_api.healthchecks.check_object import CheckObject
from query_api.healthchecks.fields import (
    InvalidBody,
    read,
    unique_fields,
    wanted,
    with_derived_slug,
)
from query_api.healthchecks.history import answering_history
from query_api.healthchecks.openapi import ERRORS, errors
from query_api.healthchecks.service import Service, ServiceDep, is_unique_key, stale_header
from query_api.healthchecks.tags import tags_of
from query_api.http.idempotency import IdempotencyKey
from query_api.http.lookup import look_up
from query_api.http.openapi import Responses, answer, body_of, text_answer
from query_api.http.refusals import ApiError, json_answer
from schemas.definitions import Check
from schemas.ids import is_uuid, new_id
from schemas.pings import CheckPaused, CheckResumed
from schemas.requests import CheckClaim, CheckCreate, CheckDelete, CheckFields, CheckUpdate

# So many objects are made in one go, before other requests get their turn.
_AT_ONCE = 64

router = APIRouter(tags=["checks"], responses=ERRORS)


class CheckList(Struct):
    """The checks of a project, oldest first."""

    checks: list[CheckObject]


_CHECK: Responses = {200: answer(CheckObject, "The check.")}
_CREATED: Responses = {
    200: answer(CheckObject, "The check that was there (`Idempotency-Key`), or was changed (`unique`)."),
    201: answer(CheckObject, "The new check."),
}
_UPDATED: Responses = {
    200: answer(CheckObject, "The check, changed."),
    201: answer(CheckObject, "The new check (`create=1`)."),
}
_NOT_PAUSED: Responses = {409: text_answer("The check is not paused.")}
_CREATE = body_of(
    CreateCheckBody, {"name": "Nightly backup", "schedule": "0 2 * * *", "tz": "UTC", "grace": 3600}, False
)
_UPDATE = body_of(UpdateCheckBody, {"timeout": 3600, "grace": 300}, False)


@router.get("/checks/", responses={200: answer(CheckList, "The checks that match, oldest first.")})
async def list_checks(
    service: ServiceDep,
    caller: Reader,
    tag: Annotated[list[str] | None, Query(description="Only checks that have all these tags.")] = None,
    slug: Annotated[str, Query(description="Only checks with this slug.")] = "",
) -> Response:
    """List the checks of the project, oldest first, all or those that match."""
    tags = set(tag or ())
    checks = [
        check
        async for check in service.checks(caller)
        if tags <= tags_of(check.tags) and (not slug or check.slug == slug)
    ]  # fmt: skip
    checks.sort(key=lambda check: (check.created, check.id))
    stale = await service.freshness.of_list(checks)
    objects = []
    for number, check in enumerate(checks, 1):
        objects.append(service.object(check, caller.read_only))
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
    return json_answer(CheckList(objects), headers=stale_header(stale))


@router.post("/checks/", status_code=201, responses=_CREATED | errors(400, 403, 409), openapi_extra=_CREATE)
async def create_check(
    service: ServiceDep, body: Body, caller: Writer, idempotency_key: IdempotencyKey = None
) -> Response:
    """Create a check. With `unique`, update the oldest check with the same values in those fields instead."""
    said = _said(service, body)
    unique = unique_fields(said)
    decision = await service.ask(
        caller,
        CheckCreate(
            request=new_id(),
            at=service.deps.clock.now(),
            id=service.id_for(caller, "check", idempotency_key),
            fields=_wanted(service, said, makes=not unique),
            unique=unique,
        ),
    )
    return await service.answer(await service.result(decision), 201 if decision.outcome == "made" else 200)


@router.get("/checks/{code}", responses=_CHECK | errors(403, 404))
async def read_check(service: ServiceDep, caller: Reader, code: str) -> Response:
    """Read one check, by its UUID or its unique key."""
    return await service.answer(await service.check_by_any_key(caller, code), read_only=caller.read_only)


@router.post("/checks/{code}", responses=_UPDATED | errors(400, 403, 404, 405, 409), openapi_extra=_UPDATE)
async def update_check(
    service: ServiceDep,
    body: Body,
    caller: Writer,
    code: str,
    create: Annotated[
        str, Query(description="`1`: create the check with this UUID if it does not exist. Pingfold's own.")
    ] = "",
) -> Response:
    """Change a check. Omitted fields stay. With `create=1`, create it with this UUID if it does not exist."""
    if create == "1" and is_uuid(code):
        check = await look_up(service.deps, "the check", lambda: service.deps.directory.check(code))
        if check is None:
            return await _create_with_id(service, body, caller, code)
    check = await _changeable(service, caller, code)
    fields = _wanted(service, _said(service, body), makes=False)
    request = CheckUpdate(request=new_id(), at=service.deps.clock.now(), id=check.id, fields=fields)
    return await service.answer(await service.result(await service.ask(caller, request)))


async def _create_with_id(service: Service, body: Mapping[str, Any], caller: Caller, id: str) -> Response:
    """Answer with the check that was made under a given id, which pings may use already.

    An id that a check of another project had, or that a monitor has, is refused: history tells things apart by it.
    """
    if await _was_of_another(service, caller, id):
        raise ApiError(403)
    # Another request may make it meanwhile: then the fields are those of a change.
    fields = _wanted(service, _said(service, body), makes=False)
    claim = CheckClaim(request=new_id(), at=service.deps.clock.now(), id=id, project=caller.project, fields=fields)
    decision = await service.claim(caller, claim)
    return await service.answer(await service.result(decision), 201 if decision.outcome == "made" else 200)


async def _was_of_another(service: Service, caller: Caller, id: str) -> bool:
    deps = service.deps
    if deps.directory.monitor(id) is not None:
        return True
    if deps.past_things is None:
        return False
    with answering_history():
        return await deps.past_things.project_of(id) not in (None, caller.project)


@router.delete("/checks/{code}", responses=_CHECK | errors(403, 404, 405))
async def delete_check(service: ServiceDep, caller: Writer, code: str) -> Response:
    """Delete a check. The response contains its last state."""
    check = await _changeable(service, caller, code)
    stale = await service.freshness.of_check(check)
    last = service.object(check)
    await service.ask(caller, CheckDelete(request=new_id(), at=service.deps.clock.now(), id=check.id))
    await gone(service.deps, service.deps.directory.check, check.id)
    return json_answer(last, headers=stale_header(stale))


@router.post("/checks/{code}/pause", responses=_CHECK | errors(400, 403, 404))
async def pause_check(service: ServiceDep, _body: Body, caller: Writer, code: str) -> Response:
    """Pause a check until its next ping, or with `manual_resume`, until it is resumed."""
    check = await service.check(caller, code)
    await service.command(caller, check, CheckPaused(at=service.deps.clock.now()))
    return await service.answer(check)


@router.post("/checks/{code}/resume", responses=_CHECK | errors(400, 403, 404) | _NOT_PAUSED)
async def resume_check(service: ServiceDep, _body: Body, caller: Writer, code: str) -> Response:
    """Resume a paused check. Its status is then `new`."""
    check = await service.check(caller, code)
    await service.freshness.of_check(check)
    state = service.deps.states.state(check.id)
    if state is None or state.status != "paused":
        return Response("check is not paused", 409, media_type="text/plain")
    await service.command(caller, check, CheckResumed(at=service.deps.clock.now()))
    return await service.answer(check)


def _said(service: Service, body: Mapping[str, Any]) -> dict[str, Any]:
    try:
        said = read(body)
    except InvalidBody as invalid:
        raise ApiError(400, str(invalid)) from None
    return with_derived_slug(said) if service.deps.settings.slugs == "from-name" else said


def _wanted(service: Service, said: Mapping[str, Any], makes: bool) -> CheckFields:
    try:
        return wanted(said, makes, name_sets_slug=service.version < 3)
    except InvalidBody as invalid:
        raise ApiError(400, str(invalid)) from None


async def _changeable(service: Service, caller: Caller, code: str) -> Check:
    """A check named by its id; a unique key only reads."""
    if is_unique_key(code):
        raise ApiError(405, headers={"Allow": "GET, HEAD, OPTIONS"})
    return await service.check(caller, code)
