"""`/checks/<id>`: a heartbeat check. Its status and the reason, what is expected next, the runs and pings that came,
changes with what was sent of them, and the lines to paste.

What stands in replicas is shown in any case; what history does not tell in time is said to be missing.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from infra.log.partitioner import partition_of
from query_api.dependencies import Dependencies, DependenciesDep
from query_api.healthchecks.check_object import badge_key
from query_api.history.checks import PingRow, Transition
from query_api.history.reports import Span3
from query_api.http.route_index import include
from query_api.state.freshness import Freshness
from query_api.web.asking import told
from query_api.web.checks.check_pings import BODY_START, Gap, duration_points, ping_rows, run_bars
from query_api.web.checks.ping_signals import SIGNALS
from query_api.web.checks.snippets import snippets
from query_api.web.owned import owned
from query_api.web.page import NoPage, page
from query_api.web.reader import reader_of
from query_api.web.shown.changes_shown import change_rows, sent_of
from query_api.web.shown.plots import bars, curve
from query_api.web.shown.reasons import acknowledged_words, limits_words, muted_words, status_word
from query_api.web.shown.schedule_words import schedule_words, span_words
from query_api.web.shown.shown_times import ShownTimes
from query_api.web.shown.things import behind, check_thing
from query_api.web.viewer import Viewer, ViewerDep, viewer
from schemas.base import SECOND, Micros
from schemas.check_states import CheckState
from schemas.definitions import Check
from schemas.schedules import Simple, next_after

router = APIRouter(include_in_schema=False)

PER_PAGE, LAST_PAGE = 50, 40
CHANGES = 30
_NEXT = 5
# Changes of so long are looked at.
_PAST: Micros = 90 * 86_400 * SECOND


def install(app: FastAPI) -> None:
    """Put the pages into the application."""
    include(app, router)


@router.get("/checks/{code}", dependencies=[Depends(viewer)])
async def check_page(request: Request, deps: DependenciesDep, who: ViewerDep, code: str) -> Response:
    """One check."""
    check = await seen_check(deps, who, code)
    freshness: Freshness = request.app.state.freshness
    await freshness.of_check(check)
    times = reader_of(request, deps).times
    number = page_of(request)
    thing = check_thing(deps, check)
    state = deps.states.state(check.id)
    pings, changes = await asyncio.gather(_pings(deps, check, state, number, times), _changes(deps, check, times))
    url = f"{deps.settings.ping_base}{check.id}"
    channels = [one for id in check.channels if (one := deps.directory.channel(id)) is not None]
    return await page(
        "check.html",
        deps,
        request=request,
        thing=thing,
        check=check,
        word=status_word(thing.status),
        reason=thing.reason(times),
        schedule=schedule_words(check.schedule),
        limits=limits_words(check),
        state=state,
        muted=muted_words(check.mute_until, times),
        acknowledged="" if state is None else acknowledged_words(state.acknowledged),
        project=deps.directory.projects[check.project].name,
        channels=[{"name": one.name or one.kind, "kind": one.kind} for one in channels],
        following=next_runs(check, state, times.now),
        url=url,
        snippets=snippets(url, check.schedule),
        signals=SIGNALS if deps.ping_app is not None and who.may_edit(check.project) else {},
        badge=f"/b/3/{badge_key(check.id)}.svg",
        site_url=deps.settings.base_url,
        number=number,
        behind=behind(deps),
        **pings,
        **changes,
    )


@router.get("/checks/{code}/pings/{n}", dependencies=[Depends(viewer)])
async def ping_body(deps: DependenciesDep, who: ViewerDep, code: str, n: str) -> Response:
    """The whole body of a ping, as plain text."""
    check = await seen_check(deps, who, code)
    state = deps.states.state(check.id)
    serial = int(n) if n.isascii() and n.isdigit() and len(n) < 18 else 0
    if deps.history is None:
        raise NoPage("History is not available now.", 503)
    body = None
    if state is not None and serial:
        body = await told(_body(deps, check.id, serial, state))
        if body is None:
            raise NoPage("History does not answer now.", 503)
    if not body:
        raise NoPage("There is no such body.")
    headers = {"Content-Disposition": f'inline; filename="ping-{serial}.txt"', "X-Content-Type-Options": "nosniff"}
    return Response(body, media_type="text/plain; charset=utf-8", headers=headers)


async def _body(deps: Dependencies, check: str, serial: int, state: CheckState) -> bytes:
    """Empty when there is none."""
    assert deps.history is not None
    return await deps.history.body(check, serial, state.offset, state.pings) or b""


async def seen_check(deps: Dependencies, who: Viewer, code: str) -> Check:
    """The check with this id, if the viewer may see it. Raises `NoPage`."""
    return await owned(deps, who, "check", deps.directory.check, code)


def page_of(request: Request) -> int:
    """Which page of a log is asked for."""
    said = request.query_params.get("page", "1")
    number = int(said) if said.isascii() and said.isdigit() and len(said) < 6 else 1
    return min(max(1, number), LAST_PAGE)


def next_runs(check: Check, state: CheckState | None, now: Micros) -> list[Micros]:
    """The next moments at which a ping is expected, at most five; none while nothing is expected."""
    if state is None or state.status == "paused":
        return []
    if state.base is None:
        # A period is counted from a ping; what stands in a calendar comes in any case.
        at: Micros | None = None if isinstance(check.schedule, Simple) else now
        found: list[Micros] = []
    else:
        overdue = next_after(check.schedule, state.base)
        # Of one that is overdue: that moment, and then those to come.
        found = [overdue] if overdue is not None and overdue <= now else []
        at = max(state.base, now) if found else state.base
    while len(found) < _NEXT and at is not None:
        at = next_after(check.schedule, at)
        if at is not None:
            found.append(at)
    return found


async def _pings(
    deps: Dependencies, check: Check, state: CheckState | None, number: int, times: ShownTimes
) -> dict[str, Any]:
    """The ping log, and the plots of its runs."""
    total = 0 if state is None else state.pings
    shown: dict[str, Any] = {"pings": [], "missing": "", "runs": "", "durations": "", "total": total}
    shown |= {"pages": min(LAST_PAGE, max(1, -(-total // PER_PAGE)))}
    if state is None or not total:
        return shown
    known = None if deps.history is None else await told(_known_pings(deps, check, state, number))
    if known is None:
        return shown | {"missing": "History does not answer now: pings and runs are missing here."}
    wanted, starts, gaps = known
    limit = (check.grace if check.run_limit is None else check.run_limit) * SECOND
    shown["pings"] = ping_rows(wanted, starts, gaps, times)
    if runs := run_bars(wanted, limit, times):
        failed = sum(bar.look == "down" for bar in runs)
        shown["runs_words"] = f"The last {len(runs)} runs: {failed} failed" if len(runs) > 1 else "The only run so far"
        shown["runs"] = bars(runs, shown["runs_words"])
    points = duration_points(wanted, times)
    if len(points) > 1:
        longest = max(point.y for point in points)
        words = f"How long {len(points)} runs took: at most {longest:.1f} s, the limit is {span_words(limit // SECOND)}"
        ends = (times.clock(round(points[0].x * SECOND)), times.clock(round(points[-1].x * SECOND)))
        # A limit far above all runs would press them flat.
        near = limit / SECOND if limit and limit / SECOND <= 20 * longest else None
        shown["durations"] = curve(points, words, "s", near, ends)
        shown["durations_words"] = words
    return shown


async def _known_pings(
    deps: Dependencies, check: Check, state: CheckState, number: int
) -> tuple[list[PingRow], dict[int, bytes], Sequence[Gap]]:
    history = deps.history
    assert history is not None
    skip = (number - 1) * PER_PAGE
    pings, starts = await history.log(check.id, state.offset, state.pings, skip, PER_PAGE, BODY_START)
    if not pings or deps.report_history is None:
        return pings, starts, ()
    partition = _partition(deps, check)
    span = Span3(pings[-1].at, pings[-1].at, deps.clock.now())
    return pings, starts, await deps.report_history.gaps([partition], span)


def _partition(deps: Dependencies, check: Check) -> int:
    return partition_of(check.id.encode(), deps.partitions)


async def _changes(deps: Dependencies, check: Check, times: ShownTimes) -> dict[str, Any]:
    """Changes of the status, with what was sent of them."""
    missing = {"changes": [], "changes_missing": "History does not answer now: changes are missing here."}
    if deps.history is None:
        return missing
    since = max(times.now - _PAST, check.created if check.claim else 0)
    changes: list[Transition] | None = await told(deps.history.transitions(check.id, since))
    if changes is None:
        return missing
    changes = changes[:CHANGES]
    sent = await sent_of(deps, check, changes, times)
    words = "" if sent is not None else "History does not answer now: what was sent is missing here."
    return {
        "changes": change_rows(changes, f"/checks/{check.id}/why", times, sent or {}),
        "changes_missing": words,
    }
