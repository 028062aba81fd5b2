"""Message templates: Pingfold's own, in the style of the API. How a project words its messages itself.

A template that cannot be rendered is refused: it is rendered with a sample of each notice that it words.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Response
from msgspec import UNSET, Meta, Struct, UnsetType

from query_api.http.field_types import Time, Uuid
from query_api.http.idempotency import IdempotencyKey
from query_api.http.openapi import body_of
from query_api.poppaping.auth import AlertsReader, AlertsWriter, JsonObject
from query_api.poppaping.bodies import judged
from query_api.poppaping.objects import Deleted
from query_api.poppaping.openapi import ERRORS, errors, list_of, one_of
from query_api.poppaping.read_only import without_read_only
from query_api.poppaping.responses import (
    Page,
    PerPage,
    PoppaPingApiError,
    listed_page,
    made_or_found,
    one,
    time,
)
from query_api.poppaping.service import Service, ServiceDep
from query_api.preview_samples import preview_sample
from schemas.base import Micros
from schemas.channels.kind import InvalidChannelField
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.channels.reading import checked_reading
from schemas.definitions import ApiKey
from schemas.ids import is_uuid, new_id
from schemas.message_templates import (
    MOST_CHANNELS,
    Forms,
    MessageTemplate,
    Sample,
    TemplateCreate,
    TemplateDelete,
    TemplateFields,
    TemplateName,
    TemplateText,
    TemplateTitle,
    TemplateUpdate,
)
from schemas.notices import NOTICES, UNCHOSEN, AnyNotice, Notice

router = APIRouter(tags=["message templates"], responses=ERRORS)

_ALL: tuple[AnyNotice, ...] = (*NOTICES, *UNCHOSEN)
_Title = Annotated[
    TemplateTitle, Meta(description="Template of the title, the subject of a mail; empty: Pingfold's own.")
]
_Text = Annotated[TemplateText, Meta(description="Template of the text; empty: Pingfold's own.")]


class UpdateMessageTemplateBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """The fields of a template to change."""

    name: TemplateName | UnsetType = UNSET
    events: Annotated[list[Notice], Meta(description="The events that use it; empty: all.")] | UnsetType = UNSET
    alert_channel_ids: (
        Annotated[list[str], Meta(max_length=MOST_CHANNELS, description="The channels that use it; empty: all.")]
        | UnsetType
    ) = UNSET
    title: _Title | UnsetType = UNSET
    text: _Text | UnsetType = UNSET


class CreateMessageTemplateBody(UpdateMessageTemplateBody, kw_only=True):
    """A new template."""

    name: TemplateName


class PreviewBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """A template, and what to show it with."""

    title: _Title = ""
    text: _Text = ""
    event: Annotated[Notice, Meta(description="The event of the sample.")] = "monitor.down"
    language: Annotated[str, Meta(max_length=35, description="Of the channel: en, de, fr or es.")] = "en"
    timezone: Annotated[str, Meta(max_length=64, description="Of the channel, such as `Europe/Paris`.")] = "UTC"


class MessageTemplateObject(Struct, kw_only=True, gc=False):
    """A message template."""

    id: Uuid
    name: str
    events: Annotated[list[Notice], Meta(description="Empty: all.")]
    alert_channel_ids: Annotated[list[Uuid], Meta(description="Empty: all.")]
    title: str
    text: str
    created_at: Time
    updated_at: Time


class PreviewObject(Struct, kw_only=True, gc=False):
    """What a template makes of a sample, in every form."""

    event: Notice
    title: Annotated[str, Meta(description="Of a message.")]
    text: Annotated[str, Meta(description="Of a message, without markup of a service.")]
    mail_subject: str
    mail_text: Annotated[str, Meta(description="A mail as plain text.")]
    mail_html: Annotated[str, Meta(description="The same mail as HTML.")]


_TEMPLATE = one_of(MessageTemplateObject, "The template.") | errors(404)
_EXAMPLE = {
    "name": "Short",
    "events": ["monitor.down", "monitor.recovered"],
    "title": "{{ project }}: {{ what }}",
    "text": "{{ why }}\n{% if duration != '' %}For {{ duration }}.{% endif %}",
}


@router.get(
    "/message-templates",
    summary="List message templates (Pingfold's own)",
    responses=list_of(MessageTemplateObject, "The templates, oldest first.") | errors(400),
)
async def list_templates(service: ServiceDep, key: AlertsReader, page: Page = 1, per_page: PerPage = 25) -> Response:
    """List the message templates of the project, oldest first."""
    return listed_page(service.deps.directory.templates_of(key.project), page, per_page, _object)


@router.post(
    "/message-templates",
    status_code=201,
    summary="Create a message template (Pingfold's own)",
    responses=one_of(MessageTemplateObject, "The new template.", 201)
    | one_of(MessageTemplateObject, "The template that was there (`Idempotency-Key`).")
    | errors(400),
    openapi_extra=body_of(CreateMessageTemplateBody, _EXAMPLE),
)
async def create_template(
    service: ServiceDep, key: AlertsWriter, body: JsonObject, idempotency_key: IdempotencyKey = None
) -> Response:
    """Create a message template. If several templates match a message, one that names its channel takes precedence,
    then one that names its event, then the oldest. Pending deliveries do not change."""
    wanted = judged(body, CreateMessageTemplateBody)
    fields = await _fields(service, key, wanted)
    id = service.id_for(key, "message template", idempotency_key)
    request = TemplateCreate(request=new_id(), at=service.deps.clock.now(), id=id, fields=fields)
    decision = await service.ask(key, request)
    return made_or_found(decision, _object(await service.read_back(decision, service.deps.directory.template)))


@router.post(
    "/message-templates/preview",
    summary="Preview a message template (Pingfold's own)",
    responses=one_of(PreviewObject, "What the template makes of a sample.") | errors(400),
    openapi_extra=body_of(PreviewBody, {"title": _EXAMPLE["title"], "text": _EXAMPLE["text"]}),
)
async def preview_template(service: ServiceDep, key: AlertsReader, body: JsonObject) -> Response:
    """Render a template with a sample event, in every form. Nothing is stored or sent."""
    wanted = judged(body, PreviewBody)
    try:
        language = checked_reading("language", wanted.language) or "en"
        timezone = checked_reading("timezone", wanted.timezone) or "UTC"
    except InvalidChannelField as invalid:
        raise PoppaPingApiError(400, f"Field '{invalid.field}' {invalid.problem}.") from None
    forms = await _rendered(service, key, (wanted.event,), wanted.title, wanted.text, language, timezone)
    return one(
        PreviewObject(
            event=wanted.event,
            title=forms.title,
            text=forms.text,
            mail_subject=forms.mail_subject,
            mail_text=forms.mail_text,
            mail_html=forms.mail_html,
        )
    )


@router.get("/message-templates/{id}", summary="Read a message template (Pingfold's own)", responses=_TEMPLATE)
async def read_template(service: ServiceDep, key: AlertsReader, id: str) -> Response:
    """Read one message template."""
    return one(_object(await _find(service, key, id)))


@router.patch(
    "/message-templates/{id}",
    summary="Change a message template (Pingfold's own)",
    responses=_TEMPLATE | errors(400),
    openapi_extra=body_of(UpdateMessageTemplateBody, {"title": _EXAMPLE["title"]}),
)
async def change_template(service: ServiceDep, key: AlertsWriter, id: str, body: JsonObject) -> Response:
    """Change a message template. Omitted fields stay. Pending deliveries do not change."""
    known = await _find(service, key, id)
    body = without_read_only(body, _object(known), UpdateMessageTemplateBody)
    fields = await _fields(service, key, judged(body, UpdateMessageTemplateBody), known)
    request = TemplateUpdate(request=new_id(), at=service.deps.clock.now(), id=known.id, fields=fields)
    return one(_object(await service.change(key, request, service.deps.directory.template)))


@router.delete(
    "/message-templates/{id}",
    summary="Delete a message template (Pingfold's own)",
    responses=one_of(Deleted, "The id of what was deleted.") | errors(404),
)
async def delete_template(service: ServiceDep, key: AlertsWriter, id: str) -> Response:
    """Delete a message template. Messages use Pingfold's own texts again."""
    known = await _find(service, key, id)
    request = TemplateDelete(request=new_id(), at=service.deps.clock.now(), id=known.id)
    return await service.delete(key, request, service.deps.directory.template)


async def _find(service: Service, key: ApiKey, id: str) -> MessageTemplate:
    return await service.owned(key, id, service.deps.directory.template, "message template")


async def _fields(
    service: Service, key: ApiKey, wanted: UpdateMessageTemplateBody, known: MessageTemplate | None = None
) -> TemplateFields:
    notices: tuple[AnyNotice, ...] | UnsetType = UNSET
    if wanted.events is not UNSET:
        chosen = set(wanted.events)
        notices = tuple(notice for notice in NOTICES if notice in chosen)
    channels: tuple[str, ...] | UnsetType = UNSET
    if wanted.alert_channel_ids is not UNSET:
        channels = tuple(sorted(set(wanted.alert_channel_ids)))
        for id in channels:
            await _must_be_a_reader(service, key, id)
    title, text, words = (_now(wanted, known, name) for name in ("title", "text", "notices"))
    worded = notices if notices is not UNSET else words
    if not title.strip() and not text.strip():
        raise PoppaPingApiError(400, "Field 'text': a template needs a title or a text.")
    await _rendered(service, key, worded or _ALL, title, text)
    return TemplateFields(name=wanted.name, notices=notices, channels=channels, title=wanted.title, text=wanted.text)


def _now(wanted: UpdateMessageTemplateBody, known: MessageTemplate | None, name: str) -> Any:
    given = getattr(wanted, name, UNSET)
    return getattr(known, name, "") if given is UNSET else given


async def _must_be_a_reader(service: Service, key: ApiKey, id: str) -> None:
    """A channel of the project that is told something in words."""
    directory = service.deps.directory

    def found() -> str | None:
        channel = directory.channel(id)
        return None if channel is None or channel.project != key.project else channel.kind

    kind = await service.look_up("alert channel", found) if is_uuid(id) else None
    if kind is None:
        raise PoppaPingApiError(400, f"Field 'alert_channel_ids': there is no alert channel '{id}'.")
    if not CHANNEL_KINDS[kind].read_by_people:
        raise PoppaPingApiError(400, f"Field 'alert_channel_ids': no words are sent to a channel of type '{kind}'.")


async def _rendered(
    service: Service,
    key: ApiKey,
    notices: Iterable[AnyNotice],
    title: str,
    text: str,
    language: str = "en",
    timezone: str = "UTC",
) -> Forms:
    """What it makes of the last of these notices. Raises `PoppaPingApiError` for a template that cannot be rendered."""
    deps = service.deps
    if deps.preview is None:
        raise PoppaPingApiError(503, "No templates can be rendered here.", headers={"Retry-After": "1"})
    now = deps.clock.now()
    project = deps.directory.projects.get(key.project)
    name = "" if project is None else project.name
    samples = [Sample(notice, preview_sample(notice, now), title, text, language, timezone, name) for notice in notices]
    # In a thread: a costly template takes some milliseconds for each notice, in which pings go on.
    forms = await asyncio.to_thread(_last_or_faulty, deps.preview, samples, now)
    if forms.problem:
        line = f"line {forms.line}: " if forms.line else ""
        raise PoppaPingApiError(400, f"Field '{forms.field}': {line}{forms.problem}.")
    return forms


def _last_or_faulty(preview: Callable[[Sample, Micros], Forms], samples: Iterable[Sample], now: Micros) -> Forms:
    forms = Forms()
    for sample in samples:
        forms = preview(sample, now)
        if forms.problem:
            break
    return forms


def _object(template: MessageTemplate) -> MessageTemplateObject:
    return MessageTemplateObject(
        id=template.id,
        name=template.name,
        events=list(_chosen(template.notices)),
        alert_channel_ids=list(template.channels),
        title=template.title,
        text=template.text,
        created_at=time(template.created),
        updated_at=time(template.revised),
    )


def _chosen(notices: Iterable[AnyNotice]) -> Iterable[Notice]:
    wanted = set(notices)
    return (notice for notice in NOTICES if notice in wanted)
