"""A small fold with the shape of the real ones, to try the runtime: counts and checksums per key, an effect every third
event into a second journal, deletions every tenth; and `python -m tests.toy_fold` runs a worker of it.

`Toy(name)` has topics, folds and a consumer group of its own; `Toy(name, 2)` is the next version of the same: other
checksums, one more field, an effect every sixth event. `Explode` and `Trouble` are what must never happen.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from infra.log.cluster import cluster_of
from infra.process.logs import configure
from infra.settings.settings import Settings
from processors.fold.contract import EVERY, Context, Effect, Fold, InvalidEvent, Partition
from processors.fold.packed import PLAIN
from processors.fold.view import View
from processors.runtime.worker import run_worker
from schemas.base import Fact, Value
from schemas.ticks import NEVER, PROGRESS_KEY, Progress, Tick
from schemas.topics import Cleanup, Topic
from schemas.transitions import JournalTruncated

GROUPS = 7
# The version that can fold no `Added`.
DEFECTIVE = 3


class Added(Fact, tag="added", frozen=True):
    """One more of the key. A negative number is refused; `pad` is only weight."""

    number: int
    pad: str = ""


class Announced(Fact, tag="announced", frozen=True):
    """Goes to every partition of the second journal, as a `Third` of its key."""


class Third(Fact, tag="third", frozen=True):
    """What an `Added` with a number divisible by three sends to the second journal."""

    thing: str
    number: int


class Explode(Fact, tag="explode", frozen=True):
    """The fold changes its view and then fails."""


class Trouble(Fact, tag="trouble", frozen=True):
    """The process comes to harm in the middle of its batch, once: while the file `flag` exists, which it removes."""

    kind: str
    flag: str


class Total(Value, tag="total"):
    count: int = 0
    checksum: int = 0


class NewerTotal(Total, tag="total"):
    """As version 2 has it."""

    highest: int = 0


class Removal(Value, tag="removal"):
    times: int = 0


class Toy:
    """Two chained folds: what the first one sends, the second one counts."""

    def __init__(self, name: str, version: int = 1) -> None:
        self.name, self.version = name, version
        self.journal = Topic(f"{name}-journal", key="thing")
        self.states = Topic(f"{name}-states", key="thing", cleanup=Cleanup.COMPACT)
        self.second = Topic(f"{name}-second", key="group")
        self.second_states = Topic(f"{name}-second-states", key="group", cleanup=Cleanup.COMPACT)
        self.topics = (self.journal, self.states, self.second, self.second_states)
        self.folds: tuple[Fold, ...] = (
            Counting(name, self.journal, self.states, self.second, version),
            Counting(f"{name}-2", self.second, self.second_states, self.second, version),
        )


class Counting:
    """The toy fold, on either of its journals."""

    packer = PLAIN

    def __init__(self, name: str, journal: Topic, states: Topic, second: Topic, version: int = 1) -> None:
        self.name, self.journal, self.states, self.second, self.version = name, journal, states, second, version
        self.events = msgspec.json.Decoder(Added | Announced | Third | Explode | Trouble | Tick)
        self.records: msgspec.json.Decoder[Any] = (
            msgspec.json.Decoder(Total | Removal | Progress)
            if version == 1
            else msgspec.json.Decoder(NewerTotal | Removal | Progress)
        )

    def owner(self, view: View, key: str) -> str:
        return "toys" if view.get(key) is not None else ""

    def open(self, view: View, partition: int) -> Partition:
        return _Counting(view, self.second, self.version)


class _Counting:
    def __init__(self, view: View, second: Topic, version: int) -> None:
        self._view, self._second, self._version = view, second, version

    def due(self) -> int:
        return NEVER

    def apply(self, event: Any, context: Context) -> list[Effect]:
        view, key = self._view, context.key
        if isinstance(event, Tick):
            view.edit(Progress, PROGRESS_KEY).time = event.now
            return []
        if isinstance(event, Trouble):
            _suffer(event)
            return []
        if isinstance(event, Explode):
            self._count(key, "exploded")
            view.delete(key)
            view.put(f"exploded/{key}", Total(count=1))
            raise RuntimeError("exploded")
        if isinstance(event, Announced):
            return [Effect(self._second, key, Third(thing=key, number=0), EVERY)]
        if isinstance(event, Third):
            self._count(key, f"{event.thing}:{event.number}")
            return []
        if event.number < 0:
            raise InvalidEvent("negative")
        if self._version == DEFECTIVE:
            raise RuntimeError("what a bad release says")
        if self._count(key, f"{event.number}") % 10 == 0:
            mark = f"removed/{key}"
            if view.get(mark) is None:
                view.put(mark, Removal())
            view.edit(Removal, mark).times += 1
            view.delete(key)
        if event.number % (3 if self._version == 1 else 6) == 0:
            return [Effect(self._second, f"group-{event.number % GROUPS}", Third(thing=key, number=event.number))]
        return []

    def truncated(self, event: JournalTruncated) -> list[Effect]:
        return []

    def _count(self, key: str, text: str) -> int:
        if self._view.get(key) is None:
            self._view.put(key, Total() if self._version == 1 else NewerTotal())
        total = self._view.edit(Total, key)
        total.count += 1
        total.checksum = crc32(text.encode(), total.checksum + self._version - 1)
        if isinstance(total, NewerTotal):
            total.highest = max(total.highest, total.checksum)
        return total.count


def _suffer(trouble: Trouble) -> None:
    flag = Path(trouble.flag)
    if not flag.exists():
        return
    flag.unlink()
    match trouble.kind:
        case "raise":
            raise MemoryError("not the event's fault")
        case "exit":
            os._exit(1)
        case name:
            os.kill(os.getpid(), signal.Signals[name])


def main() -> None:
    bootstrap, slot, data, name, session, version = sys.argv[1:]
    configure("toy")
    folds = Toy(name, int(version)).folds
    settings = Settings(data=Path(data))
    run_worker(settings, cluster_of(settings, bootstrap), slot, folds, group=name, session=float(session))


if __name__ == "__main__":
    main()
