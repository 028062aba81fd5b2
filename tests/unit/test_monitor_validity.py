"""What people are told of certificates and domains (the `monitors` fold), and when."""

from typing import Any

import pytest
from msgspec.structs import replace

from processors.fold.contract import Effect
from schemas.certificates import DAY, HOUR, RETRY, Certificate, daily, days_left, next_test, warning_days
from schemas.dead_letters import DeadLetter
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.maintenance import Maintenance, Once
from schemas.monitor_states import validity_key
from schemas.monitors import ProbeTarget
from schemas.probes import MaintenanceDefined, RegionTroubled
from schemas.ticks import Tick, TimeCorrected
from schemas.transitions import StatusChanged, ValidityTold
from tests.folding import of_type
from tests.monitor_story import MONITOR, Story, notices, seconds, t
from tests.validity_story import NOT_TRUSTED, TRUSTING, YEAR, Watched, certificate, told

# ---- the rules that prober and fold share


@pytest.mark.parametrize(
    ("days", "warned"),
    [
        (398, (30, 14, 7, 1)),
        (180, (30, 14, 7, 1)),
        (179, (14, 7, 1)),
        (90, (14, 7, 1)),
        (47, (7, 1)),
        (6, (1,)),
        (5, ()),
    ],
)
def test_of_a_short_certificate_people_are_told_later(days: int, warned: tuple[int, ...]) -> None:
    assert warning_days(certificate(days, days)) == warned


def test_days_left_count_a_part_as_a_whole_one() -> None:
    left = [days_left(7 * DAY, time) for time in (0, 1, DAY, 6 * DAY, 7 * DAY - 1, 7 * DAY, 8 * DAY)]
    assert left == [7, 7, 6, 1, 1, 0, 0]


def test_regions_take_turns_in_the_slots_of_a_test() -> None:
    monitor = Story("a", "b", "c").monitor
    due = t(1_000)

    def slot(region: str, now: int, turn: int = 0) -> int | None:
        found = next_test(monitor, due, turn, region, due + now)
        return None if found is None else found - due

    assert [slot(region, -5) for region in "abcd"] == [0, RETRY, 2 * RETRY, None]
    assert slot("a", RETRY - 1) == 0  # made up for while it lasts
    assert slot("a", RETRY) == 3 * RETRY
    assert slot("b", RETRY) == RETRY
    assert slot("b", RETRY + 1) == 4 * RETRY  # the others are not
    assert slot("a", 0, turn=2) == RETRY


def test_daily_moments_are_a_day_apart_and_a_monitors_own() -> None:
    first = daily(MONITOR, t(0))
    assert t(0) < first <= t(86_400)
    assert daily(MONITOR, first) == first + DAY
    assert daily(MONITOR, first - 1) == first
    assert daily(derived_id("another"), t(0)) != first


# ---- certificates that end


def test_the_thin_line_a_certificate_that_ends_soon() -> None:
    watched = Watched()
    assert watched.due == 1  # soon after it was made
    shown = certificate(5)
    effects = watched.test(shown)
    [event] = of_type(effects, ValidityTold)
    assert (event.notice, event.thing, event.project, event.n) == ("monitor.ssl_expiration", MONITOR, "p", 1)
    assert (event.at, event.silent) == (t(1), False)
    [request] = of_type(effects, DeliveryRequested)
    assert (request.transition, request.notices, request.data) == (event.id, (event.notice,), event.data)
    assert request.data == {
        "monitor": {
            "id": MONITOR,
            "name": "Production API",
            "url": "https://api.example.com/health",
            "kind": "http",
            "current_status": "new",
            "response_time_ms": None,
        },
        "incident": None,
        "certificate": {
            "subject": "api.example.com",
            "issuer": "R11 (Let's Encrypt)",
            "valid_from": "2023-01-06T00:00:00+00:00",
            "valid_until": "2024-01-06T00:00:00+00:00",
            "algorithm": "SHA-256 with RSA encryption",
            "fingerprint": "a" * 64,
        },
        "days_before_expiration": 5,
        "detail": "The certificate of api.example.com will expire in 5 days, at 2024-01-06T00:00:00+00:00",
    }
    state = watched.validity
    assert (state.certificate, state.valid, state.tested_at, state.error) == (shown, True, t(1), "")
    assert of_type(effects, StatusChanged) == []


@pytest.mark.parametrize(("valid_for", "days"), [(YEAR, [30, 14, 7, 1]), (90, [14, 7, 1]), (47, [7, 1]), (6, [1])])
def test_each_day_is_told_once_at_its_time(valid_for: int, days: list[int]) -> None:
    watched = Watched()
    end = min(valid_for, 40)
    shown = certificate(end, valid_for)
    effects = watched.until(end - 0.5, shown)
    assert told(effects) == [("ssl_expiration", end - each) for each in days]
    left = [one.data["days_before_expiration"] for one in of_type(effects, ValidityTold)]
    assert left == days
    ids = [one.id for one in of_type(effects, ValidityTold)]
    assert len(set(ids)) == len(ids)
    assert told(watched.until(end - 0.1, shown)) == []


def test_days_that_pass_together_are_one_notice() -> None:
    watched = Watched()
    watched.test(certificate(40))
    # Nothing was tested for 34 days: nothing is told before the next test, which comes when we are back.
    assert told(watched.story.tick(34 * 86_400)) == []
    effects = watched.test(certificate(40), slot=t(watched.due))
    assert told(effects) == [("ssl_expiration", 33)]
    assert of_type(effects, ValidityTold)[0].data["days_before_expiration"] == 6


def test_after_an_outage_of_ours_a_renewed_certificate_is_not_told_to_end() -> None:
    watched = Watched()
    watched.test(certificate(40))
    watched.story.tick(39 * 86_400)
    effects = watched.test(certificate(400, 400, digit="b"))
    assert told(effects) == [("ssl_renewed", 39)]


def test_a_server_that_is_not_reached_does_not_keep_people_from_being_told() -> None:
    watched = Watched()
    shown = certificate(40)
    watched.until(9, shown)
    effects: list[Effect] = []
    while watched.due < 11 * 86_400:
        effects += watched.test(None, valid=None, error="connection refused")
        assert watched.due == seconds(watched.validity.heard_at or 0) + 3_600
    assert told(effects) == [("ssl_expiration", 10)]
    state = watched.validity
    assert (state.valid, state.certificate) == (True, shown)
    assert (state.tested_at or 0) < t(9 * 86_400)


def test_a_certificate_without_days_is_told_only_when_it_is_over() -> None:
    watched = Watched(**TRUSTING)
    [(name, day)] = told(watched.until(3, certificate(2, 3)))
    assert name == "ssl_invalid"
    assert 2 < day < 2.01


# ---- certificates that are not valid


def test_an_invalid_certificate_is_believed_when_two_tests_say_so() -> None:
    watched = Watched("a", "b", **TRUSTING)
    shown = certificate(300)
    first = watched.result(shown, NOT_TRUSTED)
    assert told(watched.test(shown, NOT_TRUSTED)) == []
    assert (watched.validity.valid, watched.validity.found) == (None, False)
    assert watched.due == 1 + 60
    second = watched.result(shown, NOT_TRUSTED)
    assert (first.region, second.region) == ("a", "b")
    effects = watched.test(shown, NOT_TRUSTED)
    [event] = of_type(effects, ValidityTold)
    assert (event.notice, event.detail) == (
        "monitor.ssl_invalid",
        f"The certificate of api.example.com is not valid ({NOT_TRUSTED})",
    )
    assert event.data["error"] == NOT_TRUSTED
    assert event.data["certificate"]["fingerprint"] == "a" * 64
    assert notices(effects) == ["monitor.ssl_invalid"]
    assert told(watched.until(1, shown, NOT_TRUSTED)) == []
    assert (watched.validity.valid, watched.validity.error) == (False, NOT_TRUSTED)


def test_it_is_valid_again_when_two_tests_say_so() -> None:
    watched = Watched(**TRUSTING)
    shown = certificate(300)
    watched.test(shown, NOT_TRUSTED)
    watched.test(shown, NOT_TRUSTED)
    new = certificate(300, digit="b")
    assert told(watched.test(new)) == []
    effects = watched.test(new)
    assert [name for name, _ in told(effects)] == ["ssl_valid"]
    assert of_type(effects, ValidityTold)[0].data["certificate"]["fingerprint"] == "b" * 64
    assert (watched.validity.valid, watched.validity.error) == (True, "")


def test_one_test_of_another_mind_changes_nothing() -> None:
    watched = Watched(**TRUSTING)
    shown = certificate(300)
    watched.test(shown)
    for _ in range(3):
        assert told(watched.test(shown, NOT_TRUSTED)) == []
        assert told(watched.test(shown)) == []
    assert watched.validity.valid is True


def test_what_makes_the_monitor_down_is_not_told_twice() -> None:
    watched = Watched()
    shown = certificate(300)
    watched.test(shown, NOT_TRUSTED)
    effects = watched.test(shown, NOT_TRUSTED)
    [event] = of_type(effects, ValidityTold)
    assert (event.notice, event.silent) == ("monitor.ssl_invalid", True)
    assert notices(effects) == []
    sealed = Watched(target=ProbeTarget(url="https://api.example.com/", verify=False, sealed="sealed"))
    sealed.test(shown, NOT_TRUSTED)
    assert notices(sealed.test(shown, NOT_TRUSTED)) == []


def test_whether_its_time_is_over_is_judged_by_the_partitions_time() -> None:
    """Of a prober that finds it valid, whose clock may be behind, and whatever the date that it tells."""
    watched = Watched(**TRUSTING)
    shown = certificate(2)
    watched.test(shown)
    assert (watched.due - 86_400 * 2) != 0
    effects = watched.until(2.2, shown)
    assert [name for name, _ in told(effects)] == ["ssl_expiration", "ssl_invalid"]
    assert watched.validity.error == "error code 10: certificate has expired"
    early = Watched(**TRUSTING)
    early.test(certificate(400, 390))
    early.test(certificate(400, 390))
    assert early.validity.error == "error code 9: certificate is not yet valid"


def test_it_is_tested_when_its_time_is_over() -> None:
    watched = Watched(**TRUSTING)
    shown = certificate(3)
    while watched.due < 3 * 86_400:
        watched.test(shown)
    assert watched.due == 3 * 86_400 + 60


# ---- renewed


def test_a_renewed_certificate_is_told_with_the_old_one() -> None:
    watched = Watched()
    old, new = certificate(40), certificate(400, 400, digit="b")
    watched.until(20, old)
    effects = watched.test(new)
    [event] = of_type(effects, ValidityTold)
    assert event.notice == "monitor.ssl_renewed"
    assert event.data["old_certificate"]["fingerprint"] == "a" * 64
    assert event.data["new_certificate"]["valid_until"] == "2025-02-04T00:00:00+00:00"
    assert told(watched.until(60, new)) == []


def test_one_renewed_long_before_its_end_is_not_told() -> None:
    watched = Watched()
    watched.test(certificate(40))
    assert told(watched.test(certificate(400, 400, digit="b"))) == []


def test_servers_that_show_several_in_turn_are_told_of_once() -> None:
    watched = Watched()
    old, new = certificate(40), certificate(400, 400, digit="b")
    effects = watched.until(20, old)
    while watched.due < 39.5 * 86_400:
        effects += watched.test(new) + watched.test(old)
    names = [name for name, _ in told(effects)]
    assert names.count("ssl_renewed") == 1
    assert names.count("ssl_expiration") == 4


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
