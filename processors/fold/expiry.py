"""Deadlines of the things of one partition: a tick finds those that have passed, and their fold judges them. Pure.

The contract:

- The things that a tick makes due are judged in the order of (deadline, id), each until its next deadline is later than
  the partition's time.
- A thing that cannot be judged is parked: its state stays as it was and says why (`parked`), and a dead letter under
  its key says so to the operator. The next event of the thing, or that letter put back, takes it up again. No other
  thing is held up.
- The wheel holds for each thing a time at or before its next deadline. That is a hint; the states decide. So the wheel
  can be built anew at any time, stands an event that is undone, and no outcome depends on when it was built.
- An event that moves a deadline later, as most do, touches nothing here.
"""

import copy
import heapq
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from processors.fold.contract import Context, Effect
from processors.fold.partition_time import time_of
from processors.fold.view import View
from processors.fold.wheel import Wheel
from schemas.base import Micros, Value, encode
from schemas.dead_letters import DeadLetter
from schemas.ticks import Tick
from schemas.topics import DEAD_LETTERS, Topic


class Deadline(Protocol):
    """What comes next to a thing, and when, if no event comes before."""

    @property
    def at(self) -> Micros: ...


# The state of a thing. It has a field `parked`: why the thing could not be judged, None if it can be.
S = TypeVar("S", bound=Value)
S_contra = TypeVar("S_contra", bound=Value, contravariant=True)
D = TypeVar("D", bound=Deadline)


class Judge(Protocol[S_contra, D]):
    """What a fold decides about its things."""

    def may_wait(self, state: S_contra) -> bool:
        """Whether a thing in this state may have a deadline. Asked once for each, when a partition is taken."""

    def next_deadline(self, key: str, state: S_contra, time: Micros) -> D | None:
        """The first deadline of a thing, as far as is known at `time`; None if nothing is due."""

    def expire(self, key: str, state: S_contra, deadline: D, time: Micros) -> list[Effect]:
        """A deadline has passed: move `state`, a copy that is put into the view afterwards, and return the effects."""


class Expiry(Generic[S, D]):
    """The deadlines of the things whose states are records of `state_type`. kind: what people call such a thing."""

    def __init__(self, view: View, journal: Topic, kind: str, state_type: type[S], judge: Judge[S, D]) -> None:
        self._view, self._journal, self._kind, self._state_type, self._judge = view, journal, kind, state_type, judge
        self._wheel = Wheel(lambda key: key in view)
        time = time_of(view)
        for key, state in self._states():
            if state.parked is None and judge.may_wait(state):
                self._wheel.set(key, time)

    def _states(self) -> Iterator[tuple[str, Any]]:
        return self._view.items_of(self._state_type)

    def due(self) -> Micros:
        """When a tick may have a thing to judge."""
        return self._wheel.earliest()

    def look_at(self, key: str, at: Micros) -> None:
        """The next deadline of a thing may be as early as `at`: a tick that passes that looks at the thing."""
        self._wheel.set(key, at)

    def look_at_all(self) -> list[str]:
        """Any deadline may have changed: the next tick looks at every thing. Their keys, in order."""
        time, keys = time_of(self._view), sorted(key for key, _ in self._states())
        for key in keys:
            self._wheel.set(key, time)
        return keys

    def unpark(self, key: str, state: S) -> None:
        """Take a thing up again; `state` is the caller's own copy."""
        _set_parked(state, None)
        self._wheel.set(key, time_of(self._view))

    def parked(self, key: str) -> S | None:
        """A copy of the state of a thing that is parked, to be changed; None if it is not."""
        state: Any = self._view.get(key)
        if not isinstance(state, self._state_type) or _parked(state) is None:
            return None
        return self._view.edit(self._state_type, key)

    def tick(
        self, time: Micros, tick: Tick, context: Context, then: Callable[[Micros], Iterable[Effect]] = lambda _: ()
    ) -> list[Effect]:
        """Judge what is due at `time`, then do what comes after it; the effects of both.

        The session undoes a tick that fails in the view, and the wheel gets back here what it gave.
        """
        with self._wheel.taking(time) as due:
            return [*self._judge_due(due, time, tick, context), *then(time)]

    def _judge_due(self, due: list[str], time: Micros, tick: Tick, context: Context) -> list[Effect]:
        view, effects, queue = self._view, list[Effect](), list[tuple[Micros, str, D]]()

        def queue_next(key: str) -> None:
            """Queue the next deadline of a thing when it has passed, else set the wheel to it."""
            state = view.get(key)
            if not isinstance(state, self._state_type) or _parked(state) is not None:
                return
            try:
                deadline = self._judge.next_deadline(key, state, time)
            except Exception as error:
                effects.append(self._park(key, error, tick, context))
                return
            if deadline is None:
                return
            if deadline.at <= time:
                heapq.heappush(queue, (deadline.at, key, deadline))
            else:
                self._wheel.set(key, deadline.at)

        for key in due:
            queue_next(key)
        while queue:
            _, key, deadline = heapq.heappop(queue)
            state: S = copy.copy(view.get(key))  # a copy: what fails half way leaves the state as it was
            try:
                judged = self._judge.expire(key, state, deadline, time)
            except Exception as error:
                effects.append(self._park(key, error, tick, context))
                continue
            view.put(key, state)
            effects += judged
            queue_next(key)
        return effects

    def _park(self, key: str, error: Exception, tick: Tick, context: Context) -> Effect:
        reason = f"{type(error).__name__}: {error}"
        _set_parked(self._view.edit(self._state_type, key), reason)
        letter = DeadLetter(
            topic=self._journal.name,
            partition=context.partition,
            offset=context.offset,
            key=key,
            value=encode(tick),
            reason=f"{self._kind} {key} could not be judged and is parked: {reason}",
            at=context.at,
        )
        return Effect(DEAD_LETTERS, key, letter)


def _parked(state: Any) -> str | None:
    reason: str | None = state.parked
    return reason


def _set_parked(state: Any, reason: str | None) -> None:
    state.parked = reason
