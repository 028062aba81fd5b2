"""`/past`: everything as it was at a moment. What was wrong stands first, with its reason; then what was not.

The address holds the moment and the filters of the overview (`past_moment`, `overview_filter`). Names, tags and
projects are those of today. What was not there yet, or is gone now, is shown as such; a viewer sees nothing of a
project that he may not see now.

Statuses are those that history has for the moment. While it does not answer, or has not been told everything, what has
not changed since is shown, and of the rest it is said that it is not known.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from infra.log.partitioner import partition_of
from query_api.dependencies import Dependencies, DependenciesDep
from query_api.history.past_things import GoneRow, ThenRow
from query_api.history.reports import Span3
from query_api.http.route_index import include
from query_api.web.asking import told
from query_api.web.overview.overview_filter import RANKS, SHOWN, OverviewFilter, read_filter
from query_api.web.page import page
from query_api.web.past.as_it_was import Then, ThenStatus, gone_then, then
from query_api.web.past.past_moment import PastMoment, read_past
from query_api.web.reader import reader_of
from query_api.web.shown.reasons import STATUS_WORDS
from query_api.web.shown.shown_times import ShownTimes
from query_api.web.shown.things import Thing, things_of
from query_api.web.shown.time_range import SPANS
from query_api.web.viewer import Viewer, ViewerDep, viewer
from schemas.base import SECOND
from schemas.duration_words import duration_words
from schemas.times import exact_iso

router = APIRouter(include_in_schema=False)

PER_PAGE = 50
MOST_GONE = 500
_RANKS: Mapping[str, int] = {status: rank for status, rank in RANKS.items()}
_WORDS: Mapping[str, str] = STATUS_WORDS | {"unknown": "not known", "absent": "not there yet"}
_ORDER: tuple[ThenStatus, ...] = ("down", "not_observed", "late", "unknown", "new", "up", "maintenance", "paused")
_TROUBLES: tuple[ThenStatus, ...] = ("down", "not_observed", "late", "unknown")
_WRONG, _UNKNOWN, _REST, _ABSENT = range(4)
_TITLES = {_WRONG: "Needed attention", _UNKNOWN: "Not known", _ABSENT: "Not there yet"}


def install(app: FastAPI) -> None:
    """Put the page into the application."""
    include(app, router)


class _One(NamedTuple):
    """A thing as it was. path: of its page; empty: it is gone."""

    id: str
    kind: str
    name: str
    project: str
    path: str
    was: Then
    what: str = ""
    tags: tuple[str, ...] = ()

    @property
    def part(self) -> int:
        """In which part of the page it stands."""
        if self.was.status == "absent":
            return _ABSENT
        if self.was.status == "unknown":
            return _UNKNOWN
        return _WRONG if self.was.status in _RANKS else _REST


class _Past(NamedTuple):
    """rows: what history says of each thing. gone, gone_rows: the same of what is gone. missing: it does not answer."""

    rows: dict[str, ThenRow]
    gone: Sequence[GoneRow]
    gone_rows: dict[str, ThenRow]
    missing: bool = False


@router.get("/past", dependencies=[Depends(viewer)])
async def past(request: Request, deps: DependenciesDep, who: ViewerDep) -> Response:
    """Every check and monitor that the viewer may see, at a moment."""
    pairs = request.query_params.multi_items()
    times = reader_of(request, deps).times
    moment, wanted = read_past(pairs, times.now, times.zone), read_filter(pairs)._replace(wall=False)
    if "to" in request.query_params:  # so that the address that is kept holds the moment
        return RedirectResponse(f"{deps.settings.root}/past{moment.query(moment.at, wanted)}", 303)
    names = {id: deps.directory.projects[id].name or id for id in who.projects if id in deps.directory.projects}
    of = [id for id in ([wanted.project] if wanted.project else names) if id in names]
    things = [thing async for thing in things_of(deps, who, of) if wanted.takes(thing)]
    asked, gaps = await asyncio.gather(_asked(deps, who, things, of, moment), _gaps(deps, things, moment, times))
    every = await asyncio.to_thread(_every, things, asked, wanted, moment)
    counts = Counter(one.was.status for one in every)
    # What was not there is shown only where everything is.
    every = [one for one in every if one.was.status in wanted.statuses or not wanted.statuses]
    every.sort(key=lambda one: _place(one, names))
    pages = max(1, -(-len(every) // PER_PAGE))
    number = min(wanted.page, pages)
    rows = [*asked.rows.values(), *asked.gone_rows.values()]
    before = max((*(row.before for row in rows), *(one.since for one in things if one.since < moment.at)), default=0)
    after = min((row.after for row in rows if row.after), default=0)
    return await page(
        "past.html",
        deps,
        request=request,
        moment=moment,
        wanted=wanted,
        shown_at=times.at(moment.at),
        steps=[
            (words, moment.query(at, wanted) if at is not None else None) for words, at in moment.steps(before, after)
        ],
        ranges=list(SPANS),
        kept=_kept(moment, wanted),
        at_text=times.typed(moment.at),
        at_exact=exact_iso(moment.at),
        now_query=moment.query(None, wanted),
        all_query=moment.query(moment.at, OverviewFilter()),
        projects=sorted(names.items(), key=lambda one: (one[1].casefold(), one[0])),
        counts=_counts(counts, wanted, moment),
        summary=_summary(counts),
        groups=_groups(every[(number - 1) * PER_PAGE : number * PER_PAGE], names, moment, times),
        nothing_wrong=not (wanted.statuses or asked.missing or any(counts[one] for one in _TROUBLES)),
        found=len(every),
        number=number,
        pages=pages,
        page_query=partial(moment.query, moment.at, wanted),
        missing=asked.missing,
        gaps=gaps,
    )


async def _asked(
    deps: Dependencies, who: Viewer, things: Sequence[Thing], projects: Sequence[str], moment: PastMoment
) -> _Past:
    """What history says of the moment."""
    history = deps.past_things
    if history is None:
        return _Past({}, (), {}, True)
    # What is well, and has been since, the replicas know.
    unsure = [thing.id for thing in things if thing.since >= moment.at or thing.status in _RANKS]
    found, gone = await asyncio.gather(
        told(history.then(unsure, projects, moment.at)), told(history.gone(projects, moment.at, MOST_GONE))
    )
    # An id may have been given again, to another project: that thing is not gone for whoever may see it.
    rows = [row for row in gone or () if who.may_see(row.project)]
    gone_rows = await told(history.then([row.thing for row in rows], projects, moment.at)) if rows else []
    return _Past(_by_thing(found), rows, _by_thing(gone_rows), None in (found, gone, gone_rows))


def _by_thing(rows: Sequence[ThenRow] | None) -> dict[str, ThenRow]:
    return {row.thing: row for row in rows or ()}


async def _gaps(deps: Dependencies, things: Sequence[Thing], moment: PastMoment, times: ShownTimes) -> list[str]:
    """When, around the moment, pings may have been lost, in words."""
    partitions = sorted({partition_of(one.id.encode(), deps.partitions) for one in things if one.kind == "check"})
    if deps.report_history is None or not partitions:
        return []
    gaps = await told(deps.report_history.gaps(partitions, Span3(moment.at, moment.at, moment.at + 1)))
    found = {
        (since, until) for since, until in gaps or () if since <= moment.at and (until is None or until > moment.at)
    }
    return [
        f"from {times.clock(since)} {'on' if until is None else f'to {times.clock(until)}'}"
        for since, until in sorted(found, key=lambda one: one[0])
    ]


def _kept(moment: PastMoment, wanted: OverviewFilter) -> list[tuple[str, str]]:
    """What the slider sends beside its moment."""
    named = [("range", moment.span), ("tag", wanted.tag), ("project", wanted.project), ("q", wanted.search)]
    return [(name, value) for name, value in named if value] + [("status", one) for one in sorted(wanted.statuses)]


def _every(things: Sequence[Thing], asked: _Past, wanted: OverviewFilter, moment: PastMoment) -> list[_One]:
    every = []
    for thing in things:
        was = then(thing, asked.rows.get(thing.id), moment.at)
        every.append(_One(thing.id, thing.kind, thing.name, thing.project, thing.path, was, thing.what, thing.tags))
    seen = {one.id for one in every}
    for gone in asked.gone:
        was = gone_then(asked.gone_rows.get(gone.thing), gone, moment.at)
        name = gone.name or gone.thing
        is_wanted = all(word in f"{name}\n{gone.thing}".casefold() for word in wanted.words) and not wanted.tag
        if gone.thing not in seen and is_wanted and was.status != "absent":
            every.append(_One(gone.thing, gone.kind, name, gone.project, "", was))
    return every


def _place(one: _One, names: dict[str, str]) -> tuple[int, int, int, str, str, str]:
    """What was wrong first, the newest of it on top; the rest by project and name."""
    name = one.name.casefold()
    if one.part == _WRONG:
        return _WRONG, _RANKS[one.was.status], -one.was.since, "", name, one.id
    return one.part, 0, 0, names.get(one.project, "").casefold() + one.project, name, one.id


def _groups(
    every: Sequence[_One], names: dict[str, str], moment: PastMoment, times: ShownTimes
) -> list[dict[str, Any]]:
    groups = []
    for (part, project), some in groupby(every, lambda one: (one.part, one.project if one.part == _REST else "")):
        title = _TITLES.get(part) or names.get(project, project)
        several = len(names) > 1 and part != _REST
        rows = [_row(one, moment, times, names.get(one.project, "") if several else "") for one in some]
        groups.append({"wrong": part == _WRONG, "title": title, "rows": rows})
    return groups


def _row(one: _One, moment: PastMoment, times: ShownTimes, project: str) -> dict[str, Any]:
    was = one.was
    is_there = was.status not in ("absent", "unknown")
    return {
        "path": one.path,
        "name": one.name,
        "status": was.status,
        "word": _WORDS.get(was.status, was.status),
        "lasted": duration_words(max(0, moment.at - was.since) / SECOND) if is_there and was.since else "",
        "until": times.short(was.until) if is_there and was.until else "",
        "reason": was.words(times),
        "seen": times.short(was.seen_at) if was.seen_at else "",
        "incident": was.incident if one.path else "",
        "what": one.what,
        "tags": one.tags,
        "project": project,
        "gone": not one.path,
    }


def _counts(counts: Counter[ThenStatus], wanted: OverviewFilter, moment: PastMoment) -> list[dict[str, Any]]:
    """How many had each status; those that can be chosen with an address that does."""
    found = []
    for status in _ORDER:
        chosen = status in wanted.statuses
        if counts[status] or chosen:
            other = wanted._replace(statuses=wanted.statuses ^ {status})
            href = moment.query(moment.at, other) if status in SHOWN else ""
            word = _WORDS.get(status, status)
            found.append({"status": status, "word": word, "number": counts[status], "chosen": chosen, "href": href})
    return found


def _summary(counts: Counter[ThenStatus]) -> str:
    """`2 down, 97 up`."""
    return ", ".join(f"{counts[status]} {_WORDS[status]}" for status in _ORDER if counts[status]) or "nothing was there"
