"""Three results half a period apart, in virtual time: the real prober and the real fold."""

import pytest

from schemas.base import SECOND
from schemas.slots import first_slot
from tests.check_story import MIDNIGHT
from tests.prober_world import Behaviour, Plan, World

SITE = Plan("site", interval=60, confirmations=3, recoveries=3, confirm_interval=30.0)


def slot(after: float) -> float:
    """The first regular slot after so many seconds."""
    return (first_slot(SITE.monitor, MIDNIGHT + round(after * SECOND)) - MIDNIGHT) / SECOND


def site(*turns: tuple[float, Behaviour]) -> Plan:
    return Plan(
        SITE.name, turns=turns, interval=60, confirmations=3, recoveries=3, confirm_interval=SITE.confirm_interval
    )


FAILS = slot(200)


def test_down_a_period_after_the_first_failing_result_and_dated_by_it() -> None:
    world = World([site((FAILS - 1, "status"))]).run(FAILS + 100)
    since, detected = world.went("down")["site"]
    assert since == pytest.approx(FAILS, abs=0.1)
    assert detected - since == pytest.approx(60, abs=2)  # by ticks, a second apart


def test_an_outage_of_less_than_a_period_is_told_to_nobody() -> None:
    world = World([site((FAILS - 1, "status"), (FAILS + 50, "ok"))]).run(FAILS + 300)
    assert world.went("down") == {}
    assert world.went("up") != {}


def test_one_of_more_than_two_periods_is_always_told_and_its_end_is_confirmed_too() -> None:
    for begin in (-59.0, -30.0, -1.0):
        ends = FAILS + begin + 121
        world = World([site((FAILS + begin, "status"), (ends, "ok"))]).run(ends + 200)
        since, _ = world.went("down")["site"]
        assert since == pytest.approx(FAILS, abs=0.1)
        back, detected = world.went("up", after=since)["site"]
        assert ends <= back <= ends + 61
        assert detected - back == pytest.approx(60, abs=2)
