"""The command line as a whole: help, version, completion, and which libraries a command loads."""

import json
import os
import re
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from pingfold.cli import COMMANDS, app
from pingfold.lazy_commands import Group, Lazy
from tests.source_tree import ROOT

# What takes long to load, and what only servers need.
HEAVY = {
    *(
        "aiohttp",
        "chdb",
        "clickhouse_connect",
        "confluent_kafka",
        "cryptography",
        "fastapi",
        "faust",
        "httpx",
        "jinja2",
    ),
    *("pydantic_settings", "structlog", "uvicorn", "uvloop"),
}
KAFKA = ("confluent_kafka", "pydantic_settings")
HTTP = ("httpx", "pydantic_settings")

# Prints which of the modules above were loaded when a command has ended.
_RUN = """
import atexit, json, sys
atexit.register(lambda: print("\\n" + json.dumps(sorted({name.partition(".")[0] for name in sys.modules}))))
sys.argv = ["pingfold", *json.loads(sys.argv[1])]
from pingfold.cli import main
main()
"""


def lazy_commands() -> dict[tuple[str, ...], Lazy]:
    """Every command by its path."""
    found: dict[tuple[str, ...], Lazy] = {}
    for name, entry in COMMANDS.items():
        if isinstance(entry, Group):
            found |= {(name, below): command for below, command in entry.commands.items()}
        else:
            found[name,] = entry
    return found


def loaded(path: tuple[str, ...]) -> Any:
    """The command as it is run."""
    command: Any = get_command(app)
    rest = [*path]
    context = command.make_context("pingfold", [*path], resilient_parsing=True)
    while rest:
        _, command, rest = command.resolve_command(context, rest)
    return command


def environment(folder: Path, **more: str) -> dict[str, str]:
    """A clean one, with a home of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PINGFOLD", "KAFKA_"))}
    return kept | {"HOME": str(folder), "PINGFOLD_DATA": str(folder / "data"), "COLUMNS": "200"} | more


@pytest.mark.parametrize(
    ("arguments", "may_load"),
    [
        (("--version",), ()),
        (("-h",), ()),
        (("project", "--help"), ()),
        (("channel",), ("pydantic_settings",)),
        (("chanel",), ("pydantic_settings",)),
        (("project", "list", "-h"), KAFKA),
        (("project", "list"), KAFKA),
        (("key", "list"), KAFKA),
        (("dead-letters", "list"), KAFKA),
        (("channel", "list"), HTTP),
        (("ping", "backup"), HTTP),
        (("apply", "-h"), ("pydantic_settings",)),
    ],
    ids=" ".join,
)
def test_a_command_loads_no_library_that_it_does_not_need(
    tmp_path: Path, arguments: tuple[str, ...], may_load: tuple[str, ...]
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _RUN, json.dumps(arguments)],
        env=environment(tmp_path), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "Traceback" not in ended.stderr
    modules = set(json.loads(ended.stdout.splitlines()[-1]))
    assert "typer" in modules
    assert modules & HEAVY <= set(may_load), f"{' '.join(arguments)} loads {sorted(modules & HEAVY - set(may_load))}"


def test_the_version_is_that_of_the_package() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.stdout == f"pingfold {metadata.version('pingfold')}\n"


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_has_both_options_for_help(option: str) -> None:
    groups = [(name,) for name, entry in COMMANDS.items() if isinstance(entry, Group)]
    for path in ((), *groups, *lazy_commands()):
        result = CliRunner().invoke(app, [*path, option], env={"COLUMNS": "200"})
        assert result.exit_code == 0, path
        shown = re.sub(r"\x1b\[[0-9;]*m", "", result.stdout)  # some variables of the environment give colours
        usage = next(line for line in shown.splitlines() if "Usage:" in line)
        assert " ".join(path) in usage
        assert re.search(r"--help\s+-h", shown), path


@pytest.mark.parametrize("path", lazy_commands(), ids=" ".join)
def test_a_command_begins_its_help_as_the_list_tells_and_has_an_example_that_is_right(path: tuple[str, ...]) -> None:
    command = loaded(path)
    told = " ".join((command.help or "").split())
    assert told.startswith(lazy_commands()[path].help)
    [line] = re.findall(r"^Example: (.*)$", command.help, re.MULTILINE)
    words = [word for word in shlex.split(line) if not re.match(r"[A-Z_]+=", word)]
    assert tuple(words[: len(path) + 1]) == ("pingfold", *path)
    command.make_context(path[-1], words[len(path) + 1 :])  # it parses


def test_help_is_given_whatever_the_settings_are(tmp_path: Path) -> None:
    for arguments in (["-h"], ["--version"], ["up", "--help"]):
        ended = subprocess.run(
            [sys.executable, "-m", "pingfold", *arguments],
            env=environment(tmp_path, PINGFOLD_NONSENSE="1", PINGFOLD_WORKERS="many"),
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        assert ended.stderr == ""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("pingfold proj", {"project"}),
        ("pingfold project ", {"list", "create", "rename", "rotate-ping-key", "rotate-webhook-secret"}),
        ("pingfold project list --", {"--json", "--help"}),
    ],
)
def test_a_shell_completes_commands_and_options(tmp_path: Path, words: str, expected: set[str]) -> None:
    asked = environment(
        tmp_path,
        _PINGFOLD_COMPLETE="complete_bash",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split(" ")) - 1),
        PINGFOLD_NONSENSE="1",
    )
    ended = subprocess.run([sys.executable, "-m", "pingfold"], env=asked, capture_output=True, text=True, timeout=120)
    assert ended.stderr == ""
    assert set(ended.stdout.split()) == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_shown_and_installed(tmp_path: Path, shell: str) -> None:
    for option in ("--show-completion", "--install-completion"):
        ended = subprocess.run(
            [sys.executable, "-m", "pingfold", option, shell],
            # Which shell it is run from would be looked for among the parents of this process.
            env=environment(tmp_path, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1"),
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        if option == "--show-completion":
            assert "_PINGFOLD_COMPLETE" in ended.stdout
    written = [file.read_text() for file in tmp_path.rglob("*") if file.is_file()]
    assert any("_PINGFOLD_COMPLETE" in text for text in written)


def commands_of_pages() -> set[tuple[str, ...]]:
    """The words of each command that a page for people shows."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    pages += (ROOT / "docs" / "compatibility").glob("*.md")
    shown = re.compile(r"(?:^|[`(] ?|\.venv/bin/)pingfold ([a-z][a-z-]*(?: [^`|#\n)]+)?)", re.MULTILINE)
    return {tuple(words.split()) for page in pages for words in shown.findall(page.read_text("utf-8"))}


def test_every_command_that_a_page_shows_is_there() -> None:
    found, known = commands_of_pages(), lazy_commands()
    assert len(found) > 25
    for words in found:
        told, path = f"pingfold {' '.join(words)}", words[:2] if words[:2] in known else words[:1]
        if path not in known:  # a group, of which nothing more is said
            assert isinstance(COMMANDS.get(words[0]), Group), told
            assert all(word.startswith("-") for word in words[1:]), told
            continue
        options = {option for parameter in loaded(path).params for option in parameter.opts}
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert given <= options, f"{told}: there is no {given - options}"
