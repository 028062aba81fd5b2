"""The `pings` journal: what happens to heartbeat checks, keyed by check id, and the ticks of its sources.

An operator may produce a ping with any Kafka tool: `{"type":"ping.received","kind":"success"}` is enough.
"""

from typing import Annotated, Literal

from msgspec import Meta

from schemas.actors import Actor
from schemas.base import Fact, Micros
from schemas.definitions import Check
from schemas.ticks import Tick, TimeCorrected

Kind = Literal["success", "start", "fail", "log"]
ExitStatus = Annotated[int, Meta(ge=0, le=255)]
Rid = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\Z")]


class Ping(Fact, tag="ping.received", frozen=True):
    """A signal of a job.

    `at`: when its body was complete; without it, the time of its Kafka record.
    `by`: who received it and stamped it, a number of that process. It stamps no two pings alike, and the log has them
    in the order of their stamps: so a copy, written again by a producer that heard nothing, is known.
    `body`: the kept prefix when it is UTF-8, else `body_base64` holds its bytes.
    The fields below `body_base64` are what the pinging API records of a request (docs/compatibility/pinging.md).
    """

    kind: Kind
    at: Micros | None = None
    exitstatus: ExitStatus | None = None
    rid: Rid | None = None
    body: str | None = None
    body_base64: bytes | None = None
    scheme: str = ""
    method: str = ""
    remote_addr: str = ""
    ua: str = ""
    by: int | None = None


class CheckDefined(Fact, tag="check.defined", frozen=True):
    """A check was made or changed: from here on this definition counts."""

    at: Micros
    check: Check


class CheckRemoved(Fact, tag="check.removed", frozen=True):
    at: Micros


class CheckPaused(Fact, tag="check.paused", frozen=True):
    at: Micros
    actor: Actor | None = None


class CheckResumed(Fact, tag="check.resumed", frozen=True):
    at: Micros
    actor: Actor | None = None


PingsEvent = Ping | Tick | CheckDefined | CheckRemoved | CheckPaused | CheckResumed | TimeCorrected
