"""`monitor.performance_drop`: the Apdex of an hour against the lowest of the five hours before."""

import pytest

from processors.monitors.performance import judge
from schemas.apdex_drops import HOUR as HOUR_MICROS
from schemas.base import SECOND
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.maintenance import Maintenance, Once
from schemas.monitor_states import MonitorState
from schemas.probes import MaintenanceDefined, Phases, ProbeCompleted, RegionTroubled
from schemas.slots import first_slot, region_of
from tests.folding import of_type
from tests.monitor_story import Story, t

HOUR = 3_600
DROP = ("monitor.performance_drop",)
FAST, TOLERATED, SLOW = 400, 1_500, 2_500
# In place of a response time: the probe fails; it fails while the network of its region is out; there is no result.
FAILS, OUT, NOTHING = -1, -2, -3


class Hours:
    """A monitor that is probed in every slot, hour by hour, since the second second of a whole hour."""

    def __init__(self, **definition: object) -> None:
        self.story = Story(**{"confirmations": 10} | definition)
        self.hour = 0
        self.slot = self.story.state.begun

    def run(self, *times: int, most: int = 1_000) -> None:
        """One hour of results: response times in milliseconds, in turn. most: so many at its beginning."""
        n, end = 0, t((self.hour + 1) * HOUR)
        while self.slot < end:
            self.probe(times[n % len(times)] if n < most else NOTHING)
            n += 1
            self.slot = first_slot(self.story.monitor, self.slot)
        self.hour += 1

    def probe(self, ms: int) -> None:
        at = (self.slot - t(0)) / SECOND
        if at > self.story.time:
            self.story.tick(at)
        if ms == NOTHING:
            return
        if ms == OUT:
            self.story.tell(RegionTroubled(region="a", at=self.slot), at, key="a")
        ok = ms > 0
        result = ProbeCompleted(
            slot=self.slot,
            region=region_of(self.story.monitor, self.slot),
            at=self.slot,
            took=ms * 1_000 + 70_000 if ok else 30_000_000,
            ok=ok,
            failure="" if ok else "timeout",
            phases=Phases(connect=70_000, first_byte=ms * 1_000 if ok else None),
        )
        self.story.tell(result, at)

    def told(self) -> list[DeliveryRequested]:
        """The drops that were told, some minutes after the last hour."""
        self.story.tick(self.hour * HOUR + 200)
        return [each for each in of_type(self.story.effects, DeliveryRequested) if each.notices == DROP]


def five(**definition: object) -> Hours:
    """Five hours of fast answers."""
    hours = Hours(**definition)
    for _ in range(5):
        hours.run(FAST)
    return hours


def test_an_hour_that_is_much_slower() -> None:
    hours = five()
    hours.run(FAST, SLOW)
    [told] = hours.told()
    assert told.at == t(6 * HOUR)
    assert told.data["apdex_dropped"] == "50%"
    assert told.data["last_metrics"] == {
        **{f"2024-01-01T0{hour}:00:00Z": {"apdex": 1.0} for hour in range(5)},
        "2024-01-01T05:00:00Z": {"apdex": 0.5},
    }
    assert told.data["incident"] is None
    assert told.data["monitor"]["current_status"] == "up"
    assert (
        told.data["detail"] == "Apdex dropped 50%: 0.5 in the last hour, and 1.0 or more in each of the 5 hours before"
    )


def test_it_is_told_once() -> None:
    """The slow hour is one of those before the next."""
    hours = five()
    for times in ((FAST, SLOW), (FAST, SLOW), (FAST,), (FAST, SLOW)):
        hours.run(*times)
    assert len(hours.told()) == 1


@pytest.mark.parametrize(
    ("lowest", "now", "dropped"),
    [(975, 510, "47%"), (1_000, 700, None), (1_000, 699, "30%"), (1_000, 0, "100%"), (0, 0, None), (10, 6, "40%")],
)
def test_the_percentage_is_against_the_lowest_and_cut_off(lowest: int, now: int, dropped: str | None) -> None:
    story = Story()
    hour = t(6 * HOUR) // HOUR_MICROS
    state = MonitorState(version=1, hour=hour, samples=1_000, points=2 * now)
    state.apdexes = (1_000, lowest, 1_000, 1_000, 1_000)
    state.judge_at = (hour + 1) * HOUR_MICROS + 60 * SECOND
    drop = judge(state, story.monitor)
    assert (None if drop is None else f"{drop.percent}%") == dropped
    assert drop is None or drop.hours[1] == (t(2 * HOUR), lowest)


def test_answers_within_four_times_the_threshold_count_half() -> None:
    hours = five(apdex_threshold=400)
    hours.run(TOLERATED, FAST, SLOW, FAILS)
    [told] = hours.told()
    # (1 + 1/2) of 4
    assert told.data["last_metrics"]["2024-01-01T05:00:00Z"] == {"apdex": 0.375}
    assert told.data["apdex_dropped"] == "62%"


def test_the_threshold_is_the_monitors() -> None:
    hours = five(apdex_threshold=8_000)
    hours.run(FAST, SLOW)
    assert hours.told() == []


def test_another_threshold_begins_anew() -> None:
    hours = five()
    for threshold in (4_000, 500):
        hours.story.define(hours.story.time, apdex_threshold=threshold)
    for _ in range(5):
        hours.run(FAST, SLOW)
    assert hours.told() == []


def test_a_monitor_that_fails_for_part_of_the_hour_answers_nobody() -> None:
    hours = five()
    hours.run(*[FAILS] * 3, *[FAST] * 5)
    [told] = hours.told()
    assert told.data["last_metrics"]["2024-01-01T05:00:00Z"]["apdex"] < 0.7


def test_nobody_is_told_of_it_beside_its_being_down() -> None:
    hours = five(confirmations=1)
    hours.run(FAILS)
    assert hours.told() == []
    assert hours.story.state.status == "down"


@pytest.mark.parametrize(("most", "judged"), [(54, True), (53, False), (0, False)])
def test_an_hour_with_few_results_judges_nothing_and_begins_anew(most: int, judged: bool) -> None:
    """Nine tenths of 60 slots are 54."""
    hours = five()
    hours.run(SLOW, most=most)
    assert len(hours.told()) == judged
    hours = five()
    hours.run(FAST, most=most)
    hours.run(FAST, SLOW)
    assert len(hours.told()) == judged


def test_five_hours_must_stand_before_it() -> None:
    hours = Hours()
    for _ in range(4):
        hours.run(FAST)
    hours.run(FAST, SLOW)
    assert hours.told() == []


def test_a_region_whose_network_was_out_judges_nothing() -> None:
    hours = five()
    hours.run(*[OUT] * 10, *[SLOW] * 50)
    assert hours.told() == []


def test_maintenance_judges_nothing() -> None:
    hours = five()
    window = Maintenance(
        id=derived_id("window"), project="p", version=1, created=t(0), revised=t(0), name="Works",
        window=Once(start=t(5 * HOUR + 600), end=t(5 * HOUR + 1_800)),
    )  # fmt: skip
    hours.story.tell(MaintenanceDefined(at=t(hours.story.time), maintenance=window), hours.story.time, key=window.id)
    hours.run(FAST, SLOW)
    assert hours.told() == []


def test_nobody_is_told_in_maintenance_of_the_hour_before_it() -> None:
    hours = five()
    window = Maintenance(
        id=derived_id("window"), project="p", version=1, created=t(0), revised=t(0), name="Works",
        window=Once(start=t(6 * HOUR + 5), end=t(7 * HOUR)),
    )  # fmt: skip
    hours.story.tell(MaintenanceDefined(at=t(hours.story.time), maintenance=window), hours.story.time, key=window.id)
    hours.run(FAST, SLOW)
    due = hours.story.state.judge_at
    assert due is not None
    assert due > t(6 * HOUR + 5)
    hours.story.tick(6 * HOUR + 5)
    assert hours.story.state.maintained
    assert hours.told() == []


def test_one_that_is_probed_seldom_is_not_judged() -> None:
    hours = Hours(interval=1_200)
    for _ in range(5):
        hours.run(FAST)
    hours.run(SLOW)
    assert hours.told() == []
    assert (hours.story.state.hour, hours.story.state.judge_at) == (0, None)


def test_nobody_is_told_while_it_is_muted() -> None:
    hours = five(mute_until="forever")
    hours.run(FAST, SLOW)
    assert hours.told() == []


def test_the_state_stays_small() -> None:
    hours = Hours()
    for _ in range(9):
        hours.run(FAST)
        assert len(hours.story.state.apdexes) <= 6


def test_without_results_nothing_is_counted_or_due() -> None:
    hours = five()
    for _ in range(2):
        hours.run(NOTHING)
    assert hours.told() == []
    state = hours.story.state
    assert (state.hour, state.samples, state.points, state.apdexes, state.judge_at) == (0, 0, 0, (), None)


def test_a_restart_anywhere_gives_the_same() -> None:
    hours = five()
    hours.story.folding.restart()
    hours.run(FAST, SLOW)
    hours.story.folding.restart()
    told = hours.told()
    assert len(told) == 1
    hours.story.folding.restart()
    hours.hour += 1
    assert hours.told() == told


def test_an_hour_is_judged_after_its_last_results_and_within_minutes() -> None:
    hours = five()
    due = hours.story.state.judge_at
    assert due is not None
    assert 40 <= (due - t(5 * HOUR)) / SECOND <= 100
    assert hours.story.folding.session.due() <= due
