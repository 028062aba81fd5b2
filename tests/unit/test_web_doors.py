"""What each role is answered by each verb, and what opens a status page at whichever host: nothing opens more than it
says."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from query_api.page_keys import PageKeys
from schemas.base import encode
from schemas.ids import new_id
from schemas.requests import StatusPageFields, StatusPageUpdate
from schemas.topics import DEFINITIONS, DELIVERIES, PINGS, PROBE_RESULTS, PROJECTS, TRANSITIONS
from tests.harness import ADMIN_PASSWORD, Harness
from tests.people_world import invited, joined, member, owner
from tests.public_pages import PAGES, ask, make
from tests.web_browser import Browser, form_of
from tests.web_world import BOB, WebWorld

_ALL = (DEFINITIONS, DELIVERIES, PINGS, PROBE_RESULTS, PROJECTS, TRANSITIONS)
ADMIN = httpx.BasicAuth("whoever", ADMIN_PASSWORD)
ONE, TWO = "one.example.org", "two.example.org"


def told(harness: Harness) -> list[Any]:
    return [harness.log.of(topic) for topic in _ALL]


async def people(world: WebWorld) -> dict[str, tuple[Browser, httpx.Auth]]:
    """A browser of each role, and what it shows beside its cookies; `stranger` owns another project."""
    harness, boss = world.harness, await owner(world.harness)
    found = {"nobody": (Browser(harness), httpx.Auth()), "admin": (Browser(harness), ADMIN)}
    for role in ("editor", "viewer", "stranger"):
        project, given = (harness.other, "owner") if role == "stranger" else (harness.project, role)
        link = await invited(boss, project, f"{role}@example.org", given)
        found[role] = (await joined(harness, link, role), httpx.Auth())
    return found


async def test_each_verb_of_a_page_opens_as_much_as_it_says() -> None:
    """HEAD is answered as GET is, OPTIONS the same to everybody, and neither does anything."""
    world = await WebWorld().fill()
    harness, roles = world.harness, await people(world)
    before = told(harness)
    statuses: dict[str, set[int]] = {role: set() for role in roles}
    for path in sorted({form.page or form.to for form in world.forms()} | {"/", "/incidents", "/audit", "/keys"}):
        for role, (browser, auth) in roles.items():
            got, headed = await browser.get(path, auth=auth), await browser.head(path, auth=auth)
            assert (headed.status_code, headed.content) == (got.status_code, b""), (role, path)
            statuses[role].add(got.status_code)
            if role == "stranger" and got.status_code == 200:
                assert not [id for id in world.ids.values() if id in got.text], path
        options = await Browser(harness).options(path)
        assert (options.status_code, options.content) == (204, b""), path
        assert "GET" in options.headers["Allow"], path
        assert "Access-Control-Allow-Origin" not in options.headers, path
    assert statuses["nobody"] == {303}
    assert statuses["admin"] == {200, 303}  # addresses that only take forms lead to their page
    assert 404 in statuses["stranger"]
    assert told(harness) == before


@pytest.mark.parametrize("password", ["", "open sesamE", ADMIN_PASSWORD + " ", "ü"])
async def test_whoever_shows_a_wrong_admin_password_sends_no_form(password: str) -> None:
    world = await WebWorld().fill()
    browser, before = Browser(world.harness), told(world.harness)
    form = next(form for form in world.forms() if form.route == "/checks/{code}/delete")
    answer = await browser.post(form.to, data={"form_token": "x"}, auth=("admin", password))
    assert (answer.status_code, told(world.harness)) == (401, before)
    # The right one opens the page, and its form needs the token of that page all the same.
    assert (await browser.post(form.to, data={"form_token": "x"}, auth=ADMIN)).status_code == 403
    assert told(world.harness) == before
    page = await browser.get(form.to, auth=ADMIN)
    data = await form.fields(await owner(world.harness))
    assert (await browser.post(form.to, data=data, auth=ADMIN)).status_code == 403  # of another session
    assert (await browser.post(form.to, data=form_of(page.text, "/delete")[1], auth=ADMIN)).status_code == 303


async def test_the_key_of_a_call_of_a_page_is_none_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await WebWorld().fill()
    harness, seen = world.harness, []
    given = PageKeys.key

    @contextmanager
    def noted(self: PageKeys, *args: Any, **kwargs: Any) -> Iterator[str]:
        with given(self, *args, **kwargs) as text:
            seen.append(text)
            yield text

    monkeypatch.setattr(PageKeys, "key", noted)
    boss = await owner(harness)
    form = next(form for form in world.forms() if form.route == "/checks/{code}/edit")
    assert (await boss.post(form.to, data=await form.fields(boss))).status_code == 303
    assert seen
    for key in seen:
        for path in ("/api/v3/checks/", "/api/v1/monitors"):
            answer = await harness.client.get(path, headers={"X-Api-Key": key, "Authorization": f"Bearer {key}"})
            assert answer.status_code == 401


async def test_no_page_is_opened_by_the_host_of_another() -> None:
    """At each host `/` is one page, and what opens that opens no other one."""
    harness = Harness()
    await make(harness, title="Open", domain=ONE)
    shut = await make(harness, title="Shut", domain=TWO, password="correct horse")
    path = f"/status/{shut['id']}"
    for host in (ONE, TWO):
        for form in (path, f"{path}.json", f"{path}.atom", f"{path}/history"):
            answer = await harness.client.get(form, headers={"Host": host})
            assert answer.status_code == 401, (host, form)
        assert (await harness.client.get(path, headers={"Host": host}, auth=("", "correct horse"))).status_code == 200
    assert (await harness.client.get("/", headers={"Host": TWO})).status_code == 401
    assert (await harness.client.get("/", headers={"Host": TWO}, auth=("", "correct horse"))).status_code == 200
    # Another password: what opened it opens it no more, at once.
    changed = await ask(harness, "PATCH", f"{PAGES}/{shut['id']}", {"password": "battery staple"})
    assert changed.status_code == 200
    for target, host in (("/", TWO), (path, ONE), (f"{path}.json", TWO)):
        for password, status in (("correct horse", 401), ("battery staple", 200)):
            answer = await harness.client.get(target, headers={"Host": host}, auth=("", password))
            assert answer.status_code == status, (target, password)


async def test_a_private_page_is_private_at_every_host() -> None:
    harness = Harness()
    await make(harness, title="Open", domain=ONE)
    page = await make(harness, title="Inner", domain=TWO)
    fields = StatusPageFields(private=True)
    change = StatusPageUpdate(request=new_id(), at=harness.log.time, id=page["id"], fields=fields)
    harness.log.send(PROJECTS.name, harness.project, encode(change))
    path = f"/status/{page['id']}"
    ann = await member(harness, "viewer")
    bob = await joined(harness, await invited(await owner(harness), harness.other, BOB, "owner"), "Bob")
    for host in (ONE, TWO):
        for browser, status in ((Browser(harness), 303), (bob, 404), (ann, 200)):
            answer = await browser.get(path, headers={"Host": host})
            assert (answer.status_code, "Inner" in answer.text) == (status, status == 200), (host, status)
            if status == 200:
                assert answer.headers["Cache-Control"] == "private, no-cache"
    asked = await Browser(harness).get("/", headers={"Host": TWO})
    assert (asked.status_code, asked.headers["Location"]) == (303, f"/sign-in?next={path}")
    assert "Inner" not in (await Browser(harness).get("/", headers={"Host": ONE})).text
