"""Histograms of response times and Apdex, by numbers that updown.io has answered."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.response_times import BUCKETS, EDGES, EDGES_MS, THRESHOLDS, answered_in, apdex, bucket, within


def histogram(**under: int) -> list[int]:
    """From cumulative counts, as they are answered; beyond the last there are none."""
    times, before = [0] * BUCKETS, 0
    for name, many in under.items():
        times[EDGES_MS.index(int(name.removeprefix("under")))] = many - before
        before = many
    return times


# threshold, samples, histogram, satisfied, tolerated, score
RECORDED = {
    "a month": (250, 206, histogram(under250=164, under1000=187), 164, 23, 0.852),
    "two hours": (250, 60, histogram(under250=50, under1000=60), 50, 10, 0.917),
    "Gravelines": (250, 49, histogram(under250=44), 44, 0, 0.898),
    "Sydney": (250, 41, histogram(under250=0, under500=36), 0, 36, 0.439),
    "Los Angeles": (250, 48, histogram(under250=45, under500=46), 45, 1, 0.948),
    "the documentation": (
        500,
        87_441,
        histogram(
            under125=70_521, under250=71_126, under500=87_357, under1000=87_422, under2000=87_434, under4000=87_438
        ),
        87_357,
        77,
        0.999,
    ),
}


@pytest.mark.parametrize("name", RECORDED)
def test_apdex_as_recorded(name: str) -> None:
    threshold, samples, times, satisfied, tolerated, score = RECORDED[name]
    found = apdex(samples, times, threshold)
    assert (found.satisfied, found.tolerated) == (satisfied, tolerated)
    assert found.score == score


def test_without_samples_there_is_no_score() -> None:
    assert apdex(0, [0] * BUCKETS, 500).score is None
    assert apdex(3, [0] * BUCKETS, 500).score == 0


def test_edges_are_doubles_up_to_four_times_the_longest_threshold() -> None:
    assert EDGES_MS[0] == min(THRESHOLDS) == 125
    assert EDGES_MS[-1] == 4 * max(THRESHOLDS) == 32_000
    assert all(threshold in EDGES_MS and 4 * threshold in EDGES_MS for threshold in THRESHOLDS)


@pytest.mark.parametrize(
    ("took", "number"),
    [(0, 0), (125_000, 0), (125_001, 1), (250_000, 1), (32_000_000, 8), (32_000_001, 9), (10**12, 9)],
)
def test_an_edge_belongs_to_the_bucket_below(took: int, number: int) -> None:
    assert bucket(took) == number


def test_what_the_response_time_of_a_probe_is() -> None:
    assert answered_in(900, 100, 300) == 300
    assert answered_in(900, 100, None) == 100
    assert answered_in(900, None, None) == 900


@given(st.lists(st.integers(0, 40_000_000)), st.integers(0, 50), st.sampled_from(THRESHOLDS))
def test_apdex_is_that_of_the_times_themselves(took: list[int], failures: int, threshold: int) -> None:
    times = [0] * BUCKETS
    for one in took:
        times[bucket(one)] += 1
    satisfied = sum(one <= threshold * 1_000 for one in took)
    tolerated = sum(threshold * 1_000 < one <= 4 * threshold * 1_000 for one in took)
    samples = len(took) + failures
    found = apdex(samples, times, threshold)
    assert found == (samples, satisfied, tolerated)
    if samples:
        exact = Fraction(2 * satisfied + tolerated, 2 * samples)
        assert found.score is not None
        assert abs(Fraction(found.score) - exact) <= Fraction(5_001, 10_000_000)
    assert [within(times, edge) for edge in EDGES_MS] == [sum(one <= edge for one in took) for edge in EDGES]
