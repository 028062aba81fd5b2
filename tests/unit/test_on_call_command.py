"""`pingfold on-call`: what it prints, and that it says what is wrong."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from pingfold.cli import app
from pingfold.commands import client, on_call
from tests.harness import POP_KEY, Harness

BODY: dict[str, Any] = {"name": "Primary", "handover": {"every_days": 1, "time": "00:00"}}


class World:
    """A Pingfold in memory, asked by the command line."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.harness = Harness()
        monkeypatch.setenv("PINGFOLD_KEY", POP_KEY)
        monkeypatch.setattr(client, "request", self.request)
        monkeypatch.setattr(on_call, "SYSTEM_CLOCK", SimpleNamespace(real=lambda: self.harness.log.time))
        self.ada, self.bob = self.harness.make_channel("ada"), self.harness.make_channel("bob")
        turns = [{"name": "Ada", "alert_channel_ids": [self.ada]}, {"name": "Bob", "alert_channel_ids": [self.bob]}]
        answer = self.request(None, "POST", "/api/v1/on-call", json=BODY | {"turns": turns}, headers=self.key)
        assert answer.status_code == 201, answer.text
        self.rotation: str = answer.json()["data"]["id"]

    @property
    def key(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {POP_KEY}"}

    def request(self, _: object, method: str, path: str, **what: Any) -> httpx.Response:
        what["headers"] = {**what["headers"], "X-Api-Key": ""}
        return asyncio.run(self.harness.client.request(method, path, **what))

    def run(self, *arguments: str, exit_code: int = 0) -> str:
        result = CliRunner().invoke(app, ["on-call", *arguments])
        assert result.exit_code == exit_code, result.output
        return result.output


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_list(world: World) -> None:
    _, line = world.run("list").splitlines()
    assert line.split("  ")[0] == world.rotation
    assert line.endswith("Primary  UTC        Ada (ada)")
    [found] = json.loads(world.run("list", "--json"))
    assert found["id"] == world.rotation


def test_show(world: World) -> None:
    for named in ("Primary", world.rotation):
        lines = world.run("show", named, "--days", "2").splitlines()
        assert [line.split("  ")[2] for line in lines[1:]] == ["Ada (ada)", "Bob (bob)", "Ada (ada)"]
    assert json.loads(world.run("show", "Primary", "--json"))["on_call"]["alert_channel_ids"] == [world.ada]


def test_somebody_else_is_put_on_call_and_taken_off(world: World) -> None:
    said = world.run("override", "Primary", "bob", "--for", "12h", "--name", "Bob for Ada")
    override = said.split()[1]
    assert "Bob for Ada (bob)" in world.run("list")
    assert override in world.run("show", "Primary")
    assert override in world.run("end-override", "Primary", override)
    assert "Ada (ada)" in world.run("list")
    world.run("override", "Primary", world.ada, world.bob, "--from", "2030-01-01 10:00", "--for", "1d")
    [made] = json.loads(world.run("show", "Primary", "--json"))["overrides"]
    assert made["alert_channel_ids"] == [world.ada, world.bob]
    assert (made["starts_at"], made["ends_at"]) == ("2030-01-01T10:00:00+00:00", "2030-01-02T10:00:00+00:00")


def test_of_many_channels_every_one_is_found(world: World) -> None:
    last = [world.harness.make_channel(f"channel {n}") for n in range(100)][-1]
    world.run("override", "Primary", "channel 99", "--for", "12h")
    [made] = json.loads(world.run("show", "Primary", "--json"))["overrides"]
    assert made["alert_channel_ids"] == [last]
    assert "channel 99" in world.run("list")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "Nobody"), "there is no on-call rotation"),
        (("override", "Primary", "eve", "--for", "1h"), "there is no channel"),
        (("override", "Primary", "bob", "--for", "soon"), "a duration"),
        (("override", "Primary", "bob", "--for", "1h", "--from", "soon"), "a time such as"),
    ],
)
def test_what_is_wrong(world: World, arguments: tuple[str, ...], words: str) -> None:
    assert words in " ".join(world.run(*arguments, exit_code=2).replace("│", " ").split())


def test_create_and_delete(world: World) -> None:
    created = world.run(
        *("create", "Nights", "--turn", "Ada=ada", "--turn", "bob+ada", "--timezone", "Europe/Berlin"),
        *("--every", "14", "--on", "fri", "--at", "18:00", "--hours", "sat+sun,20:00-08:00"),
    )
    id = created.splitlines()[0].removeprefix("created on-call rotation ")
    rotation = world.harness.log.directory.rotation(id)
    assert rotation is not None
    assert [turn.channels for turn in rotation.turns] == [(world.ada,), (world.bob, world.ada)]
    assert [turn.name for turn in rotation.turns] == ["Ada", ""]
    assert (rotation.tz, rotation.handover.every, rotation.handover.minute) == ("Europe/Berlin", 14, 18 * 60)
    assert [(hours.days, hours.start, hours.end) for hours in rotation.hours] == [((5, 6), 1_200, 480)]
    assert world.run("delete", "Nights") == f"deleted on-call rotation {id}\n"
    assert world.harness.log.directory.rotation(id) is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--turn", "eve"), "there is no channel 'eve'"),
        (("--turn", "ada", "--on", "someday"), "a day of the week such as mon"),
        (("--turn", "ada", "--hours", "always"), "such as sat+sun,08:00-20:00"),
        (("--turn", "ada", "--timezone", "Nowhere"), "Nowhere"),
    ],
)
def test_create_says_what_is_wrong(world: World, options: tuple[str, ...], words: str) -> None:
    result = CliRunner().invoke(app, ["on-call", "create", "Nights", *options])
    assert result.exit_code != 0
    assert words in f"{' '.join(result.output.split())} {result.exception}"


def test_a_calendar_of_others_and_the_link_to_our_own(world: World) -> None:
    url = "https://calendar.example.com/private-xxxx/basic.ics"
    told = world.run("calendar", "Primary", url)
    assert told == "fetched from calendar.example.com, changed last at - UTC\n"
    assert world.run("calendar", "Primary") == told
    assert world.run("calendar", "Primary", "--remove") == "no calendar is fetched any more\n"
    first, second = world.run("renew-link", "Primary"), world.run("renew-link", "Primary")
    assert first != second
    assert second.endswith(".ics\n")


def test_a_channel_is_changed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(*options: str) -> Any:
        result = CliRunner().invoke(app, ["channel", "change", world.ada, *options])
        found = world.harness.log.directory.channel(world.ada)
        assert found is not None
        return result, found

    result, found = change("--quiet", "mon-fri,22:00-07:00,Europe/Berlin", "--repeat", "15", "--name", "Ada")
    assert result.exit_code == 0, result.output
    assert (found.repeat_minutes, found.name, found.quiet_hours.time_zone) == (15, "Ada", "Europe/Berlin")
    result, found = change("--no-quiet", "--no-repeat", "--no-digest", "--event", "monitor.down")
    assert (found.repeat_minutes, found.quiet_hours, found.digest) == (None, None, False)
    assert found.notices == ("monitor.down",)
    for options, words in ((), "give at least one of"), (("--quiet", "x", "--no-quiet"), "not both"):
        result, _ = change(*options)
        assert result.exit_code != 0
        assert words in str(result.exception)
