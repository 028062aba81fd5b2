"""Plots, availability, response times and ranges of time, as pages show them."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_api.history.response_times import Figures, Place
from query_api.history.status_pages import DAY
from query_api.history.uptime import Span, format_percent, of_observed
from query_api.web.monitors.answers import answers, phases_ms, within_words
from query_api.web.monitors.availability import DAYS, availability
from query_api.web.shown.plots import Bar, Point, axis_of, bars, curve, stacks
from query_api.web.shown.shown_times import ShownTimes
from query_api.web.shown.time_range import read_range
from schemas.base import SECOND, Micros
from schemas.response_times import BUCKETS, EDGES_MS
from schemas.schedules import zone
from schemas.times import exact_iso, iso, read_iso, read_local
from schemas.transitions import VisibleStatus

NOW = read_iso("2026-03-02T12:00:00+00:00")
UTC = ShownTimes(zone("UTC"), "UTC", NOW)
HOSTILE = '"><script>alert(1)</script>&'


def test_what_stands_in_a_plot_is_inert() -> None:
    for plot in (
        bars([Bar("up", HOSTILE)], HOSTILE),
        curve([Point(1, 1, HOSTILE), Point(2, 3)], HOSTILE, "s", 2, (HOSTILE,)),
        stacks([(HOSTILE, (1.0, 2.0)), ("none", ())], HOSTILE, "ms"),
    ):
        root = ElementTree.fromstring(plot)
        assert root.get("aria-label") == HOSTILE
        assert "script" not in {element.tag for element in root.iter()}
        assert "style" not in plot


def test_a_curve_stays_within_its_plot() -> None:
    plot = curve([Point(x, x * x) for x in range(50)], "squares", "s", 5_000)
    for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', plot):
        assert 0 <= float(x) <= 720
        assert 0 <= float(y) <= 160
    assert 'class="limit"' in plot
    for few in ([], [Point(0, 0)]):
        assert "polyline" not in curve(few, "few", "s")


@pytest.mark.parametrize(
    ("most", "figures"),
    [
        (9.2, ["0 ms", "2.5 ms", "5 ms", "7.5 ms", "10 ms"]),
        (120, ["0 ms", "50 ms", "100 ms", "150 ms"]),
        (7_100, ["0 ms", "2000 ms", "4000 ms", "6000 ms", "8000 ms"]),
        (0.03, ["0 ms", "0.01 ms", "0.02 ms", "0.03 ms"]),
        (0, ["0 ms", "1 ms"]),
    ],
)
def test_the_figures_of_an_axis_are_round(most: float, figures: list[str]) -> None:
    root = ElementTree.fromstring(curve([Point(0, most)], "an axis", "ms"))
    assert [one.text for one in root.iter("text")] == figures


@given(st.floats(1e-6, 1e9))
def test_an_axis_reaches_all_and_not_far_beyond(most: float) -> None:
    step, end = axis_of(most)
    assert end >= most * (1 - 1e-9)
    assert end - most <= step * (1 + 1e-9)
    assert 1 <= round(end / step) <= 4
    assert f"{step:.10e}".partition("e")[0].rstrip("0") in ("1.", "2.", "2.5", "5.")


def test_a_short_outage_does_not_paint_a_whole_day_red() -> None:
    day, hour = NOW // DAY, 3_600 * SECOND
    before = (day - 1) * DAY
    spans = [
        Span(before - DAY, before - 12 * hour, "up"),
        Span(before - 12 * hour, before, "down"),
        Span(before, before + hour // 60, "down"),
        Span(before + hour // 60, day * DAY, "late"),
        Span(day * DAY, NOW, "not_observed"),
    ]
    found = availability(spans, "up", NOW - hour, NOW)
    assert len(found.bars) == DAYS
    assert [bar.look for bar in found.bars[-4:]] == ["none", "up", "up", "up"]
    assert [round(bar.down, 3) for bar in found.bars[-4:]] == [0, 1 / 2, 1 / 8, 0]
    assert found.bars[-2].title == "2026-03-01: 99.93 % up, down 1 min"
    assert (found.uptime, found.down) == ("75.48 %", "12 h 1 min")
    assert found.bad_days == [found.bars[-2].title, found.bars[-3].title]
    assert availability([], "down", NOW - 2 * DAY, NOW).bars[-1].down == 1
    assert availability([], "new", 0, NOW).uptime == ""


@given(
    lengths=st.lists(
        st.tuples(st.sampled_from(["up", "late", "down", "paused"]), st.integers(1, 3 * DAY)), max_size=50
    ),
    overlap=st.integers(0, DAY),
)
def test_each_day_has_what_its_spans_say_of_it(lengths: list[tuple[VisibleStatus, int]], overlap: int) -> None:
    at, spans = NOW - DAYS * DAY, list[Span]()
    for state, length in lengths:
        spans.append(Span(at, at + length + overlap, state))  # what begins later counts
        at += length
    status, since = (spans[-1].state, spans.pop().start) if spans else ("new", NOW)
    found = availability(spans, status, min(since, NOW), NOW)
    whole = [*spans, Span(min(since, NOW), NOW, status)]
    for number, bar in enumerate(found.bars):
        day = (NOW // DAY - DAYS + 1 + number) * DAY
        share = of_observed(whole, day, min(day + DAY, NOW))
        assert (bar.look == "none") == (share is None), bar
        if share is not None:
            assert bar.down == (0 if share == 1 else pytest.approx(max(1 / 8, float(1 - share))))
            assert bar.title.startswith(f"{iso(day)[:10]}: {'100' if share == 1 else format_percent(share, 2)} % up")


def figures(samples: int, failures: int, ms: int, bucket: int) -> Figures:
    times = [0] * BUCKETS
    times[bucket] = samples - failures
    each = ms * 1_000 * (samples - failures)
    return Figures(samples, failures, times, 0, each, each, 0, 2 * each)


def test_response_times_by_phase_and_region() -> None:
    hour = NOW // SECOND // 3_600 * 3_600
    found = answers(
        {Place(hour, "riga"): figures(10, 2, 10, 0), Place(hour - 3_600, "oslo"): figures(10, 0, 30, 2)},
        read_range("24h", NOW, UTC.zone),
        UTC,
    )
    assert [row["name"] for row in found.regions] == ["all", "oslo", "riga"]
    assert [row["mean"] for row in found.regions] == ["84 ms", "120 ms", "40 ms"]
    assert found.regions[2]["phases"] == ["0.0 ms", "10.0 ms", "10.0 ms", "0.0 ms", "20.0 ms"]
    assert found.regions[0]["within"] == "99 % within 500 ms"
    assert [title for title, _ in found.plots] == ["All regions", "oslo", "riga"]
    assert "11:00: 120 ms in 10 results" in found.plots[0][1]
    assert phases_ms(Figures()) == (0.0,) * 5
    assert within_words([0] * BUCKETS) == []
    assert within_words([0] * (BUCKETS - 1) + [1]) == ["more than 50 % slower than 32000 ms"]
    assert within_words([90, 0, 0, 6] + [0] * (BUCKETS - 5) + [4]) == [
        f"50 % within {EDGES_MS[0]} ms", f"95 % within {EDGES_MS[3]} ms", "more than 1 % slower than 32000 ms",
    ]  # fmt: skip
    assert answers({}, read_range("", NOW, UTC.zone), UTC).plots == []


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("", "2026-03-01T12:00:00+00:00", "2026-03-02T12:00:00+00:00"),
        ("7d", "2026-02-23T12:00:00+00:00", "2026-03-02T12:00:00+00:00"),
        ("2026-02-01..2026-02-03", "2026-01-31T23:00:00+00:00", "2026-02-03T23:00:00+00:00"),
        ("2026-02-01T10:00Z..2026-02-01T11:00Z", "2026-02-01T10:00:00+00:00", "2026-02-01T11:00:00+00:00"),
        ("2026-03-01..2026-12-31", "2026-02-28T23:00:00+00:00", "2026-03-02T12:00:00+00:00"),
    ],
)
def test_a_range_of_time_is_read(text: str, start: str, end: str) -> None:
    found = read_range(text, NOW, zone("Europe/Berlin"))
    assert (iso(found.start), iso(found.end), found.fault) == (start, end, "")
    assert found.by_day is (text == "2026-02-01..2026-12-31")


@pytest.mark.parametrize(
    "text",
    ["x", "..", "2026-02-03..2026-02-01", "2026-02-01", "1900-01-01..1900-02-01", "2020-01-01..2026-01-01",
     "2027-01-01..2027-02-01", "0001-01-01..9999-12-31", "9999-12-31..9999-12-31", "\0..\0", "1" * 9_000],
)  # fmt: skip
def test_what_is_no_range_is_said_and_the_last_day_is_shown(text: str) -> None:
    found = read_range(text, NOW, zone("Asia/Kolkata"))
    assert found.fault.startswith("The range ")
    assert (found.name, found.end - found.start) == ("24h", DAY)


@given(
    st.integers(0, 4_000_000_000_000_000),
    st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia"]),
)
def test_a_moment_in_an_input_is_read_as_it_was(at: Micros, name: str) -> None:
    times = ShownTimes(zone(name), name, NOW)
    read = read_local(times.typed(at), times.zone)
    # Of the hour that a clock shows twice, the earlier one is read.
    assert read == at or (times.typed(read) == times.typed(at) and read < at)
    assert read_local(exact_iso(at), times.zone) == at


def test_the_red_part_of_a_bar_stands_at_its_foot() -> None:
    root = ElementTree.fromstring(bars([Bar("up", "a day", down=0.25), Bar("none", "", 0.5)], "two days", 32))
    (day, other) = root
    drawn = [(one.get("class"), one.get("y"), one.get("height")) for one in day.findall("rect")]
    assert drawn == [("up", "0", "32"), ("down", "24", "8")]
    assert day.findtext("title") == "a day"
    assert [one.get("class") for one in other] == ["none"]
