"""Retries of deliveries, warnings about channels, and the disabling of channels. Pure figures and functions.

A delivery is attempted 13 times over about 3.2 days. The delays vary by +-20 %, by a hash of the delivery and the
attempt, so that ten thousand deliveries which failed together are not retried together, and every replay of the log
gives the same times. `Retry-After` counts between one and two times the regular delay: a receiver can ask for patience,
not for silence. After 429 or a timeout the delay is at least a minute.

So a delivery ends after 3.9 days at the latest. A delivery that waits behind others, or whose receiver repeatedly sends
`Retry-After`, ends when it has been due for 4 days without a success of the channel. (Days in which the channel did not
fail do not count: then Pingfold did not send.) A channel has a limit of pending deliveries and of characters in their
bodies; beyond it the oldest ends. The limit is higher for a channel that does not fail, because its receiver has not
had its turn.

A permanent rejection by the service ends the delivery.

410 Gone, or the equivalent of a service, disables a channel at once. Otherwise a channel is disabled only if a delivery
ends without success, and nothing has succeeded for more than 5 days. Both are required, so that an outage of some hours
during a storm of notices disables nothing, however many attempts fail.
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
