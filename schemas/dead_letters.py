"""Events that could not be folded, with the reason (topic `dead-letters`).

`pingfold dead-letters retry` appends the original bytes to the original topic with the header `dead-letter`: such an
event enters history but moves no state.
"""

from schemas.base import Fact, Micros

RETRIED_HEADER = "dead-letter"


class DeadLetter(Fact, tag="dead-letter", frozen=True):
    """A record of a journal that could not be folded, and the reason. `value` is in base64.

    For an event that was rejected for its size, only the beginning is stored; the journal has the rest.
    """

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes
    reason: str
    at: Micros
