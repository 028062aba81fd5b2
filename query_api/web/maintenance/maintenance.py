"""`/maintenance`: a month of windows of maintenance, past, open and to come; `/maintenance/<id>`: one of them.

It is all known to this process, so that nothing is missing while history is away. The buttons make their requests to
the APIs as the viewer.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.route_index import include
from query_api.web.api_call import call_api
from query_api.web.forms.forms import PostedFormDep
from query_api.web.forms.saving import confirm_page, must_edit
from query_api.web.maintenance.maintenance_month import WEEKDAYS, Day, Occasion, read_month, shown_month
from query_api.web.owned import owned, seen_projects
from query_api.web.page import page
from query_api.web.people.sign_in import led_to
from query_api.web.reader import reader_of
from query_api.web.shown.schedule_words import schedule_words
from query_api.web.shown.shown_times import ShownTimes
from query_api.web.shown.things import check_thing, monitor_thing
from query_api.web.viewer import Viewer, ViewerDep, viewer
from schemas.duration_words import duration_words
from schemas.ids import is_uuid
from schemas.maintenance import Maintenance, Once, names_nothing, open_until, opens_after
from schemas.times import local_clock, local_day

router = APIRouter(include_in_schema=False)

# So many of those that are over are listed; the months tell of all.
_MOST_OVER, _MOST_NAMED = 50, 200
_EXTENSIONS = ("15", "30", "60", "120")
_DONE = {
    "made": "The window was created.",
    "kept": "The changes were saved.",
    "extended": "It lasts longer now.",
    "ended": "It is over now.",
}
_REMOVED = "The window was deleted."


def install(app: FastAPI) -> None:
    """Put the pages into the application."""
    include(app, router)


@router.get("/maintenance", dependencies=[Depends(viewer)])
async def calendar_page(request: Request, deps: DependenciesDep, who: ViewerDep) -> Response:
    """A month, and what is open, to come and over."""
    times, said = reader_of(request, deps).times, request.query_params
    projects = seen_projects(deps, who)
    chosen = [one for one in projects if one.id == said.get("project")] or projects
    windows = [window for project in chosen for window in deps.directory.windows_of(project.id)]
    month = read_month(said.get("month", ""), times.now, times.zone)
    # In a thread: the times of very many windows take a while.
    shown = await asyncio.to_thread(shown_month, month, windows, times.zone)
    weeks = [[_day(day, times) for day in week] for week in shown.weeks]
    rows = [_row(one, times) for one in windows]
    over = sorted((row for row in rows if row["look"] == "none"), key=lambda row: -row["revised"])
    return await page(
        "maintenance.html",
        deps,
        request=request,
        month=month,
        earlier=month.moved(-1),
        later=month.moved(1),
        weekdays=WEEKDAYS,
        weeks=weeks,
        cut=[one.name for one in shown.cut],
        projects=projects,
        project=chosen[0].id if len(chosen) == 1 else "",
        editable=[one for one in projects if who.may_edit(one.id)],
        open=[row for row in rows if row["look"] == "maintenance"],
        ahead=sorted((row for row in rows if row["look"] == "late"), key=lambda row: row["opens"]),
        over=over[:_MOST_OVER],
        done=_REMOVED if said.get("done") == "removed" else "",
    )


@router.get("/maintenance/{id}", dependencies=[Depends(viewer)])
async def window_page(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """One window."""
    window = await _window(deps, who, id)
    return await _shown(request, deps, who, window, done=_DONE.get(request.query_params.get("done", ""), ""))


@router.post("/maintenance/{id}/extend")
async def extend(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Let what is open last `minutes` longer."""
    minutes = form.one("minutes")
    body = {"minutes": int(minutes) if minutes.isascii() and minutes.isdigit() and len(minutes) < 7 else 0}
    return await _pressed(request, deps, form.viewer, id, "extend", "extended", body)


@router.post("/maintenance/{id}/end")
async def end(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """End what is open now."""
    return await _pressed(request, deps, form.viewer, id, "end", "ended", None)


@router.get("/maintenance/{id}/remove", dependencies=[Depends(viewer)])
async def remove_page(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """Ask whether a window is to be removed."""
    window = await _window(deps, who, id)
    must_edit(who, window.project)
    is_open = open_until(window.window, deps.clock.now()) is not None
    return await confirm_page(
        request,
        title=f"Delete the window {window.name}?",
        text="It is open: what it covers is judged again at once." if is_open else "It does not open any more.",
        action=f"/maintenance/{window.id}/remove",
        button="Delete",
        back=f"/maintenance/{window.id}",
    )


@router.post("/maintenance/{id}/remove")
async def remove(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Remove a window."""
    window = await _window(deps, form.viewer, id)
    path = f"/api/v1/maintenance-windows/{window.id}"
    answer = await call_api(request, form.viewer, window.project, "DELETE", path)
    if not answer.is_made:
        return await _shown(request, deps, form.viewer, window, answer.status, problem=answer.words)
    return led_to(deps, "/maintenance?done=removed")


async def _pressed(
    request: Request, deps: Dependencies, who: Viewer, id: str, action: str, done: str, body: object
) -> Response:
    window = await _window(deps, who, id)
    path = f"/api/v1/maintenance-windows/{window.id}/{action}"
    answer = await call_api(request, who, window.project, "POST", path, body)
    if not answer.is_made:
        return await _shown(request, deps, who, window, answer.status, problem=answer.words)
    return led_to(deps, f"/maintenance/{window.id}?done={done}")


async def _window(deps: Dependencies, who: Viewer, id: str) -> Maintenance:
    return await owned(deps, who, "window of maintenance", deps.directory.window, id)


async def _shown(
    request: Request, deps: Dependencies, who: Viewer, window: Maintenance, status: int = 200, **more: Any
) -> Response:
    times = reader_of(request, deps).times
    project = deps.directory.projects[window.project]
    return await page(
        "window.html",
        deps,
        status,
        request=request,
        window=window,
        # A form gives what it makes a key of its own, which tells nobody anything.
        key="" if is_uuid(window.key) else window.key,
        row=_row(window, times),
        project=project,
        covers=list(_covers(deps, window)),
        covers_all=names_nothing(window),
        unnamed=max(0, len(window.monitors) + len(window.checks) - _MOST_NAMED),
        edits=who.may_edit(window.project),
        extensions=_EXTENSIONS,
        **more,
    )


def _covers(deps: Dependencies, window: Maintenance) -> Iterable[tuple[str, str]]:
    """(path, name) of the things that a window names."""
    for id in window.monitors[:_MOST_NAMED]:
        if (monitor := deps.directory.monitor(id)) is not None:
            yield f"/monitors/{id}", monitor_thing(deps, monitor).name
    for id in window.checks[: max(0, _MOST_NAMED - len(window.monitors))]:
        if (check := deps.directory.check(id)) is not None:
            yield f"/checks/{id}", check_thing(deps, check).name


def _row(window: Maintenance, times: ShownTimes) -> dict[str, Any]:
    now = max(times.now, window.revised)
    until, opens = open_until(window.window, now), opens_after(window.window, now)
    look, word = ("maintenance", "open") if until is not None else ("late", "ahead") if opens else ("none", "over")
    return {
        "id": window.id,
        "name": window.name,
        "look": look,
        "word": word,
        "when": _when(window, times),
        "until": times.at(until),
        "opens": opens or 0,
        "next": times.at(opens),
        "revised": window.revised,
        "covers": _covers_words(window),
    }


def _when(window: Maintenance, times: ShownTimes) -> str:
    if isinstance(window.window, Once):
        return f"from {times.clock(window.window.start)} to {times.clock(window.window.end)}"
    lasts = duration_words(float(window.window.duration))
    return f"{schedule_words(window.window.schedule)}, each time for {lasts}"


def _covers_words(window: Maintenance) -> str:
    if names_nothing(window):
        return "everything in its project" if window.everything else "all monitors of its project"
    counted = [(len(window.monitors), "monitor"), (len(window.checks), "check"), (len(window.tags), "tag")]
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counted if count)


def _day(day: Day, times: ShownTimes) -> dict[str, Any]:
    return {
        "number": day.date.day,
        "text": day.text,
        "weekday": day.weekday,
        "inside": day.inside,
        "today": day.text == local_day(times.now, times.zone),
        "entries": [_entry(one, day.text, times) for one in day.occasions],
        "more": day.more,
    }


def _entry(one: Occasion, day: str, times: ShownTimes) -> dict[str, str]:
    begins = local_clock(one.start, times.zone) if local_day(one.start, times.zone) == day else "00:00"
    ends = local_clock(one.end, times.zone) if local_day(one.end, times.zone) == day else "24:00"
    look = "none" if one.end <= times.now else "maintenance" if one.start <= times.now else "late"
    word = {"none": "over", "maintenance": "open", "late": "ahead"}[look]
    return {
        "id": one.maintenance.id,
        "name": one.maintenance.name,
        "when": f"{begins}–{ends}",
        "look": look,
        "word": word,
    }
