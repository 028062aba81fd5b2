"""The pages of escalations and rotations: who is on call, and forms whose rows need no script."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_api.web.forms.form_rows import is_of_rows, rows_of_values, values_of_rows
from schemas.escalations import EscalationPolicy, Step
from schemas.on_call import OnCallRotation
from tests.harness import POP_KEY, Harness
from tests.people_world import member, owner
from tests.web_browser import Browser, form_of

# START is Sunday, 15 June 2025, 15:06:40 UTC.


@pytest.fixture
def harness() -> Harness:
    return Harness()


@given(rows=st.lists(st.fixed_dictionaries({"after": st.integers(1, 99), "own": st.booleans()}), max_size=20))
def test_rows_come_back_as_they_were(rows: list[dict[str, Any]]) -> None:
    values = values_of_rows(rows)
    assert rows_of_values(values, "after", ("own",), 20) == rows
    assert all(is_of_rows(name, ("after", "own")) for name in values)
    assert not is_of_rows("name", ("after", "own"))
    assert not is_of_rows("after_x", ("after", "own"))


def policy_of(harness: Harness) -> EscalationPolicy:
    [policy] = harness.log.directory.policies_of(harness.project)
    return policy


def rotation_of(harness: Harness) -> OnCallRotation:
    [rotation] = harness.log.directory.rotations_of(harness.project)
    return rotation


async def make_policy(harness: Harness, browser: Browser, **fields: Any) -> EscalationPolicy:
    new = f"/escalations/new?project={harness.project}"
    answer = await browser.send_form(new, {"name": "Night", **fields}, f"project={harness.project}")
    assert answer.status_code == 303, answer.text
    return policy_of(harness)


async def make_rotation(harness: Harness, browser: Browser, **fields: Any) -> OnCallRotation:
    new = f"/rotations/new?project={harness.project}"
    given = {"name": "Primary", "timezone": "UTC", "every_days": "7", "weekday": "monday", "time": "09:00"}
    answer = await browser.send_form(new, given | fields, f"project={harness.project}")
    assert answer.status_code == 303, answer.text
    return rotation_of(harness)


async def test_a_policy_is_made_changed_and_removed(harness: Harness) -> None:
    pager, boss = harness.make_channel("pager"), harness.make_channel("boss")
    browser = await owner(harness)
    policy = await make_policy(harness, browser, after_1="5", channels_1=pager, after_3="30", channels_3=[pager, boss])
    assert [(step.after, step.channels, step.own) for step in policy.steps] == [
        (5, (pager,), True),
        (30, (pager, boss), False),
    ]
    assert policy.repeat == 0
    page = (await browser.get("/escalations")).text
    assert "<bdi>Night</bdi>" in page
    assert f'After 5 min: <a href="/channels/{pager}"><bdi>pager</bdi></a>, the channels of the check' in page
    change = {"repeat": "", "channels_1": boss, "own_1": "on", "channels_2": [pager, boss], "after_2": "45"}
    answer = await browser.send_form(f"/escalations/{policy.id}/edit", change, "/edit")
    assert answer.headers["Location"] == "/escalations?done=kept", answer.text
    now = policy_of(harness)
    assert now.repeat is None
    assert now.steps == (Step(5, (boss,), True), Step(45, (pager, boss)))
    assert "until somebody acknowledges" in (await browser.get("/escalations")).text
    await browser.send_form(f"/escalations/{policy.id}/remove", {}, "/remove")
    assert harness.log.directory.policies_of(harness.project) == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"after_1": "x"}, 'id="error-after_1"'),
        ({"after_1": "30", "after_2": "5", "own_2": "on"}, "each step must come later"),
        ({"repeat": "-1"}, 'id="error-repeat"'),
        ({"name": "n" * 201}, 'id="error-name"'),
    ],
)
async def test_what_is_wrong_with_a_policy_is_told(harness: Harness, fields: dict[str, str], words: str) -> None:
    new = f"/escalations/new?project={harness.project}"
    answer = await (await owner(harness)).send_form(new, {"name": "N"} | fields, f"project={harness.project}")
    assert answer.status_code == 400
    assert words in answer.text
    assert harness.log.directory.policies_of(harness.project) == []


async def test_a_rotation_is_made_and_shows_who_is_on_call(harness: Harness) -> None:
    ada, bob = harness.make_channel("ada"), harness.make_channel("bob")
    browser = await owner(harness)
    turns = {"turn_channels_1": ada, "turn_name_1": "Ada", "turn_channels_2": bob}
    rotation = await make_rotation(harness, browser, **turns, hours_start_1="08:00", hours_end_1="20:00")
    assert [(turn.channels, turn.name) for turn in rotation.turns] == [((ada,), "Ada"), ((bob,), "")]
    assert rotation.hours[0].days == tuple(range(7))
    listed = (await browser.get("/rotations")).text
    assert "<bdi>Ada (ada)</bdi>" in listed
    assert ">2025-06-15 20:00:00 UTC</time>" in listed
    page = (await browser.get(f"/rotations/{rotation.id}")).text
    assert "Now: <bdi>Ada (ada)</bdi>" in page
    assert "Next: <bdi>nobody</bdi>" in page
    assert "In 336.0 hours of the next four weeks nobody is on call" in page
    change = {"name": "Main", "turn_channels_1": ada, "turn_channels_2": bob, "hours_start_1": "", "weekday": "monday"}
    answer = await browser.send_form(f"/rotations/{rotation.id}/edit", change, "/edit")
    assert answer.status_code == 303, answer.text
    now = rotation_of(harness)
    assert (now.name, now.hours, now.turns, now.handover) == ("Main", (), rotation.turns, rotation.handover)


async def test_somebody_else_is_put_on_call(harness: Harness) -> None:
    ada, bob = harness.make_channel("ada"), harness.make_channel("bob")
    browser = await owner(harness)
    rotation = await make_rotation(harness, browser, turn_channels_1=ada)
    span = {"alert_channel_ids": bob, "starts_at": "2025-06-15T15:00", "ends_at": "2025-06-15T18:00", "name": "Swap"}
    answer = await browser.send_form(f"/rotations/{rotation.id}/override", span, "/override")
    page = (await browser.get(answer.headers["Location"])).text
    assert "Now: <bdi>Swap (bob)</bdi>" in page
    [made] = rotation_of(harness).overrides
    answer = await browser.send_form(f"/rotations/{rotation.id}", {}, f"{made.id}/remove")
    assert answer.headers["Location"].endswith("done=taken-back")
    assert rotation_of(harness).overrides == ()
    wrong = {"alert_channel_ids": bob, "starts_at": "2025-06-15T18:00", "ends_at": "2025-06-15T17:00"}
    answer = await browser.send_form(f"/rotations/{rotation.id}/override", wrong, "/override")
    assert (answer.status_code, 'role="alert"' in answer.text) == (400, True)
    await browser.send_form(f"/rotations/{rotation.id}/remove", {}, "/remove")
    assert harness.log.directory.rotations_of(harness.project) == []


async def test_the_second_of_two_editors_is_told(harness: Harness) -> None:
    ada = harness.make_channel("ada")
    browser = await owner(harness)
    rotation = await make_rotation(harness, browser, turn_channels_1=ada)
    first, second = [await browser.get(f"/rotations/{rotation.id}/edit") for _ in range(2)]
    same = {"turn_channels_1": ada, "weekday": "monday"}
    await browser.send_form_of(first, same | {"name": "Theirs"}, "/edit")
    answer = await browser.send_form_of(second, same | {"time": "10:00"}, "/edit")
    assert answer.status_code == 409
    assert 'value="Theirs"' in answer.text
    assert "Somebody else has changed this" in answer.text


async def test_viewers_change_nothing_and_others_see_nothing(harness: Harness) -> None:
    ada = harness.make_channel("ada")
    boss = await owner(harness)
    policy = await make_policy(harness, boss, channels_1=ada)
    rotation = await make_rotation(harness, boss, turn_channels_1=ada)
    bob = await member(harness, "viewer")
    for path in ("/escalations", "/rotations", f"/rotations/{rotation.id}"):
        page = (await bob.get(path)).text
        assert "/edit" not in page
        assert "/new?" not in page
    assert 'id="calendar"' not in page
    token = form_of((await bob.get("/sign-out")).text, "/sign-out")[1]
    forms = ["escalations/{}/edit", "escalations/{}/remove", "rotations/{}/edit", "rotations/{}/remove",
             "rotations/{}/override"]  # fmt: skip
    for form in forms:
        id = policy.id if form.startswith("escalations") else rotation.id
        assert (await bob.get(f"/{form.format(id)}")).status_code == 403, form
        assert (await bob.post(f"/{form.format(id)}", data=token)).status_code == 403, form
    for kind in ("escalations", "rotations"):
        for project, status in ((harness.project, 403), (harness.other, 404)):
            assert (await bob.get(f"/{kind}/new?project={project}")).status_code == status
            assert (await bob.post(f"/{kind}/new?project={project}", data=token)).status_code == status
    carol = Browser(harness)
    assert (await carol.get(f"/rotations/{rotation.id}")).status_code != 200
    assert policy_of(harness) == policy


async def test_a_calendar_of_others_is_fetched_and_the_own_link_renewed(harness: Harness) -> None:
    ann, channel = await member(harness, "editor"), harness.make_channel("ops")
    body = {"name": "Team", "turns": [{"alert_channel_ids": [channel]}]}
    headers = {"Authorization": f"Bearer {POP_KEY}"}
    made = (await harness.client.post("/api/v1/on-call", json=body, headers=headers)).json()["data"]
    path, secret = f"/rotations/{made['id']}", "private-4711"
    for url, said in (("http://127.0.0.1/x.ics", "127.0.0.1"), ("ftp://a.example/", "must"), ("", "must")):
        refused = await ann.send_form(f"{path}/calendar", {"url": url}, "/calendar")
        assert refused.status_code == 400
        assert said in refused.text.partition('id="error-url">')[2].partition("</p>")[0], refused.text
    url = f"https://calendar.example.com/{secret}/basic.ics"
    assert (await ann.send_form(f"{path}/calendar", {"url": url}, "/calendar")).status_code == 303
    shown = (await ann.get(path)).text
    assert "The calendar at <bdi>calendar.example.com</bdi> is fetched" in shown
    assert secret not in shown + (await ann.get(f"{path}/calendar")).text
    link = made["calendar_url"]
    assert link in shown
    assert (await ann.send_form(path, {}, "/calendar-link")).status_code == 303
    assert link not in (await ann.get(path)).text
    assert (await ann.send_form(path, {}, "/calendar/remove")).status_code == 303
    assert harness.log.directory.calendar(made["id"]) is None
    assert "None is fetched." in (await ann.get(path)).text
