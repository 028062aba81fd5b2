"""The page of the audit trail: filters, pages, who may read it, and what it says without history."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.clickhouse.client import ClickHouseUnavailable
from query_api.history.audit_object import AuditChange
from query_api.web.projects import audit
from query_api.web.projects.audit_words import told_change
from tests.harness import POP_KEY, Harness
from tests.people_world import member, owner

KEY = {"Authorization": f"Bearer {POP_KEY}"}


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def make_checks(harness: Harness, *names: str) -> list[str]:
    made = []
    for name in names:
        made.append((await harness.client.post("/api/v3/checks/", json={"name": name})).json()["uuid"])
        harness.log.tick(60)
    return made


async def test_who_changed_what(harness: Harness) -> None:
    [check] = await make_checks(harness, "backup")
    await harness.client.post(f"/api/v3/checks/{check}", json={"name": "nightly"})
    page = (await (await owner(harness)).get(f"/audit?project={harness.project}")).text
    assert "name: backup → nightly" in page
    assert "an API key" in page
    assert f'href="/checks/{check}"><bdi>nightly</bdi>' in page
    assert "<option>check</option>" in page


async def test_names_and_words_stand_in_place_of_ids_and_json(harness: Harness) -> None:
    channel = await make_channel(harness, "Ops")
    gone = await make_channel(harness, "Gone")
    body = {"name": "web", "url": "https://a.example", "alert_channel_ids": [channel, gone]}
    monitor = (await harness.client.post("/api/v1/monitors", json=body, headers=KEY)).json()["data"]["id"]
    await harness.client.delete(f"/api/v1/alert-channels/{gone}", headers=KEY)
    cron = {"name": "job", "schedule": "0 3 * * *", "tz": "Europe/Riga"}
    await harness.client.post("/api/v3/checks/", json=cron)
    browser = await owner(harness)
    page = (await browser.get(f"/audit?project={harness.project}")).text
    [channels] = re.findall("<bdi>channels: ([^<]*)</bdi>", page)
    assert sorted(channels.split(", ")) == sorted(["Ops", gone])
    assert "<bdi>target URL: https://a.example</bdi>" in page
    assert "<bdi>schedule: At 03:00 every day (Europe/Riga)</bdi>" in page
    assert "it is down, it is up again" in page
    [key] = [one for one in harness.log.directory.keys_of(harness.project) if one.kind == "poppaping"]
    assert f"an API key <bdi>{key.prefix}…</bdi>" in page
    assert f"key <bdi>{key.prefix}…</bdi>" in page
    assert "Only of <bdi>web</bdi>." in (await browser.get(f"/audit?project={harness.project}&thing={monitor}")).text
    elsewhere = (await browser.get(f"/audit?project={harness.other}&thing={monitor}")).text
    assert f"Only of the thing <code>{monitor}</code>." in elsewhere


async def make_channel(harness: Harness, name: str) -> str:
    body = {"channel_type": "webhook", "name": name, "url": "https://hooks.example/x"}
    return str((await harness.client.post("/api/v1/alert-channels", json=body, headers=KEY)).json()["data"]["id"])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(), one, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(["schedule", "channels"]),
)
def test_a_value_of_any_form_is_told(value: Any, field: str) -> None:
    told = told_change(AuditChange(field, None, value, False), "updated", lambda id: "")
    assert told == "" or told.startswith(f"{field}: nothing → ")


async def test_entries_are_filtered(harness: Harness) -> None:
    first, _ = await make_checks(harness, "first", "second")
    browser = await owner(harness)

    async def names(query: str) -> set[str]:
        text = (await browser.get(f"/audit?project={harness.project}&{query}")).text
        return set(re.findall(r"<bdi>(first|second)</bdi>", text))

    assert await names("") == {"first", "second"}
    assert await names(f"thing={first}") == {"first"}
    assert await names("kind=check") == {"first", "second"}
    assert await names("kind=monitor") == set()
    assert await names("actor=api_key") == {"first", "second"}
    assert await names("actor=admin") == set()
    assert await names("range=2025-01-01..2025-01-02") == set()
    assert await names("range=24h") == {"first", "second"}
    assert "The range must be" in (await browser.get("/audit?range=soon")).text
    assert "there is no kind" in (await browser.get("/audit?actor=API-key")).text


async def test_many_entries_have_pages(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PER_PAGE", 2)
    await make_checks(harness, "job-0", "job-1", "job-2", "job-3", "job-4")
    browser = await owner(harness)
    path, seen = f"/audit?project={harness.project}&kind=check", []
    while path:
        text = (await browser.get(path)).text
        seen.append(re.findall(r"<bdi>(job-\d)</bdi>", text))
        found = re.search(r'rel="next" href="([^"]*)"', text)
        path = "" if found is None else found[1].replace("&amp;", "&")
    assert seen == [["job-4", "job-3"], ["job-2", "job-1"], ["job-0"]]


async def test_whoever_may_change_a_project_reads_its_trail(harness: Harness) -> None:
    await make_checks(harness, "mine")
    await harness.client.post("/api/v3/checks/", json={"name": "theirs"}, headers={"X-Api-Key": "hcw_" + "o" * 28})
    ann = await member(harness, "editor")
    for query in ("", f"?project={harness.other}"):
        page = (await ann.get(f"/audit{query}")).text
        assert "mine" in page
        assert "theirs" not in page
    bob = await member(harness, "viewer", "bob@example.org")
    page = (await bob.get("/audit")).text
    assert "You may change no project." in page
    assert "mine" not in page


async def test_what_history_does_not_tell_is_said(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    await make_checks(harness, "backup")
    browser = await owner(harness)
    harness.audit_history.behind = True
    page = (await browser.get(f"/audit?project={harness.project}")).text
    assert "the newest changes may be missing" in page
    assert "backup" in page

    async def away(*_: Any) -> Any:
        raise ClickHouseUnavailable("ClickHouse is away")

    monkeypatch.setattr(harness.audit_history, "entries", away)
    answer = await browser.get("/audit")
    assert (answer.status_code, "the trail cannot be shown" in answer.text) == (200, True)
