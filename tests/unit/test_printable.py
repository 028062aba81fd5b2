"""Texts of others on a terminal."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pingfold.commands.tables import say, show
from schemas.printable import printable, quoted
from tests.source_tree import ROOT


@given(st.text())
def test_a_printable_text_has_as_many_characters_and_none_that_a_terminal_acts_on(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown) == len(text)
    assert all(one == other or not other.isprintable() for one, other in zip(shown, text, strict=True))
    assert len(quoted(text)) <= 55


def test_lines_stay_lines(capsys: pytest.CaptureFixture[str]) -> None:
    say("- a\n+ b\x1b[2J", "c\u202ed")
    show({"name": "x\ny"}, as_json=False)
    assert capsys.readouterr().out == "- a\ufffd+ b\ufffd[2J\nc\ufffdd\nname: x\ufffdy\n"


def test_there_is_one_way_to_make_a_text_printable_for_a_terminal() -> None:
    """What prints names of others by itself would forget something."""
    raw = re.compile(r"isprintable\(\) else")
    found = [path for path in Path(ROOT, "pingfold", "commands").glob("*.py") if raw.search(path.read_text("utf-8"))]
    assert not found
