"""`pingfold template`, on the API in memory: files in, files out, and what is wrong with one."""

import asyncio
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pingfold.cli import app
from pingfold.commands import poppaping
from pingfold.errors import CommandFailed
from tests.harness import POP_KEY, Harness
from tests.poppaping_client import with_key

FILE = """name = "Short"
events = ["monitor.down"]
title = "{{ what }}"
text = \"\"\"
{{ why }}
\U0001f534 "{{ page }}"
\"\"\"
"""


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Harness:
    made = with_key(Harness())

    def ask(method: str, path: str, headers: dict[str, str], body: dict[str, Any] | None = None) -> Any:
        answer = asyncio.run(made.client.request(method, path, headers=headers, json=body))
        if answer.is_error:
            raise CommandFailed(f"{answer.status_code} {answer.json()['message']}")
        return answer.json()

    monkeypatch.setattr(poppaping, "ask_api", ask)
    monkeypatch.setenv("PINGFOLD_KEY", POP_KEY)
    return made


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ["template", *words])
    if result.exception is not None:
        raise result.exception
    return result.output


def test_a_template_is_set_shown_changed_and_deleted(harness: Harness, tmp_path: Path) -> None:
    file = tmp_path / "short.toml"
    file.write_text(FILE, "utf-8")
    assert run("set", str(file)).startswith("made template ")
    shown = run("show", "Short")
    wanted = tomllib.loads(FILE)
    assert tomllib.loads(shown) == wanted | {"alert_channel_ids": []}
    # What is shown is a file that can be set, and one that names less sets the rest back.
    file.write_text(shown.replace("{{ what }}", "{{ name }}"), "utf-8")
    assert run("set", str(file)).startswith("changed template ")
    file.write_text('name = "Short"\ntext = "x"\n', "utf-8")
    run("set", str(file))
    [one] = json.loads(run("list", "--json"))
    assert (one["events"], one["title"], one["text"]) == ([], "", "x")
    assert "Short" in run("list")
    assert run("delete", "Short").startswith("deleted template ")
    assert json.loads(run("list", "--json")) == []


def test_a_preview_keeps_nothing(harness: Harness, tmp_path: Path) -> None:
    file = tmp_path / "short.toml"
    file.write_text(FILE, "utf-8")
    told = run("preview", str(file), "--language", "de", "--event", "monitor.recovered")
    assert told.startswith("Nightly backup läuft wieder\n\nExit-Status 23\n")
    assert "Subject: [Pingfold] Nightly backup läuft wieder" in told
    assert json.loads(run("list", "--json")) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "is not TOML"),
        ('text = "x"', "a template needs a name"),
        ('name = "x"\ncolour = 1', "unknown: colour"),
        ('name = "x"\ntext = "a\\n{{ b }}"', "line 2: there is no variable 'b'"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(harness: Harness, tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(CommandFailed, match=words):
        run("set", str(file))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="cannot be read"):
        run("preview", str(tmp_path / "none.toml"))


def test_a_template_that_is_not_there(harness: Harness) -> None:
    with pytest.raises(CommandFailed, match="there is no template Short"):
        run("show", "Short")
