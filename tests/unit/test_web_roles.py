"""Every form of the web application, of things that are there, sent by who may not: nothing comes of it."""

from typing import Any
from urllib.parse import urlencode

import pytest

from schemas.topics import DEFINITIONS, DELIVERIES, PINGS, PROBE_RESULTS, TRANSITIONS
from tests.harness import Harness
from tests.people_world import invited, joined, owner
from tests.raw_request import ask
from tests.web_browser import Browser, form_of
from tests.web_world import OF_OWNERS, OF_THE_INSTANCE, Filled, WebWorld, web_routes

FORM = "application/x-www-form-urlencoded"
# What names nothing but a project: of his own somebody may do that.
_OWN = {
    "/channels/new",
    "/escalations/new",
    "/keys/{project}/new",
    "/maintenance/new",
    "/mutes/{project}",
    "/people/{project}/invite",
    "/projects/{id}/name",
    "/projects/{id}/ping-key",
    "/projects/{id}/reports",
    "/projects/{id}/webhook-secret",
    "/rotations/new",
    "/status-pages/new/{project}",
    "/templates/new",
}
_ALL = (DEFINITIONS, DELIVERIES, PINGS, PROBE_RESULTS, TRANSITIONS)


async def who(world: WebWorld, role: str) -> Browser:
    """Somebody with a role in the project; `stranger`: he owns another one."""
    harness, boss = world.harness, await owner(world.harness)
    project = harness.other if role == "stranger" else harness.project
    mail = f"{role}@example.org"
    return await joined(harness, await invited(boss, project, mail, "owner" if role == "stranger" else role), role)


def told(harness: Harness) -> list[Any]:
    return [harness.log.of(topic) for topic in _ALL]


def forbidden(form: Filled, role: str) -> bool:
    """Whether a role may not send a form."""
    if form.route.startswith("/account"):
        return False
    of_owners = form.route.startswith(OF_OWNERS) or form.route in OF_THE_INSTANCE
    return role in ("viewer", "stranger") or (of_owners if role == "editor" else form.route in OF_THE_INSTANCE)


async def test_no_form_does_more_than_a_role_may() -> None:
    world = await WebWorld().fill()
    harness, forms = world.harness, world.forms()
    people = {role: await who(world, role) for role in ("owner", "editor", "viewer", "stranger")}
    counts = dict.fromkeys(people, 0)
    for role, browser in people.items():
        token = form_of((await browser.get("/sign-out")).text)[1]
        before = told(harness)
        for form in (form for form in forms if forbidden(form, role)):
            counts[role] += 1
            ways = {form.to}
            if role == "stranger" and form.route not in _OWN:  # things of others under the name of his own project
                ways.add(form.to.replace(harness.project, harness.other))
            for to in ways:
                answer = await browser.post(to, data=token | form.typed)
                assert 400 <= answer.status_code < 500, (role, to, answer.status_code)
                assert told(harness) == before, (role, to)
    assert counts["viewer"] == counts["stranger"] > 50
    assert 1 < counts["owner"] < counts["editor"] < 12


async def test_nobody_and_a_removed_person_do_nothing() -> None:
    world = await WebWorld().fill()
    harness = world.harness
    gone = await who(world, "editor")
    token = form_of((await gone.get("/sign-out")).text)[1]
    boss = await owner(harness)
    editor = next(one for one in harness.log.directory.people.everybody() if one.mail == "editor@example.org")
    assert (await boss.send_form("/people", {"sure": "yes"}, f"{editor.id}/delete")).status_code == 303
    before = told(harness)
    for form in world.forms():
        for browser in (gone, Browser(harness)):
            answer = await browser.post(form.to, data=token | form.typed)
            assert (answer.status_code, "sign-in" in answer.text) == (403, True), (form.route, answer.status_code)
    assert told(harness) == before


async def test_an_address_that_only_takes_forms_leads_to_their_page() -> None:
    """So that who loads it again, or comes to it after a sign-in, is not told of verbs."""
    world = await WebWorld().fill()
    boss = await owner(world.harness)
    before = told(world.harness)
    pages = set(web_routes(world.harness, "GET"))
    assert set(web_routes(world.harness, "POST")) <= pages
    for form in world.forms():
        answer = await boss.get(form.to, follow_redirects=True)
        assert answer.status_code == 200, (form.route, answer.status_code)
        assert answer.headers["Content-Type"].startswith("text/html"), form.route
    assert told(world.harness) == before


@pytest.mark.parametrize("part", ["%2e%2e", "..", ".", "a%3Fb=1", "a%23b", "%00", "%0d%0aX:%20y", "\u202e", "a" * 3000])
async def test_what_stands_in_place_of_an_id_leads_no_request_elsewhere(part: str) -> None:
    world = await WebWorld().fill()
    harness, boss = world.harness, await owner(world.harness)
    token = form_of((await boss.get("/sign-out")).text)[1]
    page, channel, before = world.ids["page"], world.ids["channel"], told(harness)
    for to in (
        f"/status-pages/{page}/subscribers/{part}/remove",
        f"/status-pages/{page}/posts/{part}/delete",
        f"/status-pages/{page}/posts/{part}/updates/1",
        f"/status-pages/{page}/posts/{world.ids['post']}/updates/{part}",
        f"/channels/{channel}/deliveries/{part}/again",
        f"/rotations/{world.ids['rotation']}/overrides/{part}/remove",
    ):
        cookie = "; ".join(f"{name}={value}" for name, value in boss.cookies.items())
        headers = {
            "cookie": cookie,
            "content-type": "application/x-www-form-urlencoded",
            "sec-fetch-site": "same-origin",
        }
        answer = await ask(harness.app, "POST", to, headers, urlencode(token | {"text": "x"}).encode())
        assert answer.status < 500, to
        assert told(harness) == before, to
