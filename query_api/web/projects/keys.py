"""`/keys`: the API keys of each project: what they open, when they were used last, until when they count.

Keys are a matter of owners: a key may change whatever is in its project, whoever holds it. A new key is shown once, in
the answer to the form that made it; only its hash is stored. A form that is sent twice makes one key: its id comes from
the page. The fold of projects is asked as the viewer, as it is by `pingfold key` (docs/decisions/0170).
"""

from collections.abc import Mapping
from typing import Any, get_args

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from msgspec.structs import replace

from infra.secrets.secrets import new_api_key, stored_api_key
from query_api.commands import gone, wait_until
from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.refusals import ApiError
from query_api.http.route_index import include
from query_api.web.forms.forms import PostedFormDep
from query_api.web.owned import seen_project, seen_projects
from query_api.web.page import NoPage, page
from query_api.web.people.person_changes import NotChanged, ask_for
from query_api.web.people.sign_in import led_to
from query_api.web.reader import reader_of
from query_api.web.shown.shown_times import ShownTimes
from query_api.web.viewer import Viewer, ViewerDep, viewer
from schemas.base import SECOND, Micros
from schemas.definitions import ApiKey, KeyKind, KeyScope, Project
from schemas.ids import is_uuid, new_id
from schemas.requests import KeyCreate, KeyRevoke

router = APIRouter(include_in_schema=False)

KIND_WORDS: Mapping[KeyKind, str] = {
    "healthchecks": "Management API: reads and changes checks and channels",
    "healthchecks-readonly": "Management API: reads only; the metrics page of the project, too",
    "updown": "API in the style of updown.io: reads and changes",
    "updown-readonly": "API in the style of updown.io: reads only",
    "poppaping": "API in the style of PoppaPing: what its scopes allow",
}
SCOPES: tuple[KeyScope, ...] = get_args(KeyScope)
LONGEST_NAME, MOST_DAYS = 100, 36_500
_OWNERS = "only owners of the project see, make and revoke its keys"


def install(app: FastAPI) -> None:
    """Put the pages into the application."""
    include(app, router)


@router.get("/keys", dependencies=[Depends(viewer)])
async def list_keys(request: Request, deps: DependenciesDep, who: ViewerDep) -> Response:
    """The keys of the projects that he owns."""
    times = reader_of(request, deps).times
    sections = [
        {
            "id": project.id,
            "name": project.name or project.id,
            "owns": who.may_own(project.id),
            "rows": [_row(deps, key, times) for key in _keys(deps, project)] if who.may_own(project.id) else [],
        }
        for project in seen_projects(deps, who)
    ]
    done = "The key is revoked: it opens nothing any more." if request.query_params.get("done") == "revoked" else ""
    return await page("keys.html", deps, request=request, sections=sections, done=done)


@router.get("/keys/{project}/new", dependencies=[Depends(viewer)])
async def new_key_page(request: Request, deps: DependenciesDep, who: ViewerDep, project: str) -> Response:
    """The form that makes a key."""
    return await _form(request, deps, _owned(deps, who, project), {"id": new_id(), "kind": "healthchecks"})


@router.post("/keys/{project}/new")
async def make_key(request: Request, deps: DependenciesDep, form: PostedFormDep, project: str) -> Response:
    """Make a key of `kind`, named `name`, with `scope`, for `days`; the answer shows it."""
    mine, now = _owned(deps, form.viewer, project), deps.clock.now()
    given = {"id": form.one("id"), "kind": form.one("kind"), "name": form.one("name"), "days": form.one("days")}
    scopes = tuple(scope for scope in SCOPES if scope in form.all("scope"))
    problems = _problems(given, scopes)
    if problems:
        return await _form(request, deps, mine, given, 400, scopes=scopes, problems=problems)
    kind = next(kind for kind in KIND_WORDS if kind == given["kind"])
    text = new_api_key(kind)
    expires = now + int(given["days"]) * 86_400 * SECOND if given["days"] else None
    key = replace(
        stored_api_key(text, kind, project, now, name=given["name"], id=given["id"]), scopes=scopes, expires=expires
    )
    try:
        decision = await ask_for(deps, project, KeyCreate(request=new_id(), at=now, key=key), form.viewer.actor)
    except NotChanged as refused:
        return await _form(request, deps, mine, given, refused.status, scopes=scopes, problem=refused.words)
    if decision.outcome == "found":  # the form came twice: the key of the first time was shown then
        raise NoPage("This key was created already. It was shown once; if nobody has kept it, revoke it.", 409)
    await wait_until(deps.definitions_replica, lambda: _find(deps, mine, key.id) is not None)
    return await page("key_made.html", deps, request=request, key=key, text=text, kind_words=KIND_WORDS[kind])


@router.get("/keys/{project}/{id}/revoke", dependencies=[Depends(viewer)])
async def revoke_page(request: Request, deps: DependenciesDep, who: ViewerDep, project: str, id: str) -> Response:
    """Ask whether a key is to be revoked."""
    mine = _owned(deps, who, project)
    return await _question(request, deps, mine, _must_find(deps, mine, id))


@router.post("/keys/{project}/{id}/revoke")
async def revoke(request: Request, deps: DependenciesDep, form: PostedFormDep, project: str, id: str) -> Response:
    """Revoke a key."""
    mine = _owned(deps, form.viewer, project)
    key = _must_find(deps, mine, id)
    asked = KeyRevoke(request=new_id(), at=deps.clock.now(), id=key.id)
    try:
        await ask_for(deps, project, asked, form.viewer.actor, form.viewer.form)
    except NotChanged as refused:
        return await _question(request, deps, mine, key, refused.status, problem=refused.words)
    await gone(deps, lambda id: _find(deps, mine, id), key.id)
    return led_to(deps, "/keys?done=revoked")


def _owned(deps: Dependencies, who: Viewer, id: str) -> Project:
    project = seen_project(deps, who, id)
    if not who.may_own(id):
        raise ApiError(403, _OWNERS)
    return project


def _keys(deps: Dependencies, project: Project) -> list[ApiKey]:
    return sorted(deps.directory.keys_of(project.id), key=lambda key: (key.created, key.id))


def _find(deps: Dependencies, project: Project, id: str) -> ApiKey | None:
    return next((key for key in deps.directory.keys_of(project.id) if key.id == id), None)


def _must_find(deps: Dependencies, project: Project, id: str) -> ApiKey:
    key = _find(deps, project, id)
    if key is None:
        raise NoPage("There is no such key: it was revoked already.")
    return key


def _problems(given: Mapping[str, str], scopes: tuple[KeyScope, ...]) -> dict[str, str]:
    """What is wrong with a form, by field."""
    days, found = given["days"], {}
    if given["kind"] not in KIND_WORDS:
        found["kind"] = "Choose one of these."
    elif scopes and given["kind"] != "poppaping":
        found["scope"] = "Only keys of the kind poppaping have scopes: choose none."
    if len(given["name"]) > LONGEST_NAME:
        found["name"] = f"A name has at most {LONGEST_NAME} characters."
    if days and not (days.isascii() and days.isdigit() and len(days) < 6 and 1 <= int(days) <= MOST_DAYS):
        found["days"] = f"A whole number of days from 1 to {MOST_DAYS:,} is expected, or nothing."
    if not is_uuid(given["id"]):
        raise ApiError(400, "the form is not one of ours: open its page again")
    return found


async def _form(
    request: Request, deps: Dependencies, project: Project, given: Mapping[str, str], status: int = 200, **more: Any
) -> Response:
    shown = {"project": project, "given": given, "kinds": KIND_WORDS, "all_scopes": SCOPES, "scopes": (), **more}
    return await page("key_new.html", deps, status, request=request, **shown)


async def _question(
    request: Request, deps: Dependencies, project: Project, key: ApiKey, status: int = 200, problem: str = ""
) -> Response:
    row = _row(deps, key, reader_of(request, deps).times)
    return await page(
        "key_revoke.html", deps, status, request=request, key=key, project=project, row=row, problem=problem
    )


def _row(deps: Dependencies, key: ApiKey, times: ShownTimes) -> dict[str, Any]:
    expired: Micros | None = key.expires
    return {
        "id": key.id,
        "name": key.name or "without a name",
        "kind": key.kind,
        "words": KIND_WORDS[key.kind],
        "scopes": ", ".join(key.scopes) or ("all" if key.kind == "poppaping" else ""),
        "prefix": key.prefix,
        "created": times.at(key.created),
        "used": times.ago(deps.last_uses.at(key.id)),
        "expires": times.at(key.expires),
        "expired": expired is not None and expired <= times.now,
    }
