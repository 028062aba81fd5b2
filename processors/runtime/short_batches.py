"""Which batches are folded on the event loop itself: those that cost less than their way to a thread and back.

A thread keeps long steps off the loop (docs/decisions/0021). The way there and back takes up to a millisecond, which
somebody waits for twice between a failure and its notice. An event of `_SHORT` reads and writes the records of one
thing, however many others there are, so a few of them take less than that. Ticks, definitions and all that is broadcast
may touch a hundred thousand records, and are never short.
"""

from collections.abc import Sequence
from typing import Any

from processors.fold.contract import Record
from schemas.deliveries import DeliveryRequested
from schemas.pings import Ping
from schemas.probes import ProbeCompleted

_MOST_RECORDS = 32
_MOST_BYTES = 64 * 2**10
_SHORT: tuple[type[Any], ...] = (Ping, ProbeCompleted, DeliveryRequested)
# The type stands first in the JSON that Pingfold writes. Another writer's order only means that a thread is used.
_BEGINNINGS = tuple(f'{{"type":"{event.__struct_config__.tag}"'.encode() for event in _SHORT)


def is_short(records: Sequence[Record]) -> bool:
    """Whether folding these records takes no longer than giving them to a thread."""
    return (
        len(records) <= _MOST_RECORDS
        and all((record.value or b"").startswith(_BEGINNINGS) for record in records)
        and sum(len(record.value or b"") for record in records) <= _MOST_BYTES
    )
