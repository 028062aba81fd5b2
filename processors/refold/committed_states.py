"""The states of one partition as they were committed, read from its state topic. Whole transactions, with the record
of the partition among them, which tells up to which event of the journal they go."""

import time

from infra.log.reading import NotRead
from processors.fold.contract import Fold
from processors.refold.log import Log
from schemas.ticks import PROGRESS_KEY, Progress
from schemas.topics import COMPACTION_LAG_MS

# What is newer than the compaction lag is not compacted. A reading that took longer goes on to the end of that moment.
_FRESH_SECONDS = COMPACTION_LAG_MS / 1_000 * 0.75


def committed_states(log: Log, fold: Fold, partition: int) -> tuple[Progress, dict[str, bytes]]:
    """The partition's own record, and all records by key, as JSON. Raises `NotRead`."""
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
    return progress, newest
