"""What can never be well is refused when a request makes it so, in whichever order the fields come."""

from typing import Any

import pytest

from schemas.monitors import Monitor
from tests.harness import POP_KEY
from tests.poppaping_client import V1
from tests.updown_client import CHECKS, updown

AUTH = {"Authorization": f"Bearer {POP_KEY}"}

# Two parts of a request that do not go together, and the field that is to blame.
PAIRS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"method": "HEAD"}, {"keyword": "well"}, "keyword"),
    ({"method": "HEAD"}, {"body": "text"}, "body"),
    ({"keyword": "well"}, {"expected_statuses": [204, 304]}, "keyword"),
    ({"follow_redirects": True}, {"expected_statuses": [301, 302]}, "expected_statuses"),
]


@pytest.mark.parametrize(("one", "other", "field"), PAIRS)
async def test_the_poppaping_api_refuses_it(one: dict[str, Any], other: dict[str, Any], field: str) -> None:
    harness = updown()
    site = {"name": "Site", "url": "https://site.test/"}

    async def ask(verb: str, path: str, body: dict[str, Any]) -> Any:
        return await harness.client.request(verb, f"{V1}/monitors{path}", json=body, headers=AUTH)

    refused = await ask("POST", "", site | one | other)
    assert (refused.status_code, f"Field '{field}'" in refused.json()["message"]) == (400, True), refused.text
    for first, then in ((one, other), (other, one)):
        made = await ask("POST", "", site | first)
        if made.status_code == 400:  # the default of the other is what does not go with it
            continue
        path = f"/{made.json()['data']['id']}"
        refused = await ask("PATCH", path, then)
        assert (refused.status_code, f"Field '{field}'" in refused.json()["message"]) == (400, True), refused.text
        assert (await ask("PATCH", path, {"name": "Other"})).status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"method": "GET", "body": "text"},
        {"method": "HEAD", "expected_statuses": [200, 999]},
        {"keyword": "bad", "keyword_absent": True, "expected_statuses": [204]},
        {"follow_redirects": False, "expected_statuses": [301]},
        {"head_first": True, "keyword": "well"},
    ],
)
async def test_what_can_be_is_taken(fields: dict[str, Any]) -> None:
    body = {"name": "Site", "url": "https://site.test/"} | fields
    made = await updown().client.post(f"{V1}/monitors", json=body, headers=AUTH)
    assert made.status_code == 201, made.text


async def test_a_keyword_that_must_be_absent_is_there_to_be_looked_for() -> None:
    harness = updown()
    body = {"name": "Site", "url": "https://site.test/", "keyword_absent": True}
    assert (await harness.client.post(f"{V1}/monitors", json=body, headers=AUTH)).status_code == 400
    made = await harness.client.post(f"{V1}/monitors", json=body | {"keyword": "bad"}, headers=AUTH)
    path = f"{V1}/monitors/{made.json()['data']['id']}"
    changed = await harness.client.patch(path, json={"keyword": ""}, headers=AUTH)
    assert (changed.status_code, changed.json()["data"]["keyword_absent"]) == (200, False)


@pytest.mark.parametrize("other", [{"string_match": "well"}, {"http_body": "text"}])
async def test_head_of_the_updown_api_is_get_where_a_body_is_needed(other: dict[str, str]) -> None:
    harness = updown()
    made = await harness.client.post(CHECKS, json={"url": "https://site.test/", "http_verb": "HEAD"} | other)
    assert made.status_code == 201, made.text
    monitor = harness.log.directory.by_token(made.json()["token"])
    assert isinstance(monitor, Monitor)
    assert monitor.target.method == "GET/HEAD"
