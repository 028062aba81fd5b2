"""The forms of an incident's page: acknowledging, snoozing, commenting, giving back, muting. Each is a request to the
PoppaPing API under the name of who is signed in."""

from functools import partial

from fastapi import APIRouter, FastAPI, Request, Response

from query_api.dependencies import DependenciesDep
from query_api.http.route_index import include
from query_api.web.api_call import Method
from query_api.web.checks.check_forms import body_of as check_body
from query_api.web.forms.form_state import typed_form
from query_api.web.forms.forms import PostedFormDep
from query_api.web.forms.saving import act, must_be_made, must_edit, saved, send
from query_api.web.incidents.incident_forms import ACTIONS, GROUPS, body_of
from query_api.web.incidents.incidents import found_incident, incident_shown
from query_api.web.page import NoPage
from query_api.web.reader import reader_of

router = APIRouter(include_in_schema=False)


def install(app: FastAPI) -> None:
    """Put the routes into the application."""
    include(app, router)


@router.post("/incidents/{id}/act")
async def act_on_incident(request: Request, deps: DependenciesDep, posted: PostedFormDep, id: str) -> Response:
    """What the button `do` says: `acknowledge`, `comment` or `release`."""
    who, action = posted.viewer, posted.one("do")
    found = await found_incident(deps, who, id)
    must_edit(who, found.thing.project)
    if action not in ACTIONS:
        raise NoPage("One of the buttons of the incident's page is needed.", 400)
    times = reader_of(request, deps).times
    form = typed_form(GROUPS, posted, times.zone)
    shape = partial(body_of, action=action, by=who.name, now=times.now)
    method: Method = "DELETE" if action == "release" else "POST"
    path = f"/api/v1/incidents/{found.row.id}/{ACTIONS[action]}"
    sent = await send(request, who, found.thing.project, form, method, path, shape=shape)
    if not sent.is_made:
        return await incident_shown(request, deps, who, id, sent.status, sent.form)
    return saved(deps, f"/incidents/{found.row.id}", "done")


@router.post("/incidents/{id}/mute")
async def mute_thing(request: Request, deps: DependenciesDep, posted: PostedFormDep, id: str) -> Response:
    """Keep the thing of an incident quiet until `mute_until`, or tell of it again."""
    who = posted.viewer
    found = await found_incident(deps, who, id)
    thing, now = found.thing, deps.clock.now()
    body = check_body({"mute_until": posted.one("mute_until") or None}, now)
    if thing.kind == "check":
        answer = await act(request, who, thing.project, "POST", f"/api/v3/checks/{thing.id}", body)
    else:
        answer = await act(request, who, thing.project, "PATCH", f"/api/v1/monitors/{thing.id}", body)
    must_be_made(answer)
    return saved(deps, f"/incidents/{found.row.id}", "done")
