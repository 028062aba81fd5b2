"""`/templates/new`: word messages; `/templates/<id>/edit`: change how. Both show what a template makes of a sample.

The API judges templates, and makes the preview: what is wrong stands beside its field, with its line.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.route_index import include
from query_api.poppaping.message_templates import CreateMessageTemplateBody, PreviewBody
from query_api.web.channels.channel_words import NOTICE_WORDS
from query_api.web.channels.message_templates import TEMPLATES_API, editable_template
from query_api.web.forms.form_fields import Field, Group, Option, field_of
from query_api.web.forms.form_state import Form, filled_form, new_form, typed_form
from query_api.web.forms.forms import PostedForm, PostedFormDep
from query_api.web.forms.saving import Known, Sent, form_page, must_edit, save_changes, send, status_shown
from query_api.web.people.sign_in import led_to
from query_api.web.reader import reader_of
from query_api.web.viewer import ViewerDep, viewer
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.languages.catalogues import LANGUAGES
from schemas.message_templates import MessageTemplate
from schemas.notices import NOTICES

router = APIRouter(include_in_schema=False)

# The fields of a sample, which are no part of a template. `event` is one of its events, too.
_SAMPLE = ("event", "language", "timezone")
_PREVIEW = "preview"
_HELP = (
    "Liquid, such as {{ what }}, {{ why }}, {{ name }}, {{ project }}, {{ since }}, {{ duration }} and {{ page }}; "
    "{% if status == 'down' %}…{% endif %}. Left empty: our own words."
)


def install(app: FastAPI) -> None:
    """Put the pages into the application. Before those of `message_templates`: `new` is no id."""
    include(app, router)


@router.get("/templates/new", dependencies=[Depends(viewer)])
async def new_page(request: Request, deps: DependenciesDep, who: ViewerDep, project: str = "") -> Response:
    """The form of a new template."""
    must_edit(who, project)
    times = reader_of(request, deps).times
    form = new_form(_groups(deps, project), _sample(times.name), times.zone)
    return await _new(request, project, form)


@router.post("/templates/new")
async def make(request: Request, deps: DependenciesDep, form: PostedFormDep, project: str = "") -> Response:
    """Make a template, or preview it."""
    must_edit(form.viewer, project)
    typed = typed_form(_groups(deps, project), form, reader_of(request, deps).times.zone)
    if form.one(_PREVIEW):
        tried = await _previewed(request, form, project, typed)
        return await _new(request, project, tried.form, status_shown(tried), shown=_shown(tried))
    sent = await send(request, form.viewer, project, typed, "POST", TEMPLATES_API, shape=_body)
    if not sent.is_made:
        return await _new(request, project, sent.form, sent.status)
    return led_to(deps, "/templates?done=made")


@router.get("/templates/{id}/edit", dependencies=[Depends(viewer)])
async def edit_page(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """The form of a template."""
    template = await editable_template(deps, who, id)
    times = reader_of(request, deps).times
    values = _values(template) | _sample(times.name)
    form = filled_form(_groups(deps, template.project, template), values, times.zone, template.version)
    return await _edit(request, template, form)


@router.post("/templates/{id}/edit")
async def change(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Change what the form says otherwise than the template, or preview it."""
    template = await editable_template(deps, form.viewer, id)
    typed = typed_form(_groups(deps, template.project, template), form, reader_of(request, deps).times.zone)
    if form.one(_PREVIEW):
        tried = await _previewed(request, form, template.project, typed)
        return await _edit(request, template, tried.form, status_shown(tried), shown=_shown(tried))
    # The sample is no part of the template: it never differs.
    values = _values(template) | {name: typed.value(name) for name in _SAMPLE}
    known, path = Known(values, template.version), f"{TEMPLATES_API}/{template.id}"
    sent = await save_changes(request, form.viewer, template.project, typed, known, path, shape=_body)
    if not sent.is_made:
        return await _edit(request, template, sent.form, sent.status)
    return led_to(deps, "/templates?done=kept")


async def _previewed(request: Request, form: PostedForm, project: str, typed: Form) -> Sent:
    return await send(request, form.viewer, project, typed, "POST", f"{TEMPLATES_API}/preview", shape=_preview_body)


def _body(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in _SAMPLE}


def _preview_body(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in PreviewBody.__struct_fields__}


def _shown(sent: Sent) -> dict[str, str] | None:
    """What the template makes of the sample; None when it cannot be rendered."""
    return None if sent.answer is None or not sent.answer.is_made else sent.answer.content["data"]


def _sample(zone: str) -> dict[str, Any]:
    return {"event": "monitor.down", "language": "en", "timezone": zone}


def _values(template: MessageTemplate) -> dict[str, Any]:
    return {
        "name": template.name,
        "events": [one for one in template.notices if one in NOTICES],
        "alert_channel_ids": template.channels,
        "title": template.title,
        "text": template.text,
    }


def _groups(deps: Dependencies, project: str, template: MessageTemplate | None = None) -> tuple[Group, ...]:
    body, named = CreateMessageTemplateBody, frozenset() if template is None else frozenset(template.channels)
    channels = tuple(
        Option(one.id, one.name or one.kind)
        for one in deps.directory.channels_of(project)
        if one.id in named or CHANNEL_KINDS[one.kind].read_by_people
    )
    words = tuple(Option(notice, NOTICE_WORDS[notice]) for notice in NOTICES)
    wording = (
        field_of(body, "name", "Name", required=True, help="What people call it."),
        field_of(body, "title", "Title", help="Of a mail it is the subject. Left empty: our own words."),
        field_of(body, "text", "Text", kind="long", help=_HELP),
    )
    used = (
        field_of(body, "events", "When it is told that", kind="several", options=words, help="None chosen: always."),
        field_of(
            body, "alert_channel_ids", "Channels", kind="several", options=channels, help="None chosen: all channels."
        ),
    )
    sample = (
        Field(name="event", label="As if it were told that", kind="choice", options=words),
        Field(name="language", label="Language", kind="choice", options=_languages()),
        field_of(PreviewBody, "timezone", "Time zone", help="Such as Europe/Paris."),
    )
    return (
        Group(title="", fields=wording),
        Group(title="What it is for", fields=used, closed=True),
        Group(title="Sample", fields=sample, closed=True, help="What the preview is made of; it is not kept."),
    )


def _languages() -> tuple[Option, ...]:
    return tuple(Option(tag, name) for tag, name in LANGUAGES.items())


async def _new(
    request: Request, project: str, form: Form, status: int = 200, shown: dict[str, str] | None = None
) -> Response:
    return await form_page(
        request,
        form,
        title="New message template",
        action=f"/templates/new?project={project}",
        button="Create",
        back="/templates",
        status=status,
        template="template_form.html",
        shown=shown,
    )


async def _edit(
    request: Request, template: MessageTemplate, form: Form, status: int = 200, shown: dict[str, str] | None = None
) -> Response:
    return await form_page(
        request,
        form,
        title=f"Edit {template.name}",
        action=f"/templates/{template.id}/edit",
        button="Save",
        back="/templates",
        status=status,
        template="template_form.html",
        shown=shown,
    )
