"""The slices of time in which much that is new is rolled up."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.history import roll_ups
from processors.history.roll_ups import slice_ends

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@given(st.lists(st.integers(1, 500), max_size=60), st.integers(0, 60), st.integers(1, 1_000))
def test_slices_are_as_small_as_they_can_be(rows: list[int], hours: int, size: int) -> None:
    """In order, whole hours, none after the end; one has the size that is wanted only with its last hour."""
    arrivals = [(BEGIN + number * HOUR, many) for number, many in enumerate(rows)]
    done_to = BEGIN + hours * HOUR
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(roll_ups, "SLICE", size)
        ends = list(slice_ends(arrivals, done_to))
    assert ends == sorted(set(ends))
    assert all(end <= done_to for end in ends)
    for since, until in zip([BEGIN, *ends], ends, strict=False):
        within = [many for hour, many in arrivals if since <= hour < until]
        assert sum(within) >= size
        assert sum(within[:-1]) < size
    last = max(ends, default=BEGIN)
    assert sum(many for hour, many in arrivals if last <= hour and hour + HOUR <= done_to) < size
