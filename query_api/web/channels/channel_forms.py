"""`/channels/new`: make a channel of any kind; `/channels/<id>/edit`: change one. The APIs judge what is sent."""

import re
import sys
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.route_index import include
from query_api.web.channels.channel_fields import (
    body_of_values,
    groups_of,
    new_values,
    sent_with,
    values_of,
)
from query_api.web.forms.form_state import Form, filled_form, new_form, typed_form
from query_api.web.forms.forms import PostedFormDep
from query_api.web.forms.saving import Known, editable, form_page, must_edit, save_changes, send
from query_api.web.owned import seen_projects
from query_api.web.page import NoPage, page
from query_api.web.people.sign_in import led_to
from query_api.web.reader import reader_of
from query_api.web.viewer import Viewer, ViewerDep, viewer
from schemas.channels.kind import ChannelKind
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.definitions import Channel, Project

router = APIRouter(include_in_schema=False)

_ADDRESS = re.compile(r" \(https?://[^)]*\)")


def install(app: FastAPI) -> None:
    """Put the pages into the application. Before those of `channels`: `new` is no id."""
    include(app, router)


@router.get("/channels/new", dependencies=[Depends(viewer)])
async def new_page(request: Request, deps: DependenciesDep, who: ViewerDep, kind: str = "") -> Response:
    """Choose a kind, then fill in its form."""
    project, found = _project(request, deps, who), CHANNEL_KINDS.get(kind)
    if found is None:
        kinds = [(name, _label(one), _about(one)) for name, one in CHANNEL_KINDS.items()]
        others = [one for one in seen_projects(deps, who) if who.may_edit(one.id)]
        return await page("channel_kinds.html", deps, request=request, kinds=kinds, project=project, projects=others)
    form = new_form(groups_of(found), new_values(found), reader_of(request, deps).times.zone)
    return await _new(request, project, found, form)


@router.post("/channels/new")
async def make(request: Request, deps: DependenciesDep, form: PostedFormDep, kind: str = "") -> Response:
    """Make a channel."""
    project, found = _project(request, deps, form.viewer), CHANNEL_KINDS.get(kind)
    if found is None:
        raise NoPage("There is no such kind of channels.")
    typed = typed_form(groups_of(found), form, reader_of(request, deps).times.zone)
    shape = partial(_of_kind, found)
    sent = await send(request, form.viewer, project.id, typed, "POST", "/api/v1/alert-channels", shape=shape)
    if sent.answer is None or not sent.is_made:
        return await _new(request, project, found, sent.form, sent.status)
    return led_to(deps, f"/channels/{sent.answer.content['data']['id']}?done=made")


@router.get("/channels/{id}/edit", dependencies=[Depends(viewer)])
async def edit_page(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """The form of a channel."""
    channel = await _channel(deps, who, id)
    groups = groups_of(CHANNEL_KINDS[channel.kind], channel)
    zone = reader_of(request, deps).times.zone
    return await _edit(request, channel, filled_form(groups, values_of(channel), zone, channel.version))


@router.post("/channels/{id}/edit")
async def change(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Change what the form says otherwise than the channel."""
    channel = await _channel(deps, form.viewer, id)
    groups, values = groups_of(CHANNEL_KINDS[channel.kind], channel), values_of(channel)
    typed = typed_form(groups, form, reader_of(request, deps).times.zone)
    path, known = f"/api/v1/alert-channels/{channel.id}", Known(values, channel.version)
    sent = await save_changes(
        request, form.viewer, channel.project, typed, known, path, shape=body_of_values, together=sent_with
    )
    if not sent.is_made:
        return await _edit(request, channel, sent.form, sent.status)
    return led_to(deps, f"/channels/{channel.id}?done=kept")


def _of_kind(kind: ChannelKind, values: dict[str, Any]) -> dict[str, Any]:
    return {"channel_type": kind.name, **body_of_values(values)}


def _project(request: Request, deps: Dependencies, who: Viewer) -> Project:
    """That which the URL names; without one the only one that he may change, or the first."""
    named = request.query_params.get("project", "")
    if named:
        must_edit(who, named)
        return deps.directory.projects[named]
    found = next((one for one in seen_projects(deps, who) if who.may_edit(one.id)), None)
    if found is None:
        raise NoPage("You may change no project.", 403)
    return found


async def _channel(deps: Dependencies, who: Viewer, id: str) -> Channel:
    return await editable(deps, who, "channel", deps.directory.channel, id)


def _label(kind: ChannelKind) -> str:
    """What a kind is called in a list: its title without the article."""
    words = kind.title.partition(" ")[2]
    return f"{words[:1].upper()}{words[1:]}"


def _about(kind: ChannelKind) -> str:
    """What the module of a kind says of it first, without its name and addresses."""
    said = (sys.modules[type(kind).__module__].__doc__ or "").strip().partition("\n")[0]
    said = _ADDRESS.sub("", said.removesuffix(" Pure.")).partition(": ")[2]
    return f"{said[:1].upper()}{said[1:].rstrip('.')}."


async def _new(request: Request, project: Project, kind: ChannelKind, form: Form, status: int = 200) -> Response:
    return await form_page(
        request,
        form,
        title=f"New {kind.title.partition(' ')[2]}",
        action=f"/channels/new?project={project.id}&kind={kind.name}",
        button="Create",
        back=f"/channels/new?project={project.id}",
        status=status,
    )


async def _edit(request: Request, channel: Channel, form: Form, status: int = 200) -> Response:
    return await form_page(
        request,
        form,
        title=f"Edit {channel.name or channel.kind}",
        action=f"/channels/{channel.id}/edit",
        button="Save",
        back=f"/channels/{channel.id}",
        status=status,
    )
