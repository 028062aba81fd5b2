"""The `deliveries` journal and the records of `delivery-states`, both keyed so that one channel is one partition.

State keys: `endpoint/<channel id>` (definition), `health/<channel id>` (counters), `delivery/<id>` (one that is not
finished), `mailbox/<mailbox id>` (requests to confirm and invitations that were mailed to it), `template/<id>`
(copies of message templates), `gathering/<channel id>` and `quiet/<channel id>` (what is gathered for one list),
`kept/<channel id>/<notice>` (what a channel that is muted is told when that is over), `partition`.

A request to confirm, and an invitation, is keyed by the mailbox that it goes to, in place of a channel: `endpoint/` and
`health/` of that id are those of the mailbox.
"""

from typing import Annotated, Any

from msgspec import Meta, field

from schemas.actors import Actor
from schemas.base import Fact, Micros, Value
from schemas.channels.kind import Options
from schemas.channels.kinds import KindName
from schemas.channels.messages import Refused
from schemas.check_states import CheckState
from schemas.definitions import Check, FormerSecret
from schemas.gatherings import GatheredThing, Gathering
from schemas.ids import derived_id
from schemas.message_templates import TemplateCopy, TemplateDefined, TemplateRemoved, Wording
from schemas.monitor_states import MonitorState
from schemas.monitors import Monitor
from schemas.mutes import PlainMute
from schemas.notice_fields import NOTICE_DATA
from schemas.notices import AnyNotice, Notice
from schemas.quiet_hours import QuietHours
from schemas.recipients import Address, Addresses
from schemas.ticks import Progress, Tick, TimeCorrected

# The kind of a key: that of the counters of a channel.
HEALTH = "health"
# The kind of a key: the end of the mute of a channel; of what is kept for it until then.
MUTE, KEPT = "mute", "kept"
# The kind of a key: that of what is known of a mailbox.
MAILBOX = "mailbox"


class Endpoint(Fact, tag="endpoint", frozen=True):
    """What the sender needs to know of a channel: `url`, `secret` (encrypted), `addresses` and `options` of its kind.

    site: that of the channel. unconfirmed: those of `addresses` to which nothing is sent.
    former_secrets: attempts made before their `until` are signed with them too.
    number: of the channel, if its bodies name it. mute_until: end of its mute.
    digest: whether many notices are sent as one digest; None: the default of its kind. quiet_hours: when notices that
    can wait are held back.
    """

    id: str
    project: str
    url: str
    notices: tuple[Notice, ...]
    secret: str
    site: str = ""
    kind: KindName = "webhook"
    addresses: Addresses = ()
    unconfirmed: Addresses = ()
    former_secrets: tuple[FormerSecret, ...] = ()
    options: Options = field(default_factory=dict)
    number: int = 0
    digest: bool | None = None
    quiet_hours: QuietHours | None = None
    mute_until: PlainMute = None

    @property
    def confirmed(self) -> Addresses:
        """The addresses to which mail is sent."""
        return tuple(address for address in self.addresses if address not in self.unconfirmed)


class EndpointDefined(Fact, tag="endpoint.defined", frozen=True):
    """A channel was created or changed. It is enabled again, and its failures are forgotten.

    secret_only: only its secrets changed; everything else stays as it was.
    disabled_at: the channel was disabled at this time and not changed since; set only when the fold of deliveries may
    have lost this.
    """

    at: Micros
    endpoint: Endpoint
    secret_only: bool = False
    disabled_at: Micros | None = None


class EndpointRemoved(Fact, tag="endpoint.removed", frozen=True):
    at: Micros


class About(Fact, tag=False, frozen=True):
    """The thing that a notice is about, as it was then: its definition, without what is encrypted, and its state."""

    definition: Monitor | Check
    state: MonitorState | CheckState


class DeliveryRequested(Fact, tag="delivery.requested", frozen=True):
    """A status change to be sent to a channel: one delivery for each of `notices` that the channel is configured for.

    anyway: each of them is sent, also if the channel is not configured for it, if its kind supports it. With
    `incident.acknowledged`: the channel was told of the incident in that way; what it has not chosen goes only to kinds
    that keep alerts.
    `channel.disabled`, `channel.failing` and `project.report` are sent whatever it is configured for.

    transition: id of the transition. at: its time, which is the timestamp in the body, however late it is sent.
    data: the `data` object of the body (`monitor`, `incident`): docs/compatibility/poppaping.md, "Webhooks".
    actor: who requested it, if somebody did. about: for bodies that say more of the thing than `data` does.
    """

    transition: str
    at: Micros
    notices: tuple[AnyNotice, ...]
    data: Annotated[dict[str, Any], Meta(extra_json_schema=NOTICE_DATA)]
    actor: Actor | None = None
    about: About | None = None
    anyway: bool = False


class ConfirmationRequested(Fact, tag="confirmation.requested", frozen=True):
    """A project asks the owner of an address to confirm that it may send mail there. Keyed by the mailbox.

    recipient: its id. n: number of this request of the project, from 1; of a page, the time. name: of the project.
    expires: end of the validity of the link. site: that of the channel. language: of the channel's messages; empty:
    English. page: title of the status page that is subscribed to, by the subscriber whose id `recipient` is; empty: it
    is a project that asks.
    """

    at: Micros
    recipient: str
    project: str
    address: Address
    n: int
    expires: Micros
    name: str = ""
    site: str = ""
    language: str = ""
    page: str = ""


class InvitationRequested(Fact, tag="invitation.requested", frozen=True):
    """An owner of a project invites somebody, who gets a mail with a link to join. Keyed by the mailbox.

    member: id of the membership; invitation: which one of it; role: that it gives. expires: end of the validity of the
    link. name: of the project. site: that the link leads to. language: of the mail; empty: English.
    """

    at: Micros
    member: str
    invitation: str
    project: str
    address: Address
    role: str
    expires: Micros
    name: str = ""
    site: str = ""
    language: str = ""


class MailboxAnswered(Fact, tag="mailbox.answered", frozen=True):
    """The owner of a mailbox answered a confirmation request, or an operator did so for them. Keyed by the mailbox.

    blocked: no project may send further requests to it until the owner changes this.
    """

    at: Micros
    blocked: bool


class DeliveryReplayed(Fact, tag="delivery.replayed", frozen=True):
    """A delivery is to be sent again: the same event with the same body, whichever events the channel is configured
    for.

    replay: random id of this replay. event, notice, body: as in the original delivery. actor: who requested it.
    """

    replay: str
    at: Micros
    event: str
    notice: AnyNotice
    body: str
    actor: Actor | None = None


class DeliveryAttempted(Fact, tag="delivery.attempted", frozen=True):
    """The sender's report on attempt number `attempt` (1 is the first).

    status: of the HTTP response, None without one; error: why there was none. retry_after: `Retry-After` in seconds.
    timed_out: there was no response in time. replay: as in the delivery.
    For mail, `status` is 250 if the mail server accepted it; error: what it refused; again: recipients that it refused
    temporarily, which the next attempt includes.
    refused: the receiver permanently rejects this `message`, or everything for this `channel`, which is then disabled.
    ours: it failed because of Pingfold, not the receiver. It is retried like others, and does not count as a failure
    of the channel.
    """

    delivery: str
    attempt: Annotated[int, Meta(ge=1)]
    at: Micros
    status: int | None = None
    error: str = ""
    timed_out: bool = False
    retry_after: int | None = None
    took_ms: int = 0
    replay: str = ""
    again: Addresses = ()
    refused: Refused = ""
    ours: bool = False


DeliveriesEvent = (
    EndpointDefined
    | EndpointRemoved
    | DeliveryRequested
    | ConfirmationRequested
    | InvitationRequested
    | MailboxAnswered
    | DeliveryReplayed
    | DeliveryAttempted
    | TemplateDefined
    | TemplateRemoved
    | Tick
    | TimeCorrected
)


class EndpointHealth(Value, tag="endpoint-health"):
    """Counters of a channel. failures: failed attempts since the last success, the first of them at `failing_since`.

    disabled_at, disabled_because: not set by versions of the fold before 4.
    muted_at: start of its mute; None: not muted, or not known.
    """

    failures: int = 0
    failing_since: Micros | None = None
    last_success: Micros | None = None
    disabled: bool = False
    disabled_at: Micros | None = None
    disabled_because: str = ""
    muted_at: Micros | None = None


class Delivery(Value, tag="delivery"):
    """A pending delivery.

    id: derived from event and channel. event: the `webhook-id`, derived from transition and notice (of a list from the
    first of its deliveries); the same for all retries, replays and channels. body: the exact body, as text (mail is
    rendered from it); empty: a list that still grows. attempt: number of the newest attempt; 0: it waits, to be told
    with others. due: time of the next attempt; None while the newest attempt has not been reported.
    first_due: time at which the first attempt was due. replay: id of the replay, "" for the original. error: why the
    newest reported attempt failed. to: recipients that a mail still has to reach; empty: all addresses of the channel.
    wording: the message template of the project; None: Pingfold's own texts.
    """

    id: str
    event: str
    channel: str
    notice: AnyNotice
    body: str
    first_due: Micros
    attempt: int = 1
    due: Micros | None = None
    replay: str = ""
    error: str = ""
    to: Addresses = ()
    wording: Wording | None = None


class Mailbox(Value, tag="mailbox"):
    """A mailbox that got confirmation requests. requested: times of the newest requests, oldest first.

    blocked_at: time at which its owner blocked further requests.
    """

    requested: tuple[Micros, ...] = ()
    blocked_at: Micros | None = None


class KeptNotice(Fact, tag="kept-notice", frozen=True):
    """A notice that a channel did not get because it is muted, for the end of the mute.

    of_check: the thing is a check, not a monitor. delivery: that the incident is over, which is sent then; None: it
    began, and the fold of the thing is asked then whether it is still open. told: what a list says of the delivery.
    """

    channel: str
    thing: str
    incident: str
    of_check: bool = False
    delivery: Delivery | None = None
    told: GatheredThing | None = None


DeliveryStatesRecord = Endpoint | EndpointHealth | Delivery | Mailbox | TemplateCopy | Gathering | KeptNotice | Progress


def event_id(transition: str, notice: AnyNotice) -> str:
    """The id of the event that a notice of a transition is."""
    return derived_id(transition, notice)


def delivery_id(event: str, channel: str) -> str:
    """The id of the delivery of an event to a channel."""
    return derived_id(event, channel)


def endpoint_key(channel: str) -> str:
    """The key of a channel's definition."""
    return f"endpoint/{channel}"


def health_key(channel: str) -> str:
    """The key of a channel's counters."""
    return f"{HEALTH}/{channel}"


def mute_key(channel: str) -> str:
    """The name of the end of a channel's mute among deadlines."""
    return f"{MUTE}/{channel}"


def kept_key(channel: str, notice: str) -> str:
    """The key of what is kept for a channel that is muted. notice: derived from the incident and the notice."""
    return f"{KEPT}/{channel}/{notice}"


def mailbox_key(mailbox: str) -> str:
    """The key of what is known of a mailbox."""
    return f"{MAILBOX}/{mailbox}"


def delivery_key(delivery: str) -> str:
    """The key of a pending delivery."""
    return f"delivery/{delivery}"
