"""The deliveries fold: requests, attempts, retries, warnings, disabling, removal; one event at a time."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from processors.deliveries.fold import DeliveriesFold
from processors.deliveries.pending import PendingDeliveries
from processors.deliveries.retry_policy import (
    ATTEMPTS,
    retry_delay,
)
from processors.fold.view import View
from processors.sender.notice_body import BODY_LIMIT
from schemas.base import SECOND, Micros, encode
from schemas.dead_letters import DeadLetter
from schemas.deliveries import (
    Delivery,
    DeliveryAttempted,
    DeliveryRequested,
    Endpoint,
    EndpointDefined,
    EndpointHealth,
    EndpointRemoved,
    delivery_key,
    endpoint_key,
    health_key,
)
from schemas.ids import derived_id
from schemas.message_templates import Wording
from schemas.notices import NOTICES
from schemas.requests import ChannelDisabled
from schemas.ticks import Tick
from schemas.transitions import ChannelTroubled, DeliveryFinished
from tests.deliveries_driver import DATA, T0, Driver, with_channel

DAY: Micros = 86_400 * SECOND


@pytest.fixture
def driver() -> Driver:
    return with_channel()


def test_a_request_becomes_one_outstanding_delivery_per_notice_that_the_channel_takes() -> None:
    driver = Driver()
    driver.define(notices=("monitor.down", "incident.created"))
    assert driver.request("t1", notices=("monitor.down", "incident.created", "monitor.recovered")) == []
    down, created = sorted(driver.pending(), key=lambda delivery: delivery.notice, reverse=True)
    assert (down.notice, created.notice) == ("monitor.down", "incident.created")
    assert down.event == derived_id("t1", "monitor.down")
    assert down.id == derived_id(down.event, "c")
    assert (down.attempt, down.due, down.first_due) == (1, None, T0)
    assert driver.view.get(delivery_key(down.id)) is down


def test_the_body_is_that_of_poppaping_and_stays_the_same(driver: Driver) -> None:
    driver.now = T0 + 999_999
    driver.request("t1")
    [delivery] = driver.pending()
    timestamp = datetime.fromtimestamp(T0 // SECOND, UTC).isoformat()
    assert json.loads(delivery.body) == {"event": "monitor.down", "timestamp": timestamp, "data": DATA}
    assert list(json.loads(delivery.body)) == ["event", "timestamp", "data"]
    assert timestamp.endswith("+00:00")
    driver.attempt(delivery)
    driver.tick(T0 + DAY)
    assert driver.pending()[0].body == delivery.body


def test_a_request_that_is_pending_already_changes_nothing(driver: Driver) -> None:
    driver.request("t1")
    [delivery] = driver.pending()
    driver.attempt(delivery)
    [waiting] = driver.pending()
    assert driver.request("t1") == []
    assert driver.pending() == [waiting]


def test_success_ends_it_and_resets_the_counters(driver: Driver) -> None:
    driver.request("t1")
    driver.request("t2")
    first, second = driver.pending()
    driver.attempt(first)
    assert (driver.health().failures, driver.health().failing_since) == (1, T0)
    [finished] = driver.attempt(second, 204, at=T0 + SECOND)
    assert finished == DeliveryFinished(
        id=second.id, channel="c", notice="monitor.down", outcome="delivered", attempts=1, at=T0 + SECOND,
        event=second.event, body=second.body, began=T0,
    )  # fmt: skip
    assert driver.health() == EndpointHealth(last_success=T0 + SECOND)
    assert [delivery.id for delivery in driver.pending()] == [first.id]


@pytest.mark.parametrize("status", [None, 100, 199, 300, 302, 400, 404, 429, 500, 503])
def test_anything_but_2xx_is_tried_again_when_a_tick_passes_the_time(driver: Driver, status: int | None) -> None:
    driver.request("t1")
    [delivery] = driver.pending()
    assert driver.attempt(delivery, status) == []
    [waiting] = driver.pending()
    assert waiting.attempt == 1
    assert waiting.due is not None
    driver.tick(waiting.due - 1)
    assert driver.pending() == [waiting]
    driver.tick(waiting.due)
    assert [(again.attempt, again.due) for again in driver.pending()] == [(2, None)]


def test_only_the_outstanding_attempt_counts(driver: Driver) -> None:
    driver.request("t1")
    [first] = driver.pending()
    driver.attempt(first)
    [waiting] = driver.pending()
    assert driver.attempt(first, 200) == []  # a double, while it waits
    assert driver.pending() == [waiting]
    driver.tick(waiting.due or 0)
    [second] = driver.pending()
    assert driver.attempt(first, 200) == []  # a zombie, while the second is outstanding
    assert driver.attempt(msgspec.structs.replace(second, attempt=3), 200) == []
    assert driver.pending() == [second]
    assert driver.health().failures == 1
    assert len(driver.attempt(second, 200)) == 1
    assert driver.attempt(second, 200) == []  # after the end


def test_it_is_tried_13_times_over_more_than_three_days_and_then_exhausted(driver: Driver) -> None:
    driver.request("t1")
    [delivery] = driver.pending()
    effects = driver.fail_until(T0 + 30 * DAY)
    [finished] = [effect for effect in effects if isinstance(effect, DeliveryFinished)]
    assert (finished.outcome, finished.attempts, finished.detail) == ("exhausted", ATTEMPTS, "HTTP 500")
    assert finished.id == delivery.id
    assert 2.5 * DAY < finished.at - T0 < 4 * DAY
    assert driver.pending() == []
    assert not driver.health().disabled


def test_delays_are_spread_and_honour_the_receiver() -> None:
    def delay(number: int, name: str = "d", **fields: Any) -> float:
        attempt = DeliveryAttempted(delivery=name, attempt=number, at=0, **fields)
        return (retry_delay(attempt) or 0) / SECOND

    first = [delay(1, str(n)) for n in range(1000)]
    assert 4 <= min(first) < 4.1
    assert 5.9 < max(first) <= 6
    assert delay(2, "x") == delay(2, "x")
    assert 24 <= delay(2) <= 36
    assert 5 <= delay(1, retry_after=1, status=503) <= 6
    assert 7 <= delay(1, retry_after=7, status=503) <= 8.4
    assert delay(1, retry_after=10**400, status=503) == 10
    assert 48 <= delay(1, status=429) <= 72
    assert 48 <= delay(1, timed_out=True) <= 72
    assert 90 <= delay(1, status=429, retry_after=90) <= 108
    assert 480 <= delay(4, status=429) <= 720
    assert retry_delay(DeliveryAttempted(delivery="d", attempt=ATTEMPTS, at=0)) is None


def test_410_disables_the_channel_and_ends_what_is_pending(driver: Driver) -> None:
    driver.request("t1")
    driver.request("t2")
    first, second = driver.pending()
    finished, troubled, told, removed = driver.attempt(first, 410)
    assert (finished.id, finished.outcome, finished.attempts) == (first.id, "gone", 1)
    assert isinstance(troubled, ChannelTroubled)
    assert troubled.disabled
    assert told == ChannelDisabled(channel="c", at=driver.now, because="answered 410 Gone", failures=1)
    assert (removed.id, removed.outcome, removed.attempts) == (second.id, "removed", 0)
    assert "410" in removed.detail
    assert driver.pending() == []
    [refused] = driver.request("t3")
    assert (refused.outcome, refused.attempts, refused.detail) == ("removed", 0, "the channel is disabled")
    driver.define()
    driver.request("t4")
    assert len(driver.pending()) == 1


def test_warnings_at_10_100_and_900_failures_and_no_disabling_by_a_storm(driver: Driver) -> None:
    for n in range(1000):
        driver.request(f"t{n}")
    effects = [effect for delivery in driver.pending() for effect in driver.attempt(delivery)]
    assert [(effect.failures, effect.disabled) for effect in effects] == [(10, False), (100, False), (900, False)]
    assert len(driver.pending()) == 1000
    driver.tick(T0 + 60 * SECOND)
    for delivery in driver.pending():
        [finished] = driver.attempt(delivery, 200)
        assert finished.outcome == "delivered"


def test_a_channel_that_fails_for_days_is_disabled_when_a_delivery_runs_out(driver: Driver) -> None:
    driver.request("t1")
    effects = driver.fail_until(T0 + 3 * DAY)
    driver.tick(T0 + 3 * DAY)
    driver.request("t2")
    effects += driver.fail_until(T0 + 5 * DAY)
    assert not driver.health().disabled
    driver.tick(T0 + 5 * DAY)
    driver.request("t3")
    effects += driver.fail_until(T0 + 9 * DAY)
    finished = {effect.id: effect.outcome for effect in effects if isinstance(effect, DeliveryFinished)}
    assert sorted(finished.values()) == ["exhausted", "exhausted", "removed"]
    assert [effect.failures for effect in effects if isinstance(effect, ChannelTroubled) and effect.disabled]
    assert driver.health().disabled
    assert driver.pending() == []


def test_removal_ends_what_is_pending_of_that_channel_only(driver: Driver) -> None:
    driver.define("other")
    driver.request("t1")
    driver.request("t1", "other")
    [delivery] = driver.pending()
    driver.attempt(delivery)
    [removed] = driver.feed("c", EndpointRemoved(at=T0 + SECOND))
    assert (removed.outcome, removed.attempts, removed.at) == ("removed", 1, T0 + SECOND)
    assert driver.view.get(endpoint_key("c")) is None
    assert driver.view.get(health_key("c")) is None
    assert driver.attempt(delivery, 200) == []
    assert len(driver.pending("other")) == 1
    [unknown] = driver.request("t2")
    assert (unknown.outcome, unknown.detail) == ("removed", "the channel does not exist")
    assert driver.feed("c", EndpointRemoved(at=T0)) == []


def test_times_of_reports_are_held_near_the_ticks(driver: Driver) -> None:
    driver.request("t1")
    driver.request("t2")
    early, late = driver.pending()
    driver.attempt(early, at=0)
    driver.attempt(late, at=T0 + 1000 * DAY)
    dues = {delivery.id: delivery.due or 0 for delivery in driver.pending()}
    assert T0 < dues[early.id] < T0 + 10 * SECOND
    assert T0 + 60 * SECOND < dues[late.id] < T0 + 70 * SECOND


def test_what_makes_no_sense_goes_to_dead_letters_and_changes_nothing(driver: Driver) -> None:
    driver.define("other")
    driver.request("t1")
    before = dict(driver.view.items())
    [delivery] = driver.pending()
    huge = DeliveryRequested(transition="t", at=T0, notices=NOTICES, data={"monitor": "x" * BODY_LIMIT})
    endpoint = Endpoint(id="another", project="p", url="", notices=(), secret="")
    for key, event in [
        ("c", huge),
        ("c", DeliveryRequested(transition="t", at=-1, notices=NOTICES, data={})),
        ("c", DeliveryRequested(transition="t", at=2**62, notices=NOTICES, data={})),
        ("", DeliveryRequested(transition="t", at=T0, notices=NOTICES, data={})),
        ("c", EndpointDefined(at=T0, endpoint=endpoint)),
        ("other", DeliveryAttempted(delivery=delivery.id, attempt=1, at=T0, status=200)),
        ("", Tick(slot="x", epoch=1, at=T0, now=2**62)),
    ]:
        [letter] = driver.feed(key, event)
        assert isinstance(letter, DeadLetter), event
    after = dict(driver.view.items())
    assert {key for key in before if before[key] != after.get(key)} <= {"partition"}
    assert after.keys() == before.keys()


def test_of_dead_letters_put_back_only_a_request_counts(driver: Driver) -> None:
    request = DeliveryRequested(transition="t1", at=T0, notices=("monitor.down",), data=DATA)
    driver.feed("c", request, retried=True)
    [delivery] = driver.pending()
    report = DeliveryAttempted(delivery=delivery.id, attempt=1, at=T0, status=200)
    assert driver.feed("c", report, retried=True) == []
    assert driver.feed("c", EndpointRemoved(at=T0), retried=True) == []
    assert driver.pending() == [delivery]


def test_recipients_that_were_refused_for_now_are_tried_again_and_no_others(driver: Driver) -> None:
    driver.request("t1")
    [first] = driver.pending()
    assert driver.attempt(first, 250, error="b@x: 450 later", again=("b@x",)) == []
    [waiting] = driver.pending()
    assert (waiting.to, waiting.error, waiting.due is not None) == (("b@x",), "b@x: 450 later", True)
    assert driver.health().failures == 1
    driver.tick(waiting.due or 0)
    driver.attempt(driver.pending()[0], None, error="no connection")
    [waiting] = driver.pending()
    assert waiting.to == ("b@x",)
    driver.tick(waiting.due or 0)
    [finished] = driver.attempt(driver.pending()[0], 250, error="c@x: 550 unknown")
    assert (finished.outcome, finished.attempts, finished.detail) == ("delivered", 3, "c@x: 550 unknown")


def test_a_tick_that_fails_loses_nothing_that_was_due(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The outcome depends on the log alone, not on when a process was started."""
    for name in ("a", "b"):
        driver.request(name)
    for delivery in driver.pending():
        driver.attempt(delivery, 500)
    due = driver.session.due()
    with monkeypatch.context() as failing:
        failing.setattr("processors.deliveries.fold._Deliveries._try_again", _raise)
        driver.tick(driver.now + 60 * SECOND)
    assert driver.session.due() <= due + 60 * SECOND
    driver.tick(driver.now + SECOND)
    assert [delivery.due for delivery in driver.pending()] == [None, None]


def _raise(*_: Any) -> None:
    raise RuntimeError("a defect")


def test_states_and_events_of_older_versions_are_read() -> None:
    decode = DeliveriesFold().records.decode
    old = decode(b'{"type":"endpoint-health","failures":3,"failing_since":7,"disabled":true}')
    assert old == EndpointHealth(failures=3, failing_since=7, disabled=True)
    assert encode(old) == b'{"type":"endpoint-health","failures":3,"failing_since":7,"disabled":true}'


def test_what_says_nothing_of_the_receiver_is_tried_again_and_counts_for_nothing() -> None:
    driver = Driver()
    driver.define()
    driver.request("t")
    ended: list[Any] = []
    for number in range(1, ATTEMPTS + 1):
        [delivery] = driver.pending()
        assert (delivery.attempt, delivery.due) == (number, None)
        ended = driver.attempt(delivery, None, error="Apprise does not answer", timed_out=True, ours=True)
        assert (driver.health().failures, driver.health().failing_since, driver.health().disabled) == (0, None, False)
        if number < ATTEMPTS:
            assert ended == []
            [delivery] = driver.pending()
            assert delivery.due is not None
            driver.tick(delivery.due)
    assert [(one.outcome, one.attempts, one.detail) for one in ended] == [
        ("exhausted", ATTEMPTS, "Apprise does not answer")
    ]
    assert driver.pending() == []


def test_what_words_a_delivery_counts_to_what_is_pending() -> None:
    view = View()
    pending = PendingDeliveries(view)
    view.listeners.append(pending.follow)
    wording = Wording(name="Short", title="ab", text="cde")
    waiting = Delivery(
        id="d", event="e", channel="c", notice="monitor.down", body="body", first_due=T0, wording=wording
    )
    view.put("delivery/d", waiting)
    assert pending.size("c") == len("body") + len("ab") + len("cde")
    view.delete("delivery/d")
    assert pending.size("c") == 0
