"""How wide the letters of a badge are, and where a title is cut."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import get_character_cell_size

from query_api.pages.drawing import GREEN, drawn
from query_api.pages.lettering import cut, plain, width

FAMILY = "👩\u200d👩\u200d👧\u200d👦"
TEXTS = st.text(st.sampled_from("aW i.é\u0301\u200d\ufe0f監👩👦🏽אش\u202e\x00…") | st.characters(), max_size=80)


@pytest.mark.parametrize(
    ("text", "pixels"),
    [
        ("", 0),
        ("operational", 62),
        ("監" * 12, 132),
        ("ｆｕｌｌ", 44),
        ("한국어", 33),
        ("e\u0301", width("e")),
        ("é", width("e")),
        (FAMILY, 11),
        ("❤\ufe0f", 11),
        ("Z" + "\u0301" * 500, width("Z")),
        ("\u200b\u0301", 0),
        ("iiii", 12),
        ("WWWW", 44),
    ],
)
def test_widths(text: str, pixels: float) -> None:
    assert round(width(text)) == round(pixels)


@given(TEXTS, st.integers(1, 50), st.integers(20, 400))
def test_a_title_that_is_cut_fits_and_no_letter_is_torn(text: str, letters: int, pixels: int) -> None:
    shown = cut(text, letters, pixels)
    assert width(shown) <= max(pixels, width(text) if shown == text else 0)
    if shown != text:
        kept = shown.removesuffix("…")
        assert text.startswith(kept)
        behind = text[len(kept) :][:1]
        assert not kept or not behind or get_character_cell_size(behind), "a mark of the last letter is left behind"


def test_a_family_is_kept_together() -> None:
    assert cut(FAMILY * 5, 3, 300) == FAMILY * 2 + "…"


@given(st.text(max_size=200), st.text(max_size=20))
def test_every_badge_is_an_image_with_room_for_what_it_says(title: str, word: str) -> None:
    root = ElementTree.fromstring(drawn(title, plain(word), GREEN))
    rooms = [one for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert len(rooms) == 2
    assert all(float(one.get("textLength", "0")) >= 0 for one in rooms)
    assert float(root.get("width", "0")) <= 300 + 40 + 20 * 12 * 2
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", root.get("aria-label", ""))


def test_twelve_chinese_letters_have_their_room() -> None:
    root = ElementTree.fromstring(drawn("監視対象サービス稼働状況", "up", GREEN))
    title, _ = root.iter("{http://www.w3.org/2000/svg}text")
    assert title.get("textLength") == "132"


@pytest.mark.parametrize("title", ["", " ", "\x00", "\u0301", "\u202e", "\u200b\u200d"])
def test_a_title_of_nothing_is_called_something(title: str) -> None:
    assert ElementTree.fromstring(drawn(title, "up", GREEN)).get("aria-label") == "status: up"
