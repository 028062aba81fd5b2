"""What holds for receivers of updown.io's events: 200 and nothing else, 25 times more, warnings, removal."""

from typing import Any

import pytest

from processors.deliveries.push_policy import REMOVE_AFTER, RETRIES, retry_delay
from schemas.base import SECOND, Micros
from schemas.deliveries import DeliveryAttempted, Endpoint, EndpointDefined
from schemas.notices import NOTICES
from schemas.requests import ChannelDisabled, ChannelFailing
from schemas.transitions import ChannelTroubled, DeliveryFinished
from tests.deliveries_driver import T0, Driver

DAY: Micros = 86_400 * SECOND


class PushDriver(Driver):
    """The channel `c` receives updown.io's events; `w` is a webhook."""

    def __init__(self) -> None:
        super().__init__()
        self.tick(T0)
        self.define_push()
        self.define("w")

    def define_push(self, **fields: Any) -> None:
        endpoint = Endpoint(
            id="c", project="p", url="https://example.com/", notices=NOTICES, secret="s", kind="updown", **fields
        )
        self.feed("c", EndpointDefined(at=self.now, endpoint=endpoint))

    def fail(self, times: int, status: int | None = 500) -> list[Any]:
        """So many requests to `c` fail, each event's at the times when they are due."""
        effects: list[Any] = []
        while times:
            [*outstanding] = [each for each in self.pending() if each.due is None]
            if outstanding:
                effects += self.attempt(outstanding[0], status)
                times -= 1
            elif waiting := [each.due for each in self.pending() if each.due is not None]:
                self.tick(min(waiting))
            else:
                self.request(f"t{self.offset}")
        return effects


@pytest.fixture
def driver() -> PushDriver:
    return PushDriver()


@pytest.mark.parametrize("status", [None, 100, 201, 202, 204, 299, 301, 302, 307, 400, 404, 410, 429, 500, 503])
def test_nothing_but_200_is_a_success(driver: PushDriver, status: int | None) -> None:
    driver.request("t1")
    [delivery] = driver.pending()
    assert driver.attempt(delivery, status) == []
    [waiting] = driver.pending()
    assert (waiting.due or 0) - T0 in range(15 * SECOND, 25 * SECOND)
    driver.tick(waiting.due or 0)
    [again] = driver.pending()
    [finished] = driver.attempt(again, 200)
    assert (finished.outcome, finished.attempts) == ("delivered", 2)
    assert driver.health().failures == 0


def test_it_is_sent_again_25_times_over_about_20_days(driver: PushDriver) -> None:
    driver.request("t1")
    effects = driver.fail_until(T0 + 60 * DAY)
    [finished] = [effect for effect in effects if isinstance(effect, DeliveryFinished)]
    assert (finished.outcome, finished.attempts) == ("exhausted", RETRIES + 1)
    assert 20 * DAY < finished.at - T0 < 21 * DAY
    assert not driver.health().disabled


def test_the_delays_are_those_of_sidekiq_and_the_same_in_every_replay() -> None:
    for n in range(RETRIES):
        failed = DeliveryAttempted(delivery="d", attempt=n + 1, at=0, status=500, retry_after=10**6, timed_out=True)
        delay = retry_delay(failed)
        assert delay is not None
        assert n**4 + 15 <= delay / SECOND <= n**4 + 15 + 10 * (n + 1)
        assert delay == retry_delay(failed)
    assert retry_delay(DeliveryAttempted(delivery="d", attempt=RETRIES + 1, at=0, status=500)) is None
    spread = {retry_delay(DeliveryAttempted(delivery=f"d{n}", attempt=1, at=0)) for n in range(100)}
    assert len(spread) > 90


def test_its_project_is_told_of_10_100_and_900_failures_and_has_it_removed_at_1000(driver: PushDriver) -> None:
    told: dict[int, list[Any]] = {}
    for requests in range(1, REMOVE_AFTER + 1):
        effects = driver.fail(1)
        told[requests] = [each for each in effects if isinstance(each, ChannelFailing | ChannelDisabled)]
    assert sorted(number for number, events in told.items() if events) == [10, 100, 900, REMOVE_AFTER]
    for number in (10, 100, 900):
        [warned] = told[number]
        assert warned == ChannelFailing(channel="c", at=warned.at, because="HTTP 500", failures=number)
    [removed] = told[REMOVE_AFTER]
    assert (removed.removed, removed.failures) == (True, REMOVE_AFTER)
    assert driver.health().disabled
    assert driver.pending() == []
    [finished] = driver.request("late")
    assert finished.outcome == "removed"


def test_one_success_begins_the_count_anew(driver: PushDriver) -> None:
    driver.fail(REMOVE_AFTER - 1)
    if not driver.pending():
        driver.request("next")
    [waiting] = driver.pending()
    if waiting.due is not None:
        driver.tick(waiting.due)
    driver.attempt(driver.pending()[0], 200)
    effects = driver.fail(REMOVE_AFTER - 1)
    assert not any(isinstance(effect, ChannelDisabled) for effect in effects)
    assert (driver.health().failures, driver.health().disabled) == (REMOVE_AFTER - 1, False)


def test_other_kinds_go_on_by_their_own_rule(driver: PushDriver) -> None:
    """The same failures of a webhook warn nobody by mail, remove nothing, and disable it after five days."""
    for number in range(40):
        driver.request(f"w{number}", "w")
    effects = driver.fail_until(T0 + 30 * DAY)
    assert not any(isinstance(effect, ChannelFailing) for effect in effects)
    assert [effect.failures for effect in effects if isinstance(effect, ChannelTroubled)] == [10, 100]
    assert not driver.health("w").disabled
    driver.request("late", "w")
    [disabled] = [each for each in driver.fail_until(driver.now + 9 * DAY) if isinstance(each, ChannelDisabled)]
    assert not disabled.removed


def test_what_waits_for_weeks_is_not_too_old(driver: PushDriver) -> None:
    driver.request("t1")
    driver.fail(20)
    at = driver.now
    assert at - T0 > 4 * DAY
    [delivery] = driver.pending()
    assert delivery.attempt == 20


def test_it_is_sent_only_what_the_push_api_knows(driver: PushDriver) -> None:
    driver.request("t1", notices=("monitor.down", "incident.created", "monitor.not_observed", "monitor.recovered"))
    about_another: Any = ("channel.disabled",)
    driver.request("t2", notices=about_another)
    assert sorted(each.notice for each in driver.pending()) == ["monitor.down", "monitor.recovered"]
