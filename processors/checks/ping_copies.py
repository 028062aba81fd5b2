"""Copies of a ping: the same record written more than once, because its producer could not know that it was stored.

Whoever receives pings (`Ping.by`) stamps no two alike, and the log has its pings in the order of their stamps. So a
ping is a copy when a later one, or the same one, of the same receiver has been counted. A check's state remembers the
newest stamp of each receiver for some minutes; a copy comes no later, because a producer gives a record up after two
minutes (`infra.log.sink`). A ping without a receiver, written by hand, is never taken for a copy.
"""

from schemas.base import SECOND, Micros
from schemas.check_states import CheckState
from schemas.pings import Ping

REMEMBERED: Micros = 150 * SECOND
# Receivers remembered at most.
MOST = 8


def is_copy(ping: Ping, state: CheckState) -> bool:
    """Whether a ping has been counted already."""
    by, at, stamped = ping.by, ping.at, state.stamped
    if not stamped or by is None or at is None:
        return False
    if len(stamped) == 2:  # most often
        return stamped[0] == by and at <= stamped[1]
    return any(by == other and at <= newest for other, newest in _pairs(stamped))


def remember(ping: Ping, state: CheckState) -> None:
    """Note that a ping was counted, and forget receivers whose last was long before it."""
    by, at, stamped = ping.by, ping.at, state.stamped
    if by is None or at is None:
        return
    if len(stamped) == 2 and stamped[0] == by:
        state.stamped = (by, at)
        return
    others = [pair for pair in _pairs(stamped) if pair[0] != by and at - pair[1] <= REMEMBERED]
    state.stamped = (*(number for pair in others[1 - MOST :] for number in pair), by, at)


def _pairs(stamped: tuple[int, ...]) -> list[tuple[int, Micros]]:
    return list(zip(stamped[::2], stamped[1::2], strict=False))
