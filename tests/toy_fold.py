"""A small fold with the shape of the real ones, to try the runtime: counts and checksums per key, an effect every third
event into a second journal, deletions every tenth; and `python -m tests.toy_fold` runs a worker of it.
"""

import sys
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from infra.settings import Settings
from processors.fold import Context, Effect, Fold, Partition, Refused, View
from processors.runtime.worker import run_worker
from schemas.base import Fact, Value
from schemas.ticks import PROGRESS_KEY, Progress, Tick
from schemas.topics import Cleanup, Topic

JOURNAL = Topic("toy-journal", key="thing")
STATES = Topic("toy-states", key="thing", cleanup=Cleanup.COMPACT)
SECOND = Topic("toy-second", key="group")
SECOND_STATES = Topic("toy-second-states", key="group", cleanup=Cleanup.COMPACT)
TOPICS = (JOURNAL, STATES, SECOND, SECOND_STATES)


class Added(Fact, tag="added", frozen=True):
    number: int


class Third(Fact, tag="third", frozen=True):
    thing: str
    count: int


class Total(Value, tag="total"):
    count: int = 0
    checksum: int = 0


class Removal(Value, tag="removal"):
    times: int = 0


class _Counting:
    def __init__(self, view: View) -> None:
        self._view = view

    def apply(self, event: Any, context: Context) -> list[Effect]:
        view = self._view
        if isinstance(event, Tick):
            view.edit(Progress, PROGRESS_KEY).time = event.now
            return []
        if isinstance(event, Added) and event.number < 0:
            raise Refused("negative")
        text = f"{event.number}" if isinstance(event, Added) else f"{event.thing}:{event.count}"
        if view.get(context.key) is None:
            view.put(context.key, Total())
        total = view.edit(Total, context.key)
        total.count += 1
        total.checksum = crc32(text.encode(), total.checksum)
        if isinstance(event, Third):
            return []
        if total.count % 10 == 0:
            mark = f"removed/{context.key}"
            if view.get(mark) is None:
                view.put(mark, Removal())
            view.edit(Removal, mark).times += 1
            view.delete(context.key)
        if event.number % 3 == 0:
            group = f"group-{event.number % 7}"
            return [Effect(SECOND, group, Third(thing=context.key, count=event.number))]
        return []


class Counting:
    """The toy fold, on either of its journals."""

    version = 1

    def __init__(self, name: str, journal: Topic, states: Topic) -> None:
        self.name, self.journal, self.states = name, journal, states
        self.events = msgspec.json.Decoder(Added | Third | Tick)
        self.records = msgspec.json.Decoder(Total | Removal | Progress)

    def open(self, view: View, partition: int) -> Partition:
        return _Counting(view)


FOLDS: tuple[Fold, ...] = (Counting("toy", JOURNAL, STATES), Counting("toy2", SECOND, SECOND_STATES))


def main() -> None:
    bootstrap, slot, data = sys.argv[1:4]
    run_worker(Settings(data=Path(data)), bootstrap, slot, FOLDS, group="toy")


if __name__ == "__main__":
    main()
