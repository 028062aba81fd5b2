"""`pingfold maintenance`, as the steps of a pipeline run it: what it prints, and its exit statuses."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.settings.settings import Settings
from pingfold import cli
from pingfold.commands import client
from pingfold.errors import CommandFailed
from schemas.ids import is_uuid
from tests.harness import POP_KEY, Harness

# What a command did: its output, exit status and exception.
Run = Callable[..., Any]


@pytest.fixture
def harness() -> Harness:
    return Harness()


@pytest.fixture
def run(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """The command line against the API in memory."""
    with asyncio.Runner() as runner:

        def request(_: Settings, method: str, path: str, **what: Any) -> Any:
            harness.log.tick(1)  # no window ends in the moment in which it began

            async def ask() -> Any:
                return await harness.client.request(method, path, **what)

            return runner.run(ask())

        monkeypatch.setattr(client, "request", request)
        monkeypatch.setenv("PINGFOLD_KEY", POP_KEY)
        yield lambda *arguments: CliRunner().invoke(cli.app, ["maintenance", *arguments])


def test_a_pipeline_begins_extends_and_ends_a_window(run: Run) -> None:
    id = run("start", "--tag", "web", "--tag", "db", "--for", "30m", "--quiet").stdout.strip()
    assert is_uuid(id)
    listed = run("list").stdout
    assert id in listed
    assert "tag db, tag web" in listed
    begun = json.loads(run("list", "--json").stdout)[0]
    longer = json.loads(run("extend", id, "--for", "15m", "--json").stdout)
    assert longer["active_until"] > begun["active_until"]
    assert run("extend", id, "--until", longer["active_until"], "--quiet").stdout.strip() == id
    assert "is over since" in run("end", id).stdout
    again = run("end", id, "--quiet")
    assert (again.exit_code, again.stdout.strip()) == (0, id)
    assert id not in run("list").stdout
    assert "over" in run("list", "--all").stdout


def test_one_that_is_tried_again_is_the_same(run: Run) -> None:
    ids = {run("start", "--for", "1h 30m", "--key", "build-7", "-q").stdout for _ in range(3)}
    assert len(ids) == 1
    assert "everything" in run("list").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("start", "--for", "forever"), "'duration'"),
        (("start", "--for", "5m", "--check", "nothing"), "there is no check"),
        (("start", "--for", "5m", "--monitor", "nothing"), "there is no monitor"),
        (("extend", "nothing", "--for", "5m"), "not found."),
        (("end", "nothing"), "not found."),
    ],
)
def test_what_is_not_done_says_why(run: Run, arguments: tuple[str, ...], words: str) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, CommandFailed)
    assert words in str(result.exception)


def test_what_is_over_is_not_extended(run: Run) -> None:
    id = run("start", "--for", "5m", "-q").stdout.strip()
    run("end", id)
    result = run("extend", id, "--for", "5m")
    assert isinstance(result.exception, CommandFailed)
    assert "ended at" in str(result.exception)


@pytest.mark.parametrize("arguments", [("start",), ("extend", "x"), ("extend", "x", "--for", "5m", "--until", "y")])
def test_wrong_usage_is_status_2(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2
