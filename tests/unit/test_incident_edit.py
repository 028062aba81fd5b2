"""What people do about an incident on its page."""

from typing import Any

import pytest

from schemas.base import SECOND
from tests.harness import POP_KEY, Harness
from tests.people_world import ANN, PASSWORD, member
from tests.web_browser import Browser, fields_of, form_of

HOSTILE = "<script>alert(1)</script>\"'&"


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def opened(harness: Harness) -> tuple[str, str]:
    """A check that is down: its id, and that of its incident."""
    made = await harness.client.post("/api/v3/checks/", json={"name": "job", "timeout": 60, "grace": 60})
    check = made.json()["uuid"]
    harness.log.ping(check, "fail")
    state = harness.log.states.state(check)
    assert state is not None
    assert state.incident is not None
    return check, state.incident


async def told(harness: Harness, incident: str) -> dict[str, Any]:
    answer = await harness.client.get(f"/api/v1/incidents/{incident}", headers={"X-Api-Key": POP_KEY})
    found: dict[str, Any] = answer.json()["data"]
    return found


async def sent(browser: Browser, incident: str, action: str, **fields: str) -> Any:
    page = await browser.get(f"/incidents/{incident}")
    typed = fields_of(page, "/act") | {"do": action} | fields
    return await browser.post(f"/incidents/{incident}/act", data=typed)


async def test_an_incident_is_acknowledged_commented_and_given_back(harness: Harness) -> None:
    _, incident = await opened(harness)
    ann = await member(harness, "editor")
    answer = await sent(ann, incident, "acknowledge", comment=HOSTILE, until="4 hours")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/incidents/{incident}?note=done")
    taken = (await told(harness, incident))["acknowledgement"]
    assert (taken["by"], taken["comment"]) == ("Ann", HOSTILE)
    page = (await ann.get(f"/incidents/{incident}")).text
    assert (">Release</button>" in page, "<script>alert" in page) == (True, False)
    # Twice is once.
    assert (await sent(ann, incident, "acknowledge")).status_code == 303
    assert (await sent(ann, incident, "comment", comment="a new disk")).status_code == 303
    assert (await sent(ann, incident, "release")).status_code == 303
    assert (await told(harness, incident))["acknowledgement"] is None
    assert ">Release</button>" not in (await ann.get(f"/incidents/{incident}")).text


async def test_what_is_refused_is_told_and_kept(harness: Harness) -> None:
    _, incident = await opened(harness)
    ann = await member(harness, "editor")
    empty = await sent(ann, incident, "comment")
    assert (empty.status_code, 'id="error-comment"' in empty.text) == (400, True)
    long = await sent(ann, incident, "comment", comment="x" * 1_001)
    assert (long.status_code, "x" * 1_001 in long.text) == (400, True)
    headers = {"X-Api-Key": POP_KEY}
    await harness.client.post(f"/api/v1/incidents/{incident}/acknowledge", json={"by": "Bob"}, headers=headers)
    late = await sent(ann, incident, "acknowledge", comment=HOSTILE)
    assert (late.status_code, "Bob acknowledged the incident" in late.text) == (409, True)
    assert fields_of(late, "/act")["comment"] == HOSTILE
    assert (await sent(ann, incident, "shout")).status_code == 400


async def test_a_thing_is_muted(harness: Harness) -> None:
    check, incident = await opened(harness)
    ann = await member(harness, "editor")
    for chosen, until in (
        ("recovery", "recovery"),
        ("for 1 hour", harness.log.time // SECOND * SECOND + 3_600 * SECOND),
        ("", None),
    ):
        answer = await ann.send_form(f"/incidents/{incident}", {"mute_until": chosen}, "/mute")
        assert answer.status_code == 303
        found = harness.log.directory.check(check)
        assert found is not None
        assert found.mute_until == until
    assert (await ann.send_form(f"/incidents/{incident}", {"mute_until": HOSTILE}, "/mute")).status_code == 400


async def test_viewers_only_look(harness: Harness) -> None:
    _, incident = await opened(harness)
    ann = await member(harness, "viewer")
    assert "Take care of it" not in (await ann.get(f"/incidents/{incident}")).text
    _, token = form_of((await ann.get("/sign-out")).text, "/sign-out")
    for path, fields in (("act", {"do": "acknowledge"}), ("mute", {"mute_until": "forever"})):
        assert (await ann.post(f"/incidents/{incident}/{path}", data=token | fields)).status_code == 403
    assert (await told(harness, incident))["acknowledgement"] is None


async def test_a_session_that_ended_loses_nothing(harness: Harness) -> None:
    _, incident = await opened(harness)
    ann = await member(harness, "editor")
    page = await ann.get(f"/incidents/{incident}")
    typed = fields_of(page, "/act") | {"do": "acknowledge", "comment": "on it"}
    ann.cookies.clear()
    asked = await ann.post(f"/incidents/{incident}/act", data=typed)
    again = await ann.send_form_of(asked, {"name": ANN, "password": PASSWORD})
    assert (await ann.send_form_of(again, {}, "/act")).status_code == 303
    assert (await told(harness, incident))["acknowledgement"]["comment"] == "on it"


async def test_what_is_over_needs_nobody(harness: Harness) -> None:
    check, incident = await opened(harness)
    ann = await member(harness, "editor")
    page = await ann.get(f"/incidents/{incident}")
    harness.log.ping(check)
    answer = await ann.post(
        f"/incidents/{incident}/act", data=fields_of(page, "/act") | {"do": "acknowledge", "comment": HOSTILE}
    )
    assert "Your comment: <bdi>&lt;script" in answer.text
    assert (answer.status_code, "resolved" in answer.text) == (409, True)
    assert "Take care of it" not in (await ann.get(f"/incidents/{incident}")).text
