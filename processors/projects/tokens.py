"""Short names from the `projects` fold: tokens of checks, monitors and status pages, numbers of channels.

Every partition has its own numbers, which needs the number of partitions. The journal contains it: new requests and the
ticker's ticks have the count. The first of them starts the counters. Ticks then name the definitions of older versions,
the oldest first, a bounded number per tick. So names are a function of the journal alone, for every version of the
fold, and a replay of an older journal names nothing.

A counter never goes back, so a name is never reused after a deletion.
"""

from heapq import nsmallest
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from processors.fold.contract import Effect
from processors.fold.view import View
from processors.projects.packed_records import part_of_check
from schemas.base import Micros
from schemas.definitions import Channel, Check
from schemas.monitors import Monitor
from schemas.pings import CheckDefined
from schemas.probes import MonitorDefined
from schemas.status_pages import StatusPage
from schemas.ticks import NEVER
from schemas.tokens import COUNTERS_KEY, TokenCounters, channel_number, number_of, page_token, thing_token
from schemas.topics import PINGS, PROBE_RESULTS

Named = TypeVar("Named", Check, Monitor, StatusPage, Channel)

# So many things of older versions are named by one tick.
AT_ONCE = 1_000


class _Token(msgspec.Struct, gc=False):
    token: str


_token_of = part_of_check(_Token)
_NAMED = (Check, Monitor, StatusPage, Channel)


class ProjectTokens:
    """The names of one partition's things."""

    def __init__(self, view: View, partition: int) -> None:
        self._view, self._partition = view, partition
        # Keys of what has no name yet: an index that follows the view.
        self._nameless: set[str] = set()
        for key, record in view.items_but_packed():
            self._changed(key, None, record)
        for key, packed in view.packed_items(Check):
            if not _token_of(packed).token:
                self._nameless.add(key)
        view.listeners.append(self._changed)

    def _changed(self, key: str, _: msgspec.Struct | None, new: msgspec.Struct | None) -> None:
        if isinstance(new, _NAMED) and not _name_of(new):
            self._nameless.add(key)
        else:
            self._nameless.discard(key)

    def learn(self, partitions: int) -> None:
        """An event tells how many partitions there are; the first one counts. 0: it does not tell."""
        if partitions > self._partition and self._counters is None:
            self._view.put(COUNTERS_KEY, TokenCounters(partitions=partitions))

    def named(self, new: Named) -> Named:
        """Something that is being made, with its name; without one while the count of partitions is not known.

        The name is used up from here on: to be asked for when nothing can refuse the request any more.
        """
        counters = self._counters
        if counters is None:
            return new
        partition, partitions = self._partition, counters.partitions
        if isinstance(new, StatusPage):
            self._view.put(COUNTERS_KEY, replace(counters, pages=counters.pages + 1))
            return replace(new, token=page_token(number_of(counters.pages, partition, partitions)))
        if isinstance(new, Channel):
            self._view.put(COUNTERS_KEY, replace(counters, channels=counters.channels + 1))
            return replace(new, number=channel_number(number_of(counters.channels, partition, partitions)))
        self._view.put(COUNTERS_KEY, replace(counters, things=counters.things + 1))
        return replace(new, token=thing_token(number_of(counters.things, partition, partitions)))

    def due(self) -> Micros:
        """At once while something waits for its name."""
        return 0 if self._nameless and self._counters is not None else NEVER

    def tick(self, time: Micros) -> list[Effect]:
        """Name some of what older versions have made, oldest first; whoever keeps copies of them is told."""
        if not self._nameless or self._counters is None:
            return []
        waiting = [(record.created, key) for key in self._nameless if (record := self._view.get(key)) is not None]
        return [effect for _, key in nsmallest(AT_ONCE, waiting) for effect in self._name(key, time)]

    def _name(self, key: str, time: Micros) -> list[Effect]:
        record = self._view.get(key)
        if isinstance(record, Channel):  # its deliveries need no number
            self._view.put(key, self.named(record))
            return []
        changed = self.named(replace(record, version=record.version + 1))
        self._view.put(key, changed)
        if isinstance(changed, Check):
            return [Effect(PINGS, changed.id, CheckDefined(at=time, check=changed))]
        if isinstance(changed, Monitor):
            return [Effect(PROBE_RESULTS, changed.id, MonitorDefined(at=time, monitor=changed))]
        return []

    @property
    def _counters(self) -> TokenCounters | None:
        counters: TokenCounters | None = self._view.get(COUNTERS_KEY)
        return counters


def _name_of(thing: Check | Monitor | StatusPage | Channel) -> str | int:
    return thing.number if isinstance(thing, Channel) else thing.token
