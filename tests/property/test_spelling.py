"""Spellings of paths and queries: nothing breaks, and what is spelled as routes are stays as it is."""

from urllib.parse import parse_qsl, quote

from hypothesis import given
from hypothesis import strategies as st

from query_api.http.spelling import ascii_query, other_spellings, with_lower_uuids

PATHS = st.text(st.sampled_from("/aA0-.é%{}"), max_size=40).map(lambda text: f"/{text}")
UUIDS = st.uuids().map(str)


@given(PATHS)
def test_a_path_has_few_other_spellings(path: str) -> None:
    others = list(other_spellings(path))
    assert len(others) <= 2
    for other in others:
        assert other != path
        assert "//" not in other
        assert other.startswith("/")
        assert [part for part in other.split("/") if part] == [part for part in path.split("/") if part]


@given(UUIDS, st.sampled_from(["", "/pings/", ".json", "/pause"]))
def test_the_case_of_a_uuid_does_not_count(uuid: str, rest: str) -> None:
    path = f"/api/v3/checks/{uuid}{rest}"
    assert with_lower_uuids(f"/api/v3/checks/{uuid.upper()}{rest}") == path
    assert with_lower_uuids(path) == path


@given(UUIDS, st.text(st.sampled_from("abcXYZ019_-"), min_size=1, max_size=10))
def test_the_case_of_anything_else_does(uuid: str, more: str) -> None:
    for path in (f"/status/{more}", f"/a/x{uuid.upper()}", f"/a/{uuid.upper()}{more}"):
        assert with_lower_uuids(path) == path


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_a_raw_query_says_what_an_encoded_one_says(query: dict[str, str]) -> None:
    try:
        raw = "&".join(f"{quote(name)}={value.translate(TAKEN)}" for name, value in query.items()).encode()
    except UnicodeEncodeError:  # surrogates are no text that can be sent
        return
    said = ascii_query(raw)
    assert said.isascii()
    assert dict(parse_qsl(said.decode(), keep_blank_values=True)) == query


TAKEN = {ord(character): quote(character) for character in "%&+;#= "}


@given(st.binary())
def test_no_query_breaks_it(query: bytes) -> None:
    said = ascii_query(query)
    assert said.isascii()
    assert (said == query) == query.isascii()
