"""Deliveries that are sent again: when they were finished, while they are pending, after a channel was disabled."""

import json

import pytest

from processors.sender.notice_body import BODY_LIMIT
from schemas.base import SECOND, Micros
from schemas.dead_letters import DeadLetter
from schemas.deliveries import (
    EndpointRemoved,
)
from schemas.transitions import ChannelTroubled, DeliveryFinished, ThingChanged
from tests.deliveries_driver import DATA, T0, Driver, with_channel

DAY: Micros = 86_400 * SECOND


@pytest.fixture
def driver() -> Driver:
    return with_channel()


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
