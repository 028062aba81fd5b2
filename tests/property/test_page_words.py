"""What pages read of URLs and say in words, for any text and any time."""

from urllib.parse import parse_qsl
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from query_api.web.overview.overview_filter import SHOWN, OverviewFilter, read_filter
from query_api.web.shown.plots import Point, curve
from query_api.web.shown.reasons import in_reach
from query_api.web.shown.schedule_words import period_words, span_words
from query_api.web.shown.shown_times import ShownTimes
from query_api.web.shown.time_range import LONGEST, read_range
from schemas.base import SECOND
from schemas.schedules import canonical_tz, zone
from schemas.times import LAST, iso

NOW = 1_780_000_000 * SECOND
ZONES = st.sampled_from(["UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Kiritimati", "Africa/Monrovia"])
WORDS = st.text(max_size=60).map(str.strip)


@given(
    statuses=st.frozensets(st.sampled_from(SHOWN)),
    tag=WORDS,
    project=WORDS,
    search=WORDS,
    page=st.integers(1, 1_000),
    wall=st.booleans(),
)
def test_a_filter_comes_back_from_its_url(**fields: object) -> None:
    wanted = OverviewFilter(**fields)  # type: ignore[arg-type]
    query = wanted.query(page=wanted.page)
    pairs = parse_qsl(query.removeprefix("?"), keep_blank_values=True)
    assert read_filter(pairs) == wanted
    assert read_filter(parse_qsl(wanted.query().removeprefix("?"))).page == 1


@given(st.lists(st.tuples(st.sampled_from(["status", "tag", "project", "q", "page", "wall", "x"]), st.text())))
def test_any_query_is_a_filter(pairs: list[tuple[str, str]]) -> None:
    found = read_filter(pairs)
    assert found.page >= 1
    assert found.statuses <= {*SHOWN}


@given(st.text() | st.tuples(st.dates(), st.dates()).map(lambda days: f"{days[0]}..{days[1]}"), ZONES)
def test_any_range_is_one_before_now(text: str, name: str) -> None:
    found = read_range(text, NOW, zone(name))
    assert 0 <= found.start < found.end <= NOW
    assert found.end - found.start <= LONGEST
    if not found.fault and not found.is_until_now:
        assert read_range(found.name, NOW, zone(name)) == found


@given(st.integers(0, LAST), st.integers(0, LAST), ZONES)
def test_any_moment_is_told_by_any_clock(at: int, now: int, name: str) -> None:
    times = ShownTimes(zone(canonical_tz(name)), name, now)
    for told in (times.at(at), times.short(at), times.ago(at)):
        assert ElementTree.fromstring(told).get("datetime", "").startswith(iso(at)[:19])
    assert in_reach(f"since {iso(at)}", times) == f"since {times.clock(at)}"


@given(st.text(), ZONES)
def test_a_text_without_moments_stays_as_it_is(text: str, name: str) -> None:
    if ":" not in text:
        assert in_reach(text, ShownTimes(zone(name), name, NOW)) == text


@given(st.integers(0, 400 * 86_400))
def test_no_second_of_a_span_is_lost(seconds: int) -> None:
    sizes = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}
    words = span_words(seconds).split()
    assert sum(int(count) * sizes[unit] for count, unit in zip(words[::2], words[1::2], strict=False)) == seconds
    assert not seconds or period_words(seconds)


@given(
    st.lists(st.tuples(st.floats(0, 1e12), st.floats(0, 1e12), st.text(alphabet="a<>&\"'", max_size=5)), max_size=20),
    st.none() | st.floats(0.001, 1e12),
)
def test_a_curve_stays_within_its_plot(points: list[tuple[float, float, str]], limit: float | None) -> None:
    svg = ElementTree.fromstring(curve(sorted(Point(*one) for one in points), "label", "s", limit))
    for dot in svg.iter("circle"):
        assert -0.01 <= float(dot.get("cx", "nan")) <= 720.01
        assert -0.01 <= float(dot.get("cy", "nan")) <= 160.01
