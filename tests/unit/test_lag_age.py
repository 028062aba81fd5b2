"""Lags as seen by who looks: what waits, for how long, and whether it is being worked off."""

from infra.log.lag_age import LagAge

A, B = ("pings", 0), ("pings", 1)


def test_what_is_done_does_not_wait() -> None:
    waiting = LagAge()
    waiting.note(100.0, {A: 7, B: 0}, {A: 7})
    assert (waiting.records, waiting.age(200.0), waiting.standing(200.0, 1.0)) == (0, 0.0, [])


def test_the_oldest_that_waits_tells_the_age() -> None:
    waiting = LagAge()
    waiting.note(100.0, {A: 7, B: 3}, {A: 5, B: 3})
    waiting.note(105.0, {A: 9, B: 4}, {A: 6, B: 3})
    assert waiting.records == 4
    assert waiting.age(110.0) == 10.0  # 6 is not done since 100
    waiting.note(110.0, {A: 9, B: 4}, {A: 8, B: 4})
    assert waiting.age(112.0) == 2.0  # what was there at 100 is done, what came at 105 was seen first at 110 as a goal
    waiting.note(115.0, {A: 9, B: 4}, {A: 9, B: 4})
    assert waiting.age(120.0) == 0.0


def test_who_catches_up_does_not_stand() -> None:
    waiting = LagAge()
    for second in range(100):
        waiting.note(float(second), {A: 10_000}, {A: 10 * second})
    assert waiting.age(100.0) == 100.0
    assert waiting.standing(100.0, 30.0) == []
    for second in range(100, 131):
        waiting.note(float(second), {A: 10_000 + second}, {A: 990})
    assert waiting.standing(131.0, 30.0) == [A]


def test_nobody_has_committed_anything() -> None:
    waiting = LagAge()
    waiting.note(0.0, {A: 1}, {})
    waiting.note(31.0, {A: 1}, {})
    assert waiting.standing(31.0, 30.0) == [A]
