"""What people are told of certificates (the `monitors` fold), and when."""

import pytest

from processors.fold.contract import Effect
from schemas.certificates import DAY, RETRY, daily, days_left, next_test, warning_days
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.monitors import ProbeTarget
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
