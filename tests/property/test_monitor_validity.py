"""Properties of what people are told of certificates and domains: each thing once, whatever is split, restarted or told
twice."""

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.monitors.fold import Monitors
from schemas.base import SECOND
from schemas.certificates import Certificate, warning_days
from schemas.probes import CertificateTested
from schemas.transitions import ValidityTold
from tests.folding import Folding, of_type
from tests.monitor_story import MONITOR, t
from tests.validity_story import NOT_TRUSTED, TRUSTING, Watched, certificate

CERTIFICATES = (
    certificate(20, 90, "a"),
    certificate(45, 365, "b"),
    certificate(46, 47, "c"),
    certificate(90, 400, "d"),
    certificate(3, 400, "e"),
)
Step = tuple[Any, ...]

tests_ = st.tuples(st.just("test"), st.integers(0, 4), st.booleans())
ticks = st.tuples(st.just("tick"), st.sampled_from([0.01, 0.3, 1.0, 2.5, 9.0]))
domains = st.tuples(st.just("domain"), st.sampled_from([10, 20, 45, 400]))
oddities = st.tuples(st.sampled_from(["again", "nothing", "pause", "resume", "restart", "elsewhere", "back"]))
courses = st.lists(st.one_of(tests_, tests_, ticks, ticks, domains, oddities), max_size=40)


def written(course: list[Step]) -> Watched:
    """The journal that a course leaves."""
    watched = Watched("a", "b", **TRUSTING)
    story, newest = watched.story, [CertificateTested(slot=0, region="a", at=0)]
    for what, *more in course:
        now = story.time
        match what:
            case "test":
                shown, valid = more
                newest.append(watched.result(CERTIFICATES[shown], "" if valid else NOT_TRUSTED))
                watched.test(CERTIFICATES[shown], "" if valid else NOT_TRUSTED)
            case "tick":
                story.tick(now + more[0] * 86_400)
            case "domain":
                watched.domain((now + 1) / 86_400, more[0])
            case "again":
                story.tell(newest[-1], now)
            case "nothing":
                watched.test(None, valid=None, error="connection refused")
            case "pause" | "resume":
                story.define(now, paused=what == "pause")
            case "restart":
                story.folding.restart()
            case "elsewhere":
                story.tell(watched.result(CERTIFICATES[0], region="c"), now)
            case _:
                story.tick(max(0.0, now - 5))
    story.tick(story.time + 1)
    return watched


@settings(max_examples=100, deadline=None)
@given(courses)
def test_the_same_journal_gives_the_same(course: list[Step]) -> None:
    watched = written(course)
    again = Folding(Monitors())
    again.feed(watched.story.journal)
    assert again.outcome() == watched.story.folding.outcome()


@settings(max_examples=100, deadline=None)
@given(courses, st.data())
def test_batches_and_restarts_change_nothing(course: list[Step], data: st.DataObject) -> None:
    watched = written(course)
    journal, pieces, done = watched.story.journal, Folding(Monitors()), 0
    while done < len(journal):
        size = data.draw(st.integers(1, 10))
        pieces.feed(journal[done : done + size])
        done += size
        if data.draw(st.booleans()):
            pieces.restart()
            pieces.feed(journal[:done])
    assert pieces.outcome() == watched.story.folding.outcome()


@settings(max_examples=150, deadline=None)
@given(courses)
def test_each_warning_comes_once_and_never_without_reason(course: list[Step]) -> None:
    watched = written(course)
    told = of_type(watched.story.folding.effects, ValidityTold)
    assert len({event.id for event in told}) == len(told)
    assert [event.n for event in told] == list(range(1, len(told) + 1))
    seen = {each.fingerprint: each for each in CERTIFICATES}
    counted: Counter[str] = Counter()
    for event in told:
        assert event.thing == MONITOR
        assert event.at <= event.detected_at
        if event.notice == "monitor.ssl_expiration":
            shown = seen[event.data["certificate"]["fingerprint"]]
            left = event.data["days_before_expiration"]
            assert 0 < left <= max(warning_days(shown))
            assert event.detected_at < shown.not_after
            counted[shown.fingerprint] += 1
        if event.notice == "monitor.ssl_renewed":
            old = seen[event.data["old_certificate"]["fingerprint"]]
            new = seen[event.data["new_certificate"]["fingerprint"]]
            assert new.not_after > old.not_after
    for fingerprint, number in counted.items():
        # Four certificates are remembered of five: one may be forgotten, and told of anew.
        assert number <= len(warning_days(seen[fingerprint])) * (1 + _shown(course, fingerprint))
    verdicts = [event.notice for event in told if event.notice in ("monitor.ssl_invalid", "monitor.ssl_valid")]
    assert (
        verdicts
        == ["monitor.ssl_invalid", "monitor.ssl_valid"] * (len(verdicts) // 2) + verdicts[len(verdicts) // 2 * 2 :]
    )
    assert verdicts[:1] in ([], ["monitor.ssl_invalid"])


def _shown(course: list[Step], fingerprint: str) -> int:
    """How often another certificate was shown between, so that this one may have been forgotten."""
    others = {CERTIFICATES[step[1]].fingerprint for step in course if step[0] == "test"} - {fingerprint}
    return len(course) if len(others) >= 4 else 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([0.02, 0.4, 0.9, 3.0]), min_size=1, max_size=60),
    st.sampled_from([(40, 365), (40, 90), (40, 47)]),
)
def test_however_time_passes_one_who_is_tested_daily_is_warned_in_order(
    steps: list[float], shape: tuple[int, int]
) -> None:
    """Of a certificate that is tested whenever it is due; ticks come in any number."""
    end, valid_for = shape
    shown: Certificate = certificate(end, valid_for) if valid_for >= end else certificate(valid_for, valid_for)
    watched = Watched()
    day = 0.0
    for step in steps:
        day = min(day + step, end - 0.01)
        watched.until(day, shown)
    told = of_type(watched.story.folding.effects, ValidityTold)
    due = [days for days in warning_days(shown) if shown.not_after - days * 86_400 * SECOND <= t(watched.story.time)]
    assert [event.data["days_before_expiration"] for event in told] == due
    assert [event.at for event in told] == [shown.not_after - days * 86_400 * SECOND for days in due]
