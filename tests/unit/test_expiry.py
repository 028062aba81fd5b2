"""The deadline engine: what a tick judges, in which order, and what becomes of a thing that cannot be judged."""

from collections.abc import Callable, Iterable

import msgspec
import pytest

from processors.fold.contract import Context, Effect
from processors.fold.expiry import Expiry
from processors.fold.placement import to_transitions
from processors.fold.view import View
from schemas.base import SECOND, Micros, Value, encode
from schemas.dead_letters import DeadLetter
from schemas.ticks import PROGRESS_KEY, Progress, Tick
from schemas.topics import PINGS
from schemas.transitions import GapSeen

CONTEXT = Context(3, 17, "tick", 900 * SECOND, False)


class Thing(Value, tag="thing"):
    """Waits for the first of `deadlines`, in seconds."""

    deadlines: tuple[int, ...] = ()
    judged: int = 0
    parked: str | None = None


class Due(msgspec.Struct, frozen=True):
    at: Micros


class Things:
    """A judge of things. `failing`: called when the thing of that key is judged."""

    def __init__(self, things: dict[str, Thing], time: int = 0) -> None:
        self.view = View({**things, PROGRESS_KEY: Progress(time=time * SECOND)})
        self.failing: dict[str, Callable[[], object]] = {}
        self.expiry: Expiry[Thing, Due] = Expiry(self.view, PINGS, "thing", Thing, self)

    def may_wait(self, state: Thing) -> bool:
        return bool(state.deadlines)

    def next_deadline(self, key: str, state: Thing, time: Micros) -> Due | None:
        if state.deadlines and state.deadlines[0] < 0:
            raise ArithmeticError("before all time")
        return Due(state.deadlines[0] * SECOND) if state.deadlines else None

    def expire(self, key: str, state: Thing, deadline: Due, time: Micros) -> list[Effect]:
        state.deadlines, state.judged = state.deadlines[1:], state.judged + 1
        self.failing.get(key, lambda: None)()
        return [to_transitions(key, GapSeen(partition=3, cause="refused", start=deadline.at))]

    def tick(self, seconds: int, then: Callable[[Micros], Iterable[Effect]] = lambda _: ()) -> list[Effect]:
        now = seconds * SECOND
        return self.expiry.tick(now, Tick(slot="s", epoch=1, at=now, now=now), CONTEXT, then)

    def state(self, key: str) -> Thing:
        state: Thing = self.view.get(key)
        return state


def fail() -> None:
    raise OverflowError("no such date")


def order(effects: list[Effect]) -> list[tuple[str, int]]:
    return [(effect.key, effect.value.start // SECOND) for effect in effects if isinstance(effect.value, GapSeen)]


def test_what_is_due_is_judged_in_the_order_of_deadline_and_id() -> None:
    things = Things({"b": Thing(deadlines=(5, 9, 20)), "a": Thing(deadlines=(9, 11)), "c": Thing(deadlines=(5,))})
    assert things.expiry.due() == 0
    assert order(things.tick(4)) == []
    assert things.expiry.due() == 5 * SECOND
    assert order(things.tick(10)) == [("b", 5), ("c", 5), ("a", 9), ("b", 9)]
    assert order(things.tick(10)) == []
    assert order(things.tick(20)) == [("a", 11), ("b", 20)]


def test_an_earlier_deadline_must_be_told_and_a_later_one_need_not() -> None:
    things = Things({"a": Thing(deadlines=(10,))})
    things.tick(1)
    things.view.edit(Thing, "a").deadlines = (30,)
    assert order(things.tick(12)) == []
    things.view.edit(Thing, "a").deadlines = (20,)
    things.expiry.look_at("a", 20 * SECOND)
    assert order(things.tick(21)) == [("a", 20)]


def test_a_thing_that_cannot_be_judged_is_parked_as_it_was_and_stops_no_other() -> None:
    things = Things({"a": Thing(deadlines=(5, 6)), "b": Thing(deadlines=(7,)), "c": Thing(deadlines=(-1,))})
    things.failing["a"] = fail
    effects = things.tick(8)
    assert order(effects) == [("b", 7)]
    letters = {effect.key: effect.value for effect in effects if isinstance(effect.value, DeadLetter)}
    assert letters["a"] == DeadLetter(
        topic="pings",
        partition=3,
        offset=17,
        key="a",
        value=encode(Tick(slot="s", epoch=1, at=8 * SECOND, now=8 * SECOND)),
        reason="thing a could not be judged and is parked: OverflowError: no such date",
        at=900 * SECOND,
    )
    assert things.state("a") == Thing(deadlines=(5, 6), parked="OverflowError: no such date")
    assert things.state("c").parked == "ArithmeticError: before all time"
    assert things.tick(9) == []


def test_a_parked_thing_is_taken_up_again() -> None:
    things = Things({"a": Thing(deadlines=(5,)), "b": Thing(deadlines=(5,))})
    things.failing["a"] = fail
    things.tick(6)
    assert things.expiry.parked("b") is None
    assert things.expiry.parked("none") is None
    state = things.expiry.parked("a")
    assert state is not None
    things.expiry.unpark("a", state)
    things.failing.clear()
    assert order(things.tick(7)) == [("a", 5)]
    assert things.state("a").parked is None


def test_parked_things_and_those_that_wait_for_nothing_are_not_looked_at_after_a_restart() -> None:
    asked: list[str] = []

    class Asked(Things):
        def next_deadline(self, key: str, state: Thing, time: Micros) -> Due | None:
            asked.append(key)
            return super().next_deadline(key, state, time)

    things = Asked({"a": Thing(deadlines=(5,), parked="x"), "b": Thing(), "c": Thing(deadlines=(9,))}, time=4)
    assert things.expiry.due() == 4 * SECOND
    things.tick(6)
    assert asked == ["c"]


def test_every_thing_is_looked_at_when_time_was_taken_back() -> None:
    things = Things({"a": Thing(deadlines=(50,)), "b": Thing(deadlines=(60,))}, time=2)
    things.tick(3)
    for key in things.expiry.look_at_all():
        things.view.edit(Thing, key).deadlines = (3,)
    assert order(things.tick(4)) == [("a", 3), ("b", 3)]


class Ended(BaseException):
    """What ends a process, and is no fault of a thing."""


@pytest.mark.parametrize("where", ["judging", "afterwards"])
def test_a_tick_that_is_undone_loses_no_deadline(where: str) -> None:
    things = Things({"a": Thing(deadlines=(5,)), "b": Thing(deadlines=(5,))})
    things.tick(1)

    def end(*_: object) -> list[Effect]:
        raise Ended

    if where == "judging":
        things.failing["b"] = end
    with pytest.raises(Ended):
        things.tick(6, end)
    things.view.undo()
    things.failing.clear()
    assert order(things.tick(7)) == [("a", 5), ("b", 5)]
