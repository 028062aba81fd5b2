"""The `transitions` stream: status changes with their reasons, what only a fold knows about an event, and the audit
trail.

History is built from it. Each record is in the partition number of the journal that caused it, keyed by the thing's id.
"""

from typing import Any, Literal

from msgspec import field

from schemas.actors import Actor
from schemas.base import Fact, Micros
from schemas.notices import Notice
from schemas.ticks import GapCause

# `removed` closes the last span of a thing that was deleted.
VisibleStatus = Literal["new", "up", "late", "not_observed", "down", "paused", "maintenance", "removed"]
Reason = Literal[
    "ping", "probe", "fail", "deadline", "run limit", "gap", "paused", "resumed", "maintenance", "defined", "removed"
]


class StatusChanged(Fact, tag="status.changed", frozen=True):
    """The visible status of a check or monitor changed.

    id: derived from the thing and its counter `n`. at: time of the change (for a deadline: the deadline itself).
    detected_at: the partition's time when the fold detected it. since: start of the span that ends here.
    incident: the incident that this opens (`now` down) or closes (`was` down). partial: of it: only one of two address
    families has ever been found failing.
    silent: no notice was sent, because of a mute. called: further channels that were notified, because an escalation
    had notified them before.
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
    partial: bool = False
    silent: bool = False
    called: tuple[str, ...] = ()


class ValidityTold(Fact, tag="validity.told", frozen=True):
    """A notice about the certificate or domain of a monitor: it will expire, is not valid, is valid again, was
    renewed.

    id: derived from the monitor and its counter `n` of such notices. at: when it came about (for a date: so many days
    before). detected_at: the partition's time when the fold detected it. notice: its name; silent: it was not sent.
    detail: as text. data: of the notice, as channels get it.
    """

    id: str
    n: int
    thing: str
    project: str
    at: Micros
    detected_at: Micros
    notice: Notice
    silent: bool = False
    detail: str = ""
    data: dict[str, Any] = field(default_factory=dict)


class IncidentTold(Fact, tag="incident.told", frozen=True):
    """A notice about an open incident without a transition: a step of its escalation, the end of a snooze, a reminder,
    or an acknowledgement.

    id: derived; the requests to send have it as `transition`. n: number of the change that opened the incident.
    at: time of the notice. detected_at: the partition's time when the fold decided it. notice: its name.
    channels: get it if they take it; called: get it in any case. more: what the `data` of
    the notice has beside what tells of the incident.
    """

    id: str
    n: int
    thing: str
    project: str
    incident: str
    at: Micros
    detected_at: Micros
    notice: Notice
    channels: tuple[str, ...] = ()
    called: tuple[str, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)


class PingFolded(Fact, tag="ping.folded", frozen=True):
    """What only the fold knows about the ping in `pings` at this partition and `offset`; sent only if there is
    anything.

    at: time at which it counted; later than the ping's own time if that was before the partition's time.
    kind: what it counted as, if that differs from its own kind (`ign`: ignored; a keyword filter may change it).
    duration: of the run that it ended. counted: False if the check does not exist (or no longer), or if it is a
    duplicate; all others have a serial number, retried dead letters included.
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
    """A partition disregards a region whose own network is down, from `start` to `end` (None while it lasts)."""

    partition: int
    region: str
    start: Micros
    end: Micros | None = None


class JournalTruncated(Fact, tag="journal.truncated", frozen=True):
    """A journal has lost events that had been folded: after a power cut, or in a restored copy.

    Everything up to `applied` had been folded; the journal contains only what is before offset `end`. The states are
    kept, and the events from `end` on are folded. Events that were acknowledged after `since`, the partition's time,
    and had not been folded are lost.
    """

    partition: int
    journal: str
    applied: int
    end: int
    since: Micros


# `unconfirmed`: a mail that was not sent, since nobody had confirmed an address of the channel. `gathered`: a list,
# which is a delivery of its own, tells of it; `detail` names that. `muted`: not sent, since the channel was muted.
Outcome = Literal["delivered", "exhausted", "gone", "removed", "unconfirmed", "gathered", "muted"]


class DeliveryFinished(Fact, tag="delivery.finished", frozen=True):
    """A delivery reached its final state.

    detail: why it failed, or which recipients were refused. event, notice, body: what was sent, for replays; an empty
    body was never rendered. began: time at which the first attempt was due. replay: as in the delivery.
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
    """A channel reached a number of failures that is worth a warning, or was disabled."""

    channel: str
    at: Micros
    failures: int
    disabled: bool = False
    detail: str = ""


class FieldChange(Fact, tag=False, frozen=True):
    """A changed field of a definition. `target.url` is the field `url` of `target`.

    old, new: its values; left out if there was none or it is a secret. Long values are cut.
    hidden: the values are secret, wholly or in part, and not recorded.
    """

    field: str
    old: Any = None
    new: Any = None
    hidden: bool = False


Action = Literal[
    "created", "updated", "deleted", "disabled", "paused", "resumed", "tested", "replayed", "acknowledged", "released",
    "commented",
]  # fmt: skip

# Of what there are entries: the types of definitions; that a key was revoked is told as a change of the `key`.
ThingKind = Literal[
    "calendar-feed",
    "check",
    "monitor",
    "channel",
    "status-page",
    "maintenance",
    "project",
    "key",
    "recipient",
    "escalation",
    "template",
    "reports",
    "on-call",
    "tag-mute",
    "person",
    "member",
    "status-post",
    "page-subscriber",
]


class ThingChanged(Fact, tag="thing.changed", frozen=True):
    """An entry of the audit trail: a change of something in a project.

    Commands that were refused, or that changed nothing, have no entry.

    id: derived from the position of the command in its journal. at: time at which the command counted. command: its
    `type`.
    action: `tested`: a test notification was requested; `replayed`: a delivery was resent; `disabled`: a channel was
    disabled after failures; `acknowledged`, `commented`: of the open incident. kind, thing: `check`, `channel` and so
    on, and its id. name: its name at the time.
    others: number of other things that changed with it. retried: the command was a dead letter that was retried.
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
    | ValidityTold
    | IncidentTold
    | PingFolded
    | GapSeen
    | RegionDisregarded
    | JournalTruncated
    | DeliveryFinished
    | ChannelTroubled
    | ThingChanged
)
