"""Decisions of the `projects` fold about posts of status pages, and the mails about them. Pure.

Each update is one notice to each confirmed subscriber of the page, unless its author turns that off. An edit sends
nothing, and the earlier text is kept. A page keeps `MOST_POSTS` posts: a new post removes the oldest resolved one, and
is rejected if none is resolved.
"""

from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from processors.fold.contract import Effect, InvalidEvent
from processors.fold.view import View
from processors.projects.decisions import decision
from processors.projects.index import ProjectIndex, RequestRejected
from processors.projects.page_subscribers import PageSubscribers
from schemas.base import Micros
from schemas.definitions import Check, Project, definition_key
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.monitors import Monitor
from schemas.notices import PAGE_POST
from schemas.public_names import public_name
from schemas.rejections import RejectionCode
from schemas.status_pages import StatusPage
from schemas.status_posts import (
    MOST_FORMER,
    MOST_POSTS,
    MOST_UPDATES,
    FormerText,
    PostCreate,
    PostDelete,
    PostEdit,
    PostRequest,
    PostUpdate,
    StatusPost,
    StatusPostUpdate,
)
from schemas.topics import DELIVERIES


class StatusPosts:
    """The posts of one partition's pages."""

    def __init__(self, view: View, index: ProjectIndex, subscribers: PageSubscribers) -> None:
        self._view, self._index, self._subscribers = view, index, subscribers
        # By page: an index that follows the view.
        self._of: dict[str, set[str]] = {}
        for key, record in view.items_but_packed():
            self._changed(key, None, record)
        view.listeners.append(self._changed)

    def _changed(self, _key: str, old: msgspec.Struct | None, new: msgspec.Struct | None) -> None:
        if isinstance(old, StatusPost):
            left = self._of[old.page]
            left.discard(old.id)
            if not left:
                del self._of[old.page]
        if isinstance(new, StatusPost):
            self._of.setdefault(new.page, set()).add(new.id)

    def decide(self, request: PostRequest, project: Project, at: Micros) -> list[Effect]:
        if isinstance(request, PostCreate):
            return self._create(request, self._index.page(project.id, request.page), at)
        post = self._index.post(project.id, request.id)
        match request:
            case PostUpdate():
                return self._update(request, post, at)
            case PostEdit():
                return self._edit(request, post, at)
            case PostDelete():
                self._view.delete(definition_key(post))
                return [decision(request, "removed", post.id, post.version)]

    def remove_all(self, page: str) -> None:
        """Their page is removed."""
        for id in sorted(self._of.get(page, ())):
            self._view.delete(f"status-post/{id}")

    def _create(self, request: PostCreate, page: StatusPage, at: Micros) -> list[Effect]:
        post = StatusPost(
            id=request.id,
            project=page.project,
            page=page.id,
            version=1,
            created=at,
            revised=at,
            title=request.title,
            updates=(StatusPostUpdate(at, request.state, request.text),),
            affected=_of_page(page, request.affected),
        )
        if self._index.is_there(post):
            return [decision(request, "found", post.id, self._view.get(definition_key(post)).version)]
        self._make_room(page.id)
        self._view.put(definition_key(post), post)
        told = self._told(page, post, at) if request.notify else []
        return [*told, decision(request, "made", post.id, post.version)]

    def _make_room(self, page: str) -> None:
        posts: list[StatusPost] = [self._view.get(f"status-post/{id}") for id in self._of.get(page, ())]
        if len(posts) < MOST_POSTS:
            return
        over = [post for post in posts if post.resolved is not None]
        if not over:
            words = f"a page has at most {MOST_POSTS} posts: resolve or delete one"
            raise RequestRejected(RejectionCode.LIMIT_REACHED, words)
        self._view.delete(definition_key(min(over, key=lambda post: (post.created, post.id))))

    def _update(self, request: PostUpdate, post: StatusPost, at: Micros) -> list[Effect]:
        if len(post.updates) >= MOST_UPDATES:
            words = f"a post has at most {MOST_UPDATES} updates: write another post"
            raise RequestRejected(RejectionCode.LIMIT_REACHED, words)
        updates = (*post.updates, StatusPostUpdate(at, request.state, request.text))
        post = replace(post, version=post.version + 1, revised=at, updates=updates)
        self._view.put(definition_key(post), post)
        page: StatusPage = self._view.get(f"status-page/{post.page}")
        told = self._told(page, post, at) if request.notify else []
        return [*told, decision(request, "updated", post.id, post.version)]

    def _edit(self, request: PostEdit, post: StatusPost, at: Micros) -> list[Effect]:
        page: StatusPage = self._view.get(f"status-page/{post.page}")
        changed = post
        if request.title is not UNSET:
            changed = replace(changed, title=request.title)
        if request.affected is not UNSET:
            # What is named already may have left the page.
            kept = [id for id in request.affected if id in post.affected]
            added = _of_page(page, tuple(id for id in request.affected if id not in post.affected))
            changed = replace(changed, affected=tuple(dict.fromkeys((*kept, *added))))
        if (request.update is UNSET) != (request.text is UNSET):
            raise InvalidEvent("an edit of a text names the update and what it says now")
        if request.update is not UNSET and request.text is not UNSET:
            changed = replace(changed, updates=_edited(post, request.update, request.text, at))
        if changed != post:
            changed = replace(changed, version=post.version + 1, revised=at)
            self._view.put(definition_key(changed), changed)
        return [decision(request, "updated", post.id, changed.version)]

    def _told(self, page: StatusPage, post: StatusPost, at: Micros) -> list[Effect]:
        """One request for each subscriber, all of them the same."""
        request = DeliveryRequested(
            transition=derived_id(post.id, "update", len(post.updates), at),
            at=at,
            notices=(PAGE_POST,),
            data=self._data(page, post),
            anyway=True,
        )
        return [Effect(DELIVERIES, id, request) for id in self._subscribers.confirmed(page.id)]

    def _data(self, page: StatusPage, post: StatusPost) -> dict[str, Any]:
        newest = post.updates[-1]
        return {
            "page": {"id": page.id, "title": page.title, "path": f"/status/{page.id}"},
            "post": {
                "id": post.id,
                "title": post.title,
                "state": newest.state,
                "text": newest.text,
                "affected": [name for id in post.affected if (name := self._name(page, id))],
                "first": len(post.updates) == 1,
            },
        }

    def _name(self, page: StatusPage, id: str) -> str:
        """What a component is called on its page; "" when it is not there any more."""
        component = next((each for each in page.components if each.id == id), None)
        thing = None if component is None else self._view.get(f"{component.kind}/{id}")
        if component is None or not isinstance(thing, Monitor | Check):
            return ""
        return component.name or public_name(thing) or component.kind.capitalize()


def _of_page(page: StatusPage, affected: tuple[str, ...]) -> tuple[str, ...]:
    known = {component.id for component in page.components}
    for id in affected:
        if id not in known:
            raise RequestRejected(RejectionCode.COMPONENT_NOT_FOUND, id)
    return tuple(dict.fromkeys(affected))


def _edited(post: StatusPost, number: int, text: str, at: Micros) -> tuple[StatusPostUpdate, ...]:
    if number > len(post.updates):
        raise InvalidEvent(f"the post has no update {number}")
    before = post.updates[number - 1]
    if before.text == text:
        return post.updates
    if sum(len(update.former) for update in post.updates) >= MOST_FORMER:
        words = f"a post is edited at most {MOST_FORMER} times: write an update"
        raise RequestRejected(RejectionCode.LIMIT_REACHED, words)
    after = replace(before, text=text, former=(*before.former, FormerText(before.text, at)))
    return (*post.updates[: number - 1], after, *post.updates[number:])
