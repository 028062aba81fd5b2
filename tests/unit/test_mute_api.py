"""`mute_until` through every door: set by one, seen by the others, and gone from the definition when it has ended."""

from typing import Any

import pytest
from typer.testing import CliRunner

from pingfold.cli import app
from pingfold.commands import admin
from pingfold.commands.mutes import read_until
from pingfold.errors import RequestRefused
from query_api.mutes import InvalidMute, read_mute, show_mute
from schemas.base import SECOND, encode
from schemas.ids import new_id
from schemas.mutes import LAST_MUTE_TIME
from schemas.rejections import RejectionCode
from schemas.requests import CheckUpdate, MonitorUpdate, MuteEnded
from schemas.times import iso
from schemas.topics import DELIVERIES, PROJECTS, TRANSITIONS
from tests.harness import ADMIN_PASSWORD, POP_KEY, WRITE_KEY, Harness
from tests.memory import START
from tests.poppaping_client import V1
from tests.poppaping_client import made as made_monitor
from tests.poppaping_client import seen as seen_monitor
from tests.updown_client import UPDOWN_KEY, updown

CHECKS = "/api/v3/checks/"
LATER = START + 3_600 * SECOND


@pytest.fixture
def harness() -> Harness:
    harness = updown()
    harness.client.headers.update({"X-Api-Key": WRITE_KEY, "Authorization": f"Bearer {POP_KEY}"})
    harness.make_channel("hook")
    return harness


async def changed(harness: Harness, id: str, until: object) -> dict[str, Any]:
    answer = await harness.client.patch(f"{V1}/monitors/{id}", json={"mute_until": until})
    assert answer.status_code == 200, answer.text
    monitor: dict[str, Any] = answer.json()["data"]
    return monitor


def notices(harness: Harness) -> list[str]:
    return [
        notice
        for _, value in harness.log.of(DELIVERIES)
        if value["type"] == "delivery.requested"
        for notice in value["notices"]
    ]


@pytest.mark.parametrize("until", ["recovery", "forever", iso(LATER)])
async def test_a_monitor(harness: Harness, until: str) -> None:
    id = (await made_monitor(harness, confirmations=1))["id"]
    assert (await seen_monitor(harness, id))["mute_until"] is None
    assert (await changed(harness, id, until))["mute_until"] == until
    assert (await seen_monitor(harness, id))["mute_until"] == until
    page = (await harness.client.get("/", auth=("", ADMIN_PASSWORD))).text
    assert "muted" in page
    harness.log.probe(id)
    harness.log.probe(id, ok=False)
    monitor = await seen_monitor(harness, id)
    assert (monitor["current_status"], notices(harness)) == ("down", [])
    assert monitor["incident_id"] is not None
    assert (await changed(harness, id, None))["mute_until"] is None
    harness.log.tick(1)
    assert sorted(notices(harness)) == ["incident.created", "monitor.down"]


async def test_a_mute_that_has_ended_leaves_the_definition(harness: Harness) -> None:
    id = (await made_monitor(harness, confirmations=1, mute_until="recovery"))["id"]
    for ok in (True, False):
        harness.log.probe(id, ok=ok)
    assert (await seen_monitor(harness, id))["mute_until"] == "recovery"
    harness.log.tick(60)
    harness.log.probe(id)
    assert (await seen_monitor(harness, id))["mute_until"] is None
    [entry] = [
        value for _, value in harness.log.of(TRANSITIONS)
        if value["type"] == "thing.changed" and value["command"] == "mute.ended"
    ]  # fmt: skip
    assert entry["actor"]["kind"] == "system"
    assert entry["changes"] == [{"field": "mute_until", "old": "recovery"}]
    await changed(harness, id, iso(harness.log.time + 60 * SECOND))
    harness.log.tick(61)
    assert (await seen_monitor(harness, id))["mute_until"] is None
    assert notices(harness) == []


async def test_a_heartbeat_check(harness: Harness) -> None:
    made = (await harness.client.post(CHECKS, json={"name": "Nightly", "mute_until": iso(LATER)})).json()
    assert made["mute_until"] == iso(LATER)
    id = made["uuid"]
    page = (await harness.client.get(f"/checks/{id}", auth=("", ADMIN_PASSWORD))).text
    assert "muted until" in page
    for until in ("forever", "recovery"):
        answer = await harness.client.post(f"{CHECKS}{id}", json={"mute_until": until})
        assert (answer.status_code, answer.json()["mute_until"]) == (200, until)
    harness.log.ping(id, "fail")
    harness.log.ping(id)
    answer = await harness.client.get(f"{CHECKS}{id}")
    assert answer.json()["mute_until"] is None
    assert notices(harness) == []


async def test_a_time_that_has_passed_mutes_nothing(harness: Harness) -> None:
    id = (await made_monitor(harness, mute_until=iso(START - SECOND)))["id"]
    assert (await seen_monitor(harness, id))["mute_until"] is None
    answer = await harness.client.post(CHECKS, json={"mute_until": "1950-01-01"})
    assert answer.json()["mute_until"] is None


async def test_one_mute_through_three_apis(harness: Harness) -> None:
    """What the updown API mutes the others show, and the other way round; times in the layout of each."""
    id = (await made_monitor(harness))["id"]
    key = UPDOWN_KEY

    async def updown_says(method: str = "GET", **body: object) -> object:
        path = f"/api/checks/{(await checks())[0]['token']}"
        answer = await harness.client.request(method, path, headers={"X-API-KEY": key}, json=body or None)
        assert answer.status_code == 200, answer.text
        return answer.json()["mute_until"]

    async def checks() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await harness.client.get("/api/checks", headers={"X-API-KEY": key})).json()
        return found

    assert await updown_says("PUT", mute_until="in 1 hour") == "2025-06-15T16:06:40Z"
    assert (await seen_monitor(harness, id))["mute_until"] == "2025-06-15T16:06:40+00:00"
    assert await updown_says("PUT", mute_until=1_750_003_600) == "2025-06-15T16:06:40Z"
    await changed(harness, id, "forever")
    assert await updown_says() == "forever"
    assert await updown_says("PUT", mute_until="recovery") == "recovery"
    assert (await seen_monitor(harness, id))["mute_until"] == "recovery"
    assert await updown_says("PUT", mute_until="") is None
    assert (await seen_monitor(harness, id))["mute_until"] is None
    faults: tuple[object, ...] = ("soon", "2300-01-01", ["recovery"], {}, True)
    for wrong in faults:
        path = f"/api/checks/{(await checks())[0]['token']}"
        answer = await harness.client.put(path, headers={"X-API-KEY": key}, json={"mute_until": wrong})
        assert answer.status_code == 400
        assert answer.json()["error"].startswith("Mute until ")


@pytest.mark.parametrize(
    "until", [7, True, "", "soon", "9999-01-01T00:00:00Z", ["recovery"], "2025-13-01", "0001-01-01T00:00:00+23:59x"]
)
async def test_what_is_no_mute_is_refused(harness: Harness, until: object) -> None:
    id = (await made_monitor(harness))["id"]
    answer = await harness.client.patch(f"{V1}/monitors/{id}", json={"mute_until": until})
    assert (answer.status_code, answer.json()["error"]) == (400, "validation_error")
    assert "mute_until" in answer.json()["message"]
    answer = await harness.client.post(CHECKS, json={"mute_until": until})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("json validation error: mute_until ")


def test_times_are_read_as_they_are_shown() -> None:
    for until in (None, "recovery", "forever", LATER):
        assert read_mute(show_mute(until)) == until
    assert read_mute("2025-06-15T15:06:40+02:00") == read_mute("2025-06-15 13:06:40")
    assert read_mute("0001-01-01T00:00:00+14:00") == 0
    with pytest.raises(InvalidMute, match="not be later than 2255"):
        read_mute("2256-01-01")


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("recovery", "recovery"),
        ("forever", "forever"),
        ("8h", START + 8 * 3_600 * SECOND),
        ("1d 12h", START + 129_600 * SECOND),
        (iso(LATER), LATER),
    ],
)
def test_the_command_line_takes(text: str, until: object) -> None:
    assert read_until(text, START) == until


@pytest.mark.parametrize("text", ["", "soon", "0s", "1999-01-01", "9999-01-01", "900000y"])
def test_the_command_line_refuses(text: str) -> None:
    result = CliRunner().invoke(app, ["mute", new_id(), text, "--project", "p"])
    assert result.exit_code == 2, result.output


class Asked:
    """Whoever decides requests: there is one monitor."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, monitor: str) -> None:
        self.mutes: list[object] = []
        self._monitor = monitor
        monkeypatch.setattr(admin, "ask", self.ask)

    def ask(self, _: object, project: str, request: CheckUpdate | MonitorUpdate) -> None:
        assert project == "p"
        self.mutes.append(request.fields.mute_until)
        if isinstance(request, CheckUpdate):
            raise RequestRefused("no such check", RejectionCode.CHECK_NOT_FOUND)
        if request.id != self._monitor:
            raise RequestRefused("no such monitor", RejectionCode.MONITOR_NOT_FOUND)


def test_commands_find_out_what_the_id_is_of(monkeypatch: pytest.MonkeyPatch) -> None:
    id = new_id()
    asked = Asked(monkeypatch, id)
    result = CliRunner().invoke(app, ["mute", id, "recovery", "--project", "p"])
    assert (result.exit_code, result.stdout) == (0, f"{id} is muted until recovery\n")
    assert asked.mutes == ["recovery", "recovery"]
    result = CliRunner().invoke(app, ["unmute", id, "--project", "p"])
    assert (result.exit_code, result.stdout) == (0, f"{id} is not muted\n")
    assert asked.mutes[2:] == [None, None]
    result = CliRunner().invoke(app, ["mute", new_id(), "--project", "p"])
    assert result.exit_code == 1
    assert "no check and no monitor" in str(result.exception)


def test_the_last_time_is_one_that_ticks_can_tell() -> None:
    assert LAST_MUTE_TIME > LATER


async def test_an_end_that_came_too_late_ends_no_other_mute(harness: Harness) -> None:
    """The definition was changed before the fold of projects heard that the mute had ended."""
    id = (await made_monitor(harness, confirmations=1, mute_until="recovery"))["id"]
    for until in ("recovery", "forever"):
        await changed(harness, id, until)
    late = MuteEnded(kind="monitor", id=id, at=harness.log.time, until="recovery")
    harness.log.send(PROJECTS.name, harness.project, encode(late))
    assert (await seen_monitor(harness, id))["mute_until"] == "forever"
    for wrong in (
        MuteEnded(kind="check", id=id, at=1, until="forever"),
        MuteEnded(kind="monitor", id=new_id(), at=1, until="forever"),
        MuteEnded(kind="monitor", id=id, at=1, until=None),
    ):
        harness.log.send(PROJECTS.name, harness.project, encode(wrong))
    harness.log.send(PROJECTS.name, "another project", encode(MuteEnded(kind="monitor", id=id, at=1, until="forever")))
    assert (await seen_monitor(harness, id))["mute_until"] == "forever"
