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
    MAX_AGE,
    MOST_PENDING,
    MOST_PENDING_SIZE,
    MOST_UNTRIED,
    retry_delay,
)
from processors.fold.contract import Session
from processors.fold.view import View
from processors.sender.notice_body import BODY_LIMIT
from schemas.base import SECOND, Micros, encode
from schemas.dead_letters import DeadLetter
from schemas.deliveries import (
    Delivery,
    DeliveryAttempted,
    DeliveryReplayed,
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
from schemas.transitions import ChannelTroubled, DeliveryFinished, ThingChanged
from tests.deliveries_driver import DATA, T0, Driver

DAY: Micros = 86_400 * SECOND


@pytest.fixture
def driver() -> Driver:
    driver = Driver()
    driver.tick(T0)
    driver.define()
    return driver


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


def test_what_is_finished_is_sent_again_as_it_was(driver: Driver) -> None:
    driver.request("t1")
    [first] = driver.pending()
    [finished] = driver.attempt(first, 200)
    [told] = driver.replay(finished)
    assert isinstance(told, ThingChanged)
    [again] = driver.pending()
    assert (again.id, again.event, again.body, again.attempt, again.due) == (first.id, first.event, first.body, 1, None)
    # A late report on the sending before counts for nothing.
    assert driver.attempt(first, 200) == []
    assert driver.pending() == [again]
    [sent] = driver.attempt(again, 200, replay="r1")
    assert (sent.id, sent.outcome, sent.replay, finished.replay) == (finished.id, "delivered", "r1", "")


def test_a_replay_has_all_attempts_anew(driver: Driver) -> None:
    driver.request("t1")
    [finished] = driver.fail_until(T0 + 4 * DAY)[-1:]
    assert finished.outcome == "exhausted"
    driver.replay(finished)
    [again] = driver.pending()
    driver.attempt(again, replay="r1")
    [waiting] = driver.pending()
    assert (waiting.attempt, waiting.error) == (1, "HTTP 500")
    assert driver.now + 4 * SECOND <= (waiting.due or 0) <= driver.now + 6 * SECOND


def test_a_replay_of_what_is_pending_only_hurries_it(driver: Driver) -> None:
    driver.request("t1")
    [outstanding] = driver.pending()
    name = DeliveryFinished(
        id="",
        channel="c",
        notice="monitor.down",
        outcome="removed",
        attempts=0,
        at=0,
        event=outstanding.event,
        body="x",
    )
    assert driver.replay(name) == []
    assert driver.pending() == [outstanding]
    driver.attempt(outstanding)
    driver.replay(name)
    [hurried] = driver.pending()
    assert (hurried.attempt, hurried.due, hurried.replay, hurried.body) == (2, None, "", outstanding.body)
    driver.tick(driver.now + DAY)
    assert driver.pending() == [hurried]


def test_a_replay_to_a_channel_that_is_not_served_ends_at_once(driver: Driver) -> None:
    driver.request("t1")
    [finished, troubled, _] = driver.attempt(driver.pending()[0], 410)
    assert isinstance(troubled, ChannelTroubled)
    [removed] = driver.replay(finished)
    assert (removed.outcome, removed.detail, removed.replay) == ("removed", "the channel is disabled", "r1")
    assert removed.body == finished.body
    driver.feed("c", EndpointRemoved(at=T0))
    [removed] = driver.replay(finished, "r2")
    assert removed.detail == "the channel does not exist"
    [letter] = driver.replay(finished, "r3", body="x" * (BODY_LIMIT + 1))
    assert isinstance(letter, DeadLetter)


def test_what_a_disabled_channel_missed_can_be_sent_when_it_is_enabled(driver: Driver) -> None:
    driver.request("t1")
    driver.attempt(driver.pending()[0], 410)
    [missed] = driver.request("t2")
    assert json.loads(missed.body)["data"] == DATA
    driver.define()
    driver.replay(missed, retried=True)
    assert [delivery.body for delivery in driver.pending()] == [missed.body]


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


def test_what_waits_behind_a_receiver_that_times_out_ends_by_age(driver: Driver) -> None:
    for n in range(3):
        driver.request(f"t{n}")
    first, *waiting = driver.pending()
    driver.tick(T0 + DAY)
    driver.attempt(first, None, timed_out=True, error="no answer within 10 s")
    # Four days from the first failure on nothing came through; before that it was not the receiver that was asked.
    assert driver.tick(T0 + DAY + MAX_AGE - 1) == []
    ended = driver.tick(T0 + DAY + MAX_AGE)
    assert {(one.id, one.outcome, one.at) for one in ended} == {
        (one.id, "exhausted", T0 + DAY + MAX_AGE) for one in (first, *waiting)
    }
    details = {one.id: (one.attempts, one.detail) for one in ended}
    assert details[first.id] == (1, "not delivered within 4 days; last: no answer within 10 s")
    assert details[waiting[0].id] == (0, "not delivered within 4 days")
    assert not driver.health().disabled
    # A late report counts for nothing.
    assert driver.attempt(waiting[0], 200) == []
    driver.request("t4")
    driver.tick(T0 + 5 * DAY)
    driver.tick(T0 + 5 * DAY + MAX_AGE - SECOND)
    assert len(driver.pending()) == 1
    finished, troubled, told = driver.tick(T0 + 5 * DAY + MAX_AGE)
    assert isinstance(told, ChannelDisabled)
    assert (finished.outcome, troubled.disabled) == ("exhausted", True)
    health = driver.health()
    assert (health.disabled, health.disabled_at) == (True, T0 + 5 * DAY + MAX_AGE)
    assert health.disabled_because == troubled.detail == "nothing delivered for 5 days"
    driver.define()
    assert driver.health() == EndpointHealth()


def test_a_success_gives_what_waits_its_time_again_and_without_failures_nothing_is_too_old(driver: Driver) -> None:
    driver.request("t1")
    driver.request("t2")
    first, second = driver.pending()
    driver.attempt(first, 500)
    driver.tick(T0 + DAY)
    driver.attempt(second, 200)
    assert driver.tick(T0 + MAX_AGE + SECOND) == []
    # The worker was away for weeks: what it owes is still sent.
    assert driver.tick(T0 + 30 * DAY) == []
    [pending] = driver.pending()
    assert (pending.id, pending.due) == (first.id, None)
    driver.attempt(pending, 500)
    assert driver.tick(T0 + 30 * DAY + MAX_AGE - SECOND) == []
    [finished] = driver.tick(T0 + 30 * DAY + MAX_AGE)
    assert finished.outcome == "exhausted"


@pytest.mark.parametrize("status", [429, 503])
def test_no_answer_keeps_a_delivery_for_ever(driver: Driver, status: int) -> None:
    driver.request("t1")
    effects: list[Any] = []
    for _ in range(40):
        for delivery in driver.pending():
            if delivery.due is None:
                effects += driver.attempt(delivery, status, retry_after=10**9)
        effects += driver.tick(driver.now + DAY // 4)
    [finished] = [effect for effect in effects if isinstance(effect, DeliveryFinished)]
    assert (finished.outcome, finished.attempts < ATTEMPTS) == ("exhausted", True)
    assert finished.at <= T0 + MAX_AGE + DAY // 4


def test_a_storm_is_no_failure_of_a_healthy_channel(driver: Driver) -> None:
    """A mass outage tells one channel of more than it may owe: its receiver has not had its turn yet."""
    for n in range(MOST_UNTRIED):
        assert driver.request(f"t{n}") == []
    assert (len(driver.pending()), driver.health().failing_since) == (MOST_UNTRIED, None)
    # Without any bound a sender that is away would fill the memory; that is not the receiver's fault either.
    [ended] = driver.request("one more")
    assert (ended.outcome, ended.attempts) == ("exhausted", 0)
    assert driver.health().failing_since is None
    # One that was tried and failed shows who does not keep up: now the channel's bound holds.
    oldest = min(driver.pending(), key=lambda delivery: (delivery.first_due, delivery.id))
    driver.attempt(oldest, 500)
    assert len([one for one in driver.request("two more") if isinstance(one, DeliveryFinished)]) == 1_000
    assert driver.health().failing_since is not None


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


def test_of_too_many_the_oldest_end_and_are_told(driver: Driver) -> None:
    driver.define("other")
    driver.request("other", "other")
    driver.request("first")
    driver.attempt(driver.pending()[0], 500)
    for n in range(1, MOST_PENDING):
        if n % 100 == 0:
            driver.tick(T0 + n * SECOND)
        assert driver.request(f"t{n}") == []
    # The oldest, whatever order the states come in after a restart.
    driver.view = View({key: msgspec.structs.replace(record) for key, record in sorted(driver.view.items())})
    driver.session = Session(DeliveriesFold(), 0, driver.view)
    oldest = min(driver.pending(), key=lambda delivery: (delivery.first_due, delivery.id))
    [ended] = driver.request("one more")
    assert (ended.id, ended.outcome) == (oldest.id, "exhausted")
    assert ended.detail.startswith("too many deliveries were pending, and this was the oldest")
    assert ended.body == oldest.body
    assert len(driver.pending()) == MOST_PENDING
    assert len(driver.pending("other")) == 1
    assert driver.health().failing_since == T0
    # That goes on for days: the channel is given up.
    effects = driver.tick(driver.now + 5 * DAY + SECOND)
    assert [effect.disabled for effect in effects if isinstance(effect, ChannelTroubled)] == [True]
    outcomes = [effect.outcome for effect in effects if isinstance(effect, DeliveryFinished)]
    assert (outcomes.count("exhausted"), outcomes.count("removed")) == (1_000, MOST_PENDING - 1_000)
    assert driver.pending() == []


def test_bodies_are_bounded_too(driver: Driver) -> None:
    body = "x" * BODY_LIMIT
    for n in range(2 * MOST_PENDING_SIZE // BODY_LIMIT):
        again = DeliveryReplayed(replay=f"r{n}", at=T0, event=f"e{n}", notice="monitor.down", body=body)
        driver.feed("c", again)
    assert sum(len(delivery.body) for delivery in driver.pending()) == MOST_PENDING_SIZE


def test_states_of_a_version_that_knew_no_bound_are_brought_down_by_steps(driver: Driver) -> None:
    many: dict[str, msgspec.Struct] = {
        delivery_key(f"d{n}"): Delivery(
            id=f"d{n}", event=f"d{n}", channel="c", notice="monitor.down", body="", first_due=T0 - 1
        )
        for n in range(MOST_UNTRIED + 2_500)
    }
    driver.view = View(dict(driver.view.items()) | many)
    driver.session = Session(DeliveriesFold(), 0, driver.view)
    ended = [len(driver.request(f"t{n}")) for n in range(4)]
    assert ended == [1_000, 1_000, 503, 1]
    assert len(driver.pending()) == MOST_UNTRIED


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
