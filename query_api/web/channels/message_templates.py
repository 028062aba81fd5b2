"""`/templates`: how a project words its messages. The API makes and changes templates, and previews them."""

from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.route_index import include
from query_api.web.channels.channel_words import NOTICE_WORDS
from query_api.web.forms.forms import PostedFormDep
from query_api.web.forms.saving import act, confirm_page, editable, must_be_made
from query_api.web.owned import seen_projects
from query_api.web.page import page
from query_api.web.people.sign_in import led_to
from query_api.web.viewer import Viewer, ViewerDep, viewer
from schemas.message_templates import MessageTemplate

router = APIRouter(include_in_schema=False)

TEMPLATES_API = "/api/v1/message-templates"
_DONE = {"made": "The template was created.", "kept": "The changes were saved.", "removed": "The template was deleted."}


def install(app: FastAPI) -> None:
    """Put the pages into the application."""
    include(app, router)


@router.get("/templates", dependencies=[Depends(viewer)])
async def list_templates(request: Request, deps: DependenciesDep, who: ViewerDep) -> Response:
    """The templates of his projects."""
    sections = [
        {
            "id": project.id,
            "name": project.name or project.id,
            "edits": who.may_edit(project.id),
            "rows": [_row(deps, one) for one in deps.directory.templates_of(project.id)],
        }
        for project in seen_projects(deps, who)
    ]
    done = _DONE.get(request.query_params.get("done", ""), "")
    return await page("templates.html", deps, request=request, sections=sections, done=done)


@router.get("/templates/{id}/remove", dependencies=[Depends(viewer)])
async def remove_page(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """Ask whether a template is to be removed."""
    template = await editable_template(deps, who, id)
    return await confirm_page(
        request,
        title=f"Delete the template {template.name}?",
        text="What it words is told in our own words again.",
        action=f"/templates/{template.id}/remove",
        button="Delete",
        back="/templates",
    )


@router.post("/templates/{id}/remove")
async def remove(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Remove a template."""
    template = await editable_template(deps, form.viewer, id)
    must_be_made(await act(request, form.viewer, template.project, "DELETE", f"{TEMPLATES_API}/{template.id}"))
    return led_to(deps, "/templates?done=removed")


async def editable_template(deps: Dependencies, who: Viewer, id: str) -> MessageTemplate:
    """A template that the viewer may change. Raises `NoPage`."""
    return await editable(deps, who, "template", deps.directory.template, id)


def _row(deps: Dependencies, template: MessageTemplate) -> dict[str, Any]:
    channels = [one for id in template.channels if (one := deps.directory.channel(id)) is not None]
    return {
        "id": template.id,
        "name": template.name,
        "notices": [NOTICE_WORDS[one] for one in template.notices],
        "channels": [one.name or one.kind for one in channels],
        "title": template.title,
        "text": template.text,
    }
