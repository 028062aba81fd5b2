"""Things of every kind in every status, drawn from the types, and every way to look at them, drawn from the routes."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, TypeVar, get_args

from fastapi.routing import APIRoute
from msgspec.structs import fields, replace

from query_api.healthchecks.check_object import badge_key
from query_api.web.forms import form_paths
from schemas import check_states, monitor_states
from schemas.base import SECOND, encode
from schemas.check_states import CheckState, Run
from schemas.definitions import Check, definition_key
from schemas.ids import derived_id
from schemas.monitor_states import MonitorState, MonitorStatus
from schemas.monitors import Monitor, MonitorKind, ProbeTarget
from schemas.schedules import Cron, OnCalendar, Simple
from schemas.status_pages import Component, StatusPage
from tests.harness import ADMIN_PASSWORD, POP_KEY, WRITE_KEY, Harness
from tests.memory import START
from tests.updown_client import UPDOWN_KEY, with_updown_keys

# A status of a version that is yet to come.
ALIEN = "quantum"
S = TypeVar("S", CheckState, MonitorState)
Thing = Check | Monitor

_SCHEDULES = (Simple(60), Cron("0 2 * * *", "Europe/Berlin"), OnCalendar("*-*-* 02:00", "UTC"))
_RUNS = ((), (Run(START),), (Run(START, overdue=True),))
_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")


def states(kind: type[S], statuses: Sequence[str], visible: Callable[[S], str]) -> Iterator[S | None]:
    """A state for each status and each way to qualify it; None: it is not loaded."""
    made: Any = kind
    flags = [
        field.name
        for field in fields(kind)
        if field.type is bool
        and any(
            visible(made(1, status=each)) != visible(made(1, status=each, **{field.name: True})) for each in statuses
        )
    ]
    assert flags, "what qualifies a status is told by no field any more"
    for number, status in enumerate((*statuses, ALIEN)):
        for chosen in product((False, True), repeat=len(flags)):
            accused = status in ("down", ALIEN)
            yield made(
                1,
                status=status,
                since=START - 90 * SECOND,
                incident=derived_id("incident", str(number)) if accused else None,
                down_since=START - 90 * SECOND if accused else None,
                cause="timeout" if accused else "",
                **dict(zip(flags, chosen, strict=True)),
            )
    yield None


class World:
    """A harness that has a thing of each kind for each state, and a page for each thing; `pages`: by the thing's id."""

    def __init__(self) -> None:
        self.harness = with_updown_keys(Harness())
        self.things: list[Thing] = []
        self.pages: dict[str, StatusPage] = {}
        self._running: dict[str, CheckState | MonitorState | None] = {}
        log: Any = self.harness.log
        log.states.state = log.monitor_states.state = self._running.get

    def fill(self, of_each: bool = False) -> "World":
        """Put a thing in for each state; of_each: for each state one of each kind, and with each kind of runs."""
        kinds, number = get_args(MonitorKind), 0
        for monitor_state in states(MonitorState, get_args(MonitorStatus), monitor_states.visible_status):
            for kind in kinds if of_each else (kinds[number % len(kinds)],):
                self.add_monitor(monitor_state, kind=kind)
            number += 1
        for check_state in states(CheckState, get_args(check_states.Status), check_states.visible_status):
            for runs in _RUNS if of_each else (_RUNS[number % len(_RUNS)],):
                self.add_check(None if check_state is None else replace(check_state, runs=runs))
            number += 1
        return self

    def add_monitor(self, state: MonitorState | None, name: str = "", kind: MonitorKind = "http") -> Monitor:
        target = ProbeTarget(url="https://example.com/") if kind == "http" else ProbeTarget(host="example.com", port=25)
        number, id = self._next("monitor")
        monitor = Monitor(
            id=id, project=self.harness.project, version=1, created=START, revised=START, kind=kind, target=target,
            name=name or f"Monitor {number}", token=f"m{number:03}",
        )  # fmt: skip
        self._add(monitor, state)
        return monitor

    def add_check(self, state: CheckState | None, name: str = "", **more: Any) -> Check:
        number, id = self._next("check")
        check = Check(
            id=id, project=self.harness.project, version=1, created=START, name=name, token=f"c{number:03}",
            schedule=_SCHEDULES[number % len(_SCHEDULES)], **more,
        )  # fmt: skip
        self._add(check, state)
        return check

    def add_page(self, key: str, title: str, *components: Component, **more: Any) -> StatusPage:
        page = StatusPage(
            id=derived_id("page", key), project=self.harness.project, version=1, created=START, revised=START,
            title=title, components=components, token=f"p{len(self.pages):04}", **more,
        )  # fmt: skip
        self.define(page)
        return page

    def define(self, definition: Any) -> None:
        self.harness.log.directory.apply(0, definition_key(definition), encode(definition))

    def remove(self, definition: Any) -> None:
        self.harness.log.directory.apply(0, definition_key(definition), None)

    def _next(self, kind: str) -> tuple[int, str]:
        return len(self.things), derived_id(kind, str(len(self.things)))

    def _add(self, thing: Thing, state: CheckState | MonitorState | None) -> None:
        self.things.append(thing)
        self._running[thing.id] = state
        self.define(thing)
        component = Component("monitor" if isinstance(thing, Monitor) else "check", thing.id)
        self.pages[thing.id] = self.add_page(thing.id, thing.name or "Page", component)

    # ---- ways to look

    def paths(self, thing: Thing) -> list[str]:
        """Every path that shows a thing, its page among them."""
        page = self.pages[thing.id]
        names = {
            "checks/{token}": [thing.token],
            "status-pages/{id}": [page.id],
            "status/{ref}": [page.id],
        }
        if isinstance(thing, Monitor):
            names |= {"monitors/{id}": [thing.id]}
        else:
            names |= {"checks/{code}": [thing.id], "{states}": ["2", "3"], "{key}": [badge_key(thing.id)]}
            names |= {"{form}": ["svg", "json", "shields"]}
        return [path for route in self._routes() for path in _filled(route, names)]

    def whole_paths(self) -> list[str]:
        """Every path that names nothing."""
        return [route for route in self._routes() if not _PARAMETER.search(route)]

    def _routes(self) -> list[str]:
        routes = (route for route in self.harness.app.routes if isinstance(route, APIRoute))
        # Addresses that only take forms lead to a page by GET.
        pages = (route for route in routes if route.endpoint.__module__ != form_paths.__name__)
        found = [route.path for route in pages if "GET" in (route.methods or ())]
        # What goes on without an end (`tests/unit/test_live.py` follows it), and forms of what is to be made.
        return [path for path in found if path != "/live" and not path.endswith("/new")]

    async def look(self, path: str) -> Any:
        """The answer to whoever may see it."""
        is_updown = re.match(r"/api/(?!v\d)", path)
        own = not path.startswith(("/api/", "/status/", "/badge/", "/projects/"))
        headers = {"X-Api-Key": UPDOWN_KEY if is_updown else WRITE_KEY, "Authorization": f"Bearer {POP_KEY}"}
        if own:
            headers.pop("Authorization")
        auth = ("admin", ADMIN_PASSWORD) if own else None
        return await self.harness.client.get(path, headers=headers, auth=auth)


def _filled(path: str, names: Mapping[str, Sequence[str]]) -> list[str]:
    """The path with each value in place of each parameter; none when a parameter is not known."""
    found = _PARAMETER.search(path)
    if found is None:
        return [path] if path.count("{") == 0 and names else []
    before = path[: found.start()].rstrip("/").rpartition("/")[2]
    values = names.get(f"{before}/{{{found[1]}}}", names.get(f"{{{found[1]}}}", ()))
    filled = [path[: found.start()] + value + path[found.end() :] for value in values]
    return [done for one in filled for done in ([one] if not _PARAMETER.search(one) else _filled(one, names))]
