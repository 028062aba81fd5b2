"""Sections of a status page in the form of the editor: the lines that say them say the same when they are read."""

from hypothesis import given
from hypothesis import strategies as st

from query_api.web.status_pages.page_form import lines_of, sections_in
from schemas.status_pages import Section

_PARTS = st.sampled_from(["closed", "open", "|", "a", "what customers use", "Open", "closed."])
DESCRIPTIONS = st.lists(_PARTS, max_size=4).map(" ".join) | st.lists(_PARTS, max_size=4).map(" | ".join)
TITLES = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S"), exclude_characters="|"), min_size=1)
SECTIONS = st.lists(st.builds(Section, title=TITLES, description=DESCRIPTIONS, collapsed=st.booleans()), max_size=5)


@given(SECTIONS)
def test_lines_say_what_sections_are(sections: list[Section]) -> None:
    read = [Section(**one) for one in sections_in(lines_of(tuple(sections)))]
    assert read == sections


@given(st.text())
def test_any_text_says_some_sections(text: str) -> None:
    for one in sections_in(text):
        assert one["title"] == one["title"].strip() != ""
