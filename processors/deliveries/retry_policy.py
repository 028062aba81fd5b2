"""When a delivery is tried again, and when a channel is warned about or given up. Pure figures and functions.

A delivery is tried 13 times over about 3.2 days. The delays are spread by +-20 %, by a hash of the delivery and the
attempt, so that ten thousand deliveries which failed together do not come back together, and every replay of the log
gives the same times. `Retry-After` is honoured between one and two times the delay that would have been: a receiver
can ask for patience, not for silence. A receiver that says 429 or answers too late gets at least a minute.

A delivery that is tried so has ended after 3.9 days at the latest. One that waits behind others of a receiver that
times out, or whose receiver asks for patience again and again, ends when it has been due for 4 days during which
nothing was delivered to the channel. (Days in which a channel did not fail do not count: then it was Pingfold that did
not send.) Of a channel at most so many deliveries, with bodies of so many characters, are pending; beyond that the
oldest ends. A channel that does not fail may have more of them: its receiver has not had its turn.

A service that says it will never take a message is not asked again: that delivery ends.

A channel is disabled at once by 410 Gone, or by what a service says instead of that; else only when a delivery ends
without success and nothing has succeeded for more than 5 days. Both a long time and a delivery that ended are needed,
so an outage of some hours under a storm of notices, however many attempts fail in it, disables nothing.
"""

import hashlib

from schemas.base import SECOND, Micros
from schemas.deliveries import DeliveryAttempted

_DELAYS = (5, 30, 120, 600, 1800, 3600, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
ATTEMPTS = len(_DELAYS) + 1
_SLOWED = 60
_SPREAD = 0.2

# Failed attempts in a row that are worth a warning.
WARNINGS = frozenset((10, 100, 900))
DAY: Micros = 86_400 * SECOND
MAX_AGE: Micros = 4 * DAY
DISABLE_AFTER: Micros = 5 * DAY
MOST_PENDING = 10_000
# While a channel does not fail and the oldest was never tried: a mass outage tells of more at once than that.
MOST_UNTRIED = 3 * MOST_PENDING
MOST_PENDING_SIZE = 32 * 2**20


def gone(attempt: DeliveryAttempted) -> bool:
    """Whether the receiver asks never to be called again."""
    return attempt.status == 410 or attempt.refused == "channel"


def retry_delay(attempt: DeliveryAttempted) -> Micros | None:
    """How long after this failed attempt comes the next; None when it was the last."""
    if attempt.attempt >= ATTEMPTS or attempt.refused == "message":
        return None
    base = float(_DELAYS[attempt.attempt - 1])
    if attempt.timed_out or attempt.status == 429:
        base = max(base, _SLOWED)
    digest = hashlib.blake2b(f"{attempt.delivery}:{attempt.attempt}".encode(), digest_size=8).digest()
    share = int.from_bytes(digest) / 2**64
    if attempt.retry_after is None:
        delay = base * (1 - _SPREAD + 2 * _SPREAD * share)
    else:
        # Never earlier than asked, so this is spread upwards only.
        asked = float(min(max(attempt.retry_after, base), 2 * base))
        delay = min(asked * (1 + _SPREAD * share), 2 * base)
    return int(delay * SECOND)
