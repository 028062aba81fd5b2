"""`/incidents`: what was down, filtered by `status`, `project`, `thing` and `q`; `/incidents/<id>`: one of them, from
the first failing result to the last notice.

What is open, the replicas know; what was, history knows, and it is said when that does not answer in time.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.history.monitors import IncidentRow, Which
from query_api.http.route_index import include
from query_api.incidents import OpenIncident, open_incident
from query_api.mutes import show_mute
from query_api.web.asking import told
from query_api.web.checks.check_forms import mute_field
from query_api.web.forms.form_state import Form
from query_api.web.incidents.incident_forms import incident_form
from query_api.web.incidents.incident_story import Moment, story
from query_api.web.page import NoPage, page
from query_api.web.reader import reader_of
from query_api.web.shown.reasons import acknowledged_words, in_reach
from query_api.web.shown.shown_times import ShownTimes
from query_api.web.shown.things import Thing, behind, check_thing, monitor_thing, things_of
from query_api.web.viewer import Viewer, ViewerDep, viewer
from schemas.base import SECOND
from schemas.duration_words import duration_words
from schemas.ids import is_uuid
from schemas.times import exact_iso

router = APIRouter(include_in_schema=False)

PER_PAGE, LAST_PAGE = 50, 40
# So many things fit into one question to history, and so many projects are asked about.
_MOST_THINGS, _MOST_PROJECTS = 2_000, 20
_STATUSES = ("open", "resolved")


class Wanted(NamedTuple):
    """What a reader has asked for, as it stands in the URL. thing: the id of a check or monitor."""

    status: str = ""
    project: str = ""
    thing: str = ""
    search: str = ""
    page: int = 1

    def query(self, **changed: Any) -> str:
        """The query of the URL, changed so."""
        now = self._replace(page=1)._replace(**changed)
        pairs = [("status", now.status), ("project", now.project), ("thing", now.thing), ("q", now.search)]
        pairs += [("page", str(now.page))] if now.page > 1 else []
        told = [(name, value) for name, value in pairs if value]
        return f"?{urlencode(told)}" if told else ""


def install(app: FastAPI) -> None:
    """Put the pages into the application."""
    include(app, router)


@router.get("/incidents", dependencies=[Depends(viewer)])
async def list_incidents(request: Request, deps: DependenciesDep, who: ViewerDep) -> Response:
    """The incidents that match, newest first; those that are open on top."""
    wanted, times = _wanted(request), reader_of(request, deps).times
    names = {id: deps.directory.projects[id].name or id for id in who.projects if id in deps.directory.projects}
    things = await _things(deps, who, wanted)
    opened = _open(deps, things)
    listed = [] if wanted.status == "resolved" else opened
    first = (wanted.page - 1) * PER_PAGE
    shown = [_open_row(one, times) for one in listed[first : first + PER_PAGE]]
    rows, missing, more = await _closed(deps, wanted, things, opened, len(listed))
    shown += [_row(row, things[row.thing], times) for row in rows if row.thing in things]
    return await page(
        "incidents.html",
        deps,
        request=request,
        wanted=wanted,
        statuses=_STATUSES,
        projects=sorted(names.items(), key=lambda one: (one[1].casefold(), one[0])),
        of=things[wanted.thing].name if wanted.thing in things else "",
        rows=shown,
        summary=f"{len(opened)} open incident{'' if len(opened) == 1 else 's'}",
        missing=missing,
        more=more,
        behind=behind(deps),
    )


# Links in notices stand below `/incidents/`, too: what is no UUID is theirs.
@router.get("/incidents/{id:uuid}", dependencies=[Depends(viewer)])
async def incident_page(request: Request, deps: DependenciesDep, who: ViewerDep, id: UUID) -> Response:
    """One incident."""
    return await incident_shown(request, deps, who, str(id))


class FoundIncident(NamedTuple):
    """row: as it is told. opened: None when it is over."""

    row: IncidentRow
    opened: OpenIncident | None
    thing: Thing


async def found_incident(deps: Dependencies, who: Viewer, id: str) -> FoundIncident:
    """The incident with this id, if the viewer may see it. Raises `NoPage`."""
    row, opened = await _find(deps, who, id.lower())
    thing = _thing(deps, row.thing)
    assert thing is not None
    return FoundIncident(row, opened, thing)


async def incident_shown(
    request: Request, deps: Dependencies, who: Viewer, id: str, status: int = 200, form: Form | None = None
) -> Response:
    """The page of an incident. form: of what somebody does about it, as it was sent. Raises `NoPage`."""
    times = reader_of(request, deps).times
    row, opened, thing = await found_incident(deps, who, id)
    told_story = await story(deps, thing, row, times)
    lasted = (times.now if row.resolved is None else row.resolved) - row.started
    return await page(
        "incident.html",
        deps,
        status,
        request=request,
        incident=row,
        thing=thing,
        then=exact_iso(row.started),
        cause=in_reach(row.cause or "The cause is not known", times),
        opened=opened is not None,
        acknowledged=None if opened is None else opened.acknowledged,
        lasted=duration_words(max(0, lasted) / SECOND),
        moments=[_moment(one, times) for one in told_story.moments],
        missing=told_story.missing,
        form=form or incident_form(times.zone),
        mute=mute_field(thing.definition.mute_until, times),
        muted_until=show_mute(thing.definition.mute_until) or "",
        behind=behind(deps),
    )


def _moment(one: Moment, times: ShownTimes) -> dict[str, Any]:
    return {"at": times.at(one.at), "look": one.look, "word": one.word, "text": one.text, "by": one.by}


def _wanted(request: Request) -> Wanted:
    said = request.query_params
    status, thing, number = said.get("status", ""), said.get("thing", "").lower(), said.get("page", "1")
    page_number = int(number) if number.isascii() and number.isdigit() and len(number) < 6 else 1
    return Wanted(
        status if status in _STATUSES else "",
        said.get("project", "")[:100],
        thing if is_uuid(thing) else "",
        said.get("q", "").strip()[:200],
        min(max(1, page_number), LAST_PAGE),
    )


async def _things(deps: Dependencies, who: Viewer, wanted: Wanted) -> dict[str, Thing]:
    """The things whose incidents are wanted, by id."""
    if wanted.thing:
        thing = _thing(deps, wanted.thing)
        return {} if thing is None or not who.may_see(thing.project) else {thing.id: thing}
    found: dict[str, Thing] = {}
    words = wanted.search.casefold().split()
    async for thing in things_of(deps, who, [wanted.project] if wanted.project else who.projects):
        if all(word in thing.name.casefold() for word in words):
            found[thing.id] = thing
    return found


def _thing(deps: Dependencies, id: str) -> Thing | None:
    if (monitor := deps.directory.monitor(id)) is not None:
        return monitor_thing(deps, monitor)
    check = deps.directory.check(id)
    return None if check is None else check_thing(deps, check)


def _open(deps: Dependencies, things: dict[str, Thing]) -> list[OpenIncident]:
    """Those that are open, newest first."""
    down = [thing.id for thing in things.values() if thing.state is not None and thing.state.incident is not None]
    opened = [one for id in down if (one := open_incident(deps, id)) is not None]
    return sorted(opened, key=lambda one: (one.started, one.id), reverse=True)


async def _closed(
    deps: Dependencies, wanted: Wanted, things: dict[str, Thing], opened: Sequence[OpenIncident], before: int
) -> tuple[list[IncidentRow], str, bool]:
    """The part of a page that is over, behind so many that are open; what is missing, in words; and whether there are
    more pages."""
    history, end = deps.monitor_history, wanted.page * PER_PAGE
    if wanted.status == "open" or not things or before > end:
        return [], "", before > end and wanted.page < LAST_PAGE
    if history is None:
        return [], "History is not available here: only open incidents are shown.", False
    by_project: dict[str, list[str]] = {}
    for thing in things.values():
        by_project.setdefault(thing.project, []).append(thing.id)
    parts = [
        Which(project, some[at : at + _MOST_THINGS], True, [one.id for one in opened])
        for project, some in by_project.items()
        for at in range(0, len(some), _MOST_THINGS)
    ][:_MOST_PROJECTS]
    first, last = max(0, end - PER_PAGE - before), end - before
    reach = last + 1
    answers = await asyncio.gather(*(told(history.incidents(which, 0, reach)) for which in parts))
    rows = [row for some in answers for row in some or ()]
    rows.sort(key=lambda row: (row.started, row.id), reverse=True)
    missing = "History does not answer now: incidents that are over are missing." if None in answers else ""
    return rows[first:last], missing, len(rows) > last and wanted.page < LAST_PAGE


async def _find(deps: Dependencies, who: Viewer, id: str) -> tuple[IncidentRow, OpenIncident | None]:
    """The incident with this id, if the viewer may see it. Raises `NoPage`."""
    if not is_uuid(id):
        raise NoPage("There is no such incident.")
    async for thing in things_of(deps, who, who.projects):
        opened = None if thing.state is None or thing.state.incident != id else open_incident(deps, thing.id)
        if opened is not None:
            return IncidentRow(id, opened.thing, opened.started, None, opened.cause, opened.partial), opened
    row = None
    if deps.monitor_history is not None:
        row = await told(_like(deps, id))
    if row is None:
        raise NoPage("History does not answer now: whether there was such an incident cannot be told.", 503)
    thing_of = _thing(deps, row.thing) if row.id == id else None
    if thing_of is None or not who.may_see(thing_of.project):
        raise NoPage("There is no such incident.")
    if row.resolved is None and thing_of.state is not None:
        # History learns a moment later that it is over: then it ended when what is shown now began.
        row = row._replace(resolved=max(row.started, thing_of.since))
    return row, None


async def _like(deps: Dependencies, id: str) -> IncidentRow:
    """What history has; of what it does not have, a row without a thing."""
    assert deps.monitor_history is not None
    return await deps.monitor_history.incident_like(id) or IncidentRow("", "", 0, None, "")


def _open_row(one: OpenIncident, times: ShownTimes) -> dict[str, Any]:
    return {
        "id": one.id,
        "path": f"/{one.kind}s/{one.thing}",
        "name": one.name,
        "open": True,
        "started": times.at(one.started),
        "ended": "",
        "lasted": duration_words(max(0, times.now - one.started) / SECOND),
        "cause": in_reach(one.cause, times),
        "acknowledged": acknowledged_words(one.acknowledged),
    }


def _row(row: IncidentRow, thing: Thing, times: ShownTimes) -> dict[str, Any]:
    ended = row.started if row.resolved is None else row.resolved
    return {
        "id": row.id,
        "path": thing.path,
        "name": thing.name,
        "open": False,
        "started": times.at(row.started),
        "ended": times.at(ended),
        "lasted": duration_words(max(0, ended - row.started) / SECOND),
        "cause": in_reach(row.cause, times),
        "acknowledged": "",
    }
