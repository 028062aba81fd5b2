"""docs/compare.md: each row has a verdict, and each page of ours that it names is one that there is."""

import re
from typing import NamedTuple

import pytest
from fastapi.routing import APIRoute

from tests.harness import Harness
from tests.source_tree import ROOT

VERDICTS = ("Yes", "Partly", "No")
_ROW = re.compile(r"^\| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
_PATH = re.compile(r"`(/[^`\s?#]*)[^`]*`")
_NAMED = re.compile(r"<\w+>")


class Row(NamedTuple):
    """A line of a table. theirs: page and what it lets people do; here: where that is done, after the verdict."""

    theirs: str
    here: str

    @property
    def verdict(self) -> str:
        return re.split(r"[:.]", self.here)[0]

    @property
    def paths(self) -> list[str]:
        return _PATH.findall(self.here)


def rows(text: str) -> list[Row]:
    """Those of all tables, without their heads."""
    found = [Row(f"{page}: {what}", here) for page, what, here in _ROW.findall(text)]
    return [row for row in found if row.here != "here" and not row.here.startswith("---")]


def unknown(row: Row, served: set[str]) -> list[str]:
    """Paths of ours that a row names, and that nobody serves."""
    return [path for path in row.paths if _NAMED.sub("{}", path) not in served]


@pytest.fixture(scope="module")
def compared() -> list[Row]:
    return rows((ROOT / "docs" / "compare.md").read_text("utf-8"))


@pytest.fixture(scope="module")
def served() -> set[str]:
    """What may be opened, with `{}` for each value in it."""
    routes = [route for route in Harness().app.routes if isinstance(route, APIRoute) and "GET" in (route.methods or ())]
    return {re.sub(r"{[^}]*}", "{}", route.path) for route in routes}


def test_every_page_that_it_names_is_there(compared: list[Row], served: set[str]) -> None:
    assert len(compared) > 60
    missing = [f"{row.theirs}: {path}" for row in compared for path in unknown(row, served)]
    assert not missing, "\n".join(missing)


def test_every_row_has_a_verdict_and_says_where_or_why(compared: list[Row]) -> None:
    for row in compared:
        assert row.verdict in VERDICTS, row
        if row.verdict == "Yes":
            assert row.paths, f"say where: {row}"
        else:
            assert len(row.here.split()) > 5, f"say what is missing, or why: {row}"


def test_a_page_that_is_not_there_is_found(served: set[str]) -> None:
    text = "| a | b | here |\n|---|---|---|\n| `/x` | do | Yes: `/checks/<id>/edit`, `/nothing/<id>` and `/?wall=1` |\n"
    [row] = rows(text)
    assert (row.verdict, unknown(row, served)) == ("Yes", ["/nothing/<id>"])
