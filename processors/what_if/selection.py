"""Which records and states of a partition concern the things that are asked about, be they checks or monitors. Pure.

What is of another thing changes nothing of a chosen one, and is passed over before it is decoded; ticks, and what
concerns many, are folded (`processors.refold.one_thing`).
"""

from collections.abc import Set

from processors.refold.one_thing import is_shared, of_one_thing, prefix
from schemas.ticks import Tick, TimeCorrected

_OF_ONE = of_one_thing("checks", "monitors")
# Events that move the time of a partition.
TIME = (prefix(Tick), prefix(TimeCorrected))


class Selection:
    """ids: those of the chosen things."""

    def __init__(self, ids: Set[str]) -> None:
        self.ids = ids
        self.keys = frozenset(id.encode() for id in ids)

    def wants(self, key: bytes | None, value: bytes | None) -> bool:
        """Whether a record is to be folded."""
        return key in self.keys or value is None or not value.startswith(_OF_ONE)

    def wants_state(self, key: str) -> bool:
        """Whether a state is to be begun with: those of other things are not."""
        return is_shared(key) or key.rpartition("/")[2] in self.ids
