"""`pingfold incident` and `pingfold escalation`: what they ask of the API, and print; on the real API."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from pingfold.cli import app
from pingfold.commands import incidents, poppaping
from pingfold.errors import CommandFailed
from tests.harness import POP_KEY, WRITE_KEY, Harness
from tests.poppaping_client import made, with_key

KEY = {"Authorization": f"Bearer {POP_KEY}"}


class Console:
    """The commands, on an API in memory."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.harness = with_key(Harness())
        self.harness.client.headers["X-Api-Key"] = WRITE_KEY

    def ask(self, method: str, path: str, headers: dict[str, str], body: dict[str, Any] | None = None) -> Any:
        assert headers == KEY
        answer = self._loop.run_until_complete(self.harness.client.request(method, path, json=body))
        if answer.is_error:
            raise CommandFailed(f"{answer.status_code} {answer.json()['message']}")
        return answer.json()

    def down(self) -> tuple[str, str]:
        """A monitor and a check that are down."""
        monitor: str = self._loop.run_until_complete(made(self.harness, confirmations=1))["id"]
        self.harness.log.probe(monitor, ok=False)
        made_check = self.harness.client.post("/api/v3/checks/", json={"name": "Nightly"})
        check: str = self._loop.run_until_complete(made_check).json()["uuid"]
        self.harness.log.tick(1)
        self.harness.log.ping(check, "fail")
        self.harness.log.tick(1)
        return monitor, check

    def run(self, *words: str, status: int = 0) -> str:
        result = CliRunner().invoke(app, list(words))
        assert result.exit_code == status, (result.output, result.exception)
        return result.stdout

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json"))


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    loop = asyncio.new_event_loop()
    console = Console(loop)
    monkeypatch.setenv("PINGFOLD_KEY", POP_KEY)
    monkeypatch.setattr(poppaping, "ask_api", console.ask)
    monkeypatch.setattr(incidents, "SYSTEM_CLOCK", console.harness.log)
    yield console
    loop.run_until_complete(console.harness.client.aclose())
    loop.close()


def test_what_is_down_is_listed_of_both_kinds(console: Console) -> None:
    monitor, check = console.down()
    head, *rows = console.run("incident", "list").splitlines()
    assert "name" in head
    assert [("Nightly" in row, "Production API" in row) for row in rows] == [(True, False), (False, True)]
    found = console.json("incident", "list")
    assert [one["monitor_id"] for one in found] == [check, monitor]
    assert [one["monitor_id"] for one in console.json("incident", "list", "--type", "heartbeat")] == [check]
    assert [one["monitor_id"] for one in console.json("incident", "list", "--search", "production")] == [monitor]
    assert console.json("incident", "list", "--status", "resolved") == []
    console.harness.log.ping(check)
    assert [one["status"] for one in console.json("incident", "list", "--status", "all")] == ["resolved", "open"]
    assert len(console.json("incident", "list", "--status", "all", "--limit", "1")) == 1


def test_many_are_read_page_by_page(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    console.down()
    whole = console.json("incident", "list")
    monkeypatch.setattr(poppaping, "_PER_PAGE", 1)
    assert console.json("incident", "list") == whole


def test_acknowledged_snoozed_commented_on_and_given_back(console: Console) -> None:
    _, check = console.down()
    assert "acknowledged by Ada" in console.run("incident", "acknowledge", check, "--by", "Ada")
    assert ", until " in console.run("incident", "acknowledge", check, "--by", "Ada", "--for", "2h")
    console.run("incident", "acknowledge", check, "--by", "Bob", status=1)
    console.run("incident", "comment", check, "a new disk", "--by", "Bob")
    assert "nobody" in console.run("incident", "release", check, "--by", "Ada", "--comment", "ill")
    shown = console.run("incident", "show", check)
    assert "heartbeat Nightly" in shown
    for words in ("acknowledged", "released", "ill", "a new disk"):
        assert words in shown
    assert [one["action"] for one in console.json("incident", "show", check)["log"]] == [
        *("acknowledged", "acknowledged", "commented", "released"),
    ]
    console.run("incident", "show", "../monitors", status=1)


def test_policies_are_made_shown_changed_and_deleted(console: Console) -> None:
    night = console.harness.make_channel("night")
    monitor, _ = console.down()
    made_policy = console.json(
        *("escalation", "create", "Night", "--step", "10m=own", "--step", f"1h={night},own"),
        *("--repeat", "forever", "--thing", monitor),
    )
    id = made_policy["id"]
    assert made_policy["repeat"] is None
    assert made_policy["monitor_ids"] == [monitor]
    assert made_policy["steps"] == [
        {"after_minutes": 10, "alert_channel_ids": [], "own_channels": True, "on_call": []},
        {"after_minutes": 60, "alert_channel_ids": [night], "own_channels": True, "on_call": []},
    ]
    assert console.json("escalation", "list") == [made_policy]
    assert f"10m=own 60m=own,{night}" in console.run("escalation", "list")
    assert console.json("escalation", "show", id) == made_policy
    assert monitor in console.run("escalation", "show", id)
    assert console.json("escalation", "change", id, "--repeat", "2", "--name", "Day")["repeat"] == 2
    assert "Day" in console.run("escalation", "change", id, "--step", "5m=own")
    assert id in console.run("escalation", "delete", id)
    assert console.json("escalation", "list") == []
    console.run("escalation", "show", id, status=1)
    assert "created escalation policy" in console.run("escalation", "create", "Nobody")


def test_a_step_names_who_is_on_call(console: Console) -> None:
    turns = [{"alert_channel_ids": [console.harness.make_channel("ada")]}]
    made_rotation = console.ask("POST", "/api/v1/on-call", KEY, {"name": "Primary", "turns": turns})
    rotation = made_rotation["data"]["id"]
    made_policy = console.json("escalation", "create", "Night", "--step", f"5m=on-call:{rotation}")
    assert made_policy["steps"] == [
        {"after_minutes": 5, "alert_channel_ids": [], "own_channels": False, "on_call": [rotation]}
    ]
    assert f"5m=on-call:{rotation}" in console.run("escalation", "show", made_policy["id"])


@pytest.mark.parametrize("step", ["10m", "=own", "90s=own", "soon=own", "10m=", "off=own"])
def test_what_is_no_step(console: Console, step: str) -> None:
    console.run("escalation", "create", "Night", "--step", step, status=2)


def test_what_the_api_refuses_is_told(console: Console) -> None:
    console.run("escalation", "create", "Night", "--step", "10m=x", status=1)
    console.run("escalation", "create", "Night", "--step", "10m=own", "--repeat", "often", status=2)
