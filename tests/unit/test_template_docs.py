"""docs/templates.md: its examples come out as it says, and it names every variable, tag and filter, and each limit."""

import re
import tomllib
from pathlib import Path

import pytest

from processors.sender.preview import Previews
from processors.sender.template_language import FILTERS, MOST_CHARACTERS, MOST_ROUNDS, MOST_STEPS, TAGS, VARIABLES
from query_api.preview_samples import preview_sample
from schemas.message_templates import LONGEST_TEXT, LONGEST_TITLE, MOST_TEMPLATES, Sample
from schemas.message_templates import MOST_CHARACTERS as MOST_OF_A_PROJECT
from schemas.times import read_iso

PAGE = (Path(__file__).parents[2] / "docs/templates.md").read_text("utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)
NOW = read_iso("2026-06-01T08:00:00+00:00")


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize(("file", "told"), EXAMPLES)
def test_an_example_comes_out_as_the_page_says(file: str, told: str) -> None:
    wanted = tomllib.loads(file)
    sample = Sample(
        "monitor.down",
        preview_sample("monitor.down", NOW),
        wanted["title"],
        wanted["text"],
        timezone="Europe/Paris",
        project="Shop",
    )
    forms = Previews("https://up.example", "Pingfold", "ops@up.example").forms(sample, NOW)
    assert forms.problem == ""
    assert f"{forms.title}\n\n{forms.text}\n" == told


def test_the_page_names_what_there_is() -> None:
    named = set(re.findall(r"`([a-z_]+)`", PAGE))
    assert set(VARIABLES) <= named
    assert set(TAGS) <= named
    assert set(FILTERS) <= named
    told = re.search(r"^Tags: (.*) Filters: (.*)$", PAGE, re.MULTILINE)
    assert told is not None
    tags, filters = (re.findall(r"`([a-z_]+)`", part) for part in told.groups())
    assert set(tags) == {*TAGS, "elsif", "else", "when"}
    assert set(filters) == set(FILTERS)


def test_the_page_has_the_limits() -> None:
    for limit in (
        MOST_ROUNDS,
        MOST_STEPS,
        MOST_CHARACTERS,
        MOST_OF_A_PROJECT,
        MOST_TEMPLATES,
        LONGEST_TITLE,
        LONGEST_TEXT,
    ):
        assert re.search(rf"\b{limit:,}\b", PAGE), limit
