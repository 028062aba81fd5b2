"""Status pages: list and read, as PoppaPing has it; making, changing and deleting them is Pingfold's own."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Response
from msgspec import UNSET, Meta, UnsetType

from infra.secrets.passwords import hash_password
from query_api.commands import gone
from query_api.healthchecks.slugs import slugify
from query_api.pages.status_board import address, components_of, overall
from query_api.poppaping import openapi
from query_api.poppaping.auth import JsonObject, PagesReader, PagesWriter
from query_api.poppaping.bodies import judged
from query_api.poppaping.responses import ERRORS, MOST_PER_PAGE, Fault, Page, PerPage, cut, listed, one, time
from query_api.poppaping.service import Service, ServiceDep
from schemas.definitions import ApiKey
from schemas.ids import new_id
from schemas.requests import StatusPageCreate, StatusPageDelete, StatusPageFields, StatusPageUpdate
from schemas.status_pages import (
    MOST_COMPONENTS,
    Component,
    ComponentKind,
    Description,
    PageSlug,
    StatusPage,
    Title,
    Words,
)

_LONGEST_SLUG = 60

router = APIRouter(tags=["status pages"], responses=ERRORS)


class WantedComponent(msgspec.Struct, forbid_unknown_fields=True):
    """A monitor or a check. `name`: what it is called on the page; empty: as it is called itself."""

    type: ComponentKind
    id: str
    name: Words = ""
    group: Words = ""


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """A body as it may be. `password` null: the page is public. `slug` not given: made from the title."""

    title: Title | UnsetType = UNSET
    slug: PageSlug | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    components: Annotated[list[WantedComponent], Meta(max_length=MOST_COMPONENTS)] | UnsetType = UNSET
    password: Annotated[str, Meta(min_length=8, max_length=200)] | UnsetType | None = UNSET


@router.get("/status-pages", responses=openapi.list_of(openapi.PAGE))
async def list_pages(service: ServiceDep, key: PagesReader, page: Page = 1, per_page: PerPage = 25) -> Response:
    """The status pages of the project, oldest first."""
    per_page = min(per_page, MOST_PER_PAGE)
    pages = service.deps.directory.pages_of(key.project)
    return listed([_head(service, each) for each in cut(pages, page, per_page)], page, per_page, len(pages))


@router.post(
    "/status-pages",
    status_code=201,
    summary="Create Page (Pingfold's own)",
    responses=openapi.one_of(openapi.PAGE_WHOLE, 201),
    openapi_extra=openapi.body_of(Wanted),
)
async def create_page(service: ServiceDep, key: PagesWriter, body: JsonObject) -> Response:
    """Make a status page of monitors and checks."""
    wanted = judged(body, Wanted)
    if wanted.title is UNSET:
        raise Fault(400, "Field 'title' is required.")
    if wanted.slug is UNSET:
        wanted.slug = slugify(wanted.title).replace("_", "-")[:_LONGEST_SLUG].strip("-")
    request = StatusPageCreate(
        request=new_id(), at=service.deps.clock.now(), id=new_id(), fields=await _fields(service, key, wanted)
    )
    return one(
        _object(service, await service.read_back(await service.ask(key, request), service.deps.directory.page)), 201
    )


@router.get("/status-pages/{id}", responses=openapi.one_of(openapi.PAGE_WHOLE))
async def read_page(service: ServiceDep, key: PagesReader, id: str) -> Response:
    """One status page, with the current statuses of its components."""
    return one(_object(service, await _page(service, key, id)))


@router.patch(
    "/status-pages/{id}",
    summary="Change Page (Pingfold's own)",
    responses=openapi.one_of(openapi.PAGE_WHOLE),
    openapi_extra=openapi.body_of(Wanted),
)
async def change_page(service: ServiceDep, key: PagesWriter, id: str, body: JsonObject) -> Response:
    """Change the fields that are given; `components` replaces them all."""
    page = await _page(service, key, id)
    fields = await _fields(service, key, judged(body, Wanted))
    request = StatusPageUpdate(request=new_id(), at=service.deps.clock.now(), id=page.id, fields=fields)
    return one(_object(service, await service.read_back(await service.ask(key, request), service.deps.directory.page)))


@router.delete("/status-pages/{id}", summary="Delete Page (Pingfold's own)", responses=openapi.one_of(openapi.DELETED))
async def delete_page(service: ServiceDep, key: PagesWriter, id: str) -> Response:
    """Delete a status page for good; what it shows is untouched."""
    page = await _page(service, key, id)
    await service.ask(key, StatusPageDelete(request=new_id(), at=service.deps.clock.now(), id=page.id))
    await gone(service.deps, service.deps.directory.page, page.id)
    return one({"id": page.id, "deleted": True})


async def _page(service: Service, key: ApiKey, id: str) -> StatusPage:
    return await service.owned(key, id, service.deps.directory.page, "status page")


async def _fields(service: Service, key: ApiKey, wanted: Wanted) -> StatusPageFields:
    password: str | UnsetType = UNSET
    if isinstance(wanted.password, str):
        password = await service.deps.password_pool.run(key.project, hash_password, wanted.password)
    elif wanted.password is None:
        password = ""
    return StatusPageFields(
        title=wanted.title,
        slug=wanted.slug,
        description=wanted.description,
        components=UNSET if wanted.components is UNSET else _components(wanted.components),
        password=password,
    )


def _components(wanted: Sequence[WantedComponent]) -> tuple[Component, ...]:
    ids = [component.id for component in wanted]
    if twice := next((id for id in ids if ids.count(id) > 1), None):
        raise Fault(400, f"Field 'components': {twice} is named twice.")
    return tuple(Component(kind=one.type, id=one.id, name=one.name, group=one.group) for one in wanted)


def _head(service: Service, page: StatusPage) -> dict[str, Any]:
    return {
        "id": page.id,
        "title": page.title,
        "slug": page.slug,
        "description": page.description,
        "url": f"{service.deps.settings.base_url}/status/{address(page)}",
        "public": not page.password,
        "created_at": time(page.created),
        "updated_at": time(page.revised),
    }


def _object(service: Service, page: StatusPage) -> dict[str, Any]:
    """A page with what it shows now. `shown_as`: what a component is called there, `name`: when that was chosen."""
    chosen = {component.id: component.name for component in page.components}
    components = components_of(service.deps, page)
    return _head(service, page) | {
        "status": overall(components),
        "components": [
            {
                "type": component.kind,
                "id": component.thing,
                "name": chosen[component.thing],
                "group": component.group,
                "shown_as": component.name,
                "current_status": component.status,
            }
            for component in components
        ],
    }
