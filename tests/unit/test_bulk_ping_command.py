"""`pingfold ping --bulk FILE`, against the ping application in memory."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from infra.settings.settings import Settings
from pingfold import credentials, first_project
from pingfold.commands import bulk_ping, client
from pingfold.errors import CommandFailed
from tests.ping_world import KEY, SLUG, UNKNOWN, UUID, World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    monkeypatch.setenv("PINGFOLD_DATA", str(tmp_path))
    url = "http://127.0.0.1:1"
    known = first_project.new_credentials(url=url, kafka="127.0.0.1:1", clickhouse=url)
    credentials.save_once(tmp_path / "credentials.json", replace(known, ping_key=KEY))
    world = World(pings_per_minute=0)

    def request(settings: Settings, method: str, path: str, params: dict[str, str], content: bytes, **_: Any) -> Any:
        reply = asyncio.run(world.ask(str(httpx.URL(path, params=params)), method, body=content))
        return httpx.Response(reply.status, text=reply.body)

    monkeypatch.setattr(bulk_ping, "request", request)
    return world


def written(path: Path, *lines: Any) -> Path:
    file = path / "pings.ndjson"
    file.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return file


def test_a_file_of_any_length_is_sent_in_parts(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bulk_ping, "_LINES", 3)
    client.ping(bulk=written(tmp_path, *({"uuid": UUID, "body": str(number)} for number in range(8)), {"slug": SLUG}))
    assert capsys.readouterr().out == "9 pings recorded\n"
    assert [ping.body for _, ping in world.sink.pings] == [*map(str, range(8)), None]


def test_lines_that_are_not_recorded_are_shown_by_their_numbers_in_the_file(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bulk_ping, "_LINES", 2)
    long = json.dumps({"uuid": UUID, "body": "x" * 2**20})
    file = written(tmp_path, {"uuid": UUID}, "", long, "nonsense", {"uuid": UNKNOWN}, {"slug": "new"}, {"uuid": UUID})
    with pytest.raises(CommandFailed, match=r"^3 of 6 pings were not recorded$"):
        client.ping(bulk=file, create=True)
    assert sorted(capsys.readouterr().err.splitlines()) == [
        "line 3: 413 the line is too long",
        "line 4: 400 invalid line: not JSON: invalid character at byte 5",
        "line 5: 404 not found",
    ]
    assert len(world.sink.pings) == 3


def test_what_cannot_be_sent_is_told(world: World, tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"missing\.ndjson cannot be read: No such file"):
        client.ping(bulk=tmp_path / "missing.ndjson")
    for check, bulk in (("", None), ("backup", tmp_path)):
        with pytest.raises(CommandFailed, match="name a check, or give a file with --bulk"):
            client.ping(check, bulk=bulk)


def test_names_of_others_are_shown_as_a_terminal_can_show_them(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandFailed, match="1 of 1 pings"):
        client.ping(bulk=written(tmp_path, {"uuid": UUID, "a\x1b[2J\u202e": 1}))
    assert capsys.readouterr().err == 'line 1: 400 invalid line: "a\ufffd[2J\ufffd": no such field\n'


@pytest.mark.parametrize(
    ("status", "answer", "told", "shown"),
    [
        (
            207,
            '{"line":1,"status":200,"answer":"OK"}\n{"line":2,"status":503,"answer":"not recorded","unread":true}\n',
            "2 of 3 pings were not recorded",
            "lines 3 to 4: 503 not recorded\n",
        ),
        (
            207,
            '{"line":1,"status":200,"answer":"OK"}\n{"line":4,"status":503,"answer":"not recorded","unread":true}\n',
            "2 of 3 pings were not recorded",
            "",
        ),
        (200, "<html>\x1b[2J", "nothing was sent from line 1 on: the server is not Pingfold", ""),
        (502, "<b>" + "x" * 300, f'nothing was sent from line 1 on: 502 "<b>{"x" * 197}"...', ""),
    ],
)
def test_what_a_server_answers_is_told_in_lines_of_the_file(
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    status: int,
    answer: str,
    told: str,
    shown: str,
) -> None:
    monkeypatch.setattr(bulk_ping, "request", lambda *_, **__: httpx.Response(status, text=answer))
    with pytest.raises(CommandFailed) as failed:
        client.ping(bulk=written(tmp_path, {"uuid": UUID}, "", {"uuid": UUID}, {"uuid": UUID}))
    assert str(failed.value) == told
    assert capsys.readouterr().err == shown


def test_what_may_be_recorded_is_told_when_no_answer_comes(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: Any, **__: Any) -> Any:
        raise CommandFailed("it does not answer")

    monkeypatch.setattr(bulk_ping, "request", silent)
    told = "^lines 1 to 2 may be recorded or not, those after them were not sent: it does not answer$"
    with pytest.raises(CommandFailed, match=told):
        client.ping(bulk=written(tmp_path, {"uuid": UUID}, {"uuid": UUID}))
