"""Every status of every kind of thing in every form of every page and API: a word for each, and never a 5xx.

Statuses come from the types and forms from the routes (tests/every_status.py): what is added to either is tried here.
"""

import json
import re
from typing import Any, get_args
from xml.etree import ElementTree

import pytest

from infra.clickhouse.client import ClickHouseUnavailable
from query_api.pages.status_board import Overall, Status
from schemas.check_states import CheckState
from schemas.monitor_states import MonitorState
from schemas.monitors import Monitor
from schemas.status_pages import Component, Section
from tests.every_status import ALIEN, World
from tests.memory import START

# What shows a thing, at least: a look that finds fewer looks at nothing.
FORMS_OF_MONITORS, FORMS_OF_CHECKS = 10, 20
PAGE_FORMS = ("", ".json", ".atom", "/badge.svg", "/history")
# Of a page: open and collapsed, with words above them or none; the rest is in a group of none of them.
SECTIONS = (Section("open", "Words"), Section("collapsed", "", True), Section("told", "Words", True), Section("empty"))
GROUPS = ("", "open", "collapsed", "told", "other")

HOSTILE = {
    "markup": "<script>alert(1)</script>\"'&]]><!--",
    "template": "{{ 7*7 }}{% raw %}%(x)s${x}",
    "controls": "a\x00b\x0b\x1b[31mc\x7f\x85\ufffe",
    "turned": "\u202egnp.exe\u2066 \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "very long": "x" * 200,
    "no blanks, wide": "監" * 200,
    "emoji": "👩\u200d👩\u200d👧\u200d👦 🇩🇪 ❤\ufe0f 👍🏽",
    "heaps of marks": "Z" + "\u0301\u0335\u0489" * 60,
    "only marks": "\u0301\u200d\ufe0f\u200b",
    "lines": "a\r\nX-Evil: 1\r\n\r\n<b>",
    "beyond": "𝕏\U0010ffff\ue000",
    "blank": " ",
}


def judge(path: str, answer: Any, name: str = "") -> None:
    """An answer is there, is what it says that it is, and nothing in it runs."""
    assert answer.status_code == 200, (path, answer.status_code, answer.text)
    kind = answer.headers["Content-Type"].partition(";")[0]
    if kind == "application/json":
        json.loads(answer.content)
    elif kind in ("image/svg+xml", "application/atom+xml"):
        root = ElementTree.fromstring(answer.content)
        assert not [one for one in root.iter() if one.tag.endswith(("script", "}b"))]
    elif kind == "text/html":
        # Pages for people load a script of ours; nothing that a page holds is one.
        assert not re.search(r'<script(?! src="/assets/)', answer.text), path
        assert "<b>" not in answer.text
        assert "49" not in name or "49" not in answer.text
    assert "X-Evil" not in answer.headers


async def look_at_all(world: World, things: list[Any], fewest: int, name: str = "") -> None:
    for thing in things:
        paths = world.paths(thing)
        assert len(paths) >= fewest, paths
        for path in paths:
            judge(path, await world.look(path), name)


@pytest.fixture
def world() -> World:
    return World()


async def test_every_monitor_in_every_status_in_every_form(world: World) -> None:
    things = [thing for thing in world.fill().things if isinstance(thing, Monitor)]
    await look_at_all(world, things, FORMS_OF_MONITORS)


async def test_every_check_in_every_status_in_every_form(world: World) -> None:
    things = [thing for thing in world.fill().things if not isinstance(thing, Monitor)]
    await look_at_all(world, things, FORMS_OF_CHECKS)


async def test_all_of_them_together(world: World) -> None:
    """Lists, the dashboard, exports, pages of as many as a page takes: here things of each kind are in each state."""
    world.fill(of_each=True)
    monitors = sum(isinstance(thing, Monitor) for thing in world.things)
    paths = world.whole_paths() + [
        f"/api/v1/monitors?per_page=100&page={page + 1}" for page in range(monitors // 100 + 1)
    ]
    assert {"/", "/api/checks", "/api/v1/monitors", "/api/v3/checks/"} <= set(paths)
    for path in paths:
        if not path.startswith(("/docs", "/openapi")):
            answer = await world.look(path)
            assert answer.status_code in (200, 400, 404), (path, answer.text)  # it wants to be told of what
    for first in range(0, len(world.things), 100):
        components = [
            Component("monitor" if isinstance(one, Monitor) else "check", one.id, group=GROUPS[number % len(GROUPS)])
            for number, one in enumerate(world.things[first : first + 100], first // 100)
        ]
        page = world.add_page(f"all from {first}", "All", *components, sections=SECTIONS)
        told = await show(world, page)
        assert {one["status"] for one in told["components"]} <= set(get_args(Status))
        assert told["status"] in get_args(Overall)


async def show(world: World, page: Any) -> Any:
    for suffix in PAGE_FORMS:
        judge(suffix, await world.look(f"/status/{page.id}{suffix}"))
    return (await world.look(f"/status/{page.id}.json")).json()


async def test_what_is_not_known_is_called_unknown(world: World) -> None:
    monitor = world.add_monitor(MonitorState(1, status=ALIEN))  # type: ignore[arg-type]
    check = world.add_check(CheckState(1, status=ALIEN))  # type: ignore[arg-type]
    for thing in (monitor, check):
        told = (await world.look(f"/status/{world.pages[thing.id].id}.json")).json()
        assert (told["status"], told["components"][0]["status"]) == ("unknown", "unknown")
    assert (await world.look(f"/api/v1/monitors/{monitor.id}")).json()["data"]["current_status"] == "unknown"
    assert (await world.look(f"/api/v3/checks/{check.id}")).json()["status"] == "new"
    assert ALIEN not in (await world.look(f"/status/{world.pages[monitor.id].id}")).text


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
async def test_hostile_names_in_every_form(world: World, name: str) -> None:
    accused: dict[str, Any] = {
        "status": "down",
        "incident": "00000000-0000-4000-8000-000000000001",
        "down_since": START,
        "cause": name,
    }
    monitor = world.add_monitor(MonitorState(1, last_detail=name, **accused), name)
    check = world.add_check(CheckState(1, **accused), name, tags=name)
    await look_at_all(world, [monitor], FORMS_OF_MONITORS, name)
    await look_at_all(world, [check], FORMS_OF_CHECKS, name)
    page = world.add_page(
        "hostile", name, *(Component("check", check.id, name, name), Component("monitor", monitor.id, name, name)),
        description=name,
    )  # fmt: skip
    told = await show(world, page)
    assert told["page"]["title"] == told["components"][0]["name"] == name
    judge("/", await world.look("/"), name)


async def test_pages_of_nothing_and_of_what_is_gone(world: World) -> None:
    told = await show(world, world.add_page("empty", "Empty"))
    assert (told["status"], told["components"]) == ("unknown", [])
    monitor, check = world.add_monitor(None), world.add_check(None)
    both = (Component("monitor", monitor.id), Component("check", check.id))
    page = world.add_page("both", "Both", *both)
    assert len((await show(world, page))["components"]) == 2
    world.remove(monitor)
    world.define(page_of_later(page, 2))
    assert [one["status"] for one in (await show(world, page))["components"]] == ["pending"]
    world.remove(check)
    world.define(page_of_later(page, 3))
    assert (await show(world, page))["components"] == []


def page_of_later(page: Any, version: int) -> Any:
    """The same page, changed: what was kept of it is not shown any more."""
    return type(page)(**{field: getattr(page, field) for field in page.__struct_fields__} | {"version": version})


class Away:
    """A history that does not answer, whatever it is asked."""

    def __getattr__(self, _name: str) -> Any:
        return self

    async def __call__(self, *_asked: Any, **_named: Any) -> Any:
        raise ClickHouseUnavailable("ClickHouse is away")


async def test_while_history_is_away(world: World) -> None:
    """Pages, badges and the dashboard go without it; an API says that it does not answer now, in its own form."""
    world.harness.page_history.away = True
    for name in ("history", "monitor_history"):
        object.__setattr__(world.harness.app.state.deps, name, Away())
    world.fill()
    for thing in world.things[::7]:
        for path in world.paths(thing):
            answer = await world.look(path)
            assert answer.status_code in (200, 503), (path, answer.status_code, answer.text)
            if not path.startswith("/api/"):
                judge(path, answer)
                if path.endswith(".json") and path.startswith("/status/"):
                    assert answer.json()["history_available"] is False
    judge("/", await world.look("/"))
