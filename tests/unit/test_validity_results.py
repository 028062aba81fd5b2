"""Which results tell something of a certificate or a domain, and what domains come to (the `monitors` fold)."""

from typing import Any

import pytest
from msgspec.structs import replace

from processors.fold.contract import Effect
from schemas.certificates import HOUR, RETRY, Certificate
from schemas.dead_letters import DeadLetter
from schemas.ids import derived_id
from schemas.maintenance import Maintenance, Once
from schemas.monitor_states import validity_key
from schemas.monitors import ProbeTarget
from schemas.probes import MaintenanceDefined, RegionTroubled
from schemas.ticks import Tick, TimeCorrected
from schemas.transitions import ValidityTold
from tests.folding import of_type
from tests.monitor_story import MONITOR, Story, notices, seconds, t
from tests.validity_story import NOT_TRUSTED, TRUSTING, Watched, certificate, told

# ---- which results count


def test_a_test_that_comes_twice_counts_once() -> None:
    watched = Watched()
    result = watched.result(certificate(300))
    watched.story.tell(result, 1)
    before = dict(watched.story.folding.committed)
    watched.story.tell(result, 1)
    after = watched.story.folding.committed
    assert before[validity_key(MONITOR)] == after[validity_key(MONITOR)]


@pytest.mark.parametrize(
    "fields",
    [
        {"region": "b"},
        {"region": "elsewhere"},
        {"slot": t(2)},
        {"slot": t(0)},
        {"slot": t(1) - RETRY},
        {"slot": t(1) + RETRY, "at": t(1) + RETRY},
    ],
)
def test_what_is_not_due_does_not_count(fields: dict[str, Any]) -> None:
    watched = Watched("a", "b")
    at = fields.get("at", t(2))
    watched.story.tick(seconds(at))
    watched.story.tell(watched.result(certificate(300), **{"at": at, **fields}), seconds(at))
    assert not watched.known


def test_the_next_region_may_make_it_later() -> None:
    watched = Watched("a", "b")
    at = t(1) + RETRY
    watched.story.tick(seconds(at))
    watched.story.tell(watched.result(certificate(300), slot=at, at=at, region="b"), seconds(at))
    assert watched.validity.tested_at == at


def test_a_disregarded_region_is_not_believed() -> None:
    watched = Watched("a", **TRUSTING)
    watched.story.tell(RegionTroubled(region="a", at=t(1)), 1, key="a")
    watched.story.tell(watched.result(certificate(300), NOT_TRUSTED), 1)
    assert not watched.known


def test_a_test_of_a_former_definition_does_not_count() -> None:
    watched = Watched()
    watched.story.define(2, target=ProbeTarget(url="https://other.example.com/"))
    watched.story.tell(watched.result(certificate(300), version=1), 2)
    assert not watched.known
    watched.story.tell(watched.result(certificate(300), version=2), 2)
    assert watched.known


def test_late_and_odd_tests() -> None:
    watched = Watched()
    late = watched.result(certificate(300))
    watched.story.tick(3_600)
    watched.story.tell(late, 3_600)
    assert not watched.known
    for odd in (replace(late, at=t(9_000)), replace(late, slot=-1), replace(late, at=0)):
        [letter] = of_type(watched.story.tell(odd, 3_600), DeadLetter)
        assert "ahead of" in letter.reason or "before its slot" in letter.reason
    assert watched.story.tell(replace(late, at=t(3_600)), 3_600, key=derived_id("unknown")) == []
    assert watched.story.tell(replace(late, at=t(3_600)), 3_600, retried=True) == []
    assert not watched.known


def test_a_monitor_without_a_certificate_is_not_tested() -> None:
    for definition in (
        {"target": ProbeTarget(url="http://api.example.com/")},
        {"kind": "tcp", "target": ProbeTarget(host="example.com", port=22)},
        {"kind": "smtp", "target": ProbeTarget(host="example.com", port=25, options={"tls": "never"})},
    ):
        watched = Watched(**definition)
        watched.story.tell(watched.result(certificate(5)), 1)
        assert not watched.known


@pytest.mark.parametrize("years", [2**80, -(2**70)])
def test_dates_that_nobody_can_show(years: int) -> None:
    watched = Watched()
    shown = Certificate(not_before=-years, not_after=years, fingerprint="x" * 999, subject="s" * 999, issuer="i" * 999)
    effects = watched.test(shown) + watched.story.tick(10 * 86_400)
    assert of_type(effects, DeadLetter) == []
    assert watched.validity.parked is None
    assert len(watched.story.folding.committed[validity_key(MONITOR)]) < 2_000


def test_the_words_of_an_error_are_cut() -> None:
    watched = Watched(**TRUSTING)
    for _ in range(2):
        watched.test(certificate(300), "x" * 100_000)
    assert len(watched.validity.error) == 300


# ---- other certificates that a probe sees


def test_a_probe_that_sees_another_certificate_has_it_tested() -> None:
    watched = Watched()
    old, new = certificate(40), certificate(400, 400, digit="b")
    watched.story.probe(0, expires=old.not_after)
    watched.test(old)
    due = watched.due
    watched.story.probe(1, expires=old.not_after)
    assert watched.due == due
    watched.story.probe(2, expires=new.not_after)
    assert watched.due == min(due, 1 + 3_600)  # not more often than once an hour
    watched.test(new)
    assert watched.validity.certificate == new
    due = watched.due
    watched.story.probe(3_700 // 60, expires=new.not_after)
    assert watched.due == due


# ---- definitions, maintenance, time


def test_another_place_is_another_certificate() -> None:
    watched = Watched()
    watched.test(certificate(5))
    watched.domain(0.5, 300)
    watched.story.define(50_000, target=ProbeTarget(url="https://api.example.com/other"))
    assert watched.validity.certificate is not None
    watched.story.define(50_001, target=ProbeTarget(url="https://api.example.com:8443/other"))
    state = watched.validity
    assert (state.certificate, state.valid, state.due, state.notices) == (None, None, 0, 1)
    assert state.domain is not None
    assert watched.due == 50_001
    watched.story.define(50_002, target=ProbeTarget(url="https://other.example.com/"))
    assert watched.validity.domain is None
    effects = watched.test(certificate(5, digit="b"))
    assert [event.n for event in of_type(effects, ValidityTold)] == [2]  # its id was not used before


def test_a_removed_monitor_is_forgotten() -> None:
    watched = Watched()
    watched.test(certificate(40))
    watched.story.remove(100)
    assert not watched.known
    assert watched.story.tick(39 * 86_400) == []


def test_a_paused_monitor_is_silent() -> None:
    watched = Watched()
    shown = certificate(40)
    watched.until(9, shown)
    watched.story.define(9.1 * 86_400, paused=True)
    assert told(watched.story.tick(10.1 * 86_400)) == []
    watched.story.tell(watched.result(shown), 10.1 * 86_400)
    watched.story.define(10.2 * 86_400, paused=False)
    assert told(watched.story.tick(10.3 * 86_400)) == []
    assert told(watched.test(shown)) == [("ssl_expiration", 10)]


def test_in_maintenance_nobody_is_told_until_it_is_over() -> None:
    watched = Watched()
    shown = certificate(40)
    watched.until(9.5, shown)
    window = Once(start=t(9.9 * 86_400), end=t(10.2 * 86_400))
    id = derived_id("window")
    maintenance = Maintenance(
        id=id, project="p", version=1, created=t(0), revised=t(0), name="Works", window=window, monitors=()
    )
    watched.story.tell(MaintenanceDefined(at=t(9.5 * 86_400), maintenance=maintenance), 9.5 * 86_400, key=id)
    watched.story.tick(9.95 * 86_400)
    assert told(watched.story.tick(10.1 * 86_400)) == []
    assert told(watched.story.tick(10.2 * 86_400)) == [("ssl_expiration", 10)]


def test_restarts_and_ticks_that_come_again_tell_nothing_twice() -> None:
    watched = Watched()
    shown = certificate(40)
    effects = watched.until(20, shown)
    assert [name for name, _ in told(effects)] == ["ssl_expiration"]
    watched.story.folding.restart()
    assert told(watched.story.tick(20.0001 * 86_400)) == []
    watched.story.folding.restart()
    effects = watched.until(39, shown)
    assert told(effects) == [("ssl_expiration", 26), ("ssl_expiration", 33), ("ssl_expiration", 39)]


def test_a_time_that_was_ahead_is_taken_back() -> None:
    watched = Watched()
    watched.test(certificate(40))
    at = 3 * 86_400
    record = watched.story.journal.add("tick", Tick(slot="ticker", epoch=1, at=t(at), now=t(at)), t(at))
    watched.story.folding.feed([record])
    watched.test(certificate(40))
    watched.story.tell(TimeCorrected(reason="clock"), 86_400, key="")
    assert watched.story.time == 86_400
    state = watched.validity
    assert (state.heard_at or 0) <= t(86_400)
    assert state.due <= t(86_400) + HOUR


# ---- domains


def test_days_before_a_domain_expires() -> None:
    watched = Watched(target=ProbeTarget(url="http://www.example.com/"))
    effects: list[Effect] = []
    for day in range(1, 42):
        effects += watched.domain(day, 40)
    assert told(effects) == [("domain_expiration", 40 - each) for each in (30, 14, 7, 1)]
    first = of_type(effects, ValidityTold)[0]
    assert first.data["domain"] == {"expires_at": "2024-02-10T00:00:00+00:00", "source": "RDAP"}
    assert first.data["days_before_expiration"] == 30
    assert first.detail == "The domain of www.example.com will expire in 30 days, at 2024-02-10T00:00:00+00:00"
    assert notices(effects).count("monitor.domain_expiration") == 4


def test_a_domain_that_was_renewed_is_told_of_again_a_year_later() -> None:
    watched = Watched()
    effects = watched.domain(1, 6)
    assert told(effects) == [("domain_expiration", 1)]
    assert told(watched.domain(2, 371)) == []
    assert told(watched.domain(2.5, 6)) == []  # a prober that has not heard of it
    assert watched.validity.domain is not None
    assert watched.validity.domain.expires == t(371 * 86_400)
    assert told(watched.domain(341, 371)) == [("domain_expiration", 341)]


def test_a_domain_that_has_expired_is_told_once() -> None:
    watched = Watched()
    effects = watched.domain(5, 3)
    [event] = of_type(effects, ValidityTold)
    assert event.data["days_before_expiration"] == 0
    assert "has expired at 2024-01-04" in event.detail
    assert told(watched.domain(6, 3)) == []


def test_a_date_that_was_read_long_ago_is_not_believed() -> None:
    watched = Watched()
    watched.domain(1, 40)
    assert told(watched.story.tick(34 * 86_400)) == []
    assert told(watched.domain(34.1, 405)) == []
    other = Watched()
    other.domain(1, 40)
    other.story.tick(34 * 86_400)
    assert told(other.domain(34.1, 40)) == [("domain_expiration", 33)]


def test_an_earlier_date_counts_when_the_later_one_is_told_no_more() -> None:
    watched = Watched()
    watched.domain(1, 400)
    watched.domain(1.5, 300)
    assert watched.validity.domain is not None
    assert watched.validity.domain.expires == t(400 * 86_400)
    watched.domain(2.1, 300)
    assert watched.validity.domain.expires == t(300 * 86_400)


def test_results_of_probes_alone_leave_no_record() -> None:
    """So an older journal gives what it gave."""
    story = Story()
    story.probe(0, expires=t(5 * 86_400), domain_expires=t(5 * 86_400))
    story.probe(1, expires=t(6 * 86_400), domain_expires=t(6 * 86_400))
    assert validity_key(MONITOR) not in story.folding.committed
    assert of_type(story.tick(4 * 86_400), ValidityTold) == []
