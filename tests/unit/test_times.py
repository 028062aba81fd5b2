"""Times as text and back."""

import ast
from datetime import datetime

import pytest

from schemas.base import SECOND
from schemas.times import LAST, exact_iso, iso, iso_or_none, micros_of, read_iso, to_day, to_minute, to_second
from tests.source_tree import modules

AT = 1_740_148_320 * SECOND + 123_456


def test_what_a_text_has_no_room_for_is_cut_off() -> None:
    assert iso(AT) == iso_or_none(AT) == "2025-02-21T14:32:00+00:00"
    assert iso(AT + SECOND - 123_457) == "2025-02-21T14:32:00+00:00"
    assert exact_iso(AT) == "2025-02-21T14:32:00.123456+00:00"
    assert exact_iso(AT - 123_456) == "2025-02-21T14:32:00+00:00"
    assert (to_second(AT), to_minute(AT), to_day(AT)) == ("2025-02-21 14:32:00", "2025-02-21 14:32", "2025-02-21")
    assert iso_or_none(None) is None


@pytest.mark.parametrize("at", [0, AT, LAST])
def test_texts_are_read_as_what_was_written(at: int) -> None:
    assert read_iso(exact_iso(at)) == at


def test_a_text_without_an_offset_is_in_utc() -> None:
    assert read_iso("2025-02-21T14:32") == read_iso("2025-02-21T15:32+01:00") == AT - 123_456
    assert micros_of(datetime.fromisoformat("1970-01-01")) == 0
    # Beyond what a text can be made of; callers refuse or bound it.
    assert micros_of(datetime.fromisoformat("9999-12-31T23:59:59-01:00")) > LAST
    assert micros_of(datetime.fromisoformat("0001-01-01T00:00:00+01:00")) < 0
    with pytest.raises(ValueError, match="soon"):
        read_iso("soon")


# Names of folders that sort by time, which are no texts for anybody.
ELSEWHERE = {"schemas.times", "pingfold.replay.snapshots"}


def test_times_are_written_and_read_nowhere_else() -> None:
    found = {
        f"{name}: {node.attr}"
        for name, module in modules().items()
        if name not in ELSEWHERE
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr in ("isoformat", "fromisoformat", "strftime", "strptime")
    }
    assert not found
