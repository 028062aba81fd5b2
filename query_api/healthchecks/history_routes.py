"""Pings, their bodies, and flips of a check: what history knows (docs/compatibility/management.md).

A list of pings goes up to the newest ping that the check's state knows, so it is as fresh as the state. A list of flips
waits for the newest change that the state knows; when that takes long, it is answered without, and says so.
"""

import asyncio
import time
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from msgspec import UNSET, Meta, Struct, UnsetType

from query_api.healthchecks.auth import Reader, Writer
from query_api.healthchecks.history import answering_history, known_history
from query_api.healthchecks.openapi import ERRORS, errors
from query_api.healthchecks.parameters import LAST_TIMESTAMP, LONGEST_SECONDS, number, parameter
from query_api.healthchecks.service import Service, ServiceDep, stale_header
from query_api.history.checks import FOREVER, Flip, PingKind, PingRow
from query_api.history.ports import CheckHistoryReader
from query_api.http.field_types import Count, Time, Url, Uuid
from query_api.http.openapi import Responses, answer, text_answer
from query_api.http.refusals import ApiError, json_answer
from schemas.base import SECOND
from schemas.definitions import Check, changes_before
from schemas.times import exact_iso, iso

# So many pings of a check are listed, and so many bodies can be read.
PING_LOG_LIMIT = 1000

# How long a list of flips waits for history, and how often it looks.
_FLIPS_WITHIN = 1.0
_LOOK_AGAIN = 0.05

router = APIRouter(tags=["history"], responses=ERRORS)


class PingObject(Struct, kw_only=True, gc=False):
    """A ping that was received."""

    type: PingKind
    date: Time
    n: Annotated[Count, Meta(description="Its number, from 1.")]
    scheme: str
    remote_addr: str
    method: str
    ua: Annotated[str, Meta(description="The `User-Agent` of the client.")]
    rid: Annotated[Uuid | None, Meta(description="The run id that the client sent.")]
    body_url: Annotated[Url | None, Meta(description="URL of its body; null: no body.")]
    exitstatus: Annotated[int, Meta(ge=0, le=255)] | None
    duration: (
        Annotated[float, Meta(description="Duration in seconds of the run that it ended, if any.")] | UnsetType
    ) = UNSET


class PingList(Struct):
    """Pings of a check, newest first."""

    pings: list[PingObject]


class FlipObject(Struct, gc=False):
    """A change of status."""

    timestamp: Time
    up: Annotated[Literal[0, 1], Meta(description="1: the check went up; 0: it went down.")]


class FlipList(Struct):
    """Changes of status, newest first."""

    flips: list[FlipObject]


_PINGS: Responses = {200: answer(PingList, f"The newest pings, newest first, at most {PING_LOG_LIMIT:,}.")}
_BODY: Responses = {200: text_answer("The body, byte for byte.", {"type": "string", "format": "binary"})}
_FLIPS: Responses = {200: answer(FlipList, "Changes of status, newest first.")}


@router.get("/checks/{code}/pings/", responses=_PINGS | errors(403, 404))
async def list_pings(service: ServiceDep, caller: Writer, code: str) -> Response:
    """List the newest pings of a check, newest first."""
    check = await service.check(caller, code)
    stale = await service.freshness.of_check(check)
    last, total = _newest(service, check)
    with answering_history():
        pings = await _history(service).pings(check.id, last, total, PING_LOG_LIMIT)
    body_base = f"{service.urls.check(check.id)}/pings"
    return json_answer(PingList([_ping_object(ping, body_base) for ping in pings]), headers=stale_header(stale))


@router.get("/checks/{code}/pings/{n}/body", response_class=Response, responses=_BODY | errors(403, 404))
async def read_body(service: ServiceDep, caller: Writer, code: str, n: str) -> Response:
    """Read the body of one ping, byte for byte."""
    check = await service.check(caller, code)
    stale = await service.freshness.of_check(check)
    last, total = _newest(service, check)
    serial = number(n, total)
    if serial is None or serial <= total - PING_LOG_LIMIT:
        raise ApiError(404, "not found")
    with answering_history():
        body = await _history(service).body(check.id, serial, last, total)
    if not body:
        raise ApiError(404, "not found")
    headers = {"Content-Type": "text/plain", "X-Content-Type-Options": "nosniff"}
    return Response(body, headers=headers | stale_header(stale))


@router.get("/checks/{code}/flips/", responses=_FLIPS | errors(400, 403, 404))
async def list_flips(
    service: ServiceDep,
    caller: Reader,
    code: str,
    seconds: Annotated[str | None, Query(description="Only changes within this many seconds before now.")] = None,
    start: Annotated[str | None, Query(description="Only from this Unix time on.")] = None,
    end: Annotated[str | None, Query(description="Only before this Unix time.")] = None,
) -> Response:
    """List the changes of status of a check, newest first."""
    check = await service.check_by_any_key(caller, code)
    since = parameter(seconds, LONGEST_SECONDS)
    first = parameter(start, LAST_TIMESTAMP) * SECOND
    until = parameter(end, LAST_TIMESTAMP) * SECOND
    if since:
        first = max(first, service.deps.clock.now() - since * SECOND)
    if check.claim:  # what was before is of another check with its id
        first = max(first, check.created)
    stale = await service.freshness.of_check(check)
    with answering_history():
        stale = max(stale, await _age_of_changes(service, check))
        flips = await _history(service).flips(check.id, min(first, FOREVER), min(until or FOREVER, FOREVER))
    return json_answer(FlipList([_flip_object(flip) for flip in flips]), headers=stale_header(stale))


def _history(service: Service) -> CheckHistoryReader:
    return known_history(service.deps.history)


async def _age_of_changes(service: Service, check: Check) -> int:
    """Wait for the newest change that the state knows; for how many seconds history lacks it, 0 when it is in."""
    state = service.deps.states.state(check.id)
    if state is None or state.changes == changes_before(check):
        return 0
    deadline = time.monotonic() + _FLIPS_WITHIN
    while True:
        newest = await _history(service).transitions(check.id, state.since)
        if newest and newest[0].n >= state.changes:
            return 0
        if time.monotonic() > deadline:
            return max(1, (service.deps.clock.now() - state.since) // SECOND)
        await asyncio.sleep(_LOOK_AGAIN)


def _newest(service: Service, check: Check) -> tuple[int, int]:
    """Offset and serial of the newest ping that the state knows."""
    state = service.deps.states.state(check.id)
    return (-1, 0) if state is None else (state.offset, state.pings)


def _ping_object(ping: PingRow, body_base: str) -> PingObject:
    return PingObject(
        type=ping.kind,
        date=exact_iso(ping.at),
        n=ping.n,
        scheme=ping.scheme,
        remote_addr=ping.remote_addr,
        method=ping.method,
        ua=ping.ua,
        rid=ping.rid,
        body_url=f"{body_base}/{ping.n}/body" if ping.body_size else None,
        exitstatus=ping.exitstatus,
        duration=UNSET if ping.duration is None else round(ping.duration / SECOND, 2),
    )


def _flip_object(flip: Flip) -> FlipObject:
    return FlipObject(timestamp=iso(flip.at), up=1 if flip.now == "up" else 0)
