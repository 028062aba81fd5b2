"""Words that came from elsewhere, as sentences of a page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_api.web.shown.sentences import clause, sentence


@pytest.mark.parametrize(
    ("words", "joined", "whole"),
    [
        ("unexpected status: 503.", "unexpected status: 503", "Unexpected status: 503."),
        (" refused ", "refused", "Refused."),
        ("cut off...", "cut off...", "Cut off..."),
        ("why?", "why?", "Why?"),
        ("to be continued…", "to be continued…", "To be continued…"),
    ],
)
def test_words_go_on_or_end(words: str, joined: str, whole: str) -> None:
    assert clause(words) == joined
    assert sentence(words) == whole


@given(st.text())
def test_a_sentence_ends_once(words: str) -> None:
    found = sentence(words)
    assert sentence(found) == found
    assert found.endswith((".", "!", "?", "…"))
    if not words.strip().endswith((".", "!", "?", "…")):
        assert clause(found)[:1] == found[:1] or found == "."
        assert not clause(found).endswith(".")
