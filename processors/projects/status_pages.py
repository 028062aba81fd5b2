"""Decisions of the `projects` fold about status pages: create, change, delete.

A page is only a definition: no journal consumes it. Its components must belong to its project at the time of the
request; deleting one of them later changes no page.
"""

from typing import Any

from msgspec import UNSET
from msgspec.structs import asdict, replace

from processors.fold.contract import Effect, InvalidEvent
from processors.fold.view import View
from processors.projects.decisions import decision
from processors.projects.index import ProjectIndex, RequestRejected
from processors.projects.page_subscribers import PageSubscribers
from processors.projects.status_posts import StatusPosts
from processors.projects.tokens import ProjectTokens
from schemas.base import Micros
from schemas.definitions import Project, definition_key
from schemas.page_looks import InvalidLook, checked_domain, checked_logo
from schemas.rejections import RejectionCode
from schemas.requests import (
    PageRequest,
    PostCreate,
    PostDelete,
    PostEdit,
    PostUpdate,
    StatusPageCreate,
    StatusPageDelete,
    StatusPageFields,
    StatusPageUpdate,
)
from schemas.status_pages import Component, StatusPage


class ProjectPages:
    """The status pages of one partition's projects."""

    def __init__(self, view: View, index: ProjectIndex, tokens: ProjectTokens) -> None:
        self._view, self._index, self._tokens = view, index, tokens
        self.subscribers = PageSubscribers(view, index)
        self._posts = StatusPosts(view, index, self.subscribers)

    def decide(self, request: PageRequest, project: Project, at: Micros) -> list[Effect]:
        """Of pages, of what is written on them, and of those who are mailed that."""
        match request:
            case StatusPageCreate():
                return self._create(request, project, at)
            case StatusPageUpdate():
                return self._change(request, self._index.page(project.id, request.id), at)
            case StatusPageDelete():
                return self._delete(request, self._index.page(project.id, request.id), at)
            case PostCreate() | PostUpdate() | PostEdit() | PostDelete():
                return self._posts.decide(request, project, at)
            case _:
                return self.subscribers.decide(request, project, at)

    def _create(self, request: StatusPageCreate, project: Project, at: Micros) -> list[Effect]:
        wanted = self._wanted(request.fields, project.id)
        if "title" not in wanted:
            raise InvalidEvent("a status page needs a title")
        if wanted.get("domain"):
            wanted["domain_since"] = at
        page = StatusPage(id=request.id, project=project.id, version=1, created=at, revised=at, **wanted)
        if self._index.is_there(page):
            return [decision(request, "found", page.id, self._view.get(definition_key(page)).version)]
        page = self._tokens.named(page)
        self._view.put(definition_key(page), page)
        return [decision(request, "made", page.id, page.version)]

    def _change(self, request: StatusPageUpdate, page: StatusPage, at: Micros) -> list[Effect]:
        wanted = self._wanted(request.fields, page.project)
        if wanted.get("domain", page.domain) != page.domain:
            wanted["domain_since"] = at if wanted["domain"] else 0
        if replace(page, **wanted) != page:
            page = replace(page, version=page.version + 1, revised=at, **wanted)
            self._view.put(definition_key(page), page)
        return [decision(request, "updated", page.id, page.version)]

    def _delete(self, request: StatusPageDelete, page: StatusPage, at: Micros) -> list[Effect]:
        self._view.delete(definition_key(page))
        self._posts.remove_all(page.id)
        ended = self.subscribers.remove_all(page.id, at)
        return [*ended, decision(request, "removed", page.id, page.version)]

    def _wanted(self, fields: StatusPageFields, project: str) -> dict[str, Any]:
        wanted: dict[str, Any] = {name: value for name, value in asdict(fields).items() if value is not UNSET}
        if "password" in wanted:
            wanted.setdefault("access_key", "")
            wanted.setdefault("private", False)
        for name, checked in (("logo", checked_logo), ("domain", checked_domain)):
            if name in wanted:
                try:
                    wanted[name] = checked(wanted[name])
                except InvalidLook as error:
                    raise InvalidEvent(f"the {name} {error}") from error
        titles = [section.title for section in wanted.get("sections", ())]
        if twice := next((title for title in titles if titles.count(title) > 1), ""):
            raise InvalidEvent(f"two sections have the title '{twice}'")
        for component in wanted.get("components", ()):
            self._must_be_of(project, component)
        return wanted

    def _must_be_of(self, project: str, component: Component) -> None:
        try:
            if component.kind == "monitor":
                self._index.monitor(project, component.id)
            else:
                self._index.check(project, component.id)
        except RequestRejected:
            raise RequestRejected(RejectionCode.COMPONENT_NOT_FOUND, component.id) from None
