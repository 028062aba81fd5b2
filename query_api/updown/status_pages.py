"""Status pages: list, create, change, delete; at `/status_pages` and at `/status-pages`. There is no GET of one.

A protected page asks for its access key as a password (HTTP Basic, any user name). The key is stored encrypted, since
answers show it, but for those to read-only keys. A private page opens with the admin password only.
"""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from msgspec import UNSET, Meta, Struct, UnsetType

from infra.secrets.passwords import hash_password
from infra.secrets.secrets import SecretError, of_page
from query_api.commands import gone
from query_api.http.field_types import Url
from query_api.pages.status_board import address
from query_api.updown.auth import Caller, Reader, Writer
from query_api.updown.errors import UpdownError
from query_api.updown.judge import Judge
from query_api.updown.openapi import ERRORS, errors, one_of, parameters_in_body
from query_api.updown.responses import UpdownDeleted, answer
from query_api.updown.service import Service, ServiceDep
from schemas.definitions import Check
from schemas.ids import new_id
from schemas.monitors import Monitor
from schemas.requests import StatusPageCreate, StatusPageDelete, StatusPageFields, StatusPageUpdate
from schemas.status_pages import MOST_COMPONENTS, Component, ComponentKind, StatusPage

router = APIRouter(tags=["status pages"], responses=ERRORS)

Visibility = Literal["public", "protected", "private"]

LONGEST_NAME = 200
LONGEST_DESCRIPTION = 2_000
LONGEST_KEY = 100
_DEFAULT_NAME = "Status"
_VISIBILITIES: dict[str, Visibility] = {"public": "public", "protected": "protected", "private": "private"}


class UpdateUpdownPageBody(Struct, kw_only=True):
    """The parameters of a status page to change."""

    checks: Annotated[list[str], Meta(description="Tokens of checks, in order.")] | UnsetType = UNSET
    name: Annotated[str, Meta(max_length=LONGEST_NAME)] | UnsetType | None = UNSET
    description: Annotated[str, Meta(max_length=LONGEST_DESCRIPTION)] | UnsetType | None = UNSET
    visibility: Annotated[Visibility, Meta(description="Default: public.")] | UnsetType = UNSET
    access_key: (
        Annotated[str, Meta(max_length=LONGEST_KEY, description="Of a protected page; left out: a random one.")]
        | UnsetType
        | None
    ) = UNSET


class CreateUpdownPageBody(UpdateUpdownPageBody, kw_only=True):
    """A new status page."""

    checks: Annotated[list[str], Meta(description="Tokens of checks, in order.")]


class UpdownPage(Struct, kw_only=True, gc=False):
    """A status page."""

    token: str
    url: Url
    name: str
    description: str
    visibility: Visibility
    access_key: Annotated[str | None, Meta(description="Of a protected page; null when it cannot be shown.")]
    checks: list[str]


_PAGE = one_of(UpdownPage, "The status page.")
_CREATE = parameters_in_body(CreateUpdownPageBody, {"checks": [], "name": "Our services"})
_UPDATE = parameters_in_body(UpdateUpdownPageBody, {"name": "Our services"}, required=False)


@router.get("/status_pages", responses=one_of(list[UpdownPage], "The status pages, oldest first."))
@router.get("/status-pages", include_in_schema=False)
async def list_pages(service: ServiceDep, caller: Reader) -> Response:
    """List the status pages of the account, oldest first."""
    return answer([_object(service, caller, page) for page in service.deps.directory.pages_of(caller.project)])


@router.post(
    "/status_pages",
    status_code=201,
    responses=one_of(UpdownPage, "The new status page.", 201) | errors(400, 403),
    openapi_extra=_CREATE,
)
@router.post("/status-pages", status_code=201, include_in_schema=False)
async def create_page(service: ServiceDep, caller: Writer) -> Response:
    """Create a status page."""
    id = new_id()
    fields = await _fields(service, caller, id, None)
    request = StatusPageCreate(request=new_id(), at=service.deps.clock.now(), id=id, fields=fields)
    page = await service.read_back(await service.ask(caller, request), service.deps.directory.page)
    return answer(_object(service, caller, page), 201)


@router.put("/status_pages/{token}", responses=_PAGE | errors(400, 403, 404), openapi_extra=_UPDATE)
@router.put("/status-pages/{token}", include_in_schema=False)
async def change_page(service: ServiceDep, caller: Writer, token: str) -> Response:
    """Change a status page. Omitted parameters stay. `checks` replaces all checks."""
    page = await _page(service, caller, token)
    fields = await _fields(service, caller, page.id, page)
    request = StatusPageUpdate(request=new_id(), at=service.deps.clock.now(), id=page.id, fields=fields)
    page = await service.read_back(await service.ask(caller, request), service.deps.directory.page)
    return answer(_object(service, caller, page))


@router.delete("/status_pages/{token}", responses=one_of(UpdownDeleted, "It is gone.") | errors(403, 404))
@router.delete("/status-pages/{token}", include_in_schema=False)
async def delete_page(service: ServiceDep, caller: Writer, token: str) -> Response:
    """Delete a status page permanently. Its monitors and checks stay."""
    page = await _page(service, caller, token)
    await service.ask(caller, StatusPageDelete(request=new_id(), at=service.deps.clock.now(), id=page.id))
    await gone(service.deps, service.deps.directory.page, page.id)
    return answer(UpdownDeleted(True))


async def _page(service: Service, caller: Caller, token: str) -> StatusPage:
    found = await service.look_up("status page", lambda: service.deps.directory.page_by_token(token))
    if found is None or found.project != caller.project:
        raise UpdownError(404, "Status page not found")
    return found


async def _fields(service: Service, caller: Caller, id: str, before: StatusPage | None) -> StatusPageFields:
    judge = Judge(caller.parameters)
    tokens = judge.texts("checks", MOST_COMPONENTS)
    if tokens is UNSET and before is None:
        judge.faults.append("Checks can't be blank")
    components = UNSET if tokens is UNSET else await _components(service, caller, judge, tokens, before)
    name = judge.text("name", LONGEST_NAME)
    description = judge.text("description", LONGEST_DESCRIPTION)
    visibility = judge.word("visibility", _VISIBILITIES, "public")
    key = judge.text("access_key", LONGEST_KEY)
    judge.must_be_well()
    title = _DEFAULT_NAME if (name is UNSET and before is None) or (name is not UNSET and not name) else name
    return StatusPageFields(
        title=title,
        description=UNSET if description is UNSET else description or "",
        components=components,
        **await _access(service, caller, id, before, visibility, key or ""),
    )


async def _components(
    service: Service, caller: Caller, judge: Judge, tokens: list[str], before: StatusPage | None
) -> tuple[Component, ...]:
    """What the tokens name; a component that the page has keeps its own name and group."""
    there = {} if before is None else {component.id: component for component in before.components}
    find = service.deps.directory.by_token

    def named() -> bool | None:
        return all(find(token) for token in tokens) or None

    # One look at the end of the log, however many of them are unknown.
    await service.look_up("check", named)
    found: list[Component] = []
    strangers: list[str] = []
    for token in tokens:
        thing: Check | Monitor | None = find(token)
        if thing is None or thing.project != caller.project:
            strangers.append(token)
        else:
            kind: ComponentKind = "monitor" if isinstance(thing, Monitor) else "check"
            found.append(there.get(thing.id) or Component(kind=kind, id=thing.id))
    if strangers:
        judge.wrong("checks", "is not included in the list", strangers)
    return tuple(found)


async def _access(
    service: Service, caller: Caller, id: str, before: StatusPage | None, wanted: Visibility | UnsetType, key: str
) -> Mapping[str, Any]:
    """The fields that say who may see a page."""
    shown = visibility_of(before) if before is not None else "public"
    visibility = shown if wanted is UNSET else wanted
    if visibility != "protected":
        return {} if visibility == shown else {"private": visibility == "private", "access_key": "", "password": ""}
    if before is not None and shown == "protected" and key in ("", _access_key(service, before)):
        return {}
    key = key or secrets.token_urlsafe(12)
    password = await service.deps.password_pool.run(caller.project, hash_password, key)
    return {"private": False, "access_key": service.deps.encrypt(key, of_page(id)), "password": password}


def visibility_of(page: StatusPage) -> Visibility:
    """Who may see a page."""
    if page.private:
        return "private"
    return "protected" if page.password else "public"


def _object(service: Service, caller: Caller, page: StatusPage) -> UpdownPage:
    return UpdownPage(
        token=page.token or page.id,
        url=f"{service.deps.settings.base_url}/status/{address(page)}",
        name=page.title,
        description=page.description,
        visibility=visibility_of(page),
        access_key=None if caller.read_only else _access_key(service, page),
        checks=[token for component in page.components if (token := _token(service, component))],
    )


def _token(service: Service, component: Component) -> str:
    """Empty of what has been removed since."""
    find = service.deps.directory.monitor if component.kind == "monitor" else service.deps.directory.check
    thing = find(component.id)
    return "" if thing is None else thing.token


def _access_key(service: Service, page: StatusPage) -> str | None:
    """None also of a password that the PoppaPing API has set: only its hash is there."""
    if not page.access_key or not page.password:
        return None
    try:
        return service.deps.decrypt(page.access_key, of_page(page.id))
    except SecretError:
        return None
