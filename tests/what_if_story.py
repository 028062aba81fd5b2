"""A month of two nightly jobs that come late now and then: the story of docs/what-if.md, and what is answered of it.

`python -m tests.what_if_story` prints the answers that the page shows.
"""

import asyncio
import contextlib
import io
from collections.abc import Iterator, Mapping

import msgspec

from pingfold.what_if.text import show
from processors.checks.fold import Checks
from processors.fold.contract import Record, Session
from processors.fold.view import View
from query_api.what_if.objects import WhatIfObject
from query_api.what_if.question import Inventory, Said, question_of
from schemas.base import SECOND, Micros, encode
from schemas.definitions import Channel, Check
from schemas.ids import derived_id
from schemas.pings import CheckDefined, Kind, Ping
from schemas.schedules import Cron
from schemas.ticks import Tick
from schemas.times import read_iso
from schemas.topics import PINGS, Topic
from tests.memory_questions import MemoryQuestions

MINUTE, DAY = 60 * SECOND, 86_400 * SECOND
BEGIN, NOW = read_iso("2026-01-20T00:00:00Z"), read_iso("2026-02-21T09:00:00Z")
BACKUP, IMPORT, OPS = derived_id("story", "backup"), derived_id("story", "import"), derived_id("story", "ops")
OPS_CHANNEL = Channel(id=OPS, project="p", kind="webhook", url="", created=BEGIN, name="Ops")

# Minutes after 02:00 at which the backup was over, where it was not within the grace of 5 minutes, by night.
LATE = {3: 8, 4: 9, 9: 311, 12: 7, 15: 11, 20: 6, 21: 8, 27: 14, 30: 44}
# The import says itself, at 04:14, that it failed, and is repeated 42 minutes later.
FAILED = 13


class Story:
    """As `tests.memory.Memory`, of one partition of `pings`."""

    partitions = 1

    def __init__(self) -> None:
        self._session = Session(Checks(), 0, View())
        self.records: dict[tuple[str, int], list[tuple[str, bytes]]] = {(PINGS.name, 0): []}
        at = BEGIN
        self._add("tick", self._tick(at), at)
        for id, name, hour in ((BACKUP, "backup", 2), (IMPORT, "import", 4)):
            check = Check(
                id=id, project="p", version=1, created=at, name=name, slug=name, tags="nightly",
                schedule=Cron(f"0 {hour} * * *", "UTC"), grace=300, channels=(OPS,),
            )  # fmt: skip
            self._add(id, CheckDefined(at=at, check=check), at)
        pings = sorted(_pings())
        for minute in range((NOW - BEGIN) // MINUTE):
            at = BEGIN + minute * MINUTE
            while pings and pings[0][0] <= at:
                moment, id, kind = pings.pop(0)
                self._add(id, Ping(kind=kind, at=moment), moment)
            if minute % 60 == 0 or 2 <= minute // 60 % 24 < 6:  # when something may be due
                self._add("tick", self._tick(at), at)

    def records_of(self, _journal: Topic, _partition: int) -> Mapping[str, msgspec.Struct]:
        return dict(self._session.view.items())

    def _tick(self, at: Micros) -> Tick:
        return Tick(slot="web", epoch=1, at=at, now=at, beats=True)

    def _add(self, key: str, event: msgspec.Struct, at: Micros) -> None:
        records = self.records[PINGS.name, 0]
        self._session.step([Record(len(records), at, key.encode(), encode(event))])
        records.append((key, encode(event)))

    def answer(self, said: Said) -> WhatIfObject:
        """What is answered at the end of the story."""
        checks = [msgspec.json.decode(value, type=CheckDefined).check for _, value in self.records[PINGS.name, 0][1:3]]
        question = question_of(said, Inventory("p", checks, (), (OPS_CHANNEL,)), NOW)
        return msgspec.json.decode(asyncio.run(MemoryQuestions(self).ask(question)), type=WhatIfObject)

    def text(self, said: Said) -> str:
        """The same as the command prints it."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            show(self.answer(said), {OPS: "Ops"})
        return printed.getvalue()


def _pings() -> Iterator[tuple[Micros, str, Kind]]:
    for night in range((NOW - BEGIN) // DAY + 1):
        midnight = BEGIN + night * DAY
        yield midnight + (120 + LATE.get(night, 2)) * MINUTE, BACKUP, "success"
        if night == FAILED:
            yield midnight + 254 * MINUTE, IMPORT, "fail"
        yield midnight + (243 if night != FAILED else 296) * MINUTE, IMPORT, "success"


TWENTY = Said("tag:nightly", {"grace": "20m"}, since="30d")
SWEEP = Said("backup", sweep="grace=5m,10m,20m,1h", since="30d")

if __name__ == "__main__":
    story = Story()
    print(story.text(TWENTY))
    print(story.text(SWEEP), end="")
