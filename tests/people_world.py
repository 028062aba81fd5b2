"""People of a Pingfold in memory: they are invited, join, and have browsers of their own."""

import re

from schemas.people import Member, Person, member_id, person_id
from tests.harness import Harness
from tests.web_browser import Browser

ANN, PASSWORD = "ann@example.org", "correct horse"


async def owner(harness: Harness) -> Browser:
    browser = Browser(harness)
    assert (await browser.sign_in()).status_code == 303
    return browser


async def invited(browser: Browser, project: str, mail: str = ANN, role: str = "editor") -> str:
    """Invite somebody; the path of the link that the page shows."""
    answer = await browser.send_form(f"/people/{project}", {"mail": mail, "role": role}, "/invite")
    assert answer.status_code == 303, answer.text
    page = (await browser.get(answer.headers["Location"])).text
    row = page[page.index(f'id="{member_id(project, person_id(mail))}"') :]
    found = re.search(r'value="[^"]*(/invitations/[^"]*)"', row)
    assert found is not None
    return found[1]


async def joined(harness: Harness, path: str, name: str = "Ann", password: str = PASSWORD) -> Browser:
    browser = Browser(harness)
    answer = await browser.send_form(path, {"name": name, "password": password, "repeated": password})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/"), answer.text
    return browser


async def member(harness: Harness, role: str, mail: str = ANN) -> Browser:
    return await joined(harness, await invited(await owner(harness), harness.project, mail, role))


def membership(harness: Harness, mail: str = ANN) -> Member:
    found = harness.log.directory.people.member(member_id(harness.project, person_id(mail)))
    assert found is not None
    return found


def person(harness: Harness, mail: str = ANN) -> Person:
    found = harness.log.directory.people.person(person_id(mail))
    assert found is not None
    return found
