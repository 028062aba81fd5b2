"""When a fold fails on so many events that the release itself must be defective. Pure.

Every event that cannot be folded becomes a dead letter, so that no invalid event stops a partition. A defective release
would thus move the journal into dead letters. This module distinguishes the two:

- An event counts as a defect if folding it raises an unexpected exception. An event that is rejected with a reason
  (`processors.fold.contract.InvalidEvent`) is the producer's fault and does not count. Neither does an event that
  cannot be decoded, if anybody may have produced it: a script with broken JSON must not look like a defective release.
- No single project stops a partition. Each key counts once, by its newest event, and each project once, by the share of
  its keys. More than half of the projects must be affected, at least two; or the only one, with `FEWEST_KEYS` of its
  keys. Events of unknown checks and monitors never count.
- The decision takes `EVENTS` events since the first defect. Until then commits are delayed, for a bounded time.
- If ticks fail, the time of the partition stands still: `TICKS` consecutive failures are enough.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, get_args

import msgspec

from schemas.pings import Ping

EVENTS = 200
FEWEST_KEYS = 5
TICKS = 10
# Of more keys than this, those that were heard longest ago are forgotten.
_MOST_KEYS = 1_000
# While fewer keys than this are hit nothing waits.
_SUSPECT_KEYS = 2


class _Said(msgspec.Struct):
    """What tells where an event comes from: its type, and the process that stamped it."""

    type: str = ""
    by: int | None = None


def made_here(events: Any) -> frozenset[str]:
    """The types of those events of a union that only Pingfold itself appends. Pings may come from any Kafka tool."""
    return frozenset(str(one.__struct_config__.tag) for one in get_args(events) or (events,) if one is not Ping)


def is_made_here(value: bytes, types: frozenset[str]) -> bool:
    """Whether an event that cannot be decoded was appended by Pingfold itself, as far as it tells."""
    try:
        said = msgspec.json.decode(value, type=_Said)
    except msgspec.MsgspecError:
        return False
    return said.by is not None or said.type in types


class Heard(NamedTuple):
    """One event, not a tick: whose it was ("" unknown), its key, and whether folding it failed as nothing should."""

    owner: str
    key: str
    defect: bool


class Defects:
    """What one fold in one process has heard since its first defect."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[str, bool]] = {}
        self._events = 0
        self._hit = 0  # keys whose newest event is a defect

    @property
    def active(self) -> bool:
        """Whether there is a defect, so that every event has to be told from now on."""
        return bool(self._keys)

    def note(self, heard: Heard) -> None:
        """An event was folded, or could not be."""
        if not heard.defect and not self._keys:
            return
        self._events += 1
        self._forget(heard.key)
        self._keys[heard.key] = heard.owner, heard.defect
        self._hit += heard.defect
        if len(self._keys) > _MOST_KEYS:
            self._forget(next(iter(self._keys)))
        if not self._hit:
            self._keys.clear()
            self._events = 0

    def _forget(self, key: str) -> None:
        if (known := self._keys.pop(key, None)) is not None:
            self._hit -= known[1]

    def suspicious(self) -> bool:
        """It looks bad, and not enough is known: what was folded should wait a little before it is committed."""
        return self._hit >= _SUSPECT_KEYS and self._events < EVENTS and self._share() > 0.5

    def verdict(self, is_only: Callable[[str], bool]) -> str | None:
        """Why the fold must stop, None when it need not. `is_only`: whether there is no other project than this."""
        if self._events < EVENTS or self._share() <= 0.5:
            return None
        hit = {owner for owner, share in self._shares().items() if owner and share > 0.5}
        if len(hit) < 2 and not (len(hit) == 1 and self._hit >= FEWEST_KEYS and is_only(*hit)):
            return None
        return f"folding failed for {self._hit} of the {len(self._keys)} things heard of, in {len(hit)} projects"

    def _shares(self) -> dict[str, float]:
        counts: dict[str, tuple[int, int]] = {}
        for owner, defect in self._keys.values():
            hit, all = counts.get(owner, (0, 0))
            counts[owner] = hit + defect, all + 1
        return {owner: hit / all for owner, (hit, all) in counts.items()}

    def _share(self) -> float:
        """The mean over the projects of the share of their keys that are hit."""
        shares = self._shares()
        known = [share for owner, share in shares.items() if owner]
        return sum(known) / len(known) if known else 0.0
