"""The protocol by which the APIs explain the past: a process injects the implementation that folds journals again."""

from typing import Literal, Protocol

from query_api.errors import QueryApiError
from schemas.base import Micros
from schemas.explanations import Explanation, ThingKind

# unknown: there was no such thing up to that time. cut: the journals do not reach back so far. busy: others are being
# explained. too long: the answer took longer than it may. unavailable: the log could not be read.
Why = Literal["unknown", "cut", "busy", "too long", "unavailable"]


class NotExplained(QueryApiError):
    """There is no explanation; `why` says what kind of reason, the message tells it."""

    def __init__(self, why: Why, message: str) -> None:
        super().__init__(message)
        self.why = why


class Explaining(Protocol):
    """Answers within a bound, beside the event loop."""

    async def explain(self, kind: ThingKind, thing: str, at: Micros) -> Explanation:
        """The explanation of a thing at a time. Raises `NotExplained`."""
