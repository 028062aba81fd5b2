"""The `deliveries` journal and the records of `delivery-states`, both keyed so that one channel is one partition.

State keys: `endpoint/<channel id>` (definition), `health/<channel id>` (counters), `delivery/<id>` (one that is not
finished), `mailbox/<mailbox id>` (requests to confirm that were mailed to it), `partition`.

A request to confirm is keyed by the mailbox that it goes to, in place of a channel: `endpoint/` and `health/` of that
id are those of the mailbox.
"""

from typing import Annotated, Any

from msgspec import Meta, field

from schemas.actors import Actor
from schemas.base import Fact, Micros, Value
from schemas.channels.kind import Options
from schemas.channels.kinds import KindName
from schemas.definitions import FormerSecret
from schemas.ids import derived_id
from schemas.notices import AnyNotice, Notice
from schemas.recipients import Address, Addresses
from schemas.ticks import Progress, Tick, TimeCorrected

# The kind of a key: that of the counters of a channel.
HEALTH = "health"
# The kind of a key: that of what is known of a mailbox.
MAILBOX = "mailbox"


class Endpoint(Fact, tag="endpoint", frozen=True):
    """A channel as its deliveries need it: `url`, `secret` (encrypted), `addresses` and `options` as its kind has them.

    site: stands before the paths in a notice. unconfirmed: those of the addresses to which nothing is sent.
    former_secrets: attempts made before their `until` are signed with them, too.
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

    @property
    def confirmed(self) -> Addresses:
        """The addresses to which mail is sent."""
        return tuple(address for address in self.addresses if address not in self.unconfirmed)


class EndpointDefined(Fact, tag="endpoint.defined", frozen=True):
    """A channel was made or changed, and starts afresh: enabled, without failures.

    secret_only: only its secrets have changed; it goes on as it was.
    disabled_at: it was given up then, and has not been changed since; told where its deliveries may have lost that.
    """

    at: Micros
    endpoint: Endpoint
    secret_only: bool = False
    disabled_at: Micros | None = None


class EndpointRemoved(Fact, tag="endpoint.removed", frozen=True):
    at: Micros


class DeliveryRequested(Fact, tag="delivery.requested", frozen=True):
    """A transition that a channel may want to hear of: one delivery for each of `notices` that the channel takes.

    Those about Pingfold itself (`channel.disabled`) every channel takes.

    transition: id of the transition. at: its time, which the body tells, however late it is sent.
    data: the `data` object of the body (`monitor`, `incident`): docs/compatibility/poppaping.md, "Webhooks".
    actor: who asks for a test; no fold sets it.
    """

    transition: str
    at: Micros
    notices: tuple[AnyNotice, ...]
    data: dict[str, Any]
    actor: Actor | None = None


class ConfirmationRequested(Fact, tag="confirmation.requested", frozen=True):
    """A project wants to know whether it may send mail to an address. Keyed by the mailbox.

    recipient: its id. n: how often the project has asked, this time counted. name: of the project.
    expires: until then the link is valid. site: the link begins with it.
    """

    at: Micros
    recipient: str
    project: str
    address: Address
    n: int
    expires: Micros
    name: str = ""
    site: str = ""


class MailboxAnswered(Fact, tag="mailbox.answered", frozen=True):
    """The owner of a mailbox has answered a request to confirm, or has told an operator. Keyed by the mailbox.

    blocked: no further request is mailed to it, whichever project asks, until the owner changes their mind.
    """

    at: Micros
    blocked: bool


class DeliveryReplayed(Fact, tag="delivery.replayed", frozen=True):
    """What was sent, or not, is to be sent again: the same event with the same body, whatever the channel takes now.

    replay: a random id of this sending. event, notice, body: as of the delivery that is sent again. actor: who asks.
    """

    replay: str
    at: Micros
    event: str
    notice: AnyNotice
    body: str
    actor: Actor | None = None


class DeliveryAttempted(Fact, tag="delivery.attempted", frozen=True):
    """The sender's report on attempt number `attempt` (1 is the first).

    status: of the HTTP answer, None without one; error: why there was none. retry_after: seconds the receiver asked.
    timed_out: there was none in time. replay: as of the delivery.
    Of mail: `status` is 250 when the mail server took it; error: what it refused; again: the recipients that it refused
    for now, who are to be tried again; the others are done with.
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


DeliveriesEvent = (
    EndpointDefined
    | EndpointRemoved
    | DeliveryRequested
    | ConfirmationRequested
    | MailboxAnswered
    | DeliveryReplayed
    | DeliveryAttempted
    | Tick
    | TimeCorrected
)


class EndpointHealth(Value, tag="endpoint-health"):
    """Counters of a channel. failures: attempts that failed since the last success, the first at `failing_since`.

    disabled_at, disabled_because: not told by versions before 4 of the fold.
    """

    failures: int = 0
    failing_since: Micros | None = None
    last_success: Micros | None = None
    disabled: bool = False
    disabled_at: Micros | None = None
    disabled_because: str = ""


class Delivery(Value, tag="delivery"):
    """A delivery that is not finished.

    id: derived from event and channel. event: the `webhook-id`, derived from transition and notice, equal over retries,
    replays and channels. body: the exact bytes sent, as text (mail is rendered from it). attempt: number of the newest
    attempt. due: None while that attempt is outstanding (the sender owes it); else when the next attempt is due.
    first_due: when the first attempt was due. replay: which sending again this is, "" the first. error: why the newest
    attempt that was reported failed. to: the recipients that a mail still has to reach, none named: all of the channel.
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


class Mailbox(Value, tag="mailbox"):
    """A mailbox that was asked. requested: when the newest requests were mailed to it, the oldest first.

    blocked_at: when its owner said that no further request is to be mailed.
    """

    requested: tuple[Micros, ...] = ()
    blocked_at: Micros | None = None


DeliveryStatesRecord = Endpoint | EndpointHealth | Delivery | Mailbox | Progress


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


def mailbox_key(mailbox: str) -> str:
    """The key of what is known of a mailbox."""
    return f"{MAILBOX}/{mailbox}"


def delivery_key(delivery: str) -> str:
    """The key of a pending delivery."""
    return f"delivery/{delivery}"
