"""`/checks/<id>/what-if` and `/monitors/<id>/what-if`: which alerts other settings would have sent, and how much later.

The question goes to the API (`POST /api/v1/what-if`), in the name of whoever looks, so its bounds are those of the API:
one question at a time is answered, and whoever comes then is told to try again (503). It ends when its reader leaves.
"""

from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.departures import while_connected
from query_api.http.route_index import include
from query_api.web.api_call import ApiAnswer, call_api
from query_api.web.checks.check_page import seen_check
from query_api.web.monitors.monitor_page import seen_monitor
from query_api.web.page import page
from query_api.web.past.what_if_form import DAYS, WhatIfForm, read_form
from query_api.web.past.what_if_shown import Shown, shown
from query_api.web.reader import reader_of
from query_api.web.shown.things import Thing, check_thing, monitor_thing
from query_api.web.viewer import Viewer, ViewerDep, viewer

router = APIRouter(include_in_schema=False)

_RETRY_SECONDS = "10"


def install(app: FastAPI) -> None:
    """Put the pages into the application."""
    include(app, router)


@router.get("/checks/{code}/what-if", dependencies=[Depends(viewer)])
async def what_if_check(request: Request, deps: DependenciesDep, who: ViewerDep, code: str) -> Response:
    """Other settings of a check."""
    return await _answer(request, deps, who, check_thing(deps, await seen_check(deps, who, code)))


@router.get("/monitors/{id}/what-if", dependencies=[Depends(viewer)])
async def what_if_monitor(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """Other settings of a monitor."""
    return await _answer(request, deps, who, monitor_thing(deps, await seen_monitor(deps, who, id)))


async def _answer(request: Request, deps: Dependencies, who: Viewer, thing: Thing) -> Response:
    form = read_form(thing.definition, request.query_params.multi_items())
    found: Shown | None = None
    status, fault = (400 if form.fault else 200), form.fault
    if not form.is_empty and not fault:
        answer = await while_connected(request, _asked(request, who, thing, form))
        if answer.is_made:
            found = shown(answer.content["data"], form.is_sweep, reader_of(request, deps).times)
        else:
            status, fault = answer.status, answer.words
    response = await page(
        "what_if.html", deps, status, request=request, thing=thing, form=form, days=DAYS, fault=fault, found=found
    )
    if status == 503:
        response.headers["Retry-After"] = _RETRY_SECONDS
    return response


async def _asked(request: Request, who: Viewer, thing: Thing, form: WhatIfForm) -> ApiAnswer:
    body: dict[str, Any] = form.body(thing.id)
    return await call_api(request, who, thing.project, "POST", "/api/v1/what-if", body)
