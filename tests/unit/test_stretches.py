"""Work in stretches comes to what it would come to at once."""

from hypothesis import given
from hypothesis import strategies as st

from processors.fold import stretches
from processors.fold.stretches import sorted_in_stretches


@given(st.lists(st.tuples(st.integers(0, 20), st.text(max_size=3)), max_size=60), st.integers(1, 30))
def test_sorted(values: list[tuple[int, str]], stretch: int) -> None:
    before, stretches._STRETCH = stretches._STRETCH, stretch
    try:
        assert sorted_in_stretches(values) == sorted(values)
        assert sorted_in_stretches(iter(values)) == sorted(values)
    finally:
        stretches._STRETCH = before
