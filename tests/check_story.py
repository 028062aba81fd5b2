"""A story of one heartbeat check, told event by event to the `checks` fold: what the tests of that fold are written in.

Times are seconds since midnight of 1 January 2024, UTC. Ticks come from one source under the test clock, so that any
step of time is no gap; what a gap is, is written out.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from processors.checks.fold import Checks
from processors.fold.contract import Effect
from schemas.base import SECOND, Micros
from schemas.check_states import CheckState
from schemas.definitions import Check
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.pings import CheckDefined, CheckPaused, CheckRemoved, CheckResumed, Kind, Ping
from schemas.schedules import Simple
from schemas.ticks import Tick
from schemas.transitions import GapSeen, PingFolded, StatusChanged
from tests.folding import Folding, Journal, Source, of_type

MIDNIGHT: Micros = 1_704_067_200 * SECOND
MINUTE = 60
HOUR = 3600
DAY = 86_400
CHECK = derived_id("test", "check")
A, B, C = (derived_id("test", "run", name) for name in "abc")


def t(seconds: float) -> Micros:
    return MIDNIGHT + round(seconds * SECOND)


def clock(text: str, day: int = 1) -> float:
    """Seconds of a time of day, `hh:mm` or `hh:mm:ss`."""
    hours, minutes, seconds = (*map(int, text.split(":")), 0)[:3]
    return (day - 1) * DAY + hours * HOUR + minutes * MINUTE + seconds


class Story:
    def __init__(self, **definition: Any) -> None:
        self.folding = Folding(Checks())
        self.journal = Journal()
        self.source = Source()
        self.version = 0
        self.definition: dict[str, Any] = {"schedule": Simple(HOUR), "grace": 5 * MINUTE, "channels": ("hook",)}
        self.tick(0)
        self.define(0, **definition)

    def tell(self, event: msgspec.Struct | bytes, at: float, key: str = CHECK, retried: bool = False) -> list[Effect]:
        record = self.journal.add(key, event, t(at), retried=retried)
        return self.folding.feed([record])

    def define(self, at: float, **fields: Any) -> list[Effect]:
        """The check's next version; fields that are not given stay."""
        self.version += 1
        self.definition |= fields
        check = Check(id=CHECK, project="p", version=self.version, created=t(0), name="Backup", **self.definition)
        return self.tell(CheckDefined(at=t(at), check=check), at)

    def ping(self, at: float, kind: Kind = "success", **fields: Any) -> list[Effect]:
        """A ping; when the partition's time is far behind, ticks have come before it."""
        retried = fields.pop("retried", False)
        if at > self.time + 50:
            self.tick(at - 1)
        return self.tell(Ping(kind=kind, at=t(at), **fields), at, retried=retried)

    def ping_at_once(self, at: float) -> list[Effect]:
        return self.tell(Ping(kind="success", at=t(at)), at)

    def pause(self, at: float) -> list[Effect]:
        return self.tell(CheckPaused(at=t(at)), at)

    def resume(self, at: float) -> list[Effect]:
        return self.tell(CheckResumed(at=t(at)), at)

    def remove(self, at: float) -> list[Effect]:
        return self.tell(CheckRemoved(at=t(at)), at)

    def tick(self, at: float, **fields: Any) -> list[Effect]:
        return self.send(self.source.tick(t(at), **fields), at)

    def send(self, tick: Tick, at: float) -> list[Effect]:
        return self.tell(tick, at, key="tick")

    def gap(self, start: float, end: float) -> list[Effect]:
        """The only source closes in good order, and the next epoch begins later."""
        effects = self.tick(start, closing=True)
        self.source.epoch += 1
        return effects + self.tick(end)

    @property
    def time(self) -> float:
        return seconds(self.folding.progress.time)

    @property
    def state(self) -> CheckState:
        return self.folding.state(CheckState, CHECK)

    @property
    def effects(self) -> list[Effect]:
        return self.folding.effects


def changes(effects: Sequence[Effect]) -> list[tuple[str, str, str, float]]:
    """Changes of status as (was, now, reason, seconds)."""
    return [(c.was, c.now, c.reason, seconds(c.at)) for c in of_type(effects, StatusChanged)]


def moves(effects: Sequence[Effect]) -> list[str]:
    """Changes of status as `was>now`."""
    return [f"{change.was}>{change.now}" for change in of_type(effects, StatusChanged)]


def notices(effects: Sequence[Effect]) -> list[str]:
    return [notice for request in of_type(effects, DeliveryRequested) for notice in request.notices]


def folded(effects: Sequence[Effect]) -> list[PingFolded]:
    return of_type(effects, PingFolded)


def gaps(effects: Sequence[Effect]) -> list[tuple[str, float, float | None]]:
    """Gaps as (cause, start, end), in seconds."""
    return [
        (gap.cause, seconds(gap.start), None if gap.end is None else seconds(gap.end))
        for gap in of_type(effects, GapSeen)
    ]


def seconds(at: Micros) -> float:
    return (at - MIDNIGHT) / SECOND
