"""The pages of API keys: made once, shown once, revoked after a question, and all of that by owners alone."""

import re

import pytest

from infra.secrets.secrets import hash_api_key
from query_api.web.projects.keys import KIND_WORDS
from schemas.definitions import ApiKey
from schemas.topics import TRANSITIONS
from tests.harness import WRITE_KEY, Harness
from tests.people_world import member, owner
from tests.web_browser import Browser, form_of


@pytest.fixture
def harness() -> Harness:
    return Harness()


def known(harness: Harness, text: str) -> ApiKey | None:
    return harness.log.directory.api_key(hash_api_key(text))


async def made(harness: Harness, browser: Browser, **fields: str) -> tuple[str, ApiKey]:
    answer = await browser.send_form(f"/keys/{harness.project}/new", fields, "/new")
    assert answer.status_code == 200, answer.text
    found = re.search(r'readonly[^>]* value="([^"]*)"', answer.text)
    assert found is not None
    key = known(harness, found[1])
    assert key is not None
    return found[1], key


@pytest.mark.parametrize("kind", KIND_WORDS)
async def test_a_key_is_made_and_shown_once(harness: Harness, kind: str) -> None:
    browser = await owner(harness)
    text, key = await made(harness, browser, kind=kind, name="grafana", days="30")
    assert (key.kind, key.name, key.project) == (kind, "grafana", harness.project)
    assert key.expires is not None
    assert key.expires - harness.log.now() == 30 * 86_400_000_000
    page = (await browser.get("/keys")).text
    assert "<bdi>grafana</bdi>" in page
    assert f"<code>{key.prefix}…</code>" in page
    assert text not in page
    assert key.hash not in page


async def test_when_a_key_was_used_last(harness: Harness) -> None:
    browser = await owner(harness)
    assert "in 0 s" not in (await browser.get("/keys")).text
    await harness.client.get("/api/v3/checks/", headers={"X-Api-Key": WRITE_KEY})
    harness.log.tick(600)
    assert "10 min ago" in (await browser.get("/keys")).text


async def test_a_form_that_comes_twice_makes_one_key(harness: Harness) -> None:
    browser = await owner(harness)
    page = await browser.get(f"/keys/{harness.project}/new")
    before = len(harness.log.directory.keys_of(harness.project))
    fields = {"kind": "poppaping", "scope": "monitors:read"}
    first = await browser.send_form_of(page, fields, "/new")
    second = await browser.send_form_of(page, fields, "/new")
    assert (first.status_code, second.status_code) == (200, 409)
    assert "readonly" not in second.text
    assert len(harness.log.directory.keys_of(harness.project)) == before + 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "healthchecks", "days": "0"}, "A whole number of days"),
        ({"kind": "healthchecks", "days": "999999"}, "A whole number of days"),
        ({"kind": "healthchecks", "days": "³"}, "A whole number of days"),
        ({"kind": "none"}, "Choose one of these."),
        ({"kind": "updown", "scope": "monitors:read"}, "Only keys of the kind poppaping"),
        ({"kind": "updown", "name": "n" * 101}, "at most 100 characters"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field(harness: Harness, fields: dict[str, str], words: str) -> None:
    before = len(harness.log.directory.keys_of(harness.project))
    answer = await (await owner(harness)).send_form(f"/keys/{harness.project}/new", fields, "/new")
    assert answer.status_code == 400
    assert re.search(rf'id="\w+-problem">{words}', answer.text) or words in answer.text
    assert f'value="{fields.get("name", "")}"' in answer.text
    assert len(harness.log.directory.keys_of(harness.project)) == before


async def test_a_key_is_revoked_after_a_question(harness: Harness) -> None:
    browser = await owner(harness)
    key = known(harness, WRITE_KEY)
    assert key is not None
    path = f"/keys/{harness.project}/{key.id}/revoke"
    assert "Revoke the key" in (await browser.get(path)).text
    assert known(harness, WRITE_KEY) is not None
    answer = await browser.send_form(path, {}, "/revoke")
    assert answer.headers["Location"] == "/keys?done=revoked"
    assert known(harness, WRITE_KEY) is None
    assert (await browser.get(path)).status_code == 404
    trail = [one for _, one in harness.log.of(TRANSITIONS) if one.get("command") == "key.revoke"]
    assert trail[-1]["actor"]["kind"] == "admin"


@pytest.mark.parametrize("role", ["viewer", "editor"])
async def test_only_owners_see_keys(harness: Harness, role: str) -> None:
    ann, key = await member(harness, role), known(harness, WRITE_KEY)
    assert key is not None
    page = (await ann.get("/keys")).text
    assert "Only owners of this project" in page
    assert key.prefix not in page
    token = form_of((await ann.get("/sign-out")).text, "/sign-out")[1]
    for path in ("new", f"{key.id}/revoke"):
        assert (await ann.get(f"/keys/{harness.project}/{path}")).status_code == 403
        assert (await ann.post(f"/keys/{harness.project}/{path}", data=token)).status_code == 403
    assert known(harness, WRITE_KEY) is not None


async def test_keys_of_other_projects_are_not_there(harness: Harness) -> None:
    ann = await member(harness, "owner")
    theirs = harness.log.directory.keys_of(harness.other)[0]
    mine = known(harness, WRITE_KEY)
    assert mine is not None
    token = form_of((await ann.get("/sign-out")).text, "/sign-out")[1]
    assert theirs.prefix not in (await ann.get("/keys")).text.replace(mine.prefix, "")
    for path in (
        f"{harness.other}/new",
        f"{harness.other}/{theirs.id}/revoke",
        f"{harness.project}/{theirs.id}/revoke",
    ):
        assert (await ann.get(f"/keys/{path}")).status_code == 404
        assert (await ann.post(f"/keys/{path}", data=token | {"kind": "updown"})).status_code == 404
    assert harness.log.directory.api_key(theirs.hash) is not None


async def test_without_kafka_nobody_is_told_that_a_key_is_made(harness: Harness) -> None:
    browser = await owner(harness)
    page = await browser.get(f"/keys/{harness.project}/new")
    harness.log.broken = True
    answer = await browser.send_form_of(page, {"kind": "updown"}, "/new")
    assert answer.status_code == 503
    assert "it may still be made" in answer.text
    assert "Key created" not in answer.text
