"""What came of a probe, before it becomes an event."""

from dataclasses import dataclass

from schemas.base import Micros
from schemas.probes import Failure, Phases


class Failed(Exception):
    """Ends a probe: the target is not well, and `failure` and the text say how."""

    def __init__(self, failure: Failure, detail: str = "") -> None:
        super().__init__(detail)
        self.failure, self.detail = failure, detail[:200]


@dataclass
class Trace:
    """What a probe has seen so far; times in microseconds, of the last connection it made. Kept when it fails."""

    address: str = ""
    lookup: int | None = None
    connect: int | None = None
    tls: int | None = None
    first_byte: int | None = None
    status: int | None = None
    expires: Micros | None = None

    @property
    def phases(self) -> Phases:
        return Phases(lookup=self.lookup, connect=self.connect, tls=self.tls, first_byte=self.first_byte)
