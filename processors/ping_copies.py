"""Copies of a ping: the same record written more than once, because its producer could not know that it was stored.

A copy is known by the check, the kind, the run id and the time of receipt in microseconds, which its source stamps once
(`Source.receive`). A check's state remembers the pings of the last minutes that it has counted; a copy comes no later,
because a producer gives a record up after two minutes (`infra.log.sink`). A ping without a time of its own, written by
hand, is never taken for a copy.
"""

from schemas.base import SECOND, Micros
from schemas.check_states import CheckState
from schemas.pings import Ping

REMEMBERED: Micros = 150 * SECOND
# So many at most: a check that is pinged many times a second keeps a small state.
MOST = 16

# What is remembered of a ping is one integer below 2**63: 50 bits of its time (35 years), 2 of its kind, the last
# 11 of its run id, which tell it from others received in the very same microsecond.
_TIME = (1 << 50) - 1
_SHIFT = 13
_LONG = REMEMBERED << _SHIFT
_KINDS = {"success": 0, "start": 1, "fail": 2, "log": 3}


def identity(ping: Ping) -> int | None:
    """What is remembered of a ping; None when it has no time of its own."""
    if ping.at is None:
        return None
    rid = 0 if ping.rid is None else int(ping.rid[-3:], 16) & 0x7FF
    return (ping.at & _TIME) << _SHIFT | _KINDS[ping.kind] << 11 | rid


def remember(state: CheckState, known: int) -> None:
    """Note that a ping was counted, and forget those received long before it."""
    recent = state.recent
    if not recent or known - recent[-1] > _LONG:
        state.recent = (known,)
        return
    first = max(0, len(recent) + 1 - MOST)
    while known - recent[first] > _LONG:  # not of the last
        first += 1
    state.recent = (*recent[first:], known) if first else (*recent, known)
