"""One consistent picture of states and effects, taken beside a live system, in this order:

1. `lower`, the ends of the topics of effects. Then all transactions that have written states so far are awaited: of
   whatever stands below `lower`, the states that were committed with it can be read from now on.
2. The states, partition by partition, each up to its end of that moment: whole transactions. Each partition's record
   tells the offset of its journal that is applied there.
3. All transactions that have written effects are awaited: whatever was committed with the states can be read below
   `upper`.

So what the applied events make stands below `upper`, and what stands below `lower` was made by applied events.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from infra.log.reading import NotRead
from pingfold.replay.effects import Place
from pingfold.replay.outcome import Tell
from pingfold.replay.store import Rows, Store
from processors.fold.contract import Fold
from processors.fold.epochs import must_not_be_newer
from processors.refold.log import Log
from schemas.ticks import PROGRESS_KEY, Progress
from schemas.topics import COMPACTION_LAG_MS, Topic

# What is newer than the compaction lag is not compacted. A reading that took longer goes on to the end of that moment.
_FRESH_SECONDS = COMPACTION_LAG_MS / 1_000 * 0.75


class StoredStates(NamedTuple):
    """The states of one partition. rows: key and JSON. progress: the partition's own record among them."""

    fold: Fold
    partition: int
    progress: Progress
    rows: Rows


class ConsistentCut(NamedTuple):
    lower: Mapping[Place, int]
    upper: Mapping[Place, int]
    kept: Sequence[StoredStates]


def take_consistent_cut(
    log: Log, store: Store, folds: Sequence[Fold], topics: Iterable[Topic], tell: Tell
) -> ConsistentCut:
    """See the module's docstring. Raises `NewerStates` when a newer version of a fold has written them."""
    topics = list(topics)
    lower = {(topic.name, partition): end for topic in topics for partition, end in log.ends(topic).items()}
    counts = {fold.name: len(log.settle(fold.states)) for fold in folds}
    kept = []
    for fold in folds:
        for partition in range(counts[fold.name]):
            kept.append(_read_states(log, store, fold, partition))
            tell(f"{fold.states}/{partition}: states read")
    upper = {(topic.name, partition): end for topic in topics for partition, end in log.settle(topic).items()}
    return ConsistentCut(lower, upper, kept)


def _read_states(log: Log, store: Store, fold: Fold, partition: int) -> StoredStates:
    newest: dict[str, bytes] = {}
    start, end = 0, log.ends(fold.states)[partition]
    while True:
        began = time.monotonic()
        for stored in log.read(fold.states, partition, start, end):
            key = (stored.key or b"").decode(errors="replace")
            if stored.value is None:
                newest.pop(key, None)
            else:
                newest[key] = stored.value
        if time.monotonic() - began < _FRESH_SECONDS:
            break
        start, end = end, log.ends(fold.states)[partition]
    progress = fold.records.decode(newest[PROGRESS_KEY]) if PROGRESS_KEY in newest else Progress()
    if not isinstance(progress, Progress):
        raise NotRead(f"{fold.states}/{partition}: the record of the partition is a {type(progress).__name__}")
    must_not_be_newer(f"{fold.states}/{partition}", progress, fold.version)
    rows = store.table("key, value")
    rows.add_all(newest.items())
    rows.flush()
    return StoredStates(fold, partition, progress, rows)
