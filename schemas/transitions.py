"""The `transitions` stream: what changed, when and why; and what only a fold knows of an event, for history. It holds
the audit trail, too: what people changed, and who it was.

Records stand in the partition number of the journal they come from. Keyed by the id of the thing.
"""

from typing import Any, Literal

from schemas.actors import Actor
from schemas.base import Fact, Micros
from schemas.ticks import GapCause

# `removed` closes the last span of a thing that was deleted.
VisibleStatus = Literal["new", "up", "late", "not_observed", "down", "paused", "maintenance", "removed"]
Reason = Literal[
    "ping", "probe", "fail", "deadline", "run limit", "gap", "paused", "resumed", "maintenance", "defined", "removed"
]


class StatusChanged(Fact, tag="status.changed", frozen=True):
    """A thing's shown status changed.

    id: derived from the thing and its counter `n`. at: when it became so (for a deadline: the deadline itself).
    detected_at: the partition's time when the fold saw it. since: start of the span that ends here.
    incident: the incident that this opens (`now` down) or closes (`was` down).
    """

    id: str
    n: int
    thing: str
    project: str
    at: Micros
    detected_at: Micros
    since: Micros
    was: VisibleStatus
    now: VisibleStatus
    reason: Reason
    incident: str | None = None
    detail: str = ""


class PingFolded(Fact, tag="ping.folded", frozen=True):
    """What only the fold knows of a ping in `pings` at this partition and `offset`; sent only when there is something.

    at: the time at which it counted, which is later than its own when that was before the partition's time.
    kind: what it counted as, when that is not what it said (`ign` = ignored; a keyword filter may change it).
    duration: of the run that it ended. counted: False when no check took it (unknown or removed) or it is a copy of one
    that counted; all others have a serial, a dead letter put back among them.
    """

    thing: str
    offset: int
    at: Micros
    kind: Literal["success", "start", "fail", "log", "ign"] | None = None
    duration: Micros | None = None
    counted: bool = True


class GapSeen(Fact, tag="gap", frozen=True):
    """A partition opened (`end` None) or closed a gap."""

    partition: int
    cause: GapCause
    start: Micros
    end: Micros | None = None
    slot: str = ""


class RegionDisregarded(Fact, tag="region.disregarded", frozen=True):
    """A partition disregards a region, whose own network is out, from `start` on; up to `end`, None while it does."""

    partition: int
    region: str
    start: Micros
    end: Micros | None = None


class JournalTruncated(Fact, tag="journal.truncated", frozen=True):
    """A fold found that its journal no longer holds what it had folded: after a power cut, or in a restored copy.

    Everything up to `applied` had been folded; of that the journal holds only what is before offset `end`. The states
    are kept, and what stands at `end` and after it is folded. Events that were acknowledged after `since`, the
    partition's time, and had not been folded are lost.
    """

    partition: int
    journal: str
    applied: int
    end: int
    since: Micros


# `unconfirmed`: a mail that was not sent, since nobody had confirmed an address of the channel.
Outcome = Literal["delivered", "exhausted", "gone", "removed", "unconfirmed"]


class DeliveryFinished(Fact, tag="delivery.finished", frozen=True):
    """A delivery reached its final state after so many attempts.

    detail: why it failed, or what was refused of it. event, notice, body: what was sent, for sending it again; an empty
    body was never made. began: when its first attempt was due. replay: as of the delivery.
    """

    id: str
    channel: str
    notice: str
    outcome: Outcome
    attempts: int
    at: Micros
    detail: str = ""
    event: str = ""
    body: str = ""
    began: Micros | None = None
    replay: str = ""


class ChannelTroubled(Fact, tag="channel.troubled", frozen=True):
    """A channel's failures reached a count worth a warning, or it was disabled."""

    channel: str
    at: Micros
    failures: int
    disabled: bool = False
    detail: str = ""


class FieldChange(Fact, tag=False, frozen=True):
    """A field of a definition that changed. `target.url` is the field `url` of `target`.

    old, new: its values, left out where there are none: nothing was there, or it is a secret. Long ones are cut.
    hidden: that it changed is told, and what it holds is not, or only in part: a secret.
    """

    field: str
    old: Any = None
    new: Any = None
    hidden: bool = False


Action = Literal["created", "updated", "deleted", "disabled", "paused", "resumed", "tested", "replayed"]

# Of what there are entries: the types of definitions; that a key was revoked is told as a change of the `key`.
ThingKind = Literal["check", "monitor", "channel", "status-page", "maintenance", "project", "key", "recipient"]


class ThingChanged(Fact, tag="thing.changed", frozen=True):
    """An entry of the audit trail: somebody changed a thing of a project. A command that was refused, or that changed
    nothing, has none.

    id: derived from where the command stands in its journal. at: when the command counted. command: its `type`.
    action: `tested`: a test notice of a channel was asked for; `replayed`: a delivery was to be sent again;
    `disabled`: a channel was given up. kind, thing: `check`, `channel` and so on, and its id. name: as it was called
    then. others: so many other things changed with it. retried: the command was a dead letter that was put back.
    """

    id: str
    project: str
    at: Micros
    actor: Actor
    command: str
    action: Action
    kind: str
    thing: str
    name: str = ""
    changes: tuple[FieldChange, ...] = ()
    others: int = 0
    retried: bool = False


Transition = (
    StatusChanged
    | PingFolded
    | GapSeen
    | RegionDisregarded
    | JournalTruncated
    | DeliveryFinished
    | ChannelTroubled
    | ThingChanged
)
