"""People in memory: invited, joined, signed in; what they see, what they may change, and who says so."""

import asyncio
import re
from typing import Any

import httpx
import pytest

from infra.secrets.people_tokens import Invitation
from schemas.people import OWNER, person_id
from schemas.recipients import MOST_REQUESTS
from schemas.topics import DEFINITIONS, DELIVERIES, PROJECTS, TRANSITIONS
from tests.harness import ADMIN_PASSWORD, Harness
from tests.people_world import ANN, PASSWORD, invited, joined, member, membership, owner, person
from tests.web_browser import Browser

DAY = 86_400_000_000


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def make_check(harness: Harness, name: str, key: str | None = None) -> str:
    headers = {} if key is None else {"X-Api-Key": key}
    answer = await harness.client.post("/api/v3/checks/", json={"name": name}, headers=headers)
    uuid: str = answer.json()["uuid"]
    return uuid


async def test_who_is_invited_joins_and_sees_his_project_only(harness: Harness) -> None:
    mine = await make_check(harness, "mine")
    others = await make_check(harness, "others", "hcw_" + "o" * 28)
    ann = await member(harness, "viewer")
    page = (await ann.get("/")).text
    assert "mine" in page
    assert "others" not in page
    assert (await ann.get(f"/checks/{mine}")).status_code == 200
    assert (await ann.get(f"/checks/{others}")).status_code == 404
    assert (await ann.get(f"/people/{harness.other}")).status_code == 404
    assert (await ann.get("/people")).headers["Location"] == f"/people/{harness.project}"
    # He signs in again with what he has chosen, however the address is written.
    again = Browser(harness)
    assert (await again.sign_in(ANN, PASSWORD + "!")).status_code == 403
    assert (await again.sign_in("ANN@Example.ORG", PASSWORD)).status_code == 303
    assert "mine" in (await again.get("/")).text


@pytest.mark.parametrize("role", ["viewer", "editor"])
async def test_only_owners_say_who_is_in_a_project(harness: Harness, role: str) -> None:
    ann = await member(harness, role)
    boss = await owner(harness)
    await invited(boss, harness.project, "new@example.org")
    page = (await ann.get(f"/people/{harness.project}")).text
    assert ANN in page
    assert "new@example.org" not in page
    assert 'action="/people' not in page
    token = (await ann.get("/sign-out")).text
    found = re.search(r'name="form_token" value="([^"]*)"', token)
    assert found is not None
    id = membership(harness).id
    for path in ("invite", f"{id}/role", f"{id}/remove"):
        body = {"form_token": found[1], "mail": "x@example.org", "role": "owner"}
        answer = await ann.post(f"/people/{harness.project}/{path}", data=body)
        assert (answer.status_code, membership(harness).role) == (403, role)
    assert (await ann.post(f"/people/{harness.other}/invite", data={"form_token": found[1]})).status_code == 404


async def test_an_owner_invites_and_gives_roles(harness: Harness) -> None:
    ann = await member(harness, "owner")
    bob = await joined(harness, await invited(ann, harness.project, "bob@example.org", "viewer"), "Bob")
    assert membership(harness, "bob@example.org").role == "viewer"
    id = membership(harness, "bob@example.org").id
    answer = await ann.send_form(f"/people/{harness.project}", {"role": "editor"}, f"{id}/role")
    assert answer.status_code == 303
    assert membership(harness, "bob@example.org").role == "editor"
    await ann.send_form(f"/people/{harness.project}", {}, f"{id}/remove")
    assert harness.log.directory.people.member(id) is None
    # From now on he sees nothing, though he is signed in.
    assert "You are in no project" in (await bob.get("/people")).text
    assert (await bob.get(f"/people/{harness.project}")).status_code == 404


async def test_the_last_owner_stays(harness: Harness) -> None:
    ann = await member(harness, "owner")
    id = membership(harness).id
    for action, fields in (("role", {"role": "viewer"}), ("remove", {})):
        answer = await ann.send_form(f"/people/{harness.project}", fields, f"{id}/{action}")
        assert answer.status_code == 409
        assert "last owner" in answer.text
    await joined(harness, await invited(ann, harness.project, "bob@example.org", "owner"), "Bob")
    assert (await ann.send_form(f"/people/{harness.project}", {}, f"{id}/remove")).status_code == 303
    # The owner of the instance owns every project: he takes out even the last one.
    boss, last = await owner(harness), membership(harness, "bob@example.org").id
    assert (await boss.send_form(f"/people/{harness.project}", {}, f"{last}/remove")).status_code == 303
    assert harness.log.directory.people.members_of(harness.project) == []


async def test_an_invitation_opens_once(harness: Harness) -> None:
    boss = await owner(harness)
    first = await invited(boss, harness.project)
    second = await invited(boss, harness.project)
    stranger = Browser(harness)
    assert (await stranger.get(first)).status_code == 404  # the newer one takes its place
    await joined(harness, second)
    fields = {"name": "Eve", "password": "another password", "repeated": "another password"}
    for path in (first, second):
        assert (await stranger.get(path)).status_code == 404
        assert (await stranger.post(path, data=fields)).status_code == 404
    assert person(harness).name == "Ann"
    withdrawn = await invited(boss, harness.project, "bob@example.org")
    id = membership(harness, "bob@example.org").id
    assert (await boss.send_form(f"/people/{harness.project}", {}, f"{id}/remove")).status_code == 303
    assert (await stranger.get(withdrawn)).status_code == 404
    late = await invited(boss, harness.project, "bob@example.org")
    harness.log.time += 7 * DAY
    assert (await stranger.get(late)).status_code == 404
    assert "has expired" in (await (await owner(harness)).get(f"/people/{harness.project}")).text


async def test_what_was_not_signed_here_opens_nothing(harness: Harness) -> None:
    path = await invited(await owner(harness), harness.project)
    one = membership(harness)
    browser = Browser(harness)
    assert one.expires is not None
    token = harness.people_tokens.invitation_token(Invitation(one.id, one.invitation, one.expires))
    assert path.endswith(token)
    for other in (token[:-2] + "AA", "x", token + "A", "%00", "ü"):
        assert (await browser.get(f"/invitations/{other}")).status_code == 404


async def test_who_is_known_joins_with_his_own_session(harness: Harness) -> None:
    """A link in wrong hands gives no stranger a role of somebody else, and no new password."""
    ann = await member(harness, "viewer")
    boss = await owner(harness)
    path = await invited(boss, harness.other, role="owner")
    stranger = Browser(harness)
    assert "Sign in with this mail address" in (await stranger.get(path)).text
    fields = {"name": "Eve", "password": "another password", "repeated": "another password"}
    assert (await stranger.post(path, data=fields)).status_code == 403
    bob = await joined(harness, await invited(boss, harness.project, "bob@example.org"), "Bob")
    assert (await bob.post(path, data=fields)).status_code == 403
    before = person(harness)
    assert (await ann.send_form(path, {})).status_code == 303
    assert person(harness) == before
    assert len((await ann.get("/people")).text.split(f"{harness.other}")) > 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"password": "short"}, "at least 10"),
        ({"repeated": "another horse"}, "not the same"),
        ({"password": "aaaaaaaaaaaa", "repeated": "aaaaaaaaaaaa"}, "too easy"),
        ({"password": ANN, "repeated": ANN}, "too easy"),
        ({"name": ""}, "A name of 1 to 100"),
        ({"name": "a\tb"}, "A name of 1 to 100"),
        ({"name": "x" * 101}, "A name of 1 to 100"),
    ],
)
async def test_what_is_wrong_is_told_beside_its_field(harness: Harness, fields: dict[str, str], words: str) -> None:
    path = await invited(await owner(harness), harness.project)
    browser = Browser(harness)
    answer = await browser.send_form(path, {"name": "Ann", "password": PASSWORD, "repeated": PASSWORD} | fields)
    assert answer.status_code == 400
    assert words in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert membership(harness).joined is None


@pytest.mark.parametrize(
    "mail", ["", "x", "a b@example.org", "a@example.org\r\nBcc: b@example.org", "x" * 250 + "@a.b"]
)
async def test_what_is_no_mail_address_is_not_invited(harness: Harness, mail: str) -> None:
    boss = await owner(harness)
    answer = await boss.send_form(f"/people/{harness.project}", {"mail": mail, "role": "viewer"}, "/invite")
    assert answer.status_code == 400
    assert 'aria-describedby="mail-problem"' in answer.text
    answer = await boss.send_form(f"/people/{harness.project}", {"mail": ANN, "role": "king"}, "/invite")
    assert (answer.status_code, harness.log.directory.people.members_of(harness.project)) == (400, [])


async def test_hostile_names_are_text(harness: Harness) -> None:
    name = '"><script>alert(1)</script>\u202e'
    ann = await joined(harness, await invited(await owner(harness), harness.project), name)
    for path in (f"/people/{harness.project}", "/sign-out"):
        page = (await ann.get(path)).text
        assert "<script>" not in page
        assert "&lt;script&gt;" in page


async def test_changes_of_people_name_who_made_them(harness: Harness) -> None:
    ann = await member(harness, "owner")
    await invited(ann, harness.project, "bob@example.org")
    told = [one for _, one in harness.log.of(TRANSITIONS) if one["type"] == "thing.changed"]
    by = {(one["command"], one["name"]): one for one in told if one.get("kind") in ("member", "person")}
    first, accepted = by["member.invite", ANN], by["member.accept", ANN]
    assert first["actor"]["kind"] == "admin"
    assert accepted["actor"]["kind"] == "page"
    invite = by["member.invite", "bob@example.org"]
    assert invite["project"] == harness.project
    assert {**invite["actor"], "address": ""} == {"kind": "person", "key": person_id(ANN), "user": ANN, "address": ""}
    assert PASSWORD not in str(told)
    answer = await harness.client.get("/api/v3/audit/", params={"actor": "person"})
    if answer.status_code == 200:
        assert answer.json()


async def test_no_log_holds_a_password(harness: Harness) -> None:
    await member(harness, "viewer")
    for topic in (PROJECTS, DEFINITIONS):
        assert PASSWORD not in str(harness.log.of(topic))
    assert person(harness).password.startswith("$argon2id$")


async def test_people_are_there_after_a_restart(harness: Harness) -> None:
    ann = await member(harness, "owner")
    harness.log.restart()
    answer = await ann.send_form(f"/people/{harness.project}", {}, "/remove")
    assert (answer.status_code, "last owner" in answer.text) == (409, True)


async def test_while_kafka_is_away_people_sign_in_and_changes_say_so(harness: Harness) -> None:
    await member(harness, "owner")
    harness.log.broken = True
    browser = Browser(harness)
    assert (await browser.sign_in(ANN, PASSWORD)).status_code == 303
    assert (await Browser(harness).sign_in("admin", ADMIN_PASSWORD)).status_code == 303
    answer = await browser.send_form(f"/people/{harness.project}", {"mail": "b@a.example", "role": "viewer"}, "/invite")
    assert (answer.status_code, "could not be made in time" in answer.text) == (503, True)


async def test_an_invitation_sent_twice_makes_one_person(harness: Harness) -> None:
    path = await invited(await owner(harness), harness.project)
    one, two = Browser(harness), Browser(harness)
    pages: list[httpx.Response] = [await one.get(path), await two.get(path)]
    outcomes: list[Any] = []
    for browser, page, password in zip((one, two), pages, ("first password", "second password"), strict=True):
        fields = {"name": "Ann", "password": password, "repeated": password}
        outcomes.append((await browser.send_form_of(page, fields)).status_code)
    assert outcomes == [303, 404]
    assert (await Browser(harness).sign_in(ANN, "first password")).status_code == 303


async def test_an_invitation_is_mailed_where_mail_is_sent() -> None:
    harness = Harness(smtp_host="mail.example", smtp_from="watch@example.org", public_url="https://up.example")
    boss = Browser(harness, site="https://up.example")
    await boss.sign_in()
    path = f"/people/{harness.project}"
    for _ in range(MOST_REQUESTS + 1):
        answer = await boss.send_form(path, {"mail": "Ann@example.org", "role": "viewer", "language": "fr"}, "/invite")
        assert answer.status_code == 303, answer.text
    # Nobody is written to more often than a request to confirm would be.
    mails = [one for _, one in harness.log.of(DELIVERIES) if one["type"] == "invitation.requested"]
    assert [(one["address"], one["role"], one["language"], one["site"]) for one in mails] == [
        (ANN, "viewer", "fr", "https://up.example")
    ] * MOST_REQUESTS
    assert "and not by mail" in (await boss.get(path)).text
    await boss.send_form(path, {"mail": "bob@example.org", "role": "viewer"}, "/invite")
    assert "by a mail of" in (await boss.get(path)).text
    assert (await boss.send_form(path, {"mail": ANN, "role": "viewer", "language": "xx"}, "/invite")).status_code == 400


async def test_without_mail_the_owner_passes_the_link_on(harness: Harness) -> None:
    boss = await owner(harness)
    await invited(boss, harness.project)
    page = (await boss.get(f"/people/{harness.project}")).text
    said = ("pass the link on yourself" in page, "Pass this link on" in page, "by a mail" in page)
    assert said == (True, True, False)
    assert membership(harness).mailed is None


async def test_the_owner_of_the_instance_removes_people_altogether(harness: Harness) -> None:
    ann = await member(harness, "owner")
    boss = await owner(harness)
    page = await boss.get("/people")
    assert ANN in page.text
    unsure = await boss.send_form_of(page, {"sure": ""}, "/delete")
    assert (unsure.status_code, "say that you are sure" in unsure.text) == (400, True)
    ann_id = person(harness).id
    assert (await ann.post(f"/people/{ann_id}/delete", data=_token(await ann.get("/sign-out")))).status_code == 403
    assert (await boss.send_form_of(page, {"sure": "yes"}, "/delete")).status_code == 303
    people = harness.log.directory.people
    assert (people.everybody(), people.members_of(harness.project)) == ([], [])
    assert (await ann.get("/account")).status_code == 303
    assert (await boss.send_form_of(page, {"sure": "yes"}, "/delete")).status_code == 303  # the same form once more
    assert (await boss.send_form_of(page, {"sure": "very"}, "/delete")).status_code == 409
    assert (await boss.post(f"/people/{OWNER}/delete", data=_token(page) | {"sure": "yes"})).status_code == 400
    harness.log.tick(1)
    # Who is invited by the same address is somebody else, whatever cookies the former one has.
    again = await member(harness, "viewer")
    assert [(await one.get("/account")).status_code for one in (ann, again)] == [303, 200]


async def test_a_project_that_is_removed_meanwhile_is_no_fault(harness: Harness) -> None:
    """Its people and invitations are looked for in vain, whatever was open in a browser."""
    ann = await member(harness, "owner")
    bobs = await invited(ann, harness.project, "bob@example.org")
    page = await ann.get(f"/people/{harness.project}")
    harness.log.directory.projects.pop(harness.project)
    for path in (f"/people/{harness.project}", bobs):
        assert (await ann.get(path)).status_code == 404
    answer = await ann.send_form_of(page, {"mail": "eve@example.org", "role": "viewer"}, "/invite")
    assert answer.status_code == 404
    assert (await ann.get("/account")).status_code == 200


async def test_who_takes_himself_out_is_led_to_what_he_still_sees(harness: Harness) -> None:
    ann = await member(harness, "editor")
    boss = await owner(harness)
    assert (
        await boss.send_form(f"/people/{harness.project}", {"role": "owner"}, f"{membership(harness).id}/role")
    ).status_code == 303
    await joined(harness, await invited(boss, harness.project, "bob@example.org", "owner"))
    answer = await ann.send_form(f"/people/{harness.project}", {}, f"{membership(harness).id}/remove")
    assert answer.headers["Location"] == "/people"
    assert "You are in no project" in (await ann.get("/people")).text


async def test_two_owners_who_take_each_other_out_leave_one(harness: Harness) -> None:
    boss = await owner(harness)
    both = []
    for mail in (ANN, "bob@example.org"):
        both.append(await joined(harness, await invited(boss, harness.project, mail, "owner")))
    pages = [await one.get(f"/people/{harness.project}") for one in both]
    others = [membership(harness, "bob@example.org").id, membership(harness).id]
    asked = zip(both, pages, others, strict=True)
    answers = await asyncio.gather(*(one.send_form_of(page, {}, f"{id}/remove") for one, page, id in asked))
    assert len(harness.log.directory.people.members_of(harness.project)) == 1, answers


async def test_an_invitation_that_two_follow_at_once_is_of_the_first(harness: Harness) -> None:
    path = await invited(await owner(harness), harness.project)
    browsers = [Browser(harness) for _ in range(3)]
    pages = [await one.get(path) for one in browsers]
    fields = [{"name": f"P{n}", "password": f"password no. {n}", "repeated": f"password no. {n}"} for n in range(3)]
    asked = zip(browsers, pages, fields, strict=True)
    answers = await asyncio.gather(*(one.send_form_of(page, given) for one, page, given in asked))
    assert sorted(answer.status_code for answer in answers) == [303, 409, 409]
    signed_in = [(await one.get("/account")).status_code == 200 for one in browsers]
    assert signed_in == [answer.status_code == 303 for answer in answers]
    assert person(harness).name == fields[signed_in.index(True)]["name"]


def _token(page: httpx.Response) -> dict[str, str]:
    found = re.search(r'name="form_token" value="([^"]*)"', page.text)
    assert found is not None
    return {"form_token": found[1]}
