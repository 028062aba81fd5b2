"""Checks are made, changed and deleted in the browser, by the requests that programs make."""

import re
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_api.web.checks.check_forms import coming_runs, copied_name
from schemas.base import SECOND
from schemas.definitions import Check
from schemas.schedules import Cron, Simple
from tests.harness import Harness
from tests.people_world import ANN, PASSWORD, member, owner
from tests.web_browser import Browser, fields_of, form_of

HOSTILE = "<script>alert(1)</script>\"'&"
NEW = {"name": "Nightly backup", "schedule_kind": "period", "timeout": "1 day", "grace": "90 minutes", "tz": "UTC"}


@pytest.fixture
def harness() -> Harness:
    return Harness()


def only_check(harness: Harness) -> Check:
    [check] = harness.log.directory.checks_of(harness.project)
    return check


async def made(harness: Harness, browser: Browser, **fields: Any) -> Check:
    answer = await browser.send_form(f"/checks/new?project={harness.project}", NEW | fields, "/checks/new")
    assert answer.status_code == 303, answer.text
    assert answer.headers["Location"] == f"/checks/{only_check(harness).id}?note=made"
    return only_check(harness)


async def edited(browser: Browser, check: Check, **fields: str) -> httpx.Response:
    page = await browser.get(f"/checks/{check.id}/edit")
    return await browser.post(f"/checks/{check.id}/edit", data=fields_of(page, "/edit") | fields)


async def test_a_check_is_made(harness: Harness) -> None:
    ann = await member(harness, "editor")
    channel = harness.make_channel("ops")
    page = await ann.get("/checks/new")
    assert (page.status_code, 'value="1 day"' in page.text) == (200, True)
    check = await made(harness, ann, tags="prod db", channels=channel)
    assert (check.name, check.slug, check.tags, check.channels) == (
        "Nightly backup",
        "nightly-backup",
        "prod db",
        (channel,),
    )
    assert (check.schedule, check.grace, check.late_limit) == (Simple(86_400), 5_400, None)
    page = await ann.get(f"/checks/{check.id}?note=made")
    assert '<p class="note" role="status">Created.</p>' in page.text
    # The audit trail names the person.
    assert "ann@example.org" in (await harness.client.get("/api/v3/audit/")).text


async def test_a_form_sent_twice_makes_one_check(harness: Harness) -> None:
    admin = await owner(harness)
    page = await admin.get(f"/checks/new?project={harness.project}")
    first = await admin.send_form_of(page, NEW, "/checks/new")
    again = await admin.send_form_of(page, NEW, "/checks/new")
    assert first.headers["Location"] == again.headers["Location"]
    assert only_check(harness).version == 1


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "x" * 101, "Name is too long."),
        ("slug", "No Slug", "Slug does not match pattern."),
        ("timeout", "soon", "Period must be a duration"),
        ("timeout", "5 seconds", "Period is too small."),
        ("grace", "", "Grace is not a number."),
    ],
)
async def test_an_error_stands_beside_its_field(harness: Harness, field: str, value: str, words: str) -> None:
    admin = await owner(harness)
    typed = NEW | {"tags": HOSTILE, field: value}
    answer = await admin.send_form(f"/checks/new?project={harness.project}", typed, "/checks/new")
    assert (answer.status_code, not list(harness.log.directory.checks_of(harness.project))) == (400, True)
    assert re.search(rf'<p class="problem" id="error-{field}">{re.escape(words)}', answer.text)
    shown = re.search(rf'<input id="f-{field}"[^>]*>', answer.text)
    assert shown is not None
    assert 'aria-invalid="true"' in shown[0]
    assert f"error-{field}" in shown[0]
    assert f'<a href="#f-{field}">' in answer.text
    assert 'role="alert"' in answer.text
    assert "<script>alert" not in answer.text
    assert fields_of(answer, "/checks/new")["tags"] == HOSTILE
    # Sent again with the same key when it is mended.
    mended = await admin.send_form_of(answer, NEW | {"slug": ""}, "/checks/new")
    assert mended.status_code == 303


async def test_a_check_is_changed_as_far_as_somebody_changed_it(harness: Harness) -> None:
    admin = await owner(harness)
    check = await made(harness, admin, desc="line 1\r\nline 2", run_limit="10 minutes", filter_subject="on")
    same = await edited(admin, check)
    assert (same.headers["Location"], only_check(harness).version) == (f"/checks/{check.id}?note=saved", 1)
    answer = await edited(admin, check, schedule_kind="calendar", schedule="0 2 * * *", tz="Europe/Berlin")
    assert answer.status_code == 303, answer.text
    changed = only_check(harness)
    assert changed.schedule == Cron("0 2 * * *", "Europe/Berlin")
    assert (changed.desc, changed.run_limit, changed.filter_subject) == ("line 1\nline 2", 600, True)
    answer = await edited(admin, check, mute_until="for 1 hour", run_limit="")
    assert (only_check(harness).mute_until, only_check(harness).run_limit) == (
        harness.log.time // SECOND * SECOND + 3_600 * SECOND,
        None,
    )
    wrong = await edited(admin, check, schedule="every full moon")
    assert (wrong.status_code, 'id="error-schedule"' in wrong.text, "every full moon" in wrong.text) == (
        400,
        True,
        True,
    )


async def test_the_second_of_two_editors_is_told(harness: Harness) -> None:
    admin = await owner(harness)
    check = await made(harness, admin)
    page = await admin.get(f"/checks/{check.id}/edit")
    mine = fields_of(page, "/edit") | {"name": "Mine", "tags": "mine"}
    assert (await edited(admin, check, name=HOSTILE, desc="theirs")).status_code == 303
    answer = await admin.post(f"/checks/{check.id}/edit", data=mine)
    assert answer.status_code == 409
    assert "Nothing is saved yet" in answer.text
    assert "to: &lt;script&gt;alert(1)" in answer.text
    shown = fields_of(answer, "/edit")
    assert (shown["name"], shown["tags"], shown["desc"]) == ("Mine", "mine", "theirs")
    assert only_check(harness).name == HOSTILE
    assert (await admin.post(f"/checks/{check.id}/edit", data=shown)).status_code == 303
    check = only_check(harness)
    assert (check.name, check.tags, check.desc) == ("Mine", "mine", "theirs")


async def test_viewers_are_shown_no_forms(harness: Harness) -> None:
    check = await made(harness, await owner(harness))
    ann = await member(harness, "viewer")
    for path in ("/", f"/checks/{check.id}"):
        page = (await ann.get(path)).text
        assert ("/new" in page, "/edit" in page, "/pause" in page) == (False, False, False)
    paths = [f"/checks/{check.id}/{what}" for what in ("edit", "delete")] + [f"/checks/new?project={harness.project}"]
    for path in paths:
        assert (await ann.get(path)).status_code == 403
    _, token = form_of((await ann.get("/sign-out")).text, "/sign-out")
    for what in ("edit", "delete", "pause", "resume"):
        answer = await ann.post(f"/checks/{check.id}/{what}", data=token | NEW)
        assert (answer.status_code, "Only owners and editors" in answer.text) == (403, True)
    for project in (harness.project, ""):
        answer = await ann.post("/checks/new", data=token | NEW | {"project": project})
        assert answer.status_code == 403
    assert (await ann.get(f"/checks/new?project={harness.other}")).status_code == 404
    assert only_check(harness) == check


async def test_a_session_that_ended_loses_nothing(harness: Harness) -> None:
    ann = await member(harness, "editor")
    page = await ann.get("/checks/new")
    ann.cookies.clear()
    asked = await ann.send_form_of(page, NEW, "/checks/new")
    assert (asked.status_code, "Your session has ended" in asked.text) == (403, True)
    again = await ann.send_form_of(asked, {"name": ANN, "password": PASSWORD})
    answer = await ann.send_form_of(again, {}, "/checks/new")
    assert answer.status_code == 303, answer.text
    assert only_check(harness).grace == 5_400


async def test_a_check_is_paused_resumed_and_deleted(harness: Harness) -> None:
    ann = await member(harness, "editor")
    check = await made(harness, ann)
    for what, status in (("pause", "paused"), ("resume", "new")):
        answer = await ann.send_form(f"/checks/{check.id}", {}, f"/{what}")
        assert answer.headers["Location"] == f"/checks/{check.id}?note={what}d"
        read = await harness.client.get(f"/api/v3/checks/{check.id}")
        assert read.json()["status"] == status
    answer = await ann.send_form(f"/checks/{check.id}/delete", {})
    assert answer.headers["Location"] == "/?note=deleted"
    assert not list(harness.log.directory.checks_of(harness.project))
    assert (await ann.get(f"/checks/{check.id}/edit")).status_code == 404


async def test_next_runs_are_shown(harness: Harness) -> None:
    admin = await owner(harness)
    query = {"schedule_kind": "calendar", "schedule": "0 2 * * *", "tz": "Europe/Berlin"}
    runs = await admin.get("/checks/next-runs", params=query)
    assert (runs.status_code, runs.text.count("<time ")) == (200, 5)
    wrong = await admin.get("/checks/next-runs", params=query | {"tz": HOSTILE})
    assert "This is no time zone" in wrong.text
    assert (await Browser(harness).get("/checks/next-runs")).status_code == 303
    # Without scripts, by a button.
    page = f"/checks/new?project={harness.project}"
    answer = await admin.send_form(page, NEW | query | {"preview": "1", "name": "kept"}, "/checks/new")
    assert (answer.status_code, answer.text.count("<li><time "), 'value="kept"' in answer.text) == (200, 5, True)


def test_runs_of_what_is_typed() -> None:
    now = 1_700_000_000 * SECOND
    assert coming_runs({"timeout": "1 hour"}, now).runs[:2] == (now + 3_600 * SECOND, now + 7_200 * SECOND)
    assert coming_runs({"timeout": "1 s"}, now).problem
    assert coming_runs({"schedule_kind": "calendar", "schedule": ""}, now).problem
    assert coming_runs({"schedule_kind": "calendar", "schedule": "x" * 1_000}, now).problem


async def test_the_project_is_asked_for(harness: Harness) -> None:
    admin = await owner(harness)
    page = (await admin.get("/checks/new")).text
    assert f"/checks/new?project={harness.project}" in page
    assert f"/checks/new?project={harness.other}" in page
    assert (await admin.send_form(f"/checks/new?project={harness.other}", NEW, "/new")).status_code == 303
    assert len(list(harness.log.directory.checks_of(harness.other))) == 1


async def test_a_copy_is_filled_in_and_is_a_check_of_its_own(harness: Harness) -> None:
    ann = await member(harness, "editor")
    like = await made(harness, ann, schedule_kind="calendar", schedule="0 2 * * *", tz="Europe/Riga", tags="prod")
    answer = await ann.send_form_of(
        page := await ann.get(f"/checks/new?copy={like.id}"), fields_of(page, "/checks/new"), "/checks/new"
    )
    assert answer.status_code == 303, answer.text
    [copy] = [one for one in harness.log.directory.checks_of(harness.project) if one.id != like.id]
    assert (copy.name, copy.slug) == ("Nightly backup (copy)", "nightly-backup-copy")
    assert (copy.schedule, copy.grace, copy.tags) == (like.schedule, like.grace, like.tags)
    bob = await member(harness, "viewer", "bob@example.org")
    assert (await bob.get(f"/checks/new?copy={like.id}")).status_code == 403
    assert (await ann.get("/checks/new?copy=none")).status_code == 404


@given(st.text(max_size=120))
def test_the_name_of_a_copy_is_never_too_long(name: str) -> None:
    copy = copied_name(name)
    assert len(copy) <= 100
    assert copy.endswith(" (copy)") or not name
    assert name[:93] in copy
