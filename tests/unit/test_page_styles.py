"""What the styles of pages say: tests of how pages look at one width and in one theme stand on it."""

import re

import pytest

from tests.source_tree import ROOT

STYLES = (
    "query_api/web/static/web.css",
    "query_api/pages/templates/base.html",
    "query_api/pages/templates/status_base.html",
    "query_api/pages/templates/api_reference.css",
)
_COLOURS = re.compile(r"(?:^|[^-\w])(?:color|background|border-color|fill|stroke|--\w+)\s*:|#[0-9a-f]{3,6}\b")
_MEDIA = re.compile(r"@media\s*(\([^{]*\))\s*\{((?:[^{}]|\{[^{}]*\})*)\}")


def rules_of(path: str) -> list[tuple[str, str]]:
    """The conditions of a style, each with what it changes."""
    return _MEDIA.findall((ROOT / path).read_text())


@pytest.mark.parametrize("path", STYLES)
def test_no_width_changes_a_colour_and_no_theme_a_place(path: str) -> None:
    rules = rules_of(path)
    assert any("prefers-color-scheme: dark" in condition for condition, _ in rules)
    for condition, changed in rules:
        if "width" in condition:
            assert not _COLOURS.search(changed), (condition, changed)
        if "prefers-color-scheme" in condition:
            said = re.findall(r"([-\w]+)\s*:\s*[^;{}]+;", changed)
            assert said
            assert all(name.startswith("--") for name in said), (condition, said)


def test_dark_by_choice_is_dark_as_by_the_system() -> None:
    text = (ROOT / STYLES[0]).read_text()
    by_system = re.search(r'not\(\[data-theme="light"\]\) \{([^}]*)\}', text)
    by_choice = re.search(r':root\[data-theme="dark"\] \{\s*color-scheme: dark;([^}]*)\}', text)
    assert by_system is not None
    assert by_choice is not None
    assert by_system[1].split() == by_choice[1].split()
