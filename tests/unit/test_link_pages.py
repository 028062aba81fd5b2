"""The pages that links in messages open are in the language and the time zone of the channel."""

from typing import Any

import pytest

from infra.secrets.confirmation_links import PATH as RECIPIENTS
from infra.secrets.incident_links import LIST_PATH
from infra.secrets.incident_links import PATH as INCIDENTS
from schemas.ids import derived_id
from schemas.languages.catalogues import CATALOGUES, LANGUAGES
from schemas.recipients import LINK_VALID, recipient_id
from tests.harness import WRITE_KEY, Harness
from tests.poppaping_client import V1, with_key

ADDRESS = "ada@example.com"
PAGES = {key: text for key, text in CATALOGUES["en"].items() if key.startswith("page.")}


@pytest.fixture
def harness() -> Harness:
    harness = with_key(Harness(smtp_host="mail.example", smtp_from="Pingfold <ops@up.example>"))
    harness.client.headers["X-Api-Key"] = WRITE_KEY
    return harness


async def channel(harness: Harness, **fields: Any) -> str:
    body = {"channel_type": "email", "addresses": [ADDRESS], **fields}
    answer = await harness.client.post(f"{V1}/alert-channels", json=body)
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["data"]["id"]
    return id


def recipient(harness: Harness, expires: int = LINK_VALID) -> str:
    return RECIPIENTS + harness.links.token(recipient_id(harness.project, ADDRESS), harness.log.time + expires)


async def page(harness: Harness, path: str, status: int = 200, **form: str) -> str:
    """Its text, without English sentences that another language has."""
    answer = await (harness.client.post(path, data=form) if form else harness.client.get(path))
    assert answer.status_code == status, answer.text
    return answer.text


def must_be(text: str, language: str) -> None:
    """Nothing of it is English."""
    assert f'<html lang="{language}">' in text
    if language != "en":
        others = {key: english for key, english in PAGES.items() if CATALOGUES[language][key] != english}
        spoken = [english for english in others.values() if "{" not in english and f">{english}<" in text]
        assert spoken == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_who_is_asked_to_confirm_reads_it_as_in_the_mail(harness: Harness, language: str) -> None:
    await channel(harness, language=language)
    says = CATALOGUES[language]
    text = await page(harness, recipient(harness))
    must_be(text, language)
    assert says["page.unless"].replace("'", "&#39;") in text
    assert says["page.yes"] in text
    for answer, key in (("confirm", "page.confirmed"), ("block", "page.blocked")):
        text = await page(harness, recipient(harness), answer=answer)
        must_be(text, language)
        assert says[key] in text
    must_be(await page(harness, recipient(harness), 400, answer="maybe"), language)
    must_be(await page(harness, recipient(harness, expires=-1), 410), language)


async def test_the_newest_channel_with_the_address_says_how(harness: Harness) -> None:
    await channel(harness, language="fr")
    harness.log.tick(60)
    await channel(harness, language="de", addresses=["Ada@Example.com"])
    must_be(await page(harness, recipient(harness)), "de")
    must_be(await page(harness, f"{RECIPIENTS}x", 404), "en")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_who_is_told_of_an_incident_reads_it_as_in_the_notice(harness: Harness, language: str) -> None:
    told = await channel(harness, language=language, timezone="Asia/Tokyo")
    made = await harness.client.post("/api/v3/checks/", json={"name": "Backup <1>", "channels": told})
    id, start = made.json()["uuid"], harness.log.time
    harness.log.ping(id, "fail")
    incident = harness.log.states.state(id)
    assert incident is not None
    assert incident.incident is not None
    one = INCIDENTS + str(harness.incident_links.token(id, incident.incident, told))
    many = LIST_PATH + str(harness.incident_links.list_token(told, start, harness.log.time))
    for path in (one, many):
        text = await page(harness, path)
        must_be(text, language)
        assert "JST" in text
        assert "UTC" not in text
        assert "Backup &lt;1&gt;" in text
        text = await page(harness, path, by="Ada <b>", comment="on it") if path == one else await page(harness, path)
        must_be(text, language)
        assert "Ada &lt;b&gt;" in text
    harness.log.ping(id)
    must_be(await page(harness, one, 410), language)
    must_be(await page(harness, many), language)
    elsewhere = INCIDENTS + str(harness.incident_links.token(derived_id("gone"), incident.incident, told))
    must_be(await page(harness, elsewhere, 404), language)
