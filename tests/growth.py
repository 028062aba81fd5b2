"""All four folds of one installation in memory, fed by hand, and a count of everything that they hold.

Unlike `tests.harness`, no log is kept: effects are folded at once and forgotten, so that years cost seconds and what
grows is what the folds keep. Every state goes through the JSON that stands in Kafka when the folds are opened again.
"""

from collections import Counter, deque
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import msgspec

from infra.log.partitioner import partition_of
from processors.checks.fold import Checks
from processors.deliveries.fold import DeliveriesFold
from processors.fold.contract import EVERY, Effect, Fold, Record, Session
from processors.fold.placement import partitions_of
from processors.fold.view import View
from processors.monitors.fold import Monitors
from processors.projects.fold import Projects
from schemas.base import Micros, encode
from schemas.dead_letters import DeadLetter
from schemas.decisions import Decision
from schemas.ticks import Tick
from schemas.topics import DEAD_LETTERS, DECISIONS, Topic

PARTITIONS = 2


class Installation:
    """`now`: the time of every record. `letters`: why events were refused; `decisions`: verdicts by request."""

    def __init__(self, now: Micros) -> None:
        self.now = now
        self.letters: list[str] = []
        self.decisions: dict[str, Decision] = {}
        self._offsets: Counter[tuple[str, int]] = Counter()
        self._clock_offset: Counter[str] = Counter()
        self._folds: tuple[Fold, ...] = (Projects(), Checks(), Monitors(), DeliveriesFold())
        self.sessions = {
            (fold.journal.name, number): Session(fold, number, View())
            for fold in self._folds
            for number in range(PARTITIONS)
        }

    def put(self, topic: Topic, key: str, event: msgspec.Struct, partition: int | None = None) -> None:
        """Append an event, and fold it and all that comes of it. `partition`: None lets the key decide."""
        waiting = deque([(Effect(topic, key, event, partition), 0)])
        while waiting:
            effect, own = waiting.popleft()
            topic, key, event, _ = effect
            if topic is DECISIONS and isinstance(event, Decision):
                self.decisions[event.request] = event
            elif topic is DEAD_LETTERS and isinstance(event, DeadLetter):
                self.letters.append(event.reason)
            for number in partitions_of(effect, own, lambda _: PARTITIONS, _by_key):
                session = self.sessions.get((topic.name, number))
                if session is not None:
                    waiting.extend((made, number) for made in self._step(session, topic, number, key, event))

    def everywhere(self, topic: Topic, key: str, event: msgspec.Struct) -> None:
        """Append an event to every partition."""
        self.put(topic, key, event, EVERY)

    def _step(self, session: Session, topic: Topic, number: int, key: str, event: msgspec.Struct) -> list[Effect]:
        offset = self._offsets[topic.name, number]
        self._offsets[topic.name, number] += 1
        # Kafka's clock is the real one: what the test clock of the newest tick adds is taken off.
        if isinstance(event, Tick):
            self._clock_offset[topic.name] = event.offset
        at = self.now - self._clock_offset[topic.name]
        return session.run([Record(offset, at, key.encode(), encode(event))]).effects

    def reopen(self) -> None:
        """All partitions are taken by new owners, from what stands in the state topics."""
        for (_, number), session in list(self.sessions.items()):
            fold = session.fold
            view = View({key: fold.records.decode(encode(record)) for key, record in session.view.items()})
            self.sessions[fold.journal.name, number] = Session(fold, number, view)

    def records(self) -> Counter[str]:
        """How many records each state topic holds, by the first part of their keys."""
        return Counter(
            f"{session.fold.states}:{key.partition('/')[0] if '/' in key else type(record).__name__}"
            for session in self.sessions.values()
            for key, record in session.view.items()
        )

    def held(self) -> Counter[str]:
        """How many things the sessions hold in memory, by the class and field that hold them."""
        found: Counter[str] = Counter()
        for session in self.sessions.values():
            _count(session, found)
        return found


def _by_key(effect: Effect) -> int:
    return partition_of(effect.key.encode(), PARTITIONS)


_LEAVES = (str, bytes, int, float, bool, type(None), type, ModuleType, FunctionType, BuiltinFunctionType)


def _count(root: object, found: Counter[str]) -> None:
    """Counts the items of every container that can be reached from `root`, under what holds it."""
    seen: set[int] = set()
    waiting: list[tuple[str, Any]] = [(type(root).__name__, root)]
    while waiting:
        holder, one = waiting.pop()
        if isinstance(one, _LEAVES) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, MethodType):
            waiting.append((holder, one.__self__))
        elif isinstance(one, dict):
            found[holder] += len(one)
            waiting.extend((holder, item) for item in (*one.keys(), *one.values()))
        elif isinstance(one, list | tuple | set | frozenset | deque):
            found[holder] += len(one)
            waiting.extend((holder, item) for item in one)
        else:
            name = type(one).__name__
            names = [*getattr(one, "__dict__", ()), *_slots(type(one))]
            waiting.extend((f"{name}.{field}", getattr(one, field, None)) for field in names)


def _slots(kind: type) -> list[str]:
    return [name for base in kind.__mro__ for name in getattr(base, "__slots__", ()) if name != "__weakref__"]
