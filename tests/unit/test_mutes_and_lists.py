"""The end of a channel's mute, where the channel has lists or quiet hours; and what is told again within a mute."""

from typing import Any

import pytest
from msgspec.structs import replace

from processors.deliveries.muted_channels import MOST_KEPT
from processors.sender.notice_body import BODY_LIMIT
from schemas.base import SECOND, Micros
from schemas.dead_letters import DeadLetter
from schemas.deliveries import DeliveryRequested, KeptNotice, health_key
from schemas.ids import derived_id
from schemas.incidents import IncidentToTell
from schemas.notices import AnyNotice
from schemas.quiet_hours import QuietHours
from schemas.ticks import TimeCorrected
from schemas.times import iso
from tests.deliveries_driver import T0  # 14:32 UTC
from tests.gathering_driver import ReadChannels, digest

HOUR: Micros = 3_600 * SECOND
END = T0 + HOUR
QUIET = QuietHours(start="14:00", end="17:00")


class Muted(ReadChannels):
    """A channel that is muted for an hour, an hour after things went down."""

    def __init__(self, **fields: Any) -> None:
        super().__init__()
        self.tick(T0)
        self.define_read(**fields)
        self.define_read(mute_until=END, **fields)

    def say(self, number: int, notice: AnyNotice, started: Micros = T0 - HOUR, **more: Any) -> list[Any]:
        incident = {"id": derived_id("incident", number), "started_at": iso(started), "cause": "HTTP 500"}
        return self.tell(derived_id("thing", number), notice, incident=incident, **more)

    def kept(self) -> list[KeptNotice]:
        return [record for _, record in self.view.items() if isinstance(record, KeptNotice)]

    def notices(self) -> list[str]:
        return [delivery.notice for _, delivery in self.sent]


def test_when_all_have_returned_the_end_is_one_notice_and_a_list() -> None:
    driver = Muted()
    for number in range(300):
        driver.say(number, "monitor.recovered")
    driver.tick(END)
    driver.wait(70)
    assert driver.notices() == ["monitor.recovered", "channel.digest"]
    told = digest(driver.sent[1][1])
    assert (told["why"], told["notices"], told["counts"]) == ("storm", 299, {"monitor.recovered": 299})
    driver.take()
    ends = [(one.id, one.replay) for one in driver.ended]
    assert len(ends) == len(set(ends)) == 300 + 300 + 1
    assert [one.outcome for one in driver.ended].count("muted") == 300


def test_the_oldest_is_told_first() -> None:
    driver = Muted()
    for number in range(20):
        driver.now += SECOND
        driver.say(number, "monitor.recovered")
    driver.tick(END)
    driver.wait(20)
    assert [one["monitor"]["id"] for one in digest(driver.sent[1][1])["things"]] == [
        derived_id("thing", number) for number in range(1, 20)
    ]


def test_programs_get_each() -> None:
    driver = Muted(kind="webhook")
    for number in range(20):
        driver.say(number, "monitor.recovered")
    driver.tick(END)
    assert driver.notices() == ["monitor.recovered"] * 20


def test_a_mute_that_ends_in_quiet_hours_leaves_what_can_wait_for_their_end() -> None:
    driver = Muted(quiet_hours=QUIET)
    for number in range(3):
        driver.say(number, "monitor.recovered")
    driver.tick(END)
    driver.wait(70)
    assert driver.notices() == []
    driver.tick(T0 + 148 * 60 * SECOND)  # 17:00
    assert driver.notices() == ["channel.digest"]
    assert digest(driver.sent[0][1])["why"] == "quiet hours"


def test_who_was_woken_before_the_mute_hears_at_its_end_that_it_is_over() -> None:
    driver = Muted(quiet_hours=QUIET)
    driver.define_read(quiet_hours=QUIET)
    driver.say(1, "monitor.down", started=T0)
    driver.define_read(quiet_hours=QUIET, mute_until=END)
    driver.say(1, "monitor.recovered", started=T0 - SECOND)
    driver.tick(END)
    assert driver.notices() == ["monitor.down", "monitor.recovered"]


def test_both_end_at_once() -> None:
    driver = Muted(quiet_hours=QuietHours(start="14:00", end="15:32"))
    driver.say(1, "monitor.recovered")
    driver.tick(END)
    assert driver.notices() == ["monitor.recovered"]


@pytest.mark.parametrize("more", [{}, {"escalation": {"policy": "Night"}, "anyway": True}])
def test_what_is_told_again_within_a_mute_is_told_to_be_over(more: dict[str, Any]) -> None:
    driver = Muted()
    driver.say(1, "monitor.down", **more)
    driver.say(1, "monitor.recovered")
    asked = [each for each in driver.tick(END) if isinstance(each, IncidentToTell)]
    assert (driver.notices(), asked) == (["monitor.recovered"], [])


@pytest.mark.parametrize("known", [True, False])
def test_what_began_and_ended_within_is_not_told(known: bool) -> None:
    driver = Muted()
    if known:
        driver.say(1, "monitor.down", started=T0)
    driver.say(1, "monitor.recovered", started=T0)
    assert driver.kept() == []
    driver.tick(END)
    assert driver.notices() == []


def test_a_mute_goes_on_when_its_channel_is_changed_and_one_that_is_new_begins_anew() -> None:
    driver = Muted()

    def muted_at() -> Micros | None:
        found: Micros | None = driver.view.get(health_key("c")).muted_at
        return found

    driver.now += 60 * SECOND
    driver.define_read(mute_until="forever", digest=False)
    assert muted_at() == T0
    driver.define_read()
    assert muted_at() is None
    driver.define_read(mute_until=END)
    assert muted_at() == T0 + 60 * SECOND
    driver.tick(T0 + 120 * SECOND)
    driver.now = T0 + 30 * SECOND
    driver.feed("", TimeCorrected())
    assert muted_at() == T0 + 30 * SECOND


def test_what_somebody_asked_for_meanwhile_is_not_sent_twice() -> None:
    driver = Muted()
    driver.say(1, "monitor.recovered")
    [muted] = driver.ended
    driver.replay(muted)
    driver.tick(END)
    driver.wait(20)
    assert [delivery.replay for _, delivery in driver.sent] == ["r1"]
    driver.take()
    assert driver.pending() == []


def test_a_body_that_does_not_fit_is_refused_at_once() -> None:
    driver = Muted()
    incident = {"id": derived_id("incident"), "started_at": iso(T0 - HOUR)}
    data = {"monitor": {"id": derived_id("thing"), "name": "x" * BODY_LIMIT}, "incident": incident}
    request = DeliveryRequested(transition="t", at=T0, notices=("monitor.recovered",), data=data)
    [letter] = driver.feed("c", request)
    assert isinstance(letter, DeadLetter)
    assert driver.kept() == []


def test_many_mutes_that_end_at_once_end_in_several_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processors.deliveries.fold.MOST_ENDED", 5)
    driver = Muted()
    for name in ("c", "d", "e", "f"):
        driver.define_read(name, kind="webhook", mute_until=END)
        for number in range(3):
            driver.say(number, "monitor.recovered", channel=name)
    driver.tick(END)
    assert len(driver.sent) == 6
    driver.tick(END)
    assert len(driver.sent) == 12
    assert driver.kept() == []


def test_what_is_kept_is_bounded_in_size(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Muted(kind="webhook")
    driver.say(0, "monitor.recovered")
    [kept] = driver.kept()
    assert kept.delivery is not None
    monkeypatch.setattr("processors.deliveries.muted_channels.MOST_KEPT_SIZE", 3 * len(kept.delivery.body))
    for number in range(1, 10):
        driver.say(number, "monitor.recovered")
    assert len(driver.kept()) == 3 < MOST_KEPT


def test_states_without_what_a_list_says_are_sent_as_they_are() -> None:
    driver = Muted()
    driver.say(1, "monitor.recovered")
    for key, record in list(driver.view.items()):
        if isinstance(record, KeptNotice):
            driver.view.put(key, replace(record, told=None))
    driver.tick(END)
    assert driver.notices() == ["monitor.recovered"]
    driver.take()
    assert [(one.outcome, bool(one.replay)) for one in driver.ended] == [("muted", False), ("delivered", True)]


@pytest.mark.parametrize("until", [T0 + 5 * HOUR, "forever"])
@pytest.mark.parametrize("lifted", [True, False])
def test_what_waits_for_the_end_of_quiet_hours_waits_for_that_of_the_mute(until: Any, lifted: bool) -> None:
    driver = Muted(quiet_hours=QUIET)
    driver.define_read(quiet_hours=QUIET)
    for number in range(3):
        driver.say(number, "monitor.ssl_expiration")
    driver.define_read(quiet_hours=QUIET, mute_until=until)
    driver.tick(T0 + 4 * HOUR)
    assert driver.notices() == []
    if lifted:
        driver.define_read(quiet_hours=QUIET)
    driver.tick(T0 + 6 * HOUR)
    assert driver.notices() == (["channel.digest"] if lifted or until != "forever" else [])


def test_a_mute_that_ends_in_quiet_hours_leaves_what_waits_to_their_end() -> None:
    driver = Muted(quiet_hours=QUIET)
    driver.define_read(quiet_hours=QUIET)
    driver.say(1, "monitor.ssl_expiration")
    driver.define_read(quiet_hours=QUIET, mute_until=END)
    [waiting] = driver.pending()
    assert waiting.due == T0 + 148 * 60 * SECOND
