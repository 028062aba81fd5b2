"""Quiet hours: when they are, over midnight and changes of the clock; and what waits for their end."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pingfold.commands.quiet import quiet_hours
from pingfold.errors import CommandFailed
from schemas.base import SECOND, Micros
from schemas.deliveries import DeliveryRequested, EndpointRemoved
from schemas.gatherings import quiet_key
from schemas.quiet_hours import DAYS, QuietHours, fault_of, quiet_until
from schemas.ticks import TimeCorrected
from schemas.times import micros_of, to_minute
from schemas.transitions import DeliveryFinished
from tests.gathering_driver import ReadChannels, digest

NIGHT = QuietHours(start="22:00", end="07:00", time_zone="Europe/Berlin")


def at(text: str, zone: str = "Europe/Berlin") -> Micros:
    return micros_of(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


def until(quiet: QuietHours, text: str) -> str | None:
    end = quiet_until(quiet, at(text, quiet.time_zone))
    return None if end is None else f"{datetime.fromtimestamp(end / SECOND, ZoneInfo(quiet.time_zone)):%a %d %H:%M}"


@pytest.mark.parametrize(
    ("quiet", "now", "end"),
    [
        (NIGHT, "2026-03-04 21:59", None),
        (NIGHT, "2026-03-04 22:00", "Thu 05 07:00"),
        (NIGHT, "2026-03-05 00:00", "Thu 05 07:00"),
        (NIGHT, "2026-03-05 06:59", "Thu 05 07:00"),
        (NIGHT, "2026-03-05 07:00", None),
        # The day is that on which they begin.
        (QuietHours(start="22:00", end="07:00", days=("fri",)), "2026-03-07 03:00", "Sat 07 07:00"),
        (QuietHours(start="22:00", end="07:00", days=("fri",)), "2026-03-06 03:00", None),
        (QuietHours(start="12:00", end="13:00"), "2026-03-06 12:30", "Fri 06 13:00"),
        # A weekend is one time; so are hours that touch.
        (QuietHours(start="00:00", end="00:00", days=("sat", "sun")), "2026-03-07 09:00", "Mon 09 00:00"),
        (QuietHours(start="00:00", end="00:00", days=("sun", "sat")), "2026-03-09 00:00", None),
        (QuietHours(start="00:00", end="00:00", days=DAYS[:6]), "2026-03-02 00:00", "Sun 08 00:00"),
        # The clock goes forward at 02:00, and back at 03:00.
        (NIGHT, "2026-03-28 23:00", "Sun 29 07:00"),
        (NIGHT, "2026-10-24 23:00", "Sun 25 07:00"),
        (QuietHours(start="02:30", end="04:00", time_zone="Europe/Berlin"), "2026-03-29 03:45", "Sun 29 04:00"),
        (QuietHours(start="02:30", end="04:00", time_zone="Europe/Berlin"), "2026-03-29 03:15", None),
        (QuietHours(start="22:00", end="02:30", time_zone="Europe/Berlin"), "2026-10-25 01:00", "Sun 25 02:30"),
        (QuietHours(start="23:30", end="00:30", time_zone="Asia/Kathmandu"), "2026-06-01 00:15", "Mon 01 00:30"),
    ],
)
def test_when_quiet_hours_end(quiet: QuietHours, now: str, end: str | None) -> None:
    assert until(quiet, now) == end


def test_a_night_is_as_long_as_the_clock_says() -> None:
    for night, hours in (("2026-03-28", 8), ("2026-10-24", 10), ("2026-06-01", 9)):
        start = at(f"{night} 22:00")
        assert (quiet_until(NIGHT, start) or 0) - start == hours * 3_600 * SECOND


@given(
    start=st.times(),
    end=st.times(),
    days=st.sets(st.sampled_from(DAYS), min_size=1),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"]),
    now=st.integers(0, 260_000_000_000 * SECOND),
)
def test_they_end_after_now_within_a_week_and_are_over_then(
    start: Any, end: Any, days: set[Any], zone: str, now: Micros
) -> None:
    quiet = QuietHours(start=f"{start:%H:%M}", end=f"{end:%H:%M}", days=tuple(days), time_zone=zone)
    if fault_of(quiet):
        assert quiet.start == quiet.end
        assert quiet_until(quiet, now) is None
        return
    found = quiet_until(quiet, now)
    if found is not None:
        assert now < found <= now + 8 * 86_400 * SECOND
        assert quiet_until(quiet, found) is None


def test_what_is_wrong_is_told() -> None:
    assert "time_zone" in fault_of(QuietHours(start="22:00", end="07:00", time_zone="Mars/Base"))
    assert "must end" in fault_of(QuietHours(start="22:00", end="22:00"))
    assert fault_of(NIGHT) == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("22:00-07:00", {"from": "22:00", "to": "07:00"}),
        (
            "mon-fri,22:00-07:00,Europe/Berlin",
            {
                "from": "22:00",
                "to": "07:00",
                "days": ["mon", "tue", "wed", "thu", "fri"],
                "time_zone": "Europe/Berlin",
            },
        ),
        ("sat+sun,00:00-00:00", {"from": "00:00", "to": "00:00", "days": ["sat", "sun"]}),
        ("sat-mon+wed,1:00-2:00", None),
        ("sat-mon+wed,01:00-02:00", {"from": "01:00", "to": "02:00", "days": ["mon", "wed", "sat", "sun"]}),
        ("always", None),
    ],
)
def test_how_they_are_given_on_a_command_line(text: str, told: dict[str, Any] | None) -> None:
    if told is None:
        with pytest.raises(CommandFailed, match="22:00-07:00"):
            quiet_hours(text)
    else:
        assert quiet_hours(text) == told


# ---- what waits


EVENING = at("2026-03-04 21:00")


@pytest.fixture
def driver() -> ReadChannels:
    driver = ReadChannels()
    driver.now = EVENING
    driver.tick(EVENING)
    driver.define_read(quiet_hours=NIGHT)
    return driver


def clock(driver: ReadChannels) -> list[tuple[str, str]]:
    """What was sent, and when: UTC, an hour behind."""
    return [(to_minute(when)[11:], delivery.notice) for when, delivery in driver.sent]


def go(driver: ReadChannels, text: str) -> None:
    driver.tick(at(text))


def test_what_can_wait_is_told_in_one_list_when_they_end(driver: ReadChannels) -> None:
    driver.tell("old")
    go(driver, "2026-03-04 23:00")
    driver.tell("old", "monitor.recovered")
    driver.tell("m", "monitor.ssl_expiration")
    driver.tell("n", "monitor.domain_expiration")
    driver.tell("o", "monitor.performance_drop")
    assert clock(driver) == [("20:00", "monitor.down")]
    [listed] = [one for one in driver.pending() if not one.attempt]
    assert listed.due == at("2026-03-05 07:00")
    go(driver, "2026-03-05 06:59")
    assert len(driver.sent) == 1
    go(driver, "2026-03-05 07:00")
    assert clock(driver)[1:] == [("06:00", "channel.digest")]
    told = digest(driver.sent[1][1])
    assert (told["why"], told["notices"]) == ("quiet hours", 4)
    go(driver, "2026-03-05 07:01")
    assert driver.view.get(quiet_key("c")) is None


def test_one_that_waited_alone_is_sent_as_it_is(driver: ReadChannels) -> None:
    go(driver, "2026-03-04 23:00")
    driver.tell("m", "monitor.ssl_expiration")
    go(driver, "2026-03-05 07:00")
    assert clock(driver) == [("06:00", "monitor.ssl_expiration")]


def test_what_cannot_wait_is_told_at_once_and_so_is_its_end(driver: ReadChannels) -> None:
    go(driver, "2026-03-04 23:00")
    driver.tell("m")
    go(driver, "2026-03-04 23:30")
    driver.tell("m", "monitor.recovered")
    go(driver, "2026-03-05 00:10")
    driver.tell("n", "monitor.not_observed")
    go(driver, "2026-03-05 00:20")
    driver.tell("n", "monitor.recovered")
    assert clock(driver) == [
        ("22:00", "monitor.down"),
        ("22:30", "monitor.recovered"),
        ("23:10", "monitor.not_observed"),
        ("23:20", "monitor.recovered"),
    ]


def test_who_was_called_at_night_hears_at_night_that_it_is_over(driver: ReadChannels) -> None:
    driver.define_read(quiet_hours=NIGHT, notices=())
    go(driver, "2026-03-05 02:00")
    driver.tell("m", anyway=True, escalation={"policy": "Night shift"})
    go(driver, "2026-03-05 03:00")
    driver.tell("m", "monitor.recovered", anyway=True)
    driver.tell("other", "monitor.recovered", anyway=True)
    driver.wait(20)
    assert clock(driver) == [("01:00", "monitor.down"), ("02:00", "monitor.recovered")]


def test_a_list_does_not_say_in_the_morning_what_was_true_at_night(driver: ReadChannels) -> None:
    driver.tell("m")
    go(driver, "2026-03-04 23:00")
    driver.tell("m", "monitor.recovered")  # waits alone
    go(driver, "2026-03-05 01:00")
    driver.tell("m")
    go(driver, "2026-03-05 07:00")
    assert clock(driver) == [("20:00", "monitor.down"), ("00:00", "monitor.down"), ("06:00", "channel.digest")]
    [thing] = digest(driver.sent[-1][1])["things"]
    assert (thing["event"], thing["first_event"]) == ("monitor.down", "monitor.recovered")
    assert [one.outcome for one in driver.ended] == ["gathered"]


def test_a_storm_at_night_is_a_list_too(driver: ReadChannels) -> None:
    go(driver, "2026-03-04 23:00")
    for n in range(50):
        driver.tell(f"m{n}")
    driver.wait(70)
    assert [notice for _, notice in clock(driver)] == ["monitor.down", "channel.digest"]


def test_of_a_great_many_that_were_told_each_end_is_told_at_night(driver: ReadChannels) -> None:
    driver.define_read(quiet_hours=NIGHT, digest=False)
    go(driver, "2026-03-04 23:00")
    for n in range(250):
        driver.tell(f"m{n}")
    for n in range(250):
        driver.tell(f"m{n}", "monitor.recovered")
    assert len(driver.sent) == 500


def test_other_quiet_hours_move_what_waits_and_none_end_it(driver: ReadChannels) -> None:
    go(driver, "2026-03-04 23:00")
    driver.tell("m", "monitor.ssl_expiration")
    driver.define_read(quiet_hours=QuietHours(start="22:00", end="05:00", time_zone="Europe/Berlin"))
    [waiting] = driver.pending()
    assert waiting.due == at("2026-03-05 05:00")
    driver.define_read()
    driver.wait(1)
    assert clock(driver) == [("22:00", "monitor.ssl_expiration")]
    driver.wait(1)
    assert driver.view.get(quiet_key("c")) is None


def test_a_channel_that_is_removed_at_night_takes_with_it_what_waits(driver: ReadChannels) -> None:
    go(driver, "2026-03-04 23:00")
    driver.tell("m", "monitor.ssl_expiration")
    driver.tell("n", "monitor.ssl_expiration")
    [listed] = driver.feed("c", EndpointRemoved(at=driver.now))
    assert (listed.outcome, digest(listed)["notices"]) == ("removed", 2)
    assert [key for key, _ in driver.view.items()] == ["partition"]


def test_a_report_waits_for_the_end_of_other_hours_too(driver: ReadChannels) -> None:
    go(driver, "2026-03-04 23:00")
    report = DeliveryRequested(transition="report", at=driver.now, notices=("project.report",), data={})
    driver.feed("c", report)
    [waiting] = driver.pending()
    assert (waiting.attempt, waiting.due) == (0, at("2026-03-05 07:00"))
    driver.define_read(quiet_hours=QuietHours(start="22:00", end="05:00", time_zone="Europe/Berlin"))
    [waiting] = driver.pending()
    assert (waiting.attempt, waiting.due) == (0, at("2026-03-05 05:00"))
    driver.define_read()
    driver.wait(1)
    assert clock(driver) == [("22:00", "project.report")]


def test_when_a_time_is_taken_back_they_end_by_the_clock_of_their_zone(driver: ReadChannels) -> None:
    go(driver, "2026-03-05 06:00")  # the clock was ahead
    driver.tell("m", "monitor.ssl_expiration")
    driver.now = at("2026-03-04 23:00")
    driver.feed("", TimeCorrected())
    [waiting] = driver.pending()
    assert waiting.due == at("2026-03-05 07:00")


@pytest.mark.parametrize(
    ("kind", "waits"), [("webhook", True), ("slack", True), ("pagerduty", False), ("updown", False)]
)
def test_only_where_a_list_can_be_told(kind: str, waits: bool) -> None:
    driver = ReadChannels()
    driver.now = at("2026-03-04 23:00")
    driver.tick(driver.now)
    driver.define_read(kind=kind, quiet_hours=NIGHT)
    driver.tell("m", "monitor.ssl_expiration")
    assert bool(driver.sent) is not waits


def test_a_time_zone_that_a_later_version_does_not_know_is_no_quiet(driver: ReadChannels) -> None:
    driver.define_read(quiet_hours=QuietHours(start="00:00", end="23:59", time_zone="Mars/Base"))
    driver.tell("m", "monitor.ssl_expiration")
    assert len(driver.sent) == 1
    assert datetime.fromtimestamp(driver.now / SECOND, UTC).hour == 20


def test_what_waited_for_days_is_not_too_old_when_it_is_sent() -> None:
    """The channel failed before the quiet hours began, and they are longer than anything may be pending."""
    world = ReadChannels()
    days = QuietHours(start="00:00", end="00:00", days=("mon", "tue", "wed", "thu", "fri", "sat"))
    monday = at("2026-03-02 12:00", "UTC")
    world.tick(monday - 86_400 * SECOND)
    world.define_read(quiet_hours=days)
    world.tell("one", "monitor.ssl_expiration")
    world.take(500)
    effects = []
    world.tick(monday)
    world.tell("two", "monitor.ssl_expiration")
    [waiting] = [each for each in world.pending() if not each.attempt]
    for hours in range(1, 7 * 24):
        effects += world.tick(monday + hours * 3_600 * SECOND)
        if any(each.id == waiting.id and each.attempt for each in world.pending()):
            break
    [sent] = [each for each in world.pending() if each.id == waiting.id]
    assert (sent.attempt, sent.first_due) == (1, world.now)
    assert waiting.id not in [each.id for each in effects if isinstance(each, DeliveryFinished)]
