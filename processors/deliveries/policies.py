"""How the deliveries of a kind of channel go: what it takes, what counts as a success, when they are tried again, and
how it is given up. Pure."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from processors.deliveries import push_policy, retry_policy
from schemas.base import Micros
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.deliveries import Delivery, DeliveryAttempted, Endpoint
from schemas.notices import ACKNOWLEDGED, OPENING, PAGE_POST, UNCHOSEN, AnyNotice

# So much is kept of why an attempt failed.
DETAIL = 200


class Policy(NamedTuple):
    """retry_delay: after a failed attempt; None when it was the last. max_age: the longest that a delivery is due while
    nothing is delivered to the channel.

    gone: whether an answer disables the channel at once. disable_after: it is disabled when a delivery ends without
    success after such a time; None: never. remove_after: so many failed attempts in a row remove it; None: never.
    warns: its project is warned by mail when many attempts in a row have failed.
    """

    retry_delay: Callable[[DeliveryAttempted], Micros | None]
    max_age: Micros
    gone: Callable[[DeliveryAttempted], bool]
    disable_after: Micros | None = None
    remove_after: int | None = None
    warns: bool = False

    def is_dead(self, failing_since: Micros | None, now: Micros) -> bool:
        """Whether a channel is to be disabled, a delivery of which has just ended without success."""
        if failing_since is None or self.disable_after is None:
            return False
        return now - failing_since > self.disable_after

    def too_old_at(self, delivery: Delivery, failing_since: Micros | None) -> Micros | None:
        """When a pending delivery of a channel that has been failing since then is given up; None: it does not fail.

        One that waits to be told with others grows old only from then on.
        """
        if failing_since is None:
            return None
        began = delivery.first_due if delivery.attempt else max(delivery.first_due, delivery.due or 0)
        return max(began, failing_since) + self.max_age


_POLICIES: Mapping[str, Policy] = {
    "standard": Policy(
        retry_delay=retry_policy.retry_delay,
        max_age=retry_policy.MAX_AGE,
        gone=retry_policy.gone,
        disable_after=retry_policy.DISABLE_AFTER,
    ),
    "push": Policy(
        retry_delay=push_policy.retry_delay,
        max_age=push_policy.MAX_AGE,
        gone=lambda _: False,
        remove_after=push_policy.REMOVE_AFTER,
        warns=True,
    ),
}


def policy_of(endpoint: Endpoint | None) -> Policy:
    """What holds for the deliveries of a channel."""
    return _POLICIES["standard" if endpoint is None else CHANNEL_KINDS[endpoint.kind].policy]


def delivered(endpoint: Endpoint | None, attempt: DeliveryAttempted) -> bool:
    """Whether the receiver took it: its kind calls the answer a success, and nobody is left to be tried again."""
    if attempt.status is None or attempt.again:
        return False
    if endpoint is None:
        return 200 <= attempt.status < 300
    return CHANNEL_KINDS[endpoint.kind].is_success(attempt.status)


def failure(event: DeliveryAttempted) -> str:
    """Why an attempt failed, in words."""
    # Also with a status: a mail server refused some of the recipients, or a service said more than a status.
    if not event.status or event.again or event.error:
        return event.error[:DETAIL]
    if 300 <= event.status < 400:
        return f"HTTP {event.status}: a redirect, and none is followed; give the URL that it leads to"
    return f"HTTP {event.status}"


def takes(endpoint: Endpoint, notice: AnyNotice, anyway: bool) -> bool:
    """Whether a channel is sent a notice: it chose it, could not choose or is not asked, and its kind can tell it.

    That somebody acknowledged an incident goes to who chose it, and to alerts of the incident that were opened. A post
    of a status page goes by mail only.
    """
    kind = CHANNEL_KINDS[endpoint.kind]
    if notice == PAGE_POST:
        return kind.by_mail
    if notice == ACKNOWLEDGED:
        opened = kind.keeps_alerts and (anyway or not OPENING.isdisjoint(endpoint.notices))
        return (opened or notice in endpoint.notices) and notice in kind.takes
    return (anyway or notice in endpoint.notices or notice in UNCHOSEN) and notice in kind.takes
