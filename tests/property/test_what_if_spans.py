"""Where a span begins and ends changes nothing that is said of it: whatever is said of a pair of alerts is what is said
when all of the history is asked about, or that it is undecided. Over random histories of checks and
of monitors."""

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.what_if.alerts import Span
from processors.what_if.comparison import compare
from processors.what_if.summary import Tally
from schemas.base import SECOND, Micros
from schemas.what_if.answers import Alert, Compared
from tests.check_story import MIDNIGHT
from tests.what_if_courses import SPAN, Story, stories

moments = st.integers(0, 20_000).map(lambda seconds: MIDNIGHT + seconds * SECOND)
# At a moment, or at one at which something is told, begins or ends, or just behind it: one of them by its number.
borders = st.one_of(moments, st.tuples(st.integers(0, 1_000), st.integers(0, 1)))


def moment_of(border: Micros | tuple[int, int], whole: list[Compared]) -> Micros:
    if isinstance(border, int):
        return border
    sides = [side for one in whole for side in (one.sent, one.imagined) if side is not None]
    found = sorted({at for side in sides for at in (side.told, side.began, side.ended) if at is not None})
    number, behind = border
    return found[number % len(found)] + behind if found else MIDNIGHT


def sent_in(one: Compared) -> Micros:
    """When a pair counts: its alert was sent, or would have been."""
    alert = one.sent or one.imagined
    assert alert is not None
    return alert.told


def key(alert: Alert | None) -> tuple[str, str, Micros, Micros] | None:
    return None if alert is None else (alert.thing, alert.what, alert.began, alert.told)


@settings(max_examples=200, deadline=None)
@given(stories, borders)
def test_what_is_said_of_a_span_is_what_is_said_of_the_whole(story: Story, border: Micros | tuple[int, int]) -> None:
    """Also when all is forgotten of before the span that can be."""
    whole = compare(*story.logs())
    since = moment_of(border, whole)
    was, imagined = story.logs(Span(since, SPAN.until), many=0)
    assert compare(was, imagined) == [one for one in whole if sent_in(one) >= since]
    for log in (was, imagined):
        assert all(one.up >= 0 and one.down >= 0 for one in log.watched.values())


@settings(max_examples=200, deadline=None)
@given(stories, borders)
def test_what_comes_after_the_span_changes_no_verdict(story: Story, border: Micros | tuple[int, int]) -> None:
    whole = compare(*story.logs())
    until = moment_of(border, whole)
    found = compare(*story.logs(Span(0, until)))
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
@given(stories, st.lists(moments, min_size=3, max_size=3, unique=True).map(sorted))
def test_spans_one_after_the_other_add_up(story: Story, borders: list[Micros]) -> None:
    """Each alert that was sent is of one span, and each moment in which something was up or down."""
    since, middle, until = borders

    def told(span: Span) -> Tally:
        tally = Tally(story.changes, 300 * SECOND, shown=True)
        tally.add(*story.logs(span))
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
