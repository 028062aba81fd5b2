"""The audit trail as the API shows it: who may read it, pages, filters, and what is refused."""

from typing import Any

import pytest

from query_api.history.audit_object import cursor_of, place_of
from query_api.history.checks import FOREVER
from tests.audit_trail import AUDIT, BEARER, CLIENT, trail
from tests.harness import OTHER_KEY, POP_KEY, READ_KEY, Harness
from tests.updown_client import with_updown_keys


@pytest.fixture
def harness() -> Harness:
    return with_updown_keys(Harness(test_sends_per_hour=0, smtp_host="mail.example.org", smtp_from="a@example.org"))


async def test_only_a_key_of_full_scope_reads_it_and_only_of_its_own_project(harness: Harness) -> None:
    await harness.client.post("/api/v3/checks/", json={"name": "mine"})
    for path in ("/api/v1/audit/", "/api/v2/audit", AUDIT):
        assert (await harness.client.get(path)).status_code == 200
        for key, error in ((READ_KEY, "wrong api key"), (POP_KEY[:32], "wrong api key"), ("", "missing api key")):
            answer = await harness.client.get(path, headers={"X-Api-Key": key})
            assert (answer.status_code, answer.json()["error"]) == (401, error)
    names = [entry["name"] for entry in await trail(harness, OTHER_KEY)]
    assert "mine" not in names
    assert "other" in names  # that it was made


async def made(harness: Harness, count: int) -> list[str]:
    """So many checks, a second apart; newest first."""
    ids = []
    for number in range(count):
        harness.log.tick(1)
        answer = await harness.client.post("/api/v3/checks/", json={"name": f"c{number}"})
        ids.append(answer.json()["uuid"])
    return ids[::-1]


async def test_pages_hold_each_entry_once_newest_first(harness: Harness) -> None:
    ids = await made(harness, 7)
    found: list[str] = []
    query: dict[str, Any] = {"kind": "check", "limit": "3"}
    pages = 0
    while pages < 10:
        pages += 1
        page = (await harness.client.get(AUDIT, params=query)).json()
        found += [entry["thing"] for entry in page["entries"]]
        if page["next"] is None:
            break
        # What comes meanwhile moves nothing.
        await harness.client.post("/api/v3/checks/", json={"name": "later"})
        query["before"] = page["next"]
    assert (found, pages) == (ids, 3)
    assert [entry["thing"] for entry in await trail(harness, kind="check", limit="1000")][3 - 1 :] == ids


async def test_filters(harness: Harness) -> None:
    begin = harness.log.now()
    newest, middle, oldest = await made(harness, 3)
    answer = await harness.client.post("/api/v1/monitors", json={"name": "m", "url": "https://a.test/"}, headers=BEARER)
    monitor = answer.json()["data"]["id"]
    second = 1_000_000

    async def things(**query: Any) -> list[str]:
        return [entry["thing"] for entry in await trail(harness, **query)]

    assert await things(kind="check") == [newest, middle, oldest]
    assert await things(kind="monitor") == [monitor]
    assert await things(thing=middle) == [middle]
    assert await things(actor=CLIENT) == [monitor]
    assert await things(actor="api_key") == [monitor, newest, middle, oldest]
    [by_pop] = [key.id for key in harness.log.directory.keys_of(harness.project) if key.kind == "poppaping"]
    assert await things(actor=by_pop) == [monitor]
    assert await things(actor="nobody") == []
    start = begin // second + 2
    assert await things(kind="check", start=str(start)) == [newest, middle]
    assert await things(kind="check", end=str(start)) == [oldest]
    assert await things(kind="check", start=str(start), end=str(start + 1)) == [middle]
    assert await things(kind="check", seconds="1") == [newest, middle]


@pytest.mark.parametrize(
    "query",
    [
        *({name: value} for name in ("seconds", "start", "end", "limit") for value in ("-1", "x", "9" * 40)),
        {"limit": "1001"},
        {"limit": "0"},
        {"limit": ""},
        *({"before": value} for value in ("x", "1", "1-2", "-1-0-0", "1-2-3-4", "1-70000-1", "²-1-1")),
        {"before": f"1-2-{'9' * 30}"},
        {"kind": "k" * 201},
    ],
)
async def test_what_cannot_be_read_is_refused(harness: Harness, query: dict[str, str]) -> None:
    assert (await harness.client.get(AUDIT, params=query)).status_code == 400


@pytest.mark.parametrize(
    ("query", "error"),
    [
        (
            {"kind": "nonsense"},
            "there is no kind 'nonsense' of things; there are calendar-feed, check, monitor, channel, status-page, "
            "maintenance, project, key, recipient, escalation, template, reports, on-call, tag-mute, person, member, "
            "status-post, page-subscriber",
        ),
        (
            {"actor": "api-key"},
            "there is no kind 'api-key' of actors; there are api_key, ping_key, cli, page, admin, person, system, "
            "unknown",
        ),
        ({"limit": "0"}, "limit must be a whole number from 1 to 1000"),
    ],
)
async def test_what_is_refused_says_what_there_is(harness: Harness, query: dict[str, str], error: str) -> None:
    answer = await harness.client.get(AUDIT, params=query)
    assert (answer.status_code, answer.json()) == (400, {"error": error})


async def test_it_says_when_the_newest_changes_may_be_missing(harness: Harness) -> None:
    harness.audit_history.behind = True
    assert (await harness.client.get(AUDIT)).json()["complete"] is False


async def test_without_history_it_is_not_available() -> None:
    answer = await Harness(history=False).client.get(AUDIT)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


async def test_an_address_is_believed_of_trusted_proxies_only() -> None:
    harness = Harness(trusted_proxies="192.0.2.0/24")
    await harness.client.post("/api/v3/checks/", json={"name": "x"}, headers={"X-Forwarded-For": CLIENT})
    assert (await trail(harness))[0]["actor"]["address"] == "127.0.0.1"


def test_places_and_their_text() -> None:
    for place in ((0, 0, 0), (FOREVER, 65_535, 2**63 - 1)):
        found = place_of("-".join(map(str, place)))
        assert found == place
        assert found is not None
        assert place_of(cursor_of(found)) == found
