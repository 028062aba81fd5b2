"""The old endpoint of webhooks: `{id, url}` of the recipients of type `webhook`. Deprecated by updown.io; clients of
former years still use it."""

from typing import Annotated

from fastapi import APIRouter, Response
from msgspec import UNSET, Meta, Struct, UnsetType

from query_api.updown.auth import Reader, Writer
from query_api.updown.errors import UpdownError
from query_api.updown.judge import Judge
from query_api.updown.openapi import ERRORS, errors, one_of, parameters_in_body
from query_api.updown.recipient_ids import RECIPIENT_KINDS, recipient_id, recipient_type
from query_api.updown.recipients import find, make, recipient_object, remove
from query_api.updown.responses import UpdownDeleted, answer
from query_api.updown.service import ServiceDep
from schemas.definitions import Channel

router = APIRouter(tags=["recipients"], responses=ERRORS)

_TYPE = "webhook"


class UpdownWebhook(Struct, kw_only=True):
    """A recipient of type `webhook`."""

    id: Annotated[str, Meta(description="That of the recipient.")]
    url: Annotated[str | UnsetType, Meta(description="Left out for read-only keys.")] = UNSET


class UpdownCreateWebhookBody(Struct):
    """A new webhook."""

    url: str


_CREATE = parameters_in_body(UpdownCreateWebhookBody, {"url": "https://hooks.example.com/updown"})


@router.get("/webhooks", responses=one_of(list[UpdownWebhook], "The webhooks."))
async def list_webhooks(service: ServiceDep, caller: Reader) -> Response:
    """List the recipients of type `webhook`. Deprecated: use `/recipients`."""
    channels = service.deps.directory.channels_of(caller.project)
    return answer([_object(one, not caller.read_only) for one in channels if recipient_type(one) == _TYPE])


@router.post(
    "/webhooks",
    status_code=201,
    responses=one_of(UpdownWebhook, "The new webhook.", 201) | errors(400, 403),
    openapi_extra=_CREATE,
)
async def create_webhook(service: ServiceDep, caller: Writer) -> Response:
    """Create a recipient of type `webhook`, and select it on every check. Deprecated: use `/recipients`."""
    judge = Judge(caller.parameters)
    url = judge.text("url", 2_000)
    if url is UNSET or not url:
        judge.wrong("url", "can't be blank", None if url is UNSET else url)
    judge.must_be_well()
    kind = RECIPIENT_KINDS[_TYPE]
    channel = await make(service, caller, kind, kind.of_target(str(url)), "", True)
    return answer(_object(channel, True), 201)


@router.delete("/webhooks/{id}", responses=one_of(UpdownDeleted, "It is gone.") | errors(403, 404))
async def delete_webhook(service: ServiceDep, caller: Writer, id: str) -> Response:
    """Delete a webhook, by its id or by the number in it. Deprecated: use `/recipients`."""
    channel = await find(service, caller, id if ":" in id else f"{_TYPE}:{id}")
    if recipient_type(channel) != _TYPE:
        raise UpdownError(404, "Webhook not found")
    await remove(service, caller, channel)
    return answer(UpdownDeleted(deleted=True))


def _object(channel: Channel, all_of_it: bool) -> UpdownWebhook:
    return UpdownWebhook(id=recipient_id(channel), url=recipient_object(channel, all_of_it).value)
