"""The slots of a monitor: when it is to be probed, and which region's turn it is. Pure arithmetic.

Regular slots lie `interval` apart, shifted by a hash of the id, so that many monitors are spread evenly over the
interval; the regions take turns. A new monitor, or one that is probed otherwise from now on, is probed at once: the
moment at which its definition began to count is a slot, too. While a result is in doubt, confirmations are asked for:
numbered from 1, from the regions in turn, beginning with the one after the region that saw the change first; as soon as
they make sense, or `confirm_interval` apart. Prober and fold compute the same.
"""

from functools import lru_cache
from hashlib import sha256

from schemas.base import SECOND, Micros
from schemas.monitors import Monitor

# In doubt, a region that was just asked is asked again after this long, or a tenth of the interval if that is less.
CONFIRM_AFTER: Micros = 5 * SECOND


def step(monitor: Monitor) -> Micros:
    """The distance of two slots."""
    return monitor.interval * SECOND


def first_slot(monitor: Monitor, after: Micros) -> Micros:
    """The first regular slot later than `after`."""
    length = step(monitor)
    shift = _share(monitor.id) * length >> 32
    return after + length - (after - shift) % length


@lru_cache(16_384)
def _share(id: str) -> int:
    """Of an interval, in parts of 2**32. Kept: each result asks for it twice, and a hash is a tenth of its fold."""
    return int.from_bytes(sha256(id.encode()).digest()[:4], "big")


def is_slot(monitor: Monitor, slot: Micros, begun: Micros) -> bool:
    """Whether `slot` is one: a regular one, or the moment at which the definition began to count."""
    return slot == begun or first_slot(monitor, slot - 1) == slot


def region_of(monitor: Monitor, slot: Micros) -> str:
    """The region whose turn a regular slot is."""
    return monitor.probed_from[slot // step(monitor) % len(monitor.probed_from)]


def confirming_region(monitor: Monitor, doubted_by: str, number: int) -> str:
    """The region that makes confirmation `number` (1 is the first) of what region `doubted_by` saw."""
    regions = monitor.probed_from
    first = regions.index(doubted_by) if doubted_by in regions else -1
    return regions[(first + number) % len(regions)]


def confirm_after(monitor: Monitor, number: int) -> Micros:
    """How long after `confirm_from` confirmation `number` begins: at once while it is a fresh region's turn."""
    if monitor.confirm_interval is not None or number < len(monitor.probed_from):
        return 0
    return min(CONFIRM_AFTER, step(monitor) // 10)


def confirm_from(monitor: Monitor, begun: Micros, ended: Micros) -> Micros:
    """From when on what a probe found may be confirmed. begun, ended: when it was to begin, and when it was over."""
    if monitor.confirm_interval is None:
        return ended
    return max(ended, begun + round(monitor.confirm_interval * SECOND))


def time_limit(monitor: Monitor) -> Micros:
    """How long a probe may take: never into the next slot of its region."""
    return min(monitor.timeout * SECOND, step(monitor) * len(monitor.probed_from))
