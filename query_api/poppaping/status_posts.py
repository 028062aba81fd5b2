"""Posts of status pages: written, told further, edited, deleted. Pingfold's own."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Response
from msgspec import UNSET, Meta, Struct, UnsetType

from query_api.http.field_types import Time, Uuid
from query_api.http.idempotency import IdempotencyKey
from query_api.http.openapi import body_of
from query_api.poppaping.auth import JsonObject, PagesReader, PagesWriter
from query_api.poppaping.bodies import judged
from query_api.poppaping.objects import Deleted
from query_api.poppaping.openapi import ERRORS, errors, list_of, one_of
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
from schemas.definitions import ApiKey
from schemas.ids import new_id
from schemas.requests import PostCreate, PostDelete, PostEdit, PostUpdate
from schemas.status_pages import StatusPage
from schemas.status_posts import MOST_AFFECTED, PostState, PostText, PostTitle, StatusPost

router = APIRouter(tags=["status pages"], responses=ERRORS)

_Affected = Annotated[
    list[str],
    Meta(max_length=MOST_AFFECTED, description="Ids of monitors and checks of the page."),
]
_Notify = Annotated[bool, Meta(description="Whether to mail it to the subscribers of the page.")]


class CreatePostBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A new post with its first update."""

    title: PostTitle
    text: PostText
    status: PostState = "investigating"
    affected: _Affected = []
    notify: _Notify = True


class EditPostBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What of a post to change; nobody is mailed that."""

    title: PostTitle | UnsetType = UNSET
    affected: _Affected | UnsetType = UNSET


class AddUpdateBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What there is to say now."""

    text: PostText
    status: PostState
    notify: _Notify = True


class EditUpdateBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What an update says from now on; nobody is mailed that."""

    text: PostText


class FormerTextObject(Struct, kw_only=True):
    """What an update said before."""

    text: str
    until: Time


class PostUpdateObject(Struct, kw_only=True):
    """An update of a post."""

    number: Annotated[int, Meta(description="From 1, the oldest.")]
    at: Time
    status: PostState
    text: str
    former_texts: Annotated[list[FormerTextObject], Meta(description="Before it was edited, the oldest first.")]


class PostObject(Struct, kw_only=True):
    """A post of a status page."""

    id: Uuid
    title: str
    status: Annotated[PostState, Meta(description="That of the newest update.")]
    affected: list[str]
    created_at: Time
    updated_at: Time
    resolved_at: Time | None
    updates: Annotated[list[PostUpdateObject], Meta(description="The oldest first.")]


_POST = one_of(PostObject, "The post.") | errors(400, 404)


@router.get("/status-pages/{id}/posts", responses=list_of(PostObject, "The posts, newest first.") | errors(400, 404))
async def list_posts(
    service: ServiceDep, key: PagesReader, id: str, page: Page = 1, per_page: PerPage = 25
) -> Response:
    """List the posts of a status page, the newest first."""
    found = await _page(service, key, id)
    return listed_page(service.deps.directory.page_news.posts_of(found.id), page, per_page, _object)


@router.post(
    "/status-pages/{id}/posts",
    status_code=201,
    summary="Create Post (Pingfold's own)",
    responses=one_of(PostObject, "The new post.", 201)
    | one_of(PostObject, "The post that was there (`Idempotency-Key`).")
    | errors(400, 404),
    openapi_extra=body_of(CreatePostBody, {"title": "Payments fail", "text": "We are looking into it."}),
)
async def create_post(
    service: ServiceDep, key: PagesWriter, id: str, body: JsonObject, idempotency_key: IdempotencyKey = None
) -> Response:
    """Write a post, and mail it to the subscribers of the page."""
    found, wanted = await _page(service, key, id), judged(body, CreatePostBody)
    request = PostCreate(
        request=new_id(),
        at=service.deps.clock.now(),
        id=service.id_for(key, "post", idempotency_key),
        page=found.id,
        title=wanted.title,
        state=wanted.status,
        text=wanted.text,
        affected=tuple(wanted.affected),
        notify=wanted.notify,
    )
    decision = await service.ask(key, request)
    post = _object(await service.read_back(decision, service.deps.directory.page_news.post))
    return made_or_found(decision, post)


@router.get("/status-pages/{id}/posts/{post}", responses=one_of(PostObject, "The post.") | errors(404))
async def read_post(service: ServiceDep, key: PagesReader, id: str, post: str) -> Response:
    """Read one post."""
    return one(_object(await _post(service, key, id, post)))


@router.patch(
    "/status-pages/{id}/posts/{post}",
    summary="Change Post (Pingfold's own)",
    responses=_POST,
    openapi_extra=body_of(EditPostBody, {"title": "Payments by card fail"}),
)
async def change_post(service: ServiceDep, key: PagesWriter, id: str, post: str, body: JsonObject) -> Response:
    """Change the title of a post, or its affected components."""
    found, wanted = await _post(service, key, id, post), judged(body, EditPostBody)
    request = PostEdit(
        request=new_id(),
        at=service.deps.clock.now(),
        id=found.id,
        title=wanted.title,
        affected=UNSET if wanted.affected is UNSET else tuple(wanted.affected),
    )
    return one(await _asked(service, key, request))


@router.delete(
    "/status-pages/{id}/posts/{post}",
    summary="Delete Post (Pingfold's own)",
    responses=one_of(Deleted, "The id of what was deleted.") | errors(404),
)
async def delete_post(service: ServiceDep, key: PagesWriter, id: str, post: str) -> Response:
    """Delete a post permanently."""
    found = await _post(service, key, id, post)
    request = PostDelete(request=new_id(), at=service.deps.clock.now(), id=found.id)
    return await service.delete(key, request, service.deps.directory.page_news.post)


@router.post(
    "/status-pages/{id}/posts/{post}/updates",
    status_code=201,
    summary="Add Update (Pingfold's own)",
    responses=one_of(PostObject, "The post with its new update.", 201) | errors(400, 404),
    openapi_extra=body_of(AddUpdateBody, {"text": "All payments work again.", "status": "resolved"}),
)
async def add_update(service: ServiceDep, key: PagesWriter, id: str, post: str, body: JsonObject) -> Response:
    """Add an update to a post, and mail it to the subscribers of the page."""
    found, wanted = await _post(service, key, id, post), judged(body, AddUpdateBody)
    request = PostUpdate(
        request=new_id(),
        at=service.deps.clock.now(),
        id=found.id,
        state=wanted.status,
        text=wanted.text,
        notify=wanted.notify,
    )
    return one(await _asked(service, key, request), 201)


@router.patch(
    "/status-pages/{id}/posts/{post}/updates/{number}",
    summary="Edit Update (Pingfold's own)",
    responses=_POST,
    openapi_extra=body_of(EditUpdateBody, {"text": "All payments work again, by card, too."}),
)
async def edit_update(
    service: ServiceDep, key: PagesWriter, id: str, post: str, number: str, body: JsonObject
) -> Response:
    """Edit the text of an update. Earlier texts are kept."""
    found, wanted = await _post(service, key, id, post), judged(body, EditUpdateBody)
    # Not by int: that takes digits of all scripts, and `+1`.
    numbers = [str(each) for each in range(1, len(found.updates) + 1)]
    if number not in numbers:
        raise PoppaPingApiError(404, "Update not found.")
    request = PostEdit(request=new_id(), at=service.deps.clock.now(), id=found.id, update=int(number), text=wanted.text)
    return one(await _asked(service, key, request))


async def _page(service: Service, key: ApiKey, id: str) -> StatusPage:
    return await service.owned(key, id, service.deps.directory.page, "status page")


async def _post(service: Service, key: ApiKey, page: str, id: str) -> StatusPost:
    found = await _page(service, key, page)
    post = await service.owned(key, id, service.deps.directory.page_news.post, "post")
    if post.page != found.id:
        raise PoppaPingApiError(404, "Post not found.")
    return post


async def _asked(service: Service, key: ApiKey, request: PostCreate | PostUpdate | PostEdit) -> PostObject:
    return _object(await service.change(key, request, service.deps.directory.page_news.post))


def _object(post: StatusPost) -> PostObject:
    return PostObject(
        id=post.id,
        title=post.title,
        status=post.state,
        affected=list(post.affected),
        created_at=time(post.created),
        updated_at=time(post.revised),
        resolved_at=None if post.resolved is None else time(post.resolved),
        updates=[
            PostUpdateObject(
                number=number,
                at=time(update.at),
                status=update.state,
                text=update.text,
                former_texts=[FormerTextObject(text=former.text, until=time(former.until)) for former in update.former],
            )
            for number, update in enumerate(post.updates, 1)
        ],
    )
