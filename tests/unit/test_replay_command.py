"""`pingfold replay`: exit statuses, and what is printed where."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import pingfold.replay as module
from infra.log.reading import NotRead
from pingfold.cli import app
from pingfold.replay.outcome import Difference, NotComparable, Outcome
from processors.fold.epochs import NewerStates

DIFFERENCE = Difference("duplicate", "transitions", 3, "key", "written 2 times, made 1 times: {}", 812)


def outcome(*, different: bool = False, comparable: bool = True, written: str | None = None) -> Outcome:
    one = Outcome(events=5, states=2, effects=1, written=written)
    if different:
        one.differs(DIFFERENCE)
    if not comparable:
        one.not_comparable.append(NotComparable("pings", 1, "folded with version of the fold 1 (here 2)"))
    return one


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Runs the command on a replay that gives this outcome, or raises it."""

    def invoke(given: Outcome | Exception, *options: str) -> Any:
        def run(*_: Any) -> Outcome:
            if isinstance(given, Exception):
                raise given
            return given

        monkeypatch.setenv("PINGFOLD_DATA", str(tmp_path))
        monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
        monkeypatch.setattr(module, "run", run)
        return CliRunner().invoke(app, ["replay", *options])

    return invoke


@pytest.mark.parametrize(
    ("given", "status", "last"),
    [
        (outcome(), 0, "5 events folded again into 2 states and 1 effects: equal"),
        (outcome(different=True), 1, "5 events folded again into 2 states and 1 effects: different in 1 places"),
        (outcome(different=True, comparable=False), 1, "different in 1 places"),
        (outcome(comparable=False), 2, "`--snapshot --unverified` begins anew from here"),
    ],
)
def test_verify(command: Callable[..., Any], given: Outcome, status: int, last: str) -> None:
    done = command(given, "--verify")
    assert done.exit_code == status
    assert done.stdout.splitlines()[-1].endswith(last)
    as_json = command(given, "--verify", "--json")
    assert as_json.exit_code == status
    told = json.loads(as_json.stdout)
    assert told["equal"] is (status == 0)
    assert told["verdict"] == {0: "equal", 1: "different", 2: "not comparable"}[status]


def test_where_a_difference_is(command: Callable[..., Any]) -> None:
    done = command(outcome(different=True), "--verify")
    assert "transitions/3 at 812 key: written 2 times" in done.stdout
    (told,) = json.loads(command(outcome(different=True), "--verify", "--json").stdout)["differences"]
    assert (told["kind"], told["topic"], told["partition"], told["offset"]) == ("duplicate", "transitions", 3, 812)


def test_without_verify_nothing_is_judged(command: Callable[..., Any]) -> None:
    done = command(outcome())
    assert done.exit_code == 0
    assert "equal" not in done.stdout


def test_snapshot(command: Callable[..., Any]) -> None:
    written = command(outcome(written="20261128T010203Z"), "--snapshot")
    assert written.exit_code == 0
    assert "snapshot 20261128T010203Z written" in written.stdout
    refused = command(outcome(comparable=False), "--snapshot")
    assert refused.exit_code == 2
    assert "no snapshot written: not comparable; --unverified writes one" in refused.output
    different = command(outcome(different=True), "--snapshot", "--unverified")
    assert different.exit_code == 1
    assert "no snapshot written: different" in different.output
    unverified = command(outcome(comparable=False, written="20261128T010203Z"), "--snapshot", "--unverified")
    assert unverified.exit_code == 0


@pytest.mark.parametrize(
    "error",
    [NotRead("pings/1: nothing came"), NewerStates("written by version 3"), ValueError("anything"), OSError("full")],
)
def test_could_not_run(command: Callable[..., Any], error: Exception) -> None:
    done = command(error, "--verify", "--json")
    assert done.exit_code == 2
    assert f"could not run: {error}" in done.output or f"{type(error).__name__}: {error}" in done.output
    assert "Traceback" not in done.output
