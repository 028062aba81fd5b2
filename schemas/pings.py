"""The `pings` journal: the events of heartbeat checks, keyed by check id, and the ticks of its sources.

Any Kafka client may produce a ping: `{"type":"ping.received","kind":"success"}` is sufficient.
"""

from typing import Annotated, Literal

from msgspec import Meta

from schemas.actors import Actor
from schemas.base import Fact, Micros
from schemas.definitions import Check
from schemas.escalations import EscalationDefined, EscalationRemoved
from schemas.incidents import IncidentAcknowledged, IncidentCommented, IncidentReleased, IncidentToTell
from schemas.maintenance import MaintenanceDefined, MaintenanceRemoved
from schemas.notice_choices import NoticesChosen
from schemas.on_call import OnCallDefined, OnCallRemoved
from schemas.tag_mutes import TagMuted, TagUnmuted
from schemas.ticks import Tick, TimeCorrected

Kind = Literal["success", "start", "fail", "log"]
ExitStatus = Annotated[int, Meta(ge=0, le=255)]
Rid = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\Z")]


class Ping(Fact, tag="ping.received", frozen=True):
    """A signal of a job.

    at: time at which the body was complete. Default: the timestamp of the Kafka record.
    by: number of the process that received the ping. A process gives no two pings the same time and writes them in
    order of time, so a duplicate, which a producer wrote again because it got no acknowledgement, is recognised.
    body: the first bytes of the body if they are UTF-8; otherwise they are in `body_base64`.
    The fields below `body_base64` describe the HTTP request (docs/compatibility/pinging.md).
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
    """A check was created or changed. This definition applies from here on."""

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


PingsEvent = (
    Ping
    | Tick
    | CheckDefined
    | CheckRemoved
    | CheckPaused
    | CheckResumed
    | IncidentAcknowledged
    | IncidentReleased
    | IncidentCommented
    | IncidentToTell
    | EscalationDefined
    | EscalationRemoved
    | NoticesChosen
    | OnCallDefined
    | OnCallRemoved
    | MaintenanceDefined
    | MaintenanceRemoved
    | TagMuted
    | TagUnmuted
    | TimeCorrected
)
