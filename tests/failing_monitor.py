"""A monitor that is down and keeps failing: each of its slots has a result, however far time goes."""

from typing import Any

from processors.fold.contract import Effect
from tests.monitor_story import Story


class FailingMonitor(Story):
    """Down from its second slot on."""

    def __init__(self, **definition: Any) -> None:
        super().__init__(**definition)
        self.begin()
        self.probe(0)
        self.probe(1, ok=False)
        self.tick(self.time + 1)
        self.n = 1
        self.since = self.time - 1

    def begin(self) -> None:
        """What comes before the first result."""

    def tick(self, at: float) -> list[Effect]:
        effects: list[Effect] = []
        while getattr(self, "n", 0) and self.slot(self.n + 1) < at:
            self.n += 1
            effects += self.probe(self.n, ok=False)
        return effects + super().tick(at)

    def recover(self) -> list[Effect]:
        self.n, n = 0, self.n + 1
        return self.probe(n)
