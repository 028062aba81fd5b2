"""One list instead of many notices: what goes at once, what is gathered, and what becomes of it."""

import json
from typing import Any

import pytest

from processors.deliveries.gathering import MANY, MOST_NAMED, SHORT, WINDOW
from schemas.actors import Actor
from schemas.base import SECOND, encode
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.deliveries import Delivery, DeliveryRequested, EndpointRemoved, delivery_key
from schemas.gatherings import Gathering, gathering_key
from schemas.ids import derived_id
from schemas.notices import AnyNotice
from schemas.times import iso
from schemas.transitions import DeliveryFinished
from tests.deliveries_driver import T0
from tests.gathering_driver import ReadChannels, about, digest


@pytest.fixture
def driver() -> ReadChannels:
    driver = ReadChannels()
    driver.tick(T0)
    driver.define_read()
    return driver


def notices(driver: ReadChannels) -> list[tuple[float, str]]:
    """What was sent first when: seconds after the beginning, and the notice."""
    return [((at - T0) / SECOND, delivery.notice) for at, delivery in driver.sent]


def outcomes(driver: ReadChannels) -> list[str]:
    return [one.outcome for one in driver.ended]


def test_a_lone_failure_is_told_at_once_and_its_end_too(driver: ReadChannels) -> None:
    driver.tell("a")
    assert notices(driver) == [(0, "monitor.down")]
    driver.wait(300)
    driver.tell("a", "monitor.recovered")
    assert notices(driver) == [(0, "monitor.down"), (300, "monitor.recovered")]
    driver.wait(120)
    assert driver.view.get(gathering_key("c")) is None  # nothing is left behind


def test_one_notice_that_was_gathered_is_sent_as_it_is(driver: ReadChannels) -> None:
    driver.tell("a")
    driver.wait(20)
    driver.tell("a", "monitor.recovered")
    [waiting] = [one for one in driver.pending() if not one.attempt]
    assert (waiting.notice, waiting.due, waiting.first_due) == ("monitor.recovered", T0 + 30 * SECOND, T0 + 20 * SECOND)
    body = waiting.body
    driver.wait(9)
    assert len(driver.sent) == 1
    driver.wait(1)
    [_, (at, sent)] = driver.sent
    assert (at, sent.id, sent.body, sent.attempt, sent.due) == (T0 + 30 * SECOND, waiting.id, body, 1, None)
    driver.take()
    assert outcomes(driver) == ["delivered", "delivered"]


def test_a_storm_of_ten_thousand_is_three_notices_at_most_and_bounded(driver: ReadChannels) -> None:
    for n in range(10_000):
        driver.tell(f"m{n}")
        if n % 200 == 0:  # a whole minute, but for its last seconds
            driver.wait(1)
    largest = len(encode(driver.view.get(gathering_key("c"))))
    driver.wait(180)
    assert [notice for _, notice in notices(driver)] == ["monitor.down", "channel.digest", "channel.digest"]
    assert max(at for at, _ in notices(driver)) <= 60
    assert largest < 50_000
    first, second = (digest(delivery) for _, delivery in driver.sent[1:])
    assert first["notices"] + second["notices"] + 1 == 10_000
    assert len(first["things"]) == len(second["things"]) == MOST_NAMED
    assert second["counts"] == {"monitor.down": second["notices"]}
    assert second["more"] == second["notices"] - MOST_NAMED
    driver.take()
    assert len(driver.ended) == 10_002  # every notice, and the two lists
    lists = {delivery.id for _, delivery in driver.sent[1:]}
    named = {one.detail.removeprefix("told in the list ") for one in driver.ended if one.outcome == "gathered"}
    assert named == lists
    assert sum(one.outcome == "gathered" for one in driver.ended) == 9_999
    assert all(one.body for one in driver.ended)


def test_when_all_return_it_is_the_same(driver: ReadChannels) -> None:
    for n in range(100):
        driver.tell(f"m{n}")
    driver.wait(3_600)
    before = len(driver.sent)
    for n in range(100):
        driver.tell(f"m{n}", "monitor.recovered")
    driver.wait(180)
    assert [delivery.notice for _, delivery in driver.sent[before:]] == ["monitor.recovered", "channel.digest"]
    assert digest(driver.sent[-1][1])["counts"] == {"monitor.recovered": 99}


def test_while_a_storm_goes_on_there_are_two_lists_a_minute(driver: ReadChannels) -> None:
    for n in range(600):
        driver.tell(f"m{n}")
        driver.wait(0.5)
    driver.wait(180)
    assert [round(at) for at, _ in notices(driver)] == [0, 10, 60, 70, 120, 130, 180, 190, 240, 250, 300]
    driver.tell("late")
    assert driver.sent[-1][1].notice == "monitor.down"  # it is over: the next one goes at once


def test_a_few_do_not_hold_up_the_next(driver: ReadChannels) -> None:
    for n in range(MANY - 1):
        driver.tell(f"m{n}")
    driver.wait(WINDOW / SECOND + 1)
    driver.tell("other")
    assert driver.sent[-1] == (driver.now, driver.sent[-1][1])
    assert driver.sent[-1][1].notice == "monitor.down"


def test_what_went_down_and_came_back_is_told_once(driver: ReadChannels) -> None:
    driver.tell("first")
    driver.tell("a")
    driver.tell("b")
    driver.wait(3)
    driver.tell("a", "monitor.recovered")
    driver.tell("c", "monitor.recovered")
    driver.wait(3)
    driver.tell("c")
    driver.wait(60)
    told = digest(driver.sent[1][1])
    shown = [(one["monitor"]["id"], one["first_event"], one["event"]) for one in told["things"]]
    assert shown == [
        ("a", "monitor.down", "monitor.recovered"),
        ("b", "monitor.down", "monitor.down"),
        ("c", "monitor.recovered", "monitor.down"),
    ]
    assert told["counts"] == {"monitor.down": 2, "monitor.recovered": 1}
    assert (told["notices"], told["more"], told["why"]) == (5, 0, "storm")


def test_a_certificate_is_another_subject_than_the_status(driver: ReadChannels) -> None:
    driver.tell("first")
    for notice in ("monitor.down", "monitor.ssl_expiration", "monitor.domain_expiration", "monitor.ssl_renewed"):
        driver.tell("a", notice)
    driver.wait(60)
    told = [one["event"] for one in digest(driver.sent[1][1])["things"]]
    assert told == ["monitor.down", "monitor.ssl_renewed", "monitor.domain_expiration"]


def test_an_escalation_is_gathered_too_and_says_so(driver: ReadChannels) -> None:
    driver.define_read(notices=())
    for n in range(5):
        driver.tell(f"m{n}", anyway=True, escalation={"policy": "Night shift", "step": 1, "round": 1})
    driver.wait(60)
    assert [notice for _, notice in notices(driver)] == ["monitor.down", "channel.digest"]
    assert digest(driver.sent[1][1])["things"][0]["escalation"] == {"policy": "Night shift"}


def test_tests_and_what_is_sent_again_are_never_gathered(driver: ReadChannels) -> None:
    driver.tell("a")
    driver.tell("b")
    actor = Actor(kind="api_key", key="k")
    data = about("t", "monitor.down", T0)
    driver.feed("c", DeliveryRequested(transition="t1", at=T0, notices=("monitor.down",), data=data, actor=actor))
    driver.feed("c", DeliveryRequested(transition="t2", at=T0, notices=("monitor.down",), data=data | {"test": True}))
    assert len(driver.sent) == 3
    driver.tell("d")  # b and d are a list now
    [gathered] = [one for one in driver.ended if one.outcome == "gathered"][:1]
    driver.replay(gathered)
    assert driver.sent[-1][1].id == gathered.id
    assert driver.sent[-1][1].replay == "r1"


def test_a_single_one_that_waits_can_be_sent_now(driver: ReadChannels) -> None:
    driver.tell("a")
    driver.tell("b")
    [waiting] = [one for one in driver.pending() if not one.attempt]
    driver.replay(
        DeliveryFinished(id="", channel="c", notice="", outcome="gone", attempts=0, at=0, event=waiting.event)
    )
    assert [delivery.id for _, delivery in driver.sent] == [driver.sent[0][1].id, waiting.id]
    driver.tell("d")
    driver.wait(70)
    assert [delivery.notice for _, delivery in driver.sent] == ["monitor.down"] * 3


@pytest.mark.parametrize("kind", sorted(CHANNEL_KINDS))
def test_what_people_read_is_gathered_and_what_programs_count_is_not(kind: str) -> None:
    driver = ReadChannels()
    driver.tick(T0)
    driver.define_read(kind=kind, addresses=("a@example.org",) if kind == "email" else ())
    for n in range(20):
        driver.tell(f"m{n}")
    driver.wait(120)
    assert len(driver.sent) == (20 if kind in ("webhook", "updown", "pagerduty", "opsgenie") else 2)


@pytest.mark.parametrize(
    ("kind", "digest", "sent"), [("webhook", True, 2), ("ntfy", False, 20), ("pagerduty", True, 20)]
)
def test_a_channel_chooses(kind: str, digest: bool, sent: int) -> None:
    driver = ReadChannels()
    driver.tick(T0)
    driver.define_read(kind=kind, digest=digest)
    for n in range(20):
        driver.tell(f"m{n}")
    driver.wait(120)
    assert len(driver.sent) == sent


def test_a_channel_that_is_removed_takes_its_list_with_it(driver: ReadChannels) -> None:
    for n in range(5):
        driver.tell(f"m{n}")
    driver.take()
    ended = driver.feed("c", EndpointRemoved(at=driver.now))
    [listed] = ended
    assert (listed.notice, listed.outcome, digest(listed)["notices"]) == ("channel.digest", "removed", 4)
    assert [key for key, _ in driver.view.items()] == ["partition"]


def test_a_channel_that_is_disabled_takes_its_list_with_it(driver: ReadChannels) -> None:
    for n in range(5):
        driver.tell(f"m{n}")
    driver.take(410)
    assert outcomes(driver) == ["gathered"] * 4 + ["gone", "removed"]
    assert digest(driver.ended[-1])["notices"] == 4
    assert driver.pending() == []
    driver.define_read()
    driver.tell("again")
    assert driver.sent[-1][1].notice == "monitor.down"


def test_a_list_is_tried_again_under_the_same_body(driver: ReadChannels) -> None:
    for n in range(5):
        driver.tell(f"m{n}")
    driver.take()
    driver.wait(11)
    [listed] = driver.pending()
    body = listed.body
    driver.attempt(listed, 500)
    driver.wait(10)
    [again] = driver.pending()
    assert (again.id, again.attempt, again.body) == (listed.id, 2, body)
    driver.take()
    assert driver.ended[-1].outcome == "delivered"


def test_a_tick_that_comes_late_sends_and_ends_all_at_once(driver: ReadChannels) -> None:
    for n in range(20):
        driver.tell(f"m{n}")
    driver.tick(T0 + 3_600 * SECOND)
    assert [delivery.notice for _, delivery in driver.sent] == ["monitor.down", "channel.digest"]
    driver.tick(T0 + 3_601 * SECOND)
    assert driver.view.get(gathering_key("c")) is None


def test_a_notice_that_comes_before_that_tick_is_gathered_and_sent_by_it(driver: ReadChannels) -> None:
    driver.tell("a")
    request = DeliveryRequested(
        transition="late", at=T0 + WINDOW + SHORT, notices=("monitor.down",), data=about("b", "monitor.down", T0)
    )
    driver.now = T0 + WINDOW + SHORT  # its record is of then, and the tick is on its way
    driver.feed("c", request)
    assert len(driver.sent) == 1
    driver.tick(T0 + WINDOW + SHORT)
    driver.wait(2)
    assert [delivery.event for _, delivery in driver.sent[1:]] != []
    driver.wait(60)
    assert driver.view.get(gathering_key("c")) is None


def test_a_list_of_what_holds_anything_is_bounded() -> None:
    driver = ReadChannels()
    driver.tick(T0)
    driver.define_read()
    odd: dict[str, Any] = {"monitor": {"id": "x" * 9_000, "name": "y" * 9_000, "kind": "z" * 9_000}, "incident": [1]}
    for n in range(60):
        data = odd | {"detail": "d" * 9_000, "monitor": odd["monitor"] | {"id": f"{n}{'x' * 9_000}"}}
        driver.feed("c", DeliveryRequested(transition=f"t{n}", at=T0, notices=("monitor.down",), data=data))
    driver.feed("c", DeliveryRequested(transition="u", at=T0, notices=("monitor.down",), data={"monitor": None}))
    record = driver.view.get(gathering_key("c"))
    assert isinstance(record, Gathering)
    assert len(encode(record)) < 60_000
    driver.wait(20)
    assert len(json.loads(driver.sent[1][1].body)["data"]["digest"]["things"]) == MOST_NAMED


def test_a_list_says_since_when_what_it_does_not_name_is_down(driver: ReadChannels) -> None:
    for n in range(MOST_NAMED + 1):  # the first is told at once
        driver.tell(f"m{n}")
    told_of: tuple[AnyNotice, ...] = ("monitor.recovered", "monitor.still_down", "monitor.down")
    for n, notice in enumerate(told_of, 1):
        incident = {"id": derived_id("old", str(n)), "started_at": iso(T0 - n * 3_600 * SECOND), "cause": "HTTP 500"}
        driver.tell(f"old{n}", notice, incident=incident)
        driver.tell(f"odd{n}", notice, incident=incident | {"started_at": "long ago"})
    driver.wait(20)
    told = digest(driver.sent[1][1])
    assert (told["more"], told["more_since"]) == (6, iso(T0 - 3 * 3_600 * SECOND))
    driver.tell("late")
    driver.wait(60)
    assert driver.sent[-1][1].notice == "monitor.down"  # the next list begins anew
    assert "more_since" not in driver.sent[-1][1].body


def test_two_channels_know_nothing_of_each_other(driver: ReadChannels) -> None:
    driver.define_read("other")
    driver.tell("a")
    driver.tell("a", channel="other")
    assert [delivery.channel for _, delivery in driver.sent] == ["c", "other"]
    assert isinstance(driver.view.get(delivery_key(driver.sent[0][1].id)), Delivery)
