"""`/api/v1/tag-mutes`: tags are muted, listed and lifted; checks that have one, or get it, are told of to nobody."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from pingfold.cli import app
from pingfold.commands import admin, mutes
from schemas.base import SECOND, encode
from schemas.requests import ChannelUpdate, ProjectsRequest, TagMuteSet
from schemas.tag_mutes import TagMuteCopy, tag_mute_key
from schemas.times import iso
from schemas.topics import DELIVERIES, PINGS, PROJECTS, TRANSITIONS
from tests.harness import ADMIN_PASSWORD, WRITE_KEY, Harness
from tests.poppaping_client import OTHERS_KEY, UNKNOWN, V1, fault, with_key

MUTES = f"{V1}/tag-mutes"


@pytest.fixture
def harness() -> Harness:
    harness = with_key(Harness())
    harness.client.headers["X-Api-Key"] = WRITE_KEY
    harness.make_channel("hook")
    return harness


async def muted(harness: Harness, tag: str = "db", until: str = "forever") -> dict[str, Any]:
    answer = await harness.client.post(MUTES, json={"tag": tag, "mute_until": until})
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()["data"]
    assert (shown["tag"], shown["mute_until"]) == (tag, until)
    return shown


async def check(harness: Harness, name: str, tags: str = "") -> str:
    body = {"name": name, "tags": tags, "channels": "*"}
    id: str = (await harness.client.post("/api/v3/checks/", json=body)).json()["uuid"]
    return id


def requested(harness: Harness) -> int:
    return sum(value["type"] == "delivery.requested" for _, value in harness.log.of(DELIVERIES))


async def test_muted_in_every_partition_listed_and_lifted(harness: Harness) -> None:
    ids = [await check(harness, f"c{number}", "db x") for number in range(6)]  # in both partitions
    one = await muted(harness)
    assert (await harness.client.get(MUTES)).json()["data"] == [one]
    for id in ids:
        harness.log.ping(id, "fail")
    assert requested(harness) == 0
    copies = [harness.log.records_of(PINGS, number).get(tag_mute_key(one["id"])) for number in (0, 1)]
    assert all(isinstance(copy, TagMuteCopy) for copy in copies)
    answer = await harness.client.delete(f"{MUTES}/{one['id']}")
    assert answer.json()["data"] == {"id": one["id"], "deleted": True}
    assert requested(harness) == 6
    assert (await harness.client.get(MUTES)).json()["data"] == []
    assert fault(await harness.client.delete(f"{MUTES}/{one['id']}")) == (404, "not_found")
    actions = [value["action"] for _, value in harness.log.of(TRANSITIONS) if value.get("kind") == "tag-mute"]
    assert actions == ["created", "deleted"]


async def test_it_ends_by_its_time_and_is_forgotten(harness: Harness) -> None:
    id = await check(harness, "c", "db")
    one = await muted(harness, until=iso(harness.log.time + 600 * SECOND))
    harness.log.ping(id, "fail")
    harness.log.tick(599)
    assert requested(harness) == 0
    longer = await muted(harness, until=iso(harness.log.time + 600 * SECOND))
    assert longer["id"] == one["id"]
    harness.log.tick(590)
    assert requested(harness) == 0
    harness.log.tick(20)
    assert requested(harness) == 1
    assert (await harness.client.get(MUTES)).json()["data"] == []
    assert harness.log.directory.tag_mute(one["id"]) is None
    harness.log.ping(id)
    assert requested(harness) == 2
    await muted(harness)
    harness.log.ping(id, "fail")
    assert requested(harness) == 2


async def test_what_the_other_apis_show_stays(harness: Harness) -> None:
    id = await check(harness, "c", "db")
    before = (await harness.client.get(f"/api/v3/checks/{id}")).json()
    await muted(harness)
    for page in ("/", f"/checks/{id}"):
        assert "muted by a tag" in (await harness.client.get(page, auth=("", ADMIN_PASSWORD))).text
    assert (await harness.client.get(f"/api/v3/checks/{id}")).json() == before


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"tag": ""},
        {"tag": "a b"},
        {"tag": " a"},
        {"tag": 5},
        {"tag": "x" * 501},
        {"tag": "a", "mute_until": "recovery"},
        {"tag": "a", "mute_until": None},
        {"tag": "a", "mute_until": "2001-01-01"},
        {"tag": "a", "mute_until": "9999-12-31"},
        {"tag": "a", "mute_until": ["forever"]},
        {"tag": "a", "until": "forever"},
    ],
)
async def test_bad_bodies(harness: Harness, body: dict[str, Any]) -> None:
    assert fault(await harness.client.post(MUTES, json=body)) == (400, "validation_error")


async def test_a_moment_that_is_over_before_it_is_decided(harness: Harness) -> None:
    harness.log.tick(1)
    now = harness.log.now
    harness.log.now = lambda: harness.log.time - SECOND  # type: ignore[method-assign]
    answer = await harness.client.post(MUTES, json={"tag": "a", "mute_until": iso(harness.log.time)})
    harness.log.now = now  # type: ignore[method-assign]
    assert fault(answer) == (400, "validation_error")


async def test_odd_tags_are_tags(harness: Harness) -> None:
    for tag in ("\u0000", "a/b", "ü\U0001f600", "%2e%2e", "x" * 500):
        one = await muted(harness, tag)
        assert (await harness.client.delete(f"{MUTES}/{one['id']}")).status_code == 200


async def test_nobody_sees_or_lifts_those_of_others(harness: Harness) -> None:
    one = await muted(harness)
    others = {"Authorization": f"Bearer {OTHERS_KEY}"}
    assert (await harness.client.get(MUTES, headers=others)).json()["data"] == []
    for id in (one["id"], UNKNOWN, "x"):
        assert fault(await harness.client.delete(f"{MUTES}/{id}", headers=others)) == (404, "not_found")


async def test_a_project_mutes_only_so_many(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processors.projects.tag_mutes.MOST_TAG_MUTES", 1)
    await muted(harness)
    await muted(harness)
    answer = await harness.client.post(MUTES, json={"tag": "other"})
    assert fault(answer) == (403, "plan_limit_reached")


# ---- the command line


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str, list[ProjectsRequest]]:
    asked: list[ProjectsRequest] = []
    monkeypatch.setattr(admin, "ask", lambda settings, project, request: asked.append(request))
    result = CliRunner().invoke(app, [*words, "--project", "p"])
    return result.exit_code, result.output, asked


def test_a_tag_and_a_channel_are_muted_by_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    status, output, [asked] = run(monkeypatch, "mute", "tag:db", "--for", "2h")
    assert (status, "tag:db is muted until" in output) == (0, True)
    assert isinstance(asked, TagMuteSet)
    assert (asked.label, isinstance(asked.until, int)) == ("db", True)
    status, _, [asked] = run(monkeypatch, "unmute", "tag:db")
    assert isinstance(asked, TagMuteSet)
    assert (status, asked.until) == (0, None)
    status, output, [asked] = run(monkeypatch, "mute", f"channel:{UNKNOWN}")
    assert isinstance(asked, ChannelUpdate)
    assert (status, asked.id, asked.fields.mute_until) == (0, UNKNOWN, "forever")


async def test_what_is_muted_is_listed(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    id, ops = await check(harness, "Nightly"), harness.make_channel("ops")
    until = iso(harness.log.time + 600 * SECOND)
    for path, body in ((f"alert-channels/{ops}", {"mute_until": until}), ("tag-mutes", {"tag": "db"})):
        method = "POST" if path == "tag-mutes" else "PATCH"
        assert (await harness.client.request(method, f"{V1}/{path}", json=body)).status_code == 200
    assert (await harness.client.post(f"/api/v3/checks/{id}", json={"mute_until": "recovery"})).status_code == 200
    stored: dict[str, bytes] = {}
    for number in range(harness.log.partitions):
        records = harness.log.records_of(PROJECTS, number)
        stored |= {key: encode(record) for key, record in records.items() if "/" in key}
    monkeypatch.setattr(mutes, "definitions_of", lambda settings, project: stored)
    monkeypatch.setattr(mutes, "SYSTEM_CLOCK", harness.log)
    result = CliRunner().invoke(app, ["mutes", "--json", "--project", harness.project])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == [
        {"target": f"channel:{ops}", "name": "ops", "until": until},
        {"target": id, "name": "Nightly", "until": "recovery"},
        {"target": "tag:db", "name": "", "until": "forever"},
    ]
    assert "Nightly" in CliRunner().invoke(app, ["mutes", "--project", harness.project]).stdout
    harness.log.tick(600)
    result = CliRunner().invoke(app, ["mutes", "--json", "--project", harness.project])
    assert len(json.loads(result.stdout)) == 2


@pytest.mark.parametrize(
    "words",
    [
        ("tag:db", "recovery"),
        ("tag:a b",),
        ("tag:",),
        ("channel:x",),
        (f"channel:{UNKNOWN}", "recovery"),
        ("tag:db", "2h", "--for", "3h"),
        ("tag:db", "--for", "soon"),
    ],
)
def test_what_the_command_does_not_take(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    status, _, asked = run(monkeypatch, "mute", *words)
    assert (status, asked) == (2, [])


async def test_one_is_read_while_it_counts(harness: Harness) -> None:
    until = iso(harness.log.time + 60 * SECOND)
    one = await muted(harness, until=until)
    path = f"{MUTES}/{one['id']}"
    assert (await harness.client.get(path)).json()["data"] == one
    answer = await harness.client.get(path, headers={"Authorization": f"Bearer {OTHERS_KEY}"})
    assert fault(answer) == (404, "not_found")
    assert fault(await harness.client.get(f"{MUTES}/{UNKNOWN}")) == (404, "not_found")
    harness.log.tick(61)
    assert fault(await harness.client.get(path)) == (404, "not_found")
