"""Checks: list, create, read, update, delete, pause, resume (docs/compatibility/management.md).

Collections answer with and without the final slash; a single check has none.
"""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from query_api.healthchecks import openapi
from query_api.healthchecks.auth import Body, Caller, Reader, Writer
from query_api.healthchecks.desk import Desk, TheDesk, is_unique_key, stale_header
from query_api.healthchecks.fields import (
    Invalid,
    read,
    unique_fields,
    wanted,
    with_derived_slug,
)
from query_api.http.refusals import Refusal, json_answer
from schemas.definitions import Check
from schemas.ids import new_id
from schemas.pings import CheckPaused, CheckResumed
from schemas.requests import CheckCreate, CheckDelete, CheckFields, CheckUpdate

# So many objects are made in one go, before other requests get their turn.
_AT_ONCE = 64

router = APIRouter(tags=["checks"], responses=openapi.ERRORS)


@router.get("/checks/", responses=openapi.CHECKS)
@router.get("/checks", include_in_schema=False)
async def list_checks(
    desk: TheDesk,
    caller: Reader,
    tag: Annotated[list[str] | None, Query(description="Only checks that have all these tags.")] = None,
    slug: Annotated[str, Query(description="Only checks with this slug.")] = "",
) -> Response:
    """All checks of the project, oldest first."""
    tags = set(tag or ())
    checks = [
        check
        async for check in desk.checks(caller)
        if tags <= _tags(check) and (not slug or check.slug == slug)
    ]  # fmt: skip
    checks.sort(key=lambda check: (check.created, check.id))
    stale = await desk.freshness.of_list(checks)
    objects = []
    for number, check in enumerate(checks, 1):
        objects.append(desk.object(check, caller.read_only))
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
    return json_answer({"checks": objects}, headers=stale_header(stale))


@router.post("/checks/", status_code=201, responses=openapi.CREATED, openapi_extra=openapi.CHECK_FIELDS)
@router.post("/checks", include_in_schema=False)
async def create_check(desk: TheDesk, body: Body, caller: Writer) -> Response:
    """Make a check; or, with `unique`, change the oldest one that agrees in those fields."""
    said = _said(desk, body)
    unique = unique_fields(said)
    decision = await desk.ask(
        caller,
        CheckCreate(
            request=new_id(),
            at=desk.parts.clock.now(),
            id=new_id(),
            fields=_wanted(desk, said, makes=not unique),
            unique=unique,
        ),
    )
    return await desk.answer(await desk.result(decision), 201 if decision.outcome == "made" else 200)


@router.get("/checks/{code}", responses=openapi.CHECK)
async def read_check(desk: TheDesk, caller: Reader, code: str) -> Response:
    """One check, by its UUID or its unique key."""
    return await desk.answer(await desk.check_by_any_key(caller, code), read_only=caller.read_only)


@router.post("/checks/{code}", responses=openapi.CHECK, openapi_extra=openapi.CHECK_FIELDS)
async def update_check(desk: TheDesk, body: Body, caller: Writer, code: str) -> Response:
    """Change the fields that are given."""
    check = await _changeable(desk, caller, code)
    fields = _wanted(desk, _said(desk, body), makes=False)
    request = CheckUpdate(request=new_id(), at=desk.parts.clock.now(), id=check.id, fields=fields)
    return await desk.answer(await desk.result(await desk.ask(caller, request)))


@router.delete("/checks/{code}", responses=openapi.CHECK)
async def delete_check(desk: TheDesk, caller: Writer, code: str) -> Response:
    """Remove a check; the answer shows it for the last time."""
    check = await _changeable(desk, caller, code)
    stale = await desk.freshness.of_check(check)
    last = desk.object(check)
    await desk.ask(caller, CheckDelete(request=new_id(), at=desk.parts.clock.now(), id=check.id))
    await desk.gone(check.id)
    return json_answer(last, headers=stale_header(stale))


@router.post("/checks/{code}/pause", responses=openapi.CHECK)
async def pause_check(desk: TheDesk, _body: Body, caller: Writer, code: str) -> Response:
    """Stop watching a check until its next ping, or with `manual_resume`, until it is resumed."""
    check = await desk.check(caller, code)
    await desk.command(caller, check, CheckPaused(at=desk.parts.clock.now()))
    return await desk.answer(check)


@router.post("/checks/{code}/resume", responses=openapi.CHECK | openapi.NOT_PAUSED)
async def resume_check(desk: TheDesk, _body: Body, caller: Writer, code: str) -> Response:
    """Make a paused check new again."""
    check = await desk.check(caller, code)
    await desk.freshness.of_check(check)
    state = desk.parts.states.state(check.id)
    if state is None or state.status != "paused":
        return Response("check is not paused", 409, media_type="text/plain")
    await desk.command(caller, check, CheckResumed(at=desk.parts.clock.now()))
    return await desk.answer(check)


def _tags(check: Check) -> set[str]:
    return {tag for tag in check.tags.split(" ") if tag}


def _said(desk: Desk, body: Mapping[str, Any]) -> dict[str, Any]:
    try:
        said = read(body)
    except Invalid as invalid:
        raise Refusal(400, str(invalid)) from None
    return with_derived_slug(said) if desk.parts.settings.slugs == "from-name" else said


def _wanted(desk: Desk, said: Mapping[str, Any], makes: bool) -> CheckFields:
    try:
        return wanted(said, makes, name_sets_slug=desk.version < 3)
    except Invalid as invalid:
        raise Refusal(400, str(invalid)) from None


async def _changeable(desk: Desk, caller: Caller, code: str) -> Check:
    """A check named by its id; a unique key only reads."""
    if is_unique_key(code):
        raise Refusal(405)
    return await desk.check(caller, code)
