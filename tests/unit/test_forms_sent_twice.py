"""Every form of the web application, sent twice: whatever process is asked, one thing comes of it."""

import re
from typing import Any

from schemas.topics import DEFINITIONS, DELIVERIES, TRANSITIONS
from tests.harness import Harness
from tests.people_world import owner
from tests.web_browser import Browser
from tests.web_world import OF_ONESELF, WITHOUT_SESSION, WebWorld, web_routes

_GONE = re.compile(r"<h1>(There is no such [a-z ]+: it was |Nothing was changed: )|not found\.</p>")


def made(harness: Harness) -> list[Any]:
    """What is there: the definitions but for what is remembered of forms, what was to be sent, and the audit trail."""
    records: dict[str, Any] = {}
    for key, value in harness.log.of(DEFINITIONS):
        if not key.startswith(("sent-forms/", "progress")):
            records[key] = value
    told = [(key, value.get("transition"), value.get("replay")) for key, value in harness.log.of(DELIVERIES)]
    trail = [value for _, value in harness.log.of(TRANSITIONS)]
    return [records, {one for one in told if any(one[1:])}, trail]


async def test_a_form_that_is_sent_twice_does_one_thing() -> None:
    world = await WebWorld().fill()
    harness, boss = world.harness, await owner(world.harness)
    forms = world.forms()
    known = {form.route for form in forms} | WITHOUT_SESSION | set(OF_ONESELF)
    assert sorted(known) == sorted({route.replace(":uuid", "") for route in web_routes(harness, "POST")})
    for form in world.forms():
        await sent_twice(harness, boss, form)


async def sent_twice(harness: Harness, boss: Browser, form: Any) -> None:
    fields = await form.fields(boss)
    first = await boss.post(form.to, data=fields)
    after = made(harness)
    assert first.status_code in (200, 303), (form.route, first.status_code, first.text[-3000:])
    harness.log.tick(1)
    again = await boss.post(form.to, data=fields)  # asked of the same process
    assert again.status_code == (303 if first.status_code == 303 else 409), (form.route, again.status_code)
    assert again.headers.get("Location") == first.headers.get("Location"), form.route
    harness.app.state.taken_forms.clear()  # as at another process, or after a restart
    other = await boss.post(form.to, data=fields)
    assert other.status_code in (200, 303, 404, 409), (form.route, other.status_code)
    if other.status_code == 404:  # it is said that the thing is gone, or that nothing was changed
        assert _GONE.search(other.text), (form.route, other.text[-1500:])
    now = made(harness)
    for was, there in zip(after, now, strict=True):
        assert was == there, form.route
