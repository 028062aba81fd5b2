"""`/`: the overview. What is wrong stands first, each thing with the reason in a sentence; then everything by project.

Filters live in the URL: `status` (repeated), `tag`, `project`, `q` (each word must be found), `page`; `wall=1` is for a
screen on the wall. It is read from replicas only, so it answers while Kafka and ClickHouse are away, and then says how
old it is. A viewer sees nothing of a project that he may not see, counts and tags included.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from infra.http_server.forwarded import Forwarded
from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.route_index import include
from query_api.pages.guessing import PasswordGuessLimiter
from query_api.web.overview.first_steps import first_steps, has_channels
from query_api.web.overview.overview_filter import RANKS, SHOWN, OverviewFilter, read_filter
from query_api.web.page import page
from query_api.web.reader import reader_of
from query_api.web.shown.reasons import acknowledged_words, for_how_long, muted_words, status_word
from query_api.web.shown.shown_times import ShownTimes
from query_api.web.shown.things import Thing, behind, things_of
from query_api.web.viewer import Viewer, ViewerDep, viewer
from schemas.check_states import CheckState
from schemas.definitions import Channel
from schemas.mutes import is_muted
from schemas.transitions import VisibleStatus

router = APIRouter(include_in_schema=False)

# A page has so many things, a wall so many.
PER_PAGE, ON_WALL = 50, 200
_MOST_TAGS = 40
_MOST_CHANNELS, _MOST_CHOICES = 50, 200
_REST = len(RANKS)


def install(app: FastAPI, deps: Dependencies) -> None:
    """Put the page into the application."""
    app.state.admin_guesses = PasswordGuessLimiter("dashboard", Forwarded(deps.settings.trusted_proxies))
    include(app, router)


class _Seen(NamedTuple):
    """things: those that are wanted, in the order in which they are shown. counts: by status, of those that are wanted
    whatever their status. tags: how many things have each. total: of everything that the viewer may see."""

    things: list[Thing]
    counts: Counter[VisibleStatus]
    tags: Counter[str]
    total: int


@router.get("/", dependencies=[Depends(viewer)])
async def overview(request: Request, deps: DependenciesDep, who: ViewerDep) -> Response:
    """Every check and monitor that the viewer may see; what needs attention comes first."""
    wanted = read_filter(request.query_params.multi_items())
    names = {id: deps.directory.projects[id].name or id for id in who.projects if id in deps.directory.projects}
    seen = await _seen(deps, who, wanted, names)
    each = ON_WALL if wanted.wall else PER_PAGE
    pages = max(1, -(-len(seen.things) // each))
    number = min(wanted.page, pages)
    shown = seen.things[(number - 1) * each : number * each]
    times, told = reader_of(request, deps).times, has_channels(deps, who)
    return await page(
        "wall.html" if wanted.wall else "overview.html",
        deps,
        request=request,
        wanted=wanted,
        of_project=f"?project={wanted.project}" if who.may_edit(wanted.project) else "",
        groups=_groups(shown, names, times, who),
        counts=_counts(seen.counts, wanted),
        summary=summary(seen.counts),
        tags=_tags(seen.tags, wanted),
        projects=sorted(names.items(), key=lambda one: (one[1].casefold(), one[0])),
        found=len(seen.things),
        total=seen.total,
        number=number,
        pages=pages,
        channels=_silent(deps, names, times),
        choices=_choices(deps, who, names),
        steps=() if seen.total else first_steps(deps, who, wanted.project),
        nobody_told=bool(seen.total and who.editable and not told),
        some_told=told,
        behind=behind(deps),
    )


async def _seen(deps: Dependencies, who: Viewer, wanted: OverviewFilter, names: dict[str, str]) -> _Seen:
    of = [wanted.project] if wanted.project else who.projects
    things: list[Thing] = []
    counts: Counter[VisibleStatus] = Counter()
    tags: Counter[str] = Counter()
    total = 0
    async for thing in things_of(deps, who, of):
        total += 1
        tags.update(thing.tags)
        if wanted.takes(thing):
            counts[thing.status] += 1
            if wanted.takes_status(thing):
                things.append(thing)
    things.sort(key=lambda thing: _place(thing, names))
    return _Seen(things, counts, tags, total)


def _place(thing: Thing, names: dict[str, str]) -> tuple[int, int, str, str, str, str]:
    """What is wrong first, the newest of it on top; the rest by project and name."""
    rank = RANKS.get(thing.status, _REST)
    if rank < _REST:
        return rank, -thing.since, "", "", thing.name.casefold(), thing.id
    return rank, 0, names.get(thing.project, "").casefold(), thing.project, thing.name.casefold(), thing.id


def _groups(things: Sequence[Thing], names: dict[str, str], times: ShownTimes, who: Viewer) -> list[dict[str, Any]]:
    """Things under their headings. Where there are several projects, each thing that is wrong names its own."""
    groups, many = [], len(names) > 1
    for of, some in groupby(things, lambda thing: "" if thing.status in RANKS else thing.project):
        title = names.get(of, of) if of else "Needs attention"
        rows = [
            _row(thing, times, names.get(thing.project, "") if many and not of else "")
            | {"editable": who.may_edit(thing.project)}
            for thing in some
        ]
        groups.append({"wrong": not of, "title": title, "rows": rows})
    return groups


def _row(thing: Thing, times: ShownTimes, project: str) -> dict[str, Any]:
    state, definition = thing.state, thing.definition
    muted = muted_words(definition.mute_until, times)
    if not muted and isinstance(state, CheckState) and state.by_tag:
        muted = "muted by a tag"
    return {
        "kind": thing.kind,
        "path": thing.path,
        "name": thing.name,
        "status": thing.status,
        "word": status_word(thing.status),
        "lasts": for_how_long(thing.since, times) if thing.since else "",
        "reason": thing.reason(times),
        "what": thing.what,
        "tags": thing.tags,
        "muted": muted,
        "untold": not definition.channels,
        "acknowledged": "" if state is None else acknowledged_words(state.acknowledged),
        "project": project,
    }


def _counts(counts: Counter[VisibleStatus], wanted: OverviewFilter) -> list[dict[str, Any]]:
    """How many have each status, with the address that shows only those, or, chosen already, not only those."""
    found = []
    for status in SHOWN:
        chosen = status in wanted.statuses
        if counts[status] or chosen:
            href = wanted.query(statuses=wanted.statuses ^ {status})
            word = status_word(status)
            found.append({"status": status, "word": word, "number": counts[status], "chosen": chosen, "href": href})
    return found


def summary(counts: Counter[VisibleStatus]) -> str:
    """All counts in a sentence: `2 down, 1 late, 97 up`."""
    told = [f"{counts[status]} {status_word(status)}" for status in SHOWN if counts[status]]
    return ", ".join(told) or "nothing to show"


def _tags(tags: Counter[str], wanted: OverviewFilter) -> list[dict[str, Any]]:
    common = sorted(tags.items(), key=lambda one: (-one[1], one[0]))[:_MOST_TAGS]
    return [
        {"tag": tag, "number": number, "chosen": tag == wanted.tag, "href": _tag_query(tag, wanted)}
        for tag, number in sorted(common)
    ]


def _tag_query(tag: str, wanted: OverviewFilter) -> str:
    return wanted.query(tag="" if tag == wanted.tag else tag)


def _silent(deps: Dependencies, projects: Iterable[str], times: ShownTimes) -> list[dict[str, str]]:
    """Channels that are sent nothing now, with the reason."""
    found = []
    for project in projects:
        for channel in deps.directory.channels_of(project):
            if told := _silence(deps, channel, times):
                found.append({"name": channel.name or channel.id, "kind": channel.kind, "told": told})
    return sorted(found, key=lambda one: one["name"].casefold())[:_MOST_CHANNELS]


def _choices(deps: Dependencies, who: Viewer, names: dict[str, str]) -> list[dict[str, str]]:
    """Channels that may be put on things; where there are several projects, each names its own."""
    many = len(who.editable) > 1
    found = [
        {"id": one.id, "words": f"{one.name or one.kind}{f' ({names[project]})' if many else ''}"}
        for project in names
        if who.may_edit(project)
        for one in deps.directory.channels_of(project)
    ]
    return sorted(found, key=lambda one: one["words"].casefold())[:_MOST_CHOICES]


def _silence(deps: Dependencies, channel: Channel, times: ShownTimes) -> str:
    if channel.disabled_at is not None:
        return f"disabled since {times.clock(channel.disabled_at)}"
    return muted_words(channel.mute_until, times) if is_muted(channel.mute_until, deps.clock.now()) else ""
