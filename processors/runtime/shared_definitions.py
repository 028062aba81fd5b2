"""All of `definitions`, read once for partitions that ask for it at the same time. Blocks.

A worker that starts after a power cut compares each of its partitions with the definitions. Reading them for every one
of them would take as long as there are partitions and definitions: minutes for a million checks.

Nobody is given what was read before they asked: a partition whose states know of a removal must not be compared with
definitions from before it. So who asks while others read shares the next reading with everybody who came meanwhile.
"""

import threading
from functools import cache
from typing import NamedTuple

import msgspec

from infra.log.admin_client import partition_count
from infra.log.partitioner import partition_of
from infra.log.reading import ends_of, last_records, read_to_end
from processors.runtime.loading import Loading
from schemas.ticks import PROGRESS_KEY, Progress
from schemas.topics import DEFINITIONS, PROJECTS

_LOOK_SECONDS = 1.0
_TICK = b'{"type":"tick"'
_progress = msgspec.json.Decoder(Progress)


class Stored(NamedTuple):
    """A definition. partition: where it stands. owner: the partition of other journals whose things have its id."""

    partition: int
    owner: int
    value: bytes


class Definitions:
    """The newest record of every key. complete: no request waits to be folded that may define or remove something.

    number: of the reading, from 1.
    """

    def __init__(self, number: int, records: dict[str, Stored], complete: bool) -> None:
        self.number, self.records, self.complete = number, records, complete


class SharedDefinitions:
    """See the module's docstring. It keeps what was read only as long as somebody waits for it."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._lock = threading.Lock()
        self._waiting = 0
        self._waiting_lock = threading.Lock()
        self._begun = 0  # readings that have begun
        self._steps = 0
        self._newest: Definitions | None = None

    def read(self, loading: Loading) -> Definitions:
        """The definitions, none older than this call. `loading` grows while somebody reads.

        Raises `infra.log.reading.NotRead` when Kafka does not give them, `Abandoned` when `loading` says so.
        """
        begun = self._begun
        self._wait(1)
        try:
            self._acquire(loading)
            try:
                if self._newest is None or self._newest.number <= begun:
                    self._newest = self._read(loading)
                return self._newest
            finally:
                self._lock.release()
        finally:
            self._wait(-1)

    def _acquire(self, loading: Loading) -> None:
        while True:
            seen = self._steps
            if self._lock.acquire(timeout=_LOOK_SECONDS):
                return
            loading.look()
            loading.steps += self._steps != seen

    def _wait(self, more: int) -> None:
        with self._waiting_lock:
            self._waiting += more
            if not self._waiting:
                self._newest = None

    def _read(self, loading: Loading) -> Definitions:
        self._begun += 1
        count = partition_count(self._bootstrap)
        records: dict[str, Stored] = {}
        for stored in read_to_end(self._bootstrap, DEFINITIONS):
            self._steps += 1
            loading.steps += 1
            key = (stored.key or b"").decode()
            _, _, id = key.partition("/")
            # Each partition has a record of how far it is, under the same key.
            place = key if id else f"{key}/{stored.partition}"
            known = records.get(place)
            if stored.value is None:
                # An id that was given to a check may have been another project's before, in another partition.
                if known is not None and known.partition == stored.partition:
                    del records[place]
            else:
                owner = partition_of(id.encode(), count) if known is None else known.owner
                records[place] = Stored(stored.partition, owner, stored.value)
        return Definitions(self._begun, records, not self._requests_wait(records, count))

    def _requests_wait(self, records: dict[str, Stored], count: int) -> bool:
        ends = ends_of(self._bootstrap, PROJECTS)
        stretches: dict[int, tuple[int, int]] = {}
        for number in range(count):
            stored = records.get(f"{PROGRESS_KEY}/{number}")
            applied = -1 if stored is None else _progress.decode(stored.value).applied
            stretches[number] = (applied + 1, ends[number])
        return bool(last_records(self._bootstrap, PROJECTS, stretches, _is_request, uncommitted=False))


def _is_request(value: bytes) -> bool:
    return not value.startswith(_TICK)


@cache
def shared_definitions(bootstrap: str) -> SharedDefinitions:
    """Those of this process."""
    return SharedDefinitions(bootstrap)
