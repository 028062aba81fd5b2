"""A keyword in an answer of JSON: letters, slashes and quotation marks count however they are written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.prober.probes.json_escapes import is_json, resolved
from ingest.prober.probes.page import TRIED, Page
from ingest.prober.probes.text_search import TextSearch
from tests.pages import HTML, read

JSON = "Content-Type: application/json"


def found(keyword: str, body: bytes, *headers: str, pieces: int = 1) -> bool:
    page: Page = read(keyword, body, *headers, pieces=pieces)
    assert page.found or page.unreadable == ""
    return page.found


@pytest.mark.parametrize(
    ("keyword", "body"),
    [
        ("Z\u00fcrich", r'{"city": "Z\u00fcrich"}'),
        ("Z\u00fcrich", r'{"city": "Z\u00FCrich"}'),
        ("Z\u00fcrich", r'{"city": "Zu\u0308rich"}'),
        ("Z\u00fcrich", '{"city": "Z\u00fcrich"}'),
        ("\U0001f600 ok", r'["\ud83d\ude00 ok"]'),
        ("https://x.test/a", r'{"url": "https:\/\/x.test\/a"}'),
        ('say "yes"', r'{"text": "say \"yes\""}'),
        ("C:\\tmp", r'{"path": "C:\\tmp"}'),
        ("two\nlines", r'["two\nlines"]'),
        (r"Z\u00fcrich", r'{"city": "Z\u00fcrich"}'),  # as it is written
        ("error", r'"\u0065rror"'),
    ],
)
@pytest.mark.parametrize("pieces", [1, 2, 100])
def test_escapes_count_as_what_they_stand_for(keyword: str, body: str, pieces: int) -> None:
    for headers in (
        [JSON],
        ["Content-Type: application/problem+json; charset=utf-8"],
        [HTML],  # as programs say it that say no type themselves
        ["Content-Type: text/plain"],
        [],
    ):
        assert found(keyword, body.encode(), *headers, pieces=pieces), headers
    assert not found("Bern", body.encode(), JSON, pieces=pieces)


def test_what_is_no_escape_is_none() -> None:
    assert not found("Z\u00fcrich", rb'{"city": "Z\\u00fcrich"}', JSON)  # a backslash, and letters behind it
    assert not found("\U0001f600", rb'["\ud83d", "\ude00"]', JSON)
    assert not found("Z\u00fcrich", rb"Z\u00fcrich", "Content-Type: text/plain")  # no JSON
    assert resolved(r"\q\u12\ud83dx") == r"q\u12" + "\ufffdx"


@pytest.mark.parametrize(
    ("kind", "begins", "wanted"),
    [
        ("application/json", b"", True),
        ("application/vnd.api+json; charset=utf-8", b"", True),
        ("application/x-ndjson", b"", True),
        ("text/html", b"\xef\xbb\xbf \n{", True),
        ("text/html", b"\0{", True),
        ("text/html", b"<p>", False),
        ("text/plain", b"hello", False),
    ],
)
def test_what_is_json(kind: str, begins: bytes, wanted: bool) -> None:
    assert is_json(kind, begins) is wanted


texts = st.text(st.sampled_from('a\\u0fc"/\u00fc\U0001f600\n'), max_size=12)


@given(texts, texts, texts, st.booleans(), st.lists(st.integers(1, 9), max_size=40))
def test_a_word_is_found_exactly_where_it_is(before: str, word: str, behind: str, ascii: bool, cuts: list[int]) -> None:
    """However the document is written, and wherever it is cut: what is found stands in it, or in its source."""
    source = json.dumps({"x": before + word + behind}, ensure_ascii=ascii)
    filler = "f" * 300
    for wanted in (word or "x", behind[::-1] or "y"):
        search = TextSearch(wanted, "utf-8", json=True)
        data, start = (filler + source).encode("utf-8", "surrogatepass"), 0
        for size in cuts:
            search.take(data[start : start + size * 20])
            start += size * 20
        search.take(data[start:], True)
        seen = f'{filler}{{"x": "{before + word + behind}"}}'
        assert search.found == (wanted in seen or wanted in source)


def test_an_answer_of_any_length() -> None:
    long = b'["' + b"x" * TRIED * 3 + rb'Z\u00fcrich"]'
    assert found("Z\u00fcrich", long, JSON, pieces=7)


def test_guesses_are_bounded() -> None:
    """Japanese in seven bits is looked for in the first 128 KB; UTF-16 everywhere, by its bytes."""
    word = "\u30b5\u30fc\u30d0\u30fc"
    japanese = word.encode("iso-2022-jp")
    plain = ["Content-Type: text/plain"]
    assert found(word, b"x" * 1_000 + japanese, *plain)
    page = read(word, b"\x1b$B\x1b(B" + b"x" * TRIED + japanese, *plain)
    assert not page.found
    assert (
        page.unreadable == "it says no charset and looks like Japanese, and only its first 128 KB are tried in others"
    )
    # What terminals write, and what has eight bits, is no such text.
    assert not found(word, b"\x1b(B" + b"x" * TRIED, *plain)
    assert not found(word, b"\x1b$B\x1b(B" + "\u00fc".encode() * TRIED, *plain)
    for codec in ("utf-16-le", "utf-16-be"):
        for wanted in ("Z\u00fcrich", "Zu\u0308rich", "error"):
            body = ("x" * 200_000 + wanted).encode(codec)
            assert found("Z\u00fcrich" if wanted != "error" else wanted, body, *plain)
            assert not read("Bern", body, *plain).found
