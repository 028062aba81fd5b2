"""`/rotations/<id>/calendar`: the calendar of others that is fetched for a rotation; and another link to its own.

The address is never shown again. How the fetching fares stands on the page of the rotation.
"""

from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.route_index import include
from query_api.poppaping.on_call_calendars import CalendarFeedBody
from query_api.web.forms.form_fields import Group, field_of
from query_api.web.forms.form_state import Form, new_form, typed_form
from query_api.web.forms.forms import PostedFormDep
from query_api.web.forms.saving import act, editable, form_page, must_be_made, send
from query_api.web.people.sign_in import led_to
from query_api.web.reader import reader_of
from query_api.web.shown.sentences import clause
from query_api.web.shown.shown_times import ShownTimes
from query_api.web.viewer import Viewer, ViewerDep, viewer
from schemas.on_call import OnCallRotation

router = APIRouter(include_in_schema=False)

_API = "/api/v1/on-call"


def install(app: FastAPI) -> None:
    """Put the pages into the application."""
    include(app, router)


@router.get("/rotations/{id}/calendar", dependencies=[Depends(viewer)])
async def calendar_page(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """The form of the calendar that is fetched."""
    rotation = await _editable(deps, who, id)
    return await _form(request, rotation, new_form(_groups(), {}, reader_of(request, deps).times.zone))


@router.post("/rotations/{id}/calendar")
async def fetch(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Have a calendar fetched from now on."""
    rotation = await _editable(deps, form.viewer, id)
    typed = typed_form(_groups(), form, reader_of(request, deps).times.zone)
    path = f"{_API}/{rotation.id}/calendar-feed"
    sent = await send(request, form.viewer, rotation.project, typed, "PUT", path)
    if not sent.is_made:
        return await _form(request, rotation, sent.form, sent.status)
    return led_to(deps, f"/rotations/{rotation.id}?done=fetched")


@router.post("/rotations/{id}/calendar/remove")
async def fetch_no_more(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Have no calendar fetched any more."""
    rotation = await _editable(deps, form.viewer, id)
    path = f"{_API}/{rotation.id}/calendar-feed"
    must_be_made(await act(request, form.viewer, rotation.project, "DELETE", path))
    return led_to(deps, f"/rotations/{rotation.id}?done=not-fetched")


@router.post("/rotations/{id}/calendar-link")
async def renew(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Give the rotation's own calendar another link."""
    rotation = await _editable(deps, form.viewer, id)
    path = f"{_API}/{rotation.id}/calendar-link"
    must_be_made(await act(request, form.viewer, rotation.project, "POST", path))
    return led_to(deps, f"/rotations/{rotation.id}?done=renewed")


def feed_shown(deps: Dependencies, rotation: OnCallRotation, times: ShownTimes) -> dict[str, Any] | None:
    """How the calendar fares that is fetched for a rotation; None: none is."""
    feed = deps.directory.calendar(rotation.id)
    if feed is None:
        return None
    return {
        "host": feed.host,
        "changed": times.at(feed.changed),
        "left_out": feed.left_out,
        "failing": times.at(feed.failing_since),
        "error": clause(feed.error),
    }


def _groups() -> tuple[Group, ...]:
    url = field_of(CalendarFeedBody, "url", "Address of the calendar", required=True, placeholder="https://")
    help = "It is fetched each quarter of an hour. Its events put whom they name on call, as overrides do."
    return (Group(title="", fields=(url,), help=help),)


async def _editable(deps: Dependencies, who: Viewer, id: str) -> OnCallRotation:
    return await editable(deps, who, "rotation", deps.directory.rotation, id)


async def _form(request: Request, rotation: OnCallRotation, form: Form, status: int = 200) -> Response:
    return await form_page(
        request,
        form,
        title=f"Calendar for {rotation.name}",
        action=f"/rotations/{rotation.id}/calendar",
        button="Save",
        back=f"/rotations/{rotation.id}",
        status=status,
    )
