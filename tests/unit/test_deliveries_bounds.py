"""What bounds the deliveries that wait: their age, their number and their size."""

from typing import Any

import msgspec
import pytest

from processors.deliveries.fold import DeliveriesFold
from processors.deliveries.retry_policy import (
    ATTEMPTS,
    MAX_AGE,
    MOST_PENDING,
    MOST_PENDING_SIZE,
    MOST_UNTRIED,
)
from processors.fold.contract import Session
from processors.fold.view import View
from processors.sender.notice_body import BODY_LIMIT
from schemas.base import SECOND, Micros
from schemas.deliveries import (
    Delivery,
    DeliveryReplayed,
    EndpointHealth,
    delivery_key,
)
from schemas.requests import ChannelDisabled
from schemas.transitions import ChannelTroubled, DeliveryFinished
from tests.deliveries_driver import T0, Driver, with_channel

DAY: Micros = 86_400 * SECOND


@pytest.fixture
def driver() -> Driver:
    return with_channel()


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
