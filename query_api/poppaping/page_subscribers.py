"""Subscribers of status pages: listed and removed. They subscribe themselves, on the page. Pingfold's own.

Their addresses are shown to keys that may write status pages only: a key that reads pages needs none of them.
"""

from typing import Annotated

from fastapi import APIRouter, Response
from msgspec import Meta, Struct

from query_api.http.field_types import Time, Uuid
from query_api.poppaping.auth import PagesWriter
from query_api.poppaping.objects import Deleted
from query_api.poppaping.openapi import ERRORS, errors, list_of, one_of
from query_api.poppaping.responses import (
    Page,
    PerPage,
    PoppaPingApiError,
    listed_page,
    time,
)
from query_api.poppaping.service import ServiceDep
from schemas.ids import new_id
from schemas.page_subscribers import PageSubscriber
from schemas.requests import PageSubscriptionEnd

router = APIRouter(tags=["status pages"], responses=ERRORS)


class SubscriberObject(Struct, kw_only=True):
    """Somebody who is mailed the posts of a status page, or has asked for that."""

    id: Uuid
    address: str
    created_at: Time
    confirmed_at: Annotated[Time | None, Meta(description="Null: the owner has not confirmed yet, and gets no mail.")]


@router.get(
    "/status-pages/{id}/subscribers",
    responses=list_of(SubscriberObject, "The subscribers, by their addresses.") | errors(400, 404),
)
async def list_subscribers(
    service: ServiceDep, key: PagesWriter, id: str, page: Page = 1, per_page: PerPage = 25
) -> Response:
    """List the subscribers of a status page."""
    found = await service.owned(key, id, service.deps.directory.page, "status page")
    return listed_page(service.deps.directory.page_news.subscribers_of(found.id), page, per_page, _object)


@router.delete(
    "/status-pages/{id}/subscribers/{subscriber}",
    summary="Remove Subscriber (Pingfold's own)",
    responses=one_of(Deleted, "The id of what was deleted.") | errors(404),
)
async def remove_subscriber(service: ServiceDep, key: PagesWriter, id: str, subscriber: str) -> Response:
    """Remove a subscriber and the stored address."""
    page = await service.owned(key, id, service.deps.directory.page, "status page")
    find = service.deps.directory.page_news.subscriber
    found = await service.owned(key, subscriber, find, "subscriber")
    if found.page != page.id:
        raise PoppaPingApiError(404, "Subscriber not found.")
    return await service.delete(
        key, PageSubscriptionEnd(request=new_id(), at=service.deps.clock.now(), id=found.id), find
    )


def _object(subscriber: PageSubscriber) -> SubscriberObject:
    return SubscriberObject(
        id=subscriber.id,
        address=subscriber.address,
        created_at=time(subscriber.created),
        confirmed_at=None if subscriber.confirmed is None else time(subscriber.confirmed),
    )
