"""One consistent picture of states and effects, taken beside a live system, in this order:

1. `lower`, the ends of the topics of effects. Then all transactions that have written states so far are awaited: of
   whatever stands below `lower`, the states that were committed with it can be read from now on.
2. The states, partition by partition, each up to its end of that moment: whole transactions. Each partition's record
   tells the offset of its journal that is applied there.
3. All transactions that have written effects are awaited: whatever was committed with the states can be read below
   `upper`.

So what the applied events make stands below `upper`, and what stands below `lower` was made by applied events.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pingfold.replay.effects import Place
from pingfold.replay.outcome import Tell
from pingfold.replay.store import Rows, Store
from processors.fold.contract import Fold
from processors.fold.epochs import must_not_be_newer
from processors.refold.committed_states import committed_states
from processors.refold.log import Log
from schemas.ticks import Progress
from schemas.topics import Topic


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
    progress, newest = committed_states(log, fold, partition)
    must_not_be_newer(f"{fold.states}/{partition}", progress, fold.version)
    rows = store.table("key, value")
    rows.add_all(newest.items())
    rows.flush()
    return StoredStates(fold, partition, progress, rows)
