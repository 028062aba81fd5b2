"""The lines of `pingfold up`: one format a stream, whoever speaks."""

import ast
import json
import re
import sys
from functools import cache
from pathlib import Path

import pytest

from pingfold.supervisor.lines import _ENDS_TROUBLE, Lines, Problem, Shown, for_people, for_programs
from pingfold.supervisor.server_output import ServerOutput
from tests.source_tree import modules

EVENT = '{"role": "web-0", "event": "key.wrong", "address": "192.0.2.1", "level": "warning", "timestamp": "2026-01-01"}'
NOTE = '{"role": "worker-0", "event": "fold.taken", "partition": 7, "level": "info", "timestamp": "2026-01-01"}'


@cache
def written() -> set[object]:
    """Every text in our modules, but for the one that is tested."""
    trees = (module.tree for name, module in modules().items() if name != "pingfold.supervisor.lines")
    return {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}


class Terminal:
    """Standard error that is one."""

    def __init__(self, is_one: bool = True) -> None:
        self.text, self._is_one = "", is_one

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return self._is_one


def test_elsewhere_than_on_a_terminal_every_line_is_one_json_object() -> None:
    assert for_programs("web-0", EVENT, 0) == EVENT
    assert json.loads(for_programs("web-0", '{"event": "a"}', 0)) == {"event": "a", "role": "web-0"}
    for line in ("is ready", '{"not": "an event"}', "{broken", "[1]", ""):
        told = json.loads(for_programs("kafka-0", line, 1_500_000))
        assert (told["event"], told["role"], told["level"]) == (line, "kafka-0", "info")
        assert told["timestamp"] == "1970-01-01T00:00:01.500000+00:00"
        assert "\n" not in for_programs("kafka-0", line, 0)
    assert json.loads(for_programs("web-0", Problem("ended"), 0))["level"] == "warning"


def test_people_get_words_about_what_is_wrong_and_nothing_that_is_only_noted() -> None:
    assert for_people("web-0", EVENT, said=False) == Shown("key.wrong address=192.0.2.1", "warning")
    assert for_people("worker-0", NOTE, said=False) is None
    failed = {"event": "ping.failed", "level": "error", "exception": "Traceback:\nValueError: no"}
    shown = for_people("web-0", json.dumps(failed), said=False)
    assert shown is not None
    assert shown.level == "error"
    assert shown.words.splitlines() == ["ping.failed", "Traceback:", "ValueError: no"]
    assert for_people("web-0", "Traceback (most recent call last):", said=False) is not None


@pytest.mark.parametrize("event", sorted(_ENDS_TROUBLE))
def test_people_who_were_told_of_trouble_are_told_of_its_end(event: str) -> None:
    assert for_people("up", json.dumps({"event": event, "level": "info"}), said=False) == Shown(event, "info")
    assert event in written(), "nobody writes it any more"


def test_what_servers_write_is_kept_in_a_file_and_not_shown_to_people(tmp_path: Path) -> None:
    assert for_people("kafka-0", "WARNING: A terminally deprecated method", said=False) is None
    assert for_people("kafka-0", "answers after 3.0 s", said=True) == Shown("answers after 3.0 s", "info")
    output = ServerOutput(tmp_path / "kafka-0.out")
    for line in ("first", "", "second", "x" * 2**20, "last"):
        output.take(line)
    assert output.file.read_text() == "first\nsecond\nlast\n"
    assert output.last == "last"
    ServerOutput(tmp_path / "absent" / "kafka-0.out").take("a full disk ends nothing")


@pytest.mark.parametrize(
    ("form", "is_terminal", "no_color", "words", "colours"),
    [
        ("auto", True, "", True, True),
        ("auto", True, "1", True, False),
        ("auto", False, "", False, False),
        ("text", False, "", True, False),
        ("json", True, "", False, False),
    ],
)
def test_the_form_is_that_of_the_setting_and_colours_are_for_terminals(
    monkeypatch: pytest.MonkeyPatch, form: str, is_terminal: bool, no_color: str, words: bool, colours: bool
) -> None:
    terminal = Terminal(is_terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    lines = Lines(form)  # type: ignore[arg-type]
    lines.say("pingfold", "ready after 1.0 s")
    lines.say("web-0", Problem("ended with status 1; starting it again in 0.2 s"))
    lines.pass_on("web-0", EVENT)
    lines.pass_on("worker-0", NOTE)
    lines.close(30.0)
    print(NOTE, file=lines.stream(), flush=True)
    print(EVENT, file=lines.stream(), flush=True)
    assert ("\x1b[" in terminal.text) == colours
    plain = re.sub(r"\x1b\[[0-9;]*m", "", terminal.text).splitlines()
    if words:
        assert [line.partition(" ")[2] for line in plain] == [
            "pingfold     ready after 1.0 s",
            "web-0        warning: ended with status 1; starting it again in 0.2 s",
            "web-0        warning: key.wrong address=192.0.2.1",
            "pingfold     warning: key.wrong address=192.0.2.1",
        ]
    else:
        assert [json.loads(line)["event"] for line in plain] == [
            *("ready after 1.0 s", "ended with status 1; starting it again in 0.2 s"),
            *("key.wrong", "fold.taken", "fold.taken", "key.wrong"),
        ]
