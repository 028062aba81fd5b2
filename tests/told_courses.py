"""Courses of a monitor and of a check, for properties of whom people are told: any event at any time, and a replay."""

from typing import Any

from processors.checks.fold import Checks
from processors.fold.contract import Fold, Record
from processors.monitors.fold import Monitors
from schemas.probes import ProbeCompleted
from schemas.slots import first_slot, region_of
from tests.check_story import Story as CheckStory
from tests.folding import Folding
from tests.monitor_story import Story, failing, seconds, t


class MonitorCourse(Story):
    """A monitor that takes each result at once."""

    fold: type[Fold] = Monitors

    def happen(self, what: str, at: float, until: Any = None) -> None:
        self.tick(at)
        match what:
            case "ok" | "fail":
                slot = first_slot(self.monitor, t(at))
                result = ProbeCompleted(
                    slot=slot,
                    region=region_of(self.monitor, slot),
                    at=slot,
                    took=1_000,
                    ok=what == "ok",
                    failure=failing(what == "ok"),
                )
                self.tick(seconds(slot))
                self.tell(result, seconds(slot))
            case "mute":
                self.define(at, mute_until=until)
            case "pause" | "resume":
                self.define(at, paused=what == "pause")
            case "rename":
                self.define(at, channels=("hook",))

    def settle(self) -> None:
        """Nothing is muted any more, and what is known is as new as can be."""
        self.define(self.time, mute_until=None, paused=False)
        for _ in range(2):
            self.happen("ok" if self.state.status in ("new", "up") else "fail", self.time + 1)
        self.tick(self.time + 1)


class CheckCourse(CheckStory):
    """A check of every hour."""

    fold: type[Fold] = Checks

    def happen(self, what: str, at: float, until: Any = None) -> None:
        self.tick(at)
        match what:
            case "ok" | "fail":
                self.ping(at, "success" if what == "ok" else "fail")
            case "mute":
                self.define(at, mute_until=until)
            case "pause":
                self.pause(at)
            case "resume":
                self.resume(at)
            case "rename":
                self.define(at, channels=("hook",))

    def settle(self) -> None:
        self.define(self.time, mute_until=None)
        self.tick(self.time + 1)


def must_replay(fold: type[Fold], records: list[Record], whole: Folding, at: list[int]) -> None:
    """Once more, cut anywhere, with a restart at each cut."""
    again, begin = Folding(fold()), 0
    for end in [*sorted(at), len(records)]:
        again.feed(records[begin:end])
        again.restart()
        begin = max(begin, end)
    assert again.outcome()[1] == whole.outcome()[1]
    assert again.committed.keys() == whole.committed.keys()
    assert {key: value for key, value in again.committed.items() if key != "partition"} == {
        key: value for key, value in whole.committed.items() if key != "partition"
    }
