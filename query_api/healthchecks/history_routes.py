"""Pings, their bodies, and flips of a check: what history knows (docs/compatibility/management.md).

A list of pings goes up to the newest ping that the check's state knows, so it is as fresh as the state. A list of flips
waits for the newest change that the state knows; when that takes long, it is answered without, and says so.
"""

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from query_api.dependencies import HistoryReads
from query_api.healthchecks import openapi
from query_api.healthchecks.auth import Reader, Writer
from query_api.healthchecks.history import answering_history, known_history
from query_api.healthchecks.parameters import LAST_TIMESTAMP, LONGEST_SECONDS, number, parameter
from query_api.healthchecks.service import Service, ServiceDep, stale_header
from query_api.history.checks import FOREVER, Flip, PingRow
from query_api.http.refusals import Refusal, json_answer
from schemas.base import SECOND
from schemas.definitions import Check
from schemas.times import exact_iso, iso

# So many pings of a check are listed, and so many bodies can be read.
PING_LOG_LIMIT = 1000

# How long a list of flips waits for history, and how often it looks.
_FLIPS_WITHIN = 1.0
_LOOK_AGAIN = 0.05

router = APIRouter(tags=["history"], responses=openapi.ERRORS)


@router.get("/checks/{code}/pings/", responses=openapi.PINGS)
@router.get("/checks/{code}/pings", include_in_schema=False)
async def list_pings(service: ServiceDep, caller: Writer, code: str) -> Response:
    """The newest pings of a check, newest first."""
    check = await service.check(caller, code)
    stale = await service.freshness.of_check(check)
    last, total = _newest(service, check)
    with answering_history():
        pings = await _history(service).pings(check.id, last, total, PING_LOG_LIMIT)
    body_base = f"{service.urls.check(check.id)}/pings"
    return json_answer({"pings": [_ping_object(ping, body_base) for ping in pings]}, headers=stale_header(stale))


@router.get("/checks/{code}/pings/{n}/body", response_class=Response, responses=openapi.PING_BODY)
async def read_body(service: ServiceDep, caller: Writer, code: str, n: str) -> Response:
    """The body of one ping, byte for byte."""
    check = await service.check(caller, code)
    stale = await service.freshness.of_check(check)
    last, total = _newest(service, check)
    serial = number(n, total)
    if serial is None or serial <= total - PING_LOG_LIMIT:
        raise Refusal(404, "not found")
    with answering_history():
        body = await _history(service).body(check.id, serial, last, total)
    if not body:
        raise Refusal(404, "not found")
    headers = {"Content-Type": "text/plain", "X-Content-Type-Options": "nosniff"}
    return Response(body, headers=headers | stale_header(stale))


@router.get("/checks/{code}/flips/", responses=openapi.FLIPS)
@router.get("/checks/{code}/flips", include_in_schema=False)
async def list_flips(
    service: ServiceDep,
    caller: Reader,
    code: str,
    seconds: Annotated[str | None, Query(description="Only of the last so many seconds.")] = None,
    start: Annotated[str | None, Query(description="Only from this Unix time on.")] = None,
    end: Annotated[str | None, Query(description="Only before this Unix time.")] = None,
) -> Response:
    """Status changes of a check, newest first."""
    check = await service.check_by_any_key(caller, code)
    since = parameter(seconds, LONGEST_SECONDS)
    first = parameter(start, LAST_TIMESTAMP) * SECOND
    until = parameter(end, LAST_TIMESTAMP) * SECOND
    if since:
        first = max(first, service.deps.clock.now() - since * SECOND)
    stale = await service.freshness.of_check(check)
    with answering_history():
        stale = max(stale, await _age_of_changes(service, check))
        flips = await _history(service).flips(check.id, min(first, FOREVER), min(until or FOREVER, FOREVER))
    return json_answer({"flips": [_flip_object(flip) for flip in flips]}, headers=stale_header(stale))


def _history(service: Service) -> HistoryReads:
    return known_history(service.deps.history)


async def _age_of_changes(service: Service, check: Check) -> int:
    """Wait for the newest change that the state knows; for how many seconds history lacks it, 0 when it is in."""
    state = service.deps.states.state(check.id)
    if state is None or state.changes == 0:
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


def _ping_object(ping: PingRow, body_base: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "type": ping.kind,
        "date": exact_iso(ping.at),
        "n": ping.n,
        "scheme": ping.scheme,
        "remote_addr": ping.remote_addr,
        "method": ping.method,
        "ua": ping.ua,
        "rid": ping.rid,
        "body_url": f"{body_base}/{ping.n}/body" if ping.body_size else None,
        "exitstatus": ping.exitstatus,
    }
    if ping.duration is not None:
        shown["duration"] = round(ping.duration / SECOND, 2)
    return shown


def _flip_object(flip: Flip) -> dict[str, Any]:
    return {"timestamp": iso(flip.at), "up": int(flip.now == "up")}
