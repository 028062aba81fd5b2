"""What a status page shows at a moment: its components, each with its status and its days, and their incidents.

Statuses are those of this process's replicas, days and past incidents come from history. Nothing here that goes to the
public names a thing by its id: the id of a check is the key to its ping URL.
"""

import asyncio
from fractions import Fraction
from typing import Literal, NamedTuple

from infra.clickhouse.client import ClickHouseUnavailable
from infra.log.partitioner import partition_of
from query_api.dependencies import Dependencies
from query_api.history.status_pages import DAY, DayRow, EndedIncident
from query_api.history.uptime import UP, of_times
from query_api.pages.maintenance import Planned, planned
from query_api.pages.posts_shown import ShownPost, shown_posts
from query_api.pages.published import PublishedCheck
from schemas import check_states, monitor_states
from schemas.base import SECOND, Micros
from schemas.definitions import Check
from schemas.ids import derived_id
from schemas.monitors import Monitor
from schemas.public_names import public_name
from schemas.status_pages import ComponentKind, StatusPage
from schemas.ticks import speaks_until
from schemas.times import to_day
from schemas.transitions import VisibleStatus

Status = Literal["up", "down", "paused", "pending", "maintenance", "unknown"]
Overall = Literal["operational", "maintenance", "partial_outage", "major_outage", "unknown"]

DAYS = 90
PAST: Micros = 14 * DAY
MOST_PAST = 50

# How long a page waits for history before it goes without.
PATIENCE = 2.0
# A fold that is so far behind speaks of the past, and the page says so.
_BEHIND: Micros = 60 * SECOND

_WORDS: dict[VisibleStatus, Status] = {
    "up": "up",
    "late": "up",
    "down": "down",
    "paused": "paused",
    "new": "pending",
    "maintenance": "maintenance",
}


class Component(NamedTuple):
    """A thing as it is now. `shown` since `since`, to the fold; `incident` and `down_since` while it is down."""

    kind: ComponentKind
    thing: str
    name: str
    group: str
    shown: VisibleStatus
    since: Micros
    incident: str | None = None
    down_since: Micros | None = None

    @property
    def status(self) -> Status:
        return _WORDS.get(self.shown, "unknown")


class Day(NamedTuple):
    """A day, UTC: how long a component was up and how long down; neither: not observed."""

    date: str
    up: Micros
    down: Micros

    @property
    def uptime(self) -> Fraction | None:
        return of_times(self.up, self.down)


class Line(NamedTuple):
    """A component with its days, oldest first. `id` is for the public."""

    id: str
    name: str
    group: str
    status: Status
    days: tuple[Day, ...]

    @property
    def uptime(self) -> Fraction | None:
        """Of all the days together."""
        return of_times(sum(day.up for day in self.days), sum(day.down for day in self.days))


class Incident(NamedTuple):
    """A component was down; `resolved` None while it is."""

    id: str
    name: str
    started: Micros
    resolved: Micros | None


class Board(NamedTuple):
    """A page at a moment. behind: the moment that the statuses are of, when that is not now. history: whether it
    answered; without it there are no days and no past incidents. takes_subscribers: whoever reads it may be mailed its
    posts."""

    page: StatusPage
    overall: Overall
    behind: Micros | None
    history: bool
    lines: tuple[Line, ...]
    open: tuple[Incident, ...]
    past: tuple[Incident, ...]
    maintenance: tuple[Planned, ...] = ()
    posts: tuple[ShownPost, ...] = ()
    takes_subscribers: bool = False


def address(page: StatusPage) -> str:
    """What stands behind `/status/` in the address of a page."""
    if isinstance(page, PublishedCheck):
        return page.token
    return f"{page.slug}-{page.id[:8]}" if page.slug else page.id


def components_of(deps: Dependencies, page: StatusPage) -> list[Component]:
    """The components of a page that are still there, each once, in its order."""
    found: dict[str, Component] = {}
    for wanted in page.components:
        thing = deps.directory.monitor(wanted.id) if wanted.kind == "monitor" else deps.directory.check(wanted.id)
        if thing is None or thing.project != page.project or thing.id in found:
            continue
        state = deps.monitor_states.state(thing.id) if wanted.kind == "monitor" else deps.states.state(thing.id)
        name = wanted.name or public_name(thing) or (wanted.kind.capitalize())
        if state is None:
            found[thing.id] = Component(wanted.kind, thing.id, name, wanted.group, "new", 0)
            continue
        shown = (
            monitor_states.visible_status(state)
            if isinstance(state, monitor_states.MonitorState)
            else check_states.visible_status(state)
        )
        found[thing.id] = Component(
            wanted.kind, thing.id, name, wanted.group, shown, state.since, state.incident, state.down_since
        )
    return list(found.values())


def thing_of(deps: Dependencies, component: Component) -> Monitor | Check | None:
    """What a component shows; None: it has been removed."""
    find = deps.directory.monitor if component.kind == "monitor" else deps.directory.check
    return find(component.thing)


def overall(components: list[Component]) -> Overall:
    """The status of all together; what is paused or has not begun counts for nothing, what is in maintenance neither as
    up nor as down."""
    statuses = [component.status for component in components]
    words = [status for status in statuses if status not in ("paused", "pending", "maintenance")]
    down = words.count("down")
    if down:
        return "major_outage" if down == len(words) else "partial_outage"
    if words.count("up") < len(words):
        return "unknown"
    if "maintenance" in statuses:
        return "maintenance"
    return "operational" if words else "unknown"


async def board_of(deps: Dependencies, page: StatusPage, history: bool = True) -> Board:
    """The page now. `history` False: asks nothing of history, and shows no days and no past."""
    things = [component.thing for component in components_of(deps, page)]
    now = deps.clock.now()
    start = (now // DAY - DAYS + 1) * DAY
    told = await _history(deps, things, start, now) if history else None
    # History may have taken a moment: statuses are read after it.
    components = components_of(deps, page)
    names = {component.thing: component.name for component in components}
    opened = [
        Incident(component.incident, component.name, component.down_since, None)
        for component in components
        if component.incident is not None and component.down_since is not None
    ]
    days, ended = told or ([], [])
    behind, together = _behind(deps, components), overall(components)
    still = {incident.id for incident in opened}
    past = [
        Incident(row.id, names[row.thing], row.started, row.resolved)
        for row in ended
        if row.thing in names and row.id not in still
    ]
    return Board(
        page=page,
        # Who does not know the newest statuses cannot say that all is well.
        overall="unknown" if behind is not None and together in ("operational", "maintenance") else together,
        behind=behind,
        history=told is not None,
        lines=tuple(_lines(page, components, days, start, now) if told else _bare(page, components)),
        open=tuple(sorted(opened, key=_newest_first)),
        past=tuple(sorted(past, key=_newest_first)),
        maintenance=planned(
            deps.directory.windows_of(page.project),
            [
                (thing, derived_id(page.id, one.thing))
                for one in components
                if (thing := thing_of(deps, one)) is not None
            ],
            deps.clock.now(),
        ),
        posts=shown_posts(deps.directory.page_news.posts_of(page.id), names, now - PAST),
    )


async def _history(
    deps: Dependencies, things: list[str], start: Micros, now: Micros
) -> tuple[list[DayRow], list[EndedIncident]] | None:
    """Days and past incidents; None when history does not answer."""
    if not things:
        return [], []
    if deps.page_history is None:
        return None
    try:
        async with asyncio.timeout(PATIENCE):
            days, ended = await asyncio.gather(
                deps.page_history.days(things, start, now),
                deps.page_history.ended_incidents(things, now - PAST, now + DAY, MOST_PAST),
            )
    except (ClickHouseUnavailable, TimeoutError):
        return None
    return days, ended


def _bare(page: StatusPage, components: list[Component]) -> list[Line]:
    return [Line(derived_id(page.id, one.thing), one.name, one.group, one.status, ()) for one in components]


def _lines(page: StatusPage, components: list[Component], rows: list[DayRow], start: Micros, now: Micros) -> list[Line]:
    spent = {(row.thing, row.day): (row.up, row.down) for row in rows}
    first, last = start // DAY, now // DAY
    dates = [to_day(day * DAY) for day in range(first, last + 1)]
    lines = []
    for component in components:
        days = []
        for day, date in zip(range(first, last + 1), dates, strict=True):
            up, down = spent.get((component.thing, day), (0, 0))
            # History knows the spans that are closed, the state the one that is not.
            lasted = max(0, min(now, (day + 1) * DAY) - max(component.since, day * DAY))
            if component.shown in UP:
                up += lasted
            elif component.shown == "down":
                down += lasted
            days.append(Day(date, up, down))
        id = derived_id(page.id, component.thing)
        lines.append(Line(id, component.name, component.group, component.status, tuple(days)))
    return lines


def _behind(deps: Dependencies, components: list[Component]) -> Micros | None:
    """The time of the fold that is furthest behind, when that is far enough to be said."""
    times = []
    for component in components:
        partition = partition_of(component.thing.encode(), deps.partitions)
        states = deps.monitor_states if component.kind == "monitor" else deps.states
        progress = states.progress(partition)
        if progress is not None:
            times.append(speaks_until(progress))
    oldest = min(times, default=None)
    return oldest if oldest is not None and deps.clock.now() - oldest > _BEHIND else None


def _newest_first(incident: Incident) -> tuple[Micros, str]:
    return -incident.started, incident.id
