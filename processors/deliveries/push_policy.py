"""Retries of updown.io's Push API, and the removal of failing receivers. Pure figures and functions.

A request that is not answered with 200 is repeated up to 25 times, over about 20 days. The delays are those of Sidekiq:
n^4 + 15 s, plus up to ten times n + 1 s, by a hash of the delivery and the attempt, so that every replay of the log
gives the same times. `Retry-After` and 410 have no special meaning.

Requests are counted, not events. After certain numbers of consecutive failures the project is warned by mail; the
1,000th removes the channel. A success resets the count.
"""

import hashlib

from schemas.base import SECOND, Micros
from schemas.deliveries import DeliveryAttempted

RETRIES = 25
# With every delay as long as it can be, it has ended after 20.5 days; the rest is for waiting behind others.
MAX_AGE: Micros = 30 * 86_400 * SECOND
REMOVE_AFTER = 1_000
_SPREAD = 10


def retry_delay(attempt: DeliveryAttempted) -> Micros | None:
    """How long after this failed attempt comes the next; None when it was the last."""
    n = attempt.attempt - 1  # 0 before the first time that it is sent again
    if n >= RETRIES:
        return None
    digest = hashlib.blake2b(f"{attempt.delivery}:{attempt.attempt}".encode(), digest_size=8).digest()
    share = int.from_bytes(digest) / 2**64
    return int((n**4 + 15 + _SPREAD * share * (n + 1)) * SECOND)
