"""`/audit`: who changed what of a project, newest first, filtered by `kind`, `thing`, `actor` and `range` of the URL.

Whoever may change a project reads its trail, as with the APIs. It stands in history: when that does not answer, the
page says so, and when it is behind, that the newest changes may be missing.
"""

from typing import Any, NamedTuple, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.history.audit import AuditRow, Which, wrong_actor
from query_api.history.audit_object import audit_object, cursor_of, place_of
from query_api.history.ports import AuditReader
from query_api.http.route_index import include
from query_api.web.asking import told
from query_api.web.owned import seen_projects
from query_api.web.page import page
from query_api.web.projects.audit_words import Named, names_of, told_change
from query_api.web.reader import reader_of
from query_api.web.shown.shown_times import ShownTimes
from query_api.web.shown.time_range import SPANS, TimeRange, read_range
from query_api.web.viewer import ViewerDep, viewer
from schemas.transitions import ThingKind

router = APIRouter(include_in_schema=False)

PER_PAGE = 50
_USUAL_SPAN = "30d"
_LONGEST = 200
# Of one entry; a set of declarations may change very many fields.
_MOST_CHANGES = 20
_PATHS = {"check": "/checks/", "monitor": "/monitors/", "channel": "/channels/"}
_ACTORS = {
    "api_key": "an API key", "ping_key": "a ping", "cli": "a command", "page": "a link in a mail",
    "admin": "the owner of the instance", "person": "a person", "system": "Pingfold", "unknown": "not recorded",
}  # fmt: skip


class Wanted(NamedTuple):
    """What a reader has asked for, as it stands in the URL."""

    project: str = ""
    kind: str = ""
    thing: str = ""
    actor: str = ""
    range: str = ""
    before: str = ""

    def query(self, **changed: Any) -> str:
        """The query of the URL, changed so."""
        said = [
            (name, value) for name, value in self._replace(before="")._replace(**changed)._asdict().items() if value
        ]
        return f"?{urlencode(said)}" if said else ""


def install(app: FastAPI) -> None:
    """Put the page into the application."""
    include(app, router)


@router.get("/audit", dependencies=[Depends(viewer)])
async def audit_page(request: Request, deps: DependenciesDep, who: ViewerDep) -> Response:
    """The entries that match."""
    times = reader_of(request, deps).times
    projects = [one for one in seen_projects(deps, who) if who.may_edit(one.id)]
    wanted = _wanted(request, [one.id for one in projects])
    span = read_range(wanted.range or _USUAL_SPAN, times.now, times.zone)
    fault = wrong_actor(wanted.actor) or span.fault
    named = names_of(deps.directory, wanted.project)
    rows: list[dict[str, Any]] = []
    missing = older = ""
    if wanted.project and not fault:
        rows, missing, older = await _entries(deps, wanted, span, times, named)
    return await page(
        "audit.html",
        deps,
        request=request,
        wanted=wanted,
        thing_name=named(wanted.thing),
        span=span.name,
        spans=SPANS,
        projects=projects,
        kinds=get_args(ThingKind),
        rows=rows,
        missing=missing,
        fault=fault,
        older=older,
    )


def _wanted(request: Request, projects: list[str]) -> Wanted:
    said = {name: request.query_params.get(name, "").strip()[:_LONGEST] for name in Wanted._fields}
    if said["project"] not in projects:
        said["project"] = next(iter(projects), "")
    if said["kind"] not in get_args(ThingKind):
        said["kind"] = ""
    if place_of(said["before"]) is None:
        said["before"] = ""
    return Wanted(**said)


async def _entries(
    deps: Dependencies, wanted: Wanted, span: TimeRange, times: ShownTimes, named: Named
) -> tuple[list[dict[str, Any]], str, str]:
    """One page; what is missing, in words; and the query of the next page."""
    if deps.audit_history is None:
        return [], "History is not available here: nothing of the trail can be shown.", ""
    end = span.end + 1 if span.is_until_now else span.end
    before = place_of(wanted.before) if wanted.before else None
    which = Which(wanted.project, span.start, end, wanted.kind, wanted.thing, wanted.actor, before, PER_PAGE + 1)
    answer = await told(_asked(deps.audit_history, which))
    if answer is None:
        return [], "History does not answer now: the trail cannot be shown.", ""
    complete, rows = answer
    missing = "" if complete else "History is being written: the newest changes may be missing."
    older = wanted.query(before=cursor_of(rows[PER_PAGE - 1].place)) if len(rows) > PER_PAGE else ""
    return [_row(deps, wanted, row, times, named) for row in rows[:PER_PAGE]], missing, older


async def _asked(history: AuditReader, which: Which) -> tuple[bool, list[AuditRow]]:
    complete = await history.caught_up()
    return complete, await history.entries(which)


def _row(deps: Dependencies, wanted: Wanted, row: AuditRow, times: ShownTimes, named: Named) -> dict[str, Any]:
    changes = [words for one in audit_object(row).changes if (words := told_change(one, row.action, named))]
    person = deps.directory.people.person(row.key_id) if row.actor == "person" else None
    by = row.user or row.key_id
    return {
        "at": times.at(row.place.at),
        "actor": _ACTORS.get(row.actor, row.actor),
        "by": named(by) or by if person is None else f"{person.name} ({row.user})",
        "by_query": wanted.query(actor=by or row.actor),
        "address": row.address,
        "action": row.action,
        "kind": row.kind,
        "name": row.name or named(row.thing) or row.thing,
        "path": f"{_PATHS[row.kind]}{row.thing}" if row.kind in _PATHS and row.action != "deleted" else "",
        "thing_query": wanted.query(thing=row.thing),
        "changes": changes[:_MOST_CHANGES],
        "more": max(0, len(changes) - _MOST_CHANGES),
        "others": row.others,
        "retried": row.retried,
    }
