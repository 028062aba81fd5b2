"""Where a span begins and ends changes nothing that is said of it: whatever is said of a pair of alerts is what is said
when all of the history is asked about, or that it is undecided. Over random histories of checks."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.checks.fold import Checks
from processors.what_if.alerts import Span
from processors.what_if.comparison import compare
from processors.what_if.summary import Tally
from schemas.base import SECOND, Micros
from schemas.what_if.answers import Alert, Compared
from schemas.what_if.settings import Changes
from tests import check_courses as of_checks
from tests.check_story import MIDNIGHT
from tests.what_if_courses import SPAN, ChecksWriter, check_changes, courses_of_checks, what_if

moments = st.integers(0, 20_000).map(lambda seconds: MIDNIGHT + seconds * SECOND)


def sent_in(one: Compared) -> Micros:
    """When a pair counts: its alert was sent, or would have been."""
    alert = one.sent or one.imagined
    assert alert is not None
    return alert.told


def key(alert: Alert | None) -> tuple[str, str, Micros, Micros] | None:
    return None if alert is None else (alert.thing, alert.what, alert.began, alert.told)


@settings(max_examples=200, deadline=None)
@given(courses_of_checks, check_changes, moments)
def test_what_is_said_of_a_span_is_what_is_said_of_the_whole(
    course: list[tuple[float, Any]], changes: Changes, since: Micros
) -> None:
    """Also when all is forgotten of before the span that can be."""
    journal, chosen = list(ChecksWriter().write(course)), frozenset(of_checks.CHECKS)
    whole = compare(*what_if(Checks(), journal, [changes], chosen))
    was, imagined = what_if(Checks(), journal, [changes], chosen, Span(since, SPAN.until), many=0)
    assert compare(was, imagined) == [one for one in whole if sent_in(one) >= since]
    for log in (was, imagined):
        assert all(one.up >= 0 and one.down >= 0 for one in log.watched.values())


@settings(max_examples=200, deadline=None)
@given(courses_of_checks, check_changes, moments)
def test_what_comes_after_the_span_changes_no_verdict(
    course: list[tuple[float, Any]], changes: Changes, until: Micros
) -> None:
    journal, chosen = list(ChecksWriter().write(course)), frozenset(of_checks.CHECKS)
    whole = compare(*what_if(Checks(), journal, [changes], chosen))
    found = compare(*what_if(Checks(), journal, [changes], chosen, Span(0, until)))
    verdicts = {(key(one.sent), key(one.imagined)): one.verdict for one in whole}
    for one in found:
        for alert in (one.sent, one.imagined):
            assert alert is None or (alert.told < until and (alert.ended is None or alert.ended < until))
        if one.verdict != "undecided":
            assert verdicts[key(one.sent), key(one.imagined)] == one.verdict
    told = {key(side) for one in found for side in (one.sent, one.imagined) if side is not None}
    everything = [side for one in whole for side in (one.sent, one.imagined) if side is not None]
    assert told == {key(side) for side in everything if side.told < until}


@settings(max_examples=100, deadline=None)
@given(courses_of_checks, check_changes, st.lists(moments, min_size=3, max_size=3, unique=True).map(sorted))
def test_spans_one_after_the_other_add_up(
    course: list[tuple[float, Any]], changes: Changes, borders: list[Micros]
) -> None:
    """Each alert that was sent is of one span, and each moment in which something was up or down."""
    journal, chosen = list(ChecksWriter().write(course)), frozenset(of_checks.CHECKS)
    since, middle, until = borders

    def told(span: Span) -> Tally:
        tally = Tally(changes, 300 * SECOND, shown=True)
        tally.add(*what_if(Checks(), journal, [changes], chosen, span))
        return tally

    first, second, both = (told(Span(*span)).case() for span in ((since, middle), (middle, until), (since, until)))
    assert first.sent + second.sent == both.sent
    assert first.short_sent + first.long_sent <= first.sent
    for case in (first, second, both):
        counts = case.counts
        matched = counts.kept + counts.earlier + counts.later
        one_sided = sum(one.verdict == "undecided" and one.sent is not None for one in case.alerts)
        assert case.sent == matched + counts.spared + one_sided
        assert case.imagined == matched + counts.added + counts.undecided - one_sided
    for one, other, sum_ in (
        (first.in_all.was, second.in_all.was, both.in_all.was),
        (first.in_all.imagined, second.in_all.imagined, both.in_all.imagined),
    ):
        assert (one.up + other.up, one.down + other.down) == (sum_.up, sum_.down)
