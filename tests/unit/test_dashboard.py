"""The overview, in memory: for nobody without the admin password, what is wrong first, and nothing of others."""

import dataclasses
import re
from base64 import b64encode

import pytest
from fastapi.dependencies.models import Dependant

from query_api.web.checks import check_page
from query_api.web.incidents import downtimes, explained, incidents
from query_api.web.monitors import monitor_page
from query_api.web.overview import dashboard
from query_api.web.past import past, what_if
from query_api.web.viewer import Viewer, viewer
from schemas.actors import Actor
from tests.harness import ADMIN_PASSWORD, POP_KEY, Harness
from tests.people_world import member
from tests.poppaping_client import V1, with_key

_TOKEN = r'name="form_token" value="[^"]*"'
PATHS = ["/", "/checks/00000000-0000-4000-8000-000000000000", "/live"]
AUTH = ("", ADMIN_PASSWORD)
BERLIN = {"Cookie": "pingfold_zone=Europe/Berlin; pingfold_theme=dark"}


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def text(harness: Harness, path: str = "/", **headers: str) -> str:
    answer = await harness.client.get(path, auth=AUTH, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text


async def make(harness: Harness, name: str, **fields: object) -> str:
    body = {"name": name, "timeout": 86_400, "grace": 300, **fields}
    return str((await harness.client.post("/api/v3/checks/", json=body)).json()["uuid"])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("auth", [("admin", ""), ("admin", "open Sesame"), ("admin", "ü")])
async def test_without_the_password_there_is_nothing_to_see(harness: Harness, path: str, auth: tuple[str, str]) -> None:
    answer = await harness.client.get(path, auth=auth)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize("wanted", ["schl\u00fcssel", "schlu\u0308ssel", "\u9375"])
@pytest.mark.parametrize("shown", ["schl\u00fcssel".encode(), "schlu\u0308ssel".encode(), b"schl\xfcssel"])
async def test_a_password_outside_ascii_opens_it(wanted: str, shown: bytes) -> None:
    """Composed or not, in UTF-8 or latin-1."""
    shown = wanted.encode() if wanted == "\u9375" else shown
    harness = Harness()
    harness.app.state.deps = dataclasses.replace(harness.app.state.deps, admin_password=wanted)
    header = {"Authorization": f"Basic {b64encode(b'me:' + shown).decode()}"}
    assert (await harness.client.get("/", headers=header)).status_code == 200
    header = {"Authorization": f"Basic {b64encode(b'me:' + shown + b'x').decode()}"}
    assert (await harness.client.get("/", headers=header)).status_code == 401


def test_no_page_is_without_it() -> None:
    """Whatever pages there will be."""
    routes = [route for route in Harness().app.routes if getattr(route, "endpoint", None) in _endpoints()]
    assert len(routes) == len(_endpoints())
    for route in routes:
        assert viewer in [one.call for one in getattr(route, "dependant", Dependant()).dependencies]


def _endpoints() -> list[object]:
    pages = (dashboard, check_page, monitor_page, incidents, explained, downtimes, past, what_if)
    return [route.endpoint for one in pages for route in one.router.routes]


async def test_an_empty_overview_tells_the_first_steps(harness: Harness) -> None:
    def steps(page: str) -> list[str]:
        return re.findall(r'<li><a href="(/\w+/new[^"]*)">', page)

    project = f"project={harness.project}"
    assert steps(await text(harness)) == ["/channels/new", "/monitors/new", "/checks/new"]
    assert steps(await text(harness, f"/?{project}"))[0] == f"/channels/new?{project}"
    bob = await member(harness, "viewer")
    page = (await bob.get("/")).text
    assert (steps(page), "There are no checks and monitors yet." in page) == ([], True)
    await make(harness, "job")
    page = await text(harness)
    assert (steps(page), "Nobody is told when something is down" in page) == ([], True)
    assert "Nobody is told" not in (await bob.get("/")).text
    assert "<span>no channel</span>" not in page
    harness.make_channel("ops")
    page = await text(harness)
    assert ("Nobody is told" in page, "<span>no channel</span>" in page) == (False, True)
    other = f"project={harness.other}"
    assert steps(await text(harness, f"/?{other}")) == [f"/monitors/new?{other}", f"/checks/new?{other}"]


async def test_checks_and_monitors_are_on_it(harness: Harness) -> None:
    await make(harness, "nightly <job>")
    headers = {"Authorization": f"Bearer {POP_KEY}"}
    body = {"name": "Shop & more", "url": "https://shop.example.com/", "confirmations": 1}
    monitor = (await harness.client.post("/api/v1/monitors", json=body, headers=headers)).json()["data"]["id"]
    page = await text(harness)
    assert "nightly &lt;job&gt;" in page
    assert "No ping yet; one is expected every day." in page
    assert "Shop &amp; more" in page
    assert "No result yet; it is probed every minute." in page
    harness.log.probe(monitor, ok=False)
    page = await text(harness)
    assert ">down<" in page
    assert "Connection timed out: after 30 s, since 15:06, found from local." in page


async def test_what_is_wrong_stands_first_and_says_why(harness: Harness) -> None:
    well, bad = await make(harness, "a well", timeout=864_000), await make(harness, "z bad", tags="prod night")
    harness.log.ping(well)
    harness.log.ping(bad)
    assert "Nothing needs attention." in await text(harness)
    harness.log.tick(86_405)
    page = await text(harness)
    assert "No ping since 2025-06-15 15:06, expected 15:06; down at 15:11 if none comes." in page
    harness.log.tick(300)
    page = await text(harness, **BERLIN)
    assert "No ping since 2025-06-15 17:06, expected 17:06, grace 5 min." in page
    assert 'data-theme="dark"' in page
    assert "Times are those of Europe/Berlin (CEST)." in page
    assert page.index("Needs attention") < page.index("z bad") < page.index("a well")
    assert "every day" in page


async def test_filters_live_in_the_url(harness: Harness) -> None:
    for name, tags in (("one", "prod"), ("two", "prod night"), ("three", "")):
        await make(harness, name, tags=tags)
    page = await text(harness, "/?tag=prod&q=TW+n")
    assert ">two<" in page
    assert ">one<" not in page
    assert 'href="/?status=new&amp;tag=prod&amp;q=TW+n"' in page
    assert "Nothing matches" in await text(harness, "/?status=down")
    other = await text(harness, f"/?project={harness.other}")
    assert ">one<" not in other
    # What is no filter says nothing.
    assert ">three<" in await text(harness, "/?status=dreadful&page=x&page=-1&wall=2&project=")


async def test_many_things_have_pages(harness: Harness) -> None:
    for number in range(dashboard.PER_PAGE + 3):
        await make(harness, f"check {number:03}")
    first, last = await text(harness), await text(harness, "/?page=2")
    assert (first.count('class="thing new"'), last.count('class="thing new"')) == (dashboard.PER_PAGE, 3)
    assert "Page 2 of 2, 53 things" in last
    beyond = (await text(harness, "/?page=999")).replace("page=999", "page=2")
    assert re.sub(_TOKEN, "", last) == re.sub(_TOKEN, "", beyond)


async def test_a_wall_leads_nowhere(harness: Harness) -> None:
    check = await make(harness, "backup")
    harness.log.ping(check, "fail")
    page = await text(harness, "/?wall=1")
    assert "<a " not in page
    assert "<form" not in page
    assert "Reported failure" in page


@pytest.fixture
def limited(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> Harness:
    """Whoever looks sees the other project only."""

    async def sees_other(**_: object) -> Viewer:
        return Viewer("eve", (harness.other,), frozenset(), Actor(kind="admin"))

    for route in harness.app.routes:
        for one in getattr(route, "dependant", Dependant()).dependencies:
            if one.call is viewer:
                monkeypatch.setattr(one, "call", sees_other)
    return harness


async def test_nothing_of_other_projects_is_seen(limited: Harness) -> None:
    check = await make(limited, "secret plan", tags="hidden-tag")
    limited.log.ping(check, "fail")
    limited.make_channel("secret channel")
    for path in ("/", f"/?project={limited.project}", "/?tag=hidden-tag", "/?wall=1"):
        page = await text(limited, path)
        assert "secret" not in page
        assert "1 down" not in page
        assert ">hidden-tag<" not in page
    for path in (f"/checks/{check}", f"/checks/{check}/pings/1"):
        answer = await limited.client.get(path)
        assert answer.status_code == 404
        assert "There is no such check: it was deleted" in answer.text
        assert "secret" not in answer.text


async def test_channels_that_are_sent_nothing_are_shown() -> None:
    harness = with_key(Harness())
    id, _ = harness.make_channel("quiet"), harness.make_channel("loud")
    assert "Channels that are sent nothing" not in await text(harness)
    answer = await harness.client.patch(f"{V1}/alert-channels/{id}", json={"mute_until": "forever"})
    assert answer.status_code == 200, answer.text
    page = await text(harness)
    assert '<bdi class="of">quiet</bdi> <span class="quiet">webhook</span></span> <span class="why">muted<' in page
    assert "loud" not in page


async def test_a_stopped_log_is_told(harness: Harness) -> None:
    harness.log.held |= {"pings", "probe-results"}
    harness.log.tick(600)
    assert "Statuses are those of" in await text(harness)
    harness.log.held.clear()
    harness.log.fold()
    assert "Statuses are those of" not in await text(harness)
