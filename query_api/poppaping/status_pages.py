"""Status pages: list and read, as PoppaPing has it; making, changing and deleting them is Pingfold's own."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from fastapi import APIRouter, Response
from msgspec import UNSET, Meta, Struct, UnsetType

from infra.secrets.passwords import hash_password
from query_api.http.field_types import Time, Uuid
from query_api.http.idempotency import IdempotencyKey
from query_api.http.openapi import body_of
from query_api.pages.status_board import Overall, Status, address, components_of, overall
from query_api.poppaping.auth import JsonObject, PagesReader, PagesWriter
from query_api.poppaping.bodies import judged
from query_api.poppaping.objects import Deleted
from query_api.poppaping.openapi import ERRORS, errors, list_of, one_of
from query_api.poppaping.read_only import parts_without_read_only, without_read_only
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
from query_api.slugs import slugify
from schemas.definitions import ApiKey
from schemas.ids import new_id
from schemas.managed import ManagedBy
from schemas.page_looks import Accent, Domain, InvalidLook, Logo, checked_logo, written_domain
from schemas.requests import StatusPageCreate, StatusPageDelete, StatusPageFields, StatusPageUpdate
from schemas.status_pages import (
    MOST_COMPONENTS,
    MOST_SECTIONS,
    Component,
    ComponentKind,
    Description,
    PageSlug,
    Section,
    StatusPage,
    Title,
    Words,
)

_LONGEST_SLUG = 60

router = APIRouter(tags=["status pages"], responses=ERRORS)


class PageComponentBody(msgspec.Struct, forbid_unknown_fields=True):
    """A monitor or a check on a page."""

    type: ComponentKind
    id: str
    name: Annotated[Words, Meta(description="Name on the page; empty: the name of the component itself.")] = ""
    group: Annotated[Words, Meta(description="Empty: in no group.")] = ""


class PageSectionBody(msgspec.Struct, forbid_unknown_fields=True):
    """A part of a page: the components whose `group` is its title."""

    title: Annotated[Words, Meta(min_length=1)]
    description: Annotated[str, Meta(max_length=500, description="Text above its components.")] = ""
    collapsed: Annotated[
        bool,
        Meta(description="Components are hidden until a reader opens the section, or until one has a problem."),
    ] = False


_Sections = Annotated[
    list[PageSectionBody], Meta(max_length=MOST_SECTIONS, description="In their order; other groups follow them.")
]
_Logo = Annotated[Logo, Meta(description="A picture (PNG, JPEG, WebP) as a `data:` URL; empty: none.")]
_Accent = Annotated[Accent, Meta(description="A colour as #rrggbb; empty: none.")]
_Domain = Annotated[
    Domain, Meta(description="A host name that leads to this Pingfold: the page is shown at its `/`. Empty: none.")
]
_Slug = Annotated[PageSlug, Meta(description="A part of the address; made from the title if left out.")]
_Components = Annotated[list[PageComponentBody], Meta(max_length=MOST_COMPONENTS)]
_Password = Annotated[str, Meta(min_length=8, max_length=200)]


class UpdateStatusPageBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The fields of a status page to change."""

    title: Title | UnsetType = UNSET
    slug: _Slug | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    components: _Components | UnsetType = UNSET
    password: Annotated[_Password | None, Meta(description="Null: the page is public.")] | UnsetType = UNSET
    managed_by: ManagedBy | UnsetType = UNSET
    sections: _Sections | UnsetType = UNSET
    logo: _Logo | UnsetType = UNSET
    accent: _Accent | UnsetType = UNSET
    domain: _Domain | UnsetType = UNSET


class CreateStatusPageBody(UpdateStatusPageBody, kw_only=True):
    """A new status page."""

    title: Title


class StatusPageObject(Struct, kw_only=True):
    """A status page."""

    id: Uuid
    title: str
    slug: str
    description: str
    url: str
    public: Annotated[bool, Meta(description="Whether the page needs no password and is not private.")]
    created_at: Time
    updated_at: Time
    managed_by: ManagedBy | UnsetType = UNSET


class StatusPageComponent(Struct, kw_only=True):
    """A monitor or a check on a page."""

    type: ComponentKind
    id: Uuid
    name: Annotated[str, Meta(description="The name chosen for the page; empty: the name of the component itself.")]
    group: Annotated[str, Meta(description="Empty: in no group.")]
    shown_as: Annotated[str, Meta(description="Name on the page.")]
    current_status: Status


class StatusPageDetails(StatusPageObject, kw_only=True):
    """A status page with its components."""

    status: Overall
    components: list[StatusPageComponent]
    sections: list[PageSectionBody]
    logo: str
    accent: str
    domain: str


_PAGE = one_of(StatusPageDetails, "The status page with its components.") | errors(404)


@router.get("/status-pages", responses=list_of(StatusPageObject, "The status pages, oldest first.") | errors(400))
async def list_pages(service: ServiceDep, key: PagesReader, page: Page = 1, per_page: PerPage = 25) -> Response:
    """List the status pages of the project, oldest first."""
    pages = service.deps.directory.pages_of(key.project)
    return listed_page(pages, page, per_page, partial(_listed, service))


@router.post(
    "/status-pages",
    status_code=201,
    summary="Create Page (Pingfold's own)",
    responses=one_of(StatusPageDetails, "The new status page.", 201)
    | one_of(StatusPageDetails, "The status page that was there (`Idempotency-Key`).")
    | errors(400),
    openapi_extra=body_of(CreateStatusPageBody, {"title": "Status of the shop"}),
)
async def create_page(
    service: ServiceDep, key: PagesWriter, body: JsonObject, idempotency_key: IdempotencyKey = None
) -> Response:
    """Create a status page of monitors and checks."""
    wanted = judged(body, CreateStatusPageBody)
    if wanted.slug is UNSET:
        wanted.slug = slugify(wanted.title).replace("_", "-")[:_LONGEST_SLUG].strip("-")
    request = StatusPageCreate(
        request=new_id(),
        at=service.deps.clock.now(),
        id=service.id_for(key, "status page", idempotency_key),
        fields=await _fields(service, key, wanted, ""),
    )
    decision = await service.ask(key, request)
    return made_or_found(decision, _object(service, await service.read_back(decision, service.deps.directory.page)))


@router.get("/status-pages/{id}", responses=_PAGE)
async def read_page(service: ServiceDep, key: PagesReader, id: str) -> Response:
    """Read one status page, with the current statuses of its components."""
    return one(_object(service, await _page(service, key, id)))


@router.patch(
    "/status-pages/{id}",
    summary="Change Page (Pingfold's own)",
    responses=_PAGE | errors(400),
    openapi_extra=body_of(UpdateStatusPageBody, {"description": "How our services are."}),
)
async def change_page(service: ServiceDep, key: PagesWriter, id: str, body: JsonObject) -> Response:
    """Change a status page. Omitted fields stay. `components` replaces all components."""
    page = await _page(service, key, id)
    shown = _object(service, page)
    # In a copy of the page the names that were shown may be older ones.
    beside = ("current_status", "shown_as") if "id" in body else ("current_status",)
    body = without_read_only(body, shown, UpdateStatusPageBody, ("status",))
    if "components" in body:
        parts = parts_without_read_only(body["components"], shown.components, PageComponentBody, beside)
        body = body | {"components": parts}
    fields = await _fields(service, key, judged(body, UpdateStatusPageBody), page.id)
    request = StatusPageUpdate(request=new_id(), at=service.deps.clock.now(), id=page.id, fields=fields)
    return one(_object(service, await service.change(key, request, service.deps.directory.page)))


@router.delete(
    "/status-pages/{id}",
    summary="Delete Page (Pingfold's own)",
    responses=one_of(Deleted, "The id of what was deleted.") | errors(404),
)
async def delete_page(service: ServiceDep, key: PagesWriter, id: str) -> Response:
    """Delete a status page permanently. Its monitors and checks stay."""
    page = await _page(service, key, id)
    request = StatusPageDelete(request=new_id(), at=service.deps.clock.now(), id=page.id)
    return await service.delete(key, request, service.deps.directory.page)


async def _page(service: Service, key: ApiKey, id: str) -> StatusPage:
    return await service.owned(key, id, service.deps.directory.page, "status page")


async def _fields(service: Service, key: ApiKey, wanted: UpdateStatusPageBody, page: str) -> StatusPageFields:
    """page: its id; empty: it is new."""
    password: str | UnsetType = UNSET
    if isinstance(wanted.password, str):
        password = await service.deps.password_pool.run(key.project, hash_password, wanted.password)
    elif wanted.password is None:
        password = ""
    looks = looks_of(wanted)
    return StatusPageFields(
        title=wanted.title,
        slug=wanted.slug,
        description=wanted.description,
        components=UNSET if wanted.components is UNSET else _components(wanted.components),
        password=password,
        managed_by=wanted.managed_by,
        sections=looks.sections,
        logo=looks.logo,
        accent=looks.accent,
        domain=looks.domain if looks.domain is UNSET else _free(service, looks.domain, page),
    )


class Looks(NamedTuple):
    """How a page looks, as it is stored; what was not given is not set."""

    sections: tuple[Section, ...] | UnsetType
    logo: str | UnsetType
    accent: str | UnsetType
    domain: str | UnsetType


def looks_of(wanted: UpdateStatusPageBody) -> Looks:
    """How a page is to look. Whether its domain is free is for the server to say. Raises `PoppaPingApiError`."""
    return Looks(
        sections=UNSET if wanted.sections is UNSET else _sections(wanted.sections),
        logo=UNSET if wanted.logo is UNSET else _checked("logo", checked_logo, wanted.logo),
        accent=UNSET if wanted.accent is UNSET else wanted.accent.lower(),
        domain=UNSET if wanted.domain is UNSET else _checked("domain", written_domain, wanted.domain),
    )


def _sections(wanted: Sequence[PageSectionBody]) -> tuple[Section, ...]:
    titles = [section.title for section in wanted]
    if twice := next((title for title in titles if titles.count(title) > 1), None):
        raise PoppaPingApiError(400, f"Field 'sections': two have the title '{twice}'.")
    return tuple(Section(section.title, section.description, section.collapsed) for section in wanted)


def sections_shown(sections: Iterable[Section]) -> list[PageSectionBody]:
    """Sections as answers have them, with every field."""
    return [PageSectionBody(section.title, section.description, section.collapsed) for section in sections]


def _checked(field: str, check: Callable[[str], str], value: str) -> str:
    try:
        return check(value)
    except InvalidLook as error:
        raise PoppaPingApiError(400, f"Field '{field}' {error}.") from None


def _free(service: Service, domain: str, page: str) -> str:
    """A host name that no other page has. Of two that take one at the same moment the first has it."""
    taken = service.deps.directory.page_of_domain(domain) if domain else None
    if taken is not None and taken.id != page:
        raise PoppaPingApiError(400, f"Field 'domain': another status page is shown at '{domain}'.")
    if domain and domain == urlsplit(service.deps.settings.base_url).hostname:
        raise PoppaPingApiError(400, "Field 'domain': that is the address of this Pingfold itself.")
    if domain and domain == service.host_asked and (taken is None or taken.id != page):
        words = f"you reach this Pingfold at '{domain}' yourself, so it cannot be that of a page: take another name"
        raise PoppaPingApiError(400, f"Field 'domain': {words}.")
    return domain


def _components(wanted: Sequence[PageComponentBody]) -> tuple[Component, ...]:
    ids = [component.id for component in wanted]
    if twice := next((id for id in ids if ids.count(id) > 1), None):
        raise PoppaPingApiError(400, f"Field 'components': {twice} is named twice.")
    return tuple(Component(kind=one.type, id=one.id, name=one.name, group=one.group) for one in wanted)


def _listed(service: Service, page: StatusPage) -> StatusPageObject:
    return StatusPageObject(**_fields_of(service, page))


def _fields_of(service: Service, page: StatusPage) -> dict[str, Any]:
    return {
        "id": page.id,
        "title": page.title,
        "slug": page.slug,
        "description": page.description,
        "url": f"{service.deps.settings.base_url}/status/{address(page)}",
        "public": not page.password and not page.private,
        "created_at": time(page.created),
        "updated_at": time(page.revised),
        "managed_by": page.managed_by or UNSET,
    }


def _object(service: Service, page: StatusPage) -> StatusPageDetails:
    """A page with what it shows now."""
    chosen = {component.id: component.name for component in page.components}
    components = components_of(service.deps, page)
    return StatusPageDetails(
        **_fields_of(service, page),
        status=overall(components),
        components=[
            StatusPageComponent(
                type=component.kind,
                id=component.thing,
                name=chosen[component.thing],
                group=component.group,
                shown_as=component.name,
                current_status=component.status,
            )
            for component in components
        ],
        sections=sections_shown(page.sections),
        logo=page.logo,
        accent=page.accent,
        domain=page.domain,
    )
