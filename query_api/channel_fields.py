"""Channels as people ask for them, in whatever API: what is checked of one before the `projects` fold is asked."""

from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

from infra.egress.guard import Guard, TargetRefused
from infra.egress.origins import host_and_port
from infra.settings.settings import Settings
from query_api.dependencies import Dependencies
from schemas.base import Micros
from schemas.definitions import NOTICES, Addresses, Channel, ChannelKind, Notice
from schemas.ids import new_id
from schemas.recipients import mailbox_id, recipient_id

KINDS: tuple[ChannelKind, ...] = ("webhook", "email")
# A webhook hears of the monitor and of its incident; people would get two mails of every fault.
_OF_MAIL: tuple[Notice, ...] = ("monitor.down", "monitor.recovered", "monitor.not_observed")


class BadField(Exception):
    """A field that cannot be taken: `field`, and what is wrong with it in words that follow its name."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field, self.problem = field, problem


def webhook(
    project: str, settings: Settings, now: Micros, url: str, events: Iterable[Notice] | None, guard: Guard
) -> Channel:
    """A new webhook without a name and without a secret of its own."""
    return Channel(
        id=new_id(),
        project=project,
        kind="webhook",
        url=checked_url(url, guard.of(project)),
        created=now,
        notices=NOTICES if events is None else in_order(events),
        site=settings.base_url,
    )


def mailbox(
    project: str, settings: Settings, now: Micros, addresses: Iterable[str], events: Iterable[Notice] | None
) -> Channel:
    """A new e-mail channel without a name. Refused where no mail can be sent."""
    if (missing := settings.mail_needs) is not None:
        raise BadField("email", f"channels need a mail server, and {missing} is not set")
    return Channel(
        id=new_id(),
        project=project,
        kind="email",
        url="",
        created=now,
        notices=_OF_MAIL if events is None else in_order(events),
        site=settings.base_url,
        addresses=checked_addresses(addresses),
    )


def checked_url(url: str, guard: Guard) -> str:
    """The URL of a webhook. Whether an address may be reached is told at once; what a name means is seen when it is
    posted to."""
    try:
        url_parts = urlsplit(url)
        valid = url_parts.scheme in ("http", "https") and bool(url_parts.hostname) and (url_parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid or any(ord(character) <= 32 for character in url):
        raise BadField("url", "must be an http or https URL")
    try:
        guard.check_host(*host_and_port(url))
    except TargetRefused as error:
        raise BadField("url", f"may not be called: {error}") from None
    return url


def checked_addresses(addresses: Iterable[str]) -> Addresses:
    """At least one e-mail address, each once."""
    chosen = tuple(dict.fromkeys(addresses))
    try:
        msgspec.convert(chosen, Addresses)
        if any("=?" in address for address in chosen):
            raise BadField("addresses", "must not hold =?, which mail programs take for the beginning of other text")
    except msgspec.ValidationError:
        raise BadField("addresses", "must be at most 20 e-mail addresses, such as ops@example.org") from None
    if not chosen:
        raise BadField("addresses", "must name at least one e-mail address")
    return chosen


def in_order(events: Iterable[Notice]) -> tuple[Notice, ...]:
    """Each event once, in the order in which Pingfold names them."""
    chosen = set(events)
    return tuple(notice for notice in NOTICES if notice in chosen)


def must_be_confirmed(channel: Channel, settings: Settings) -> bool:
    """Whether the owners of its addresses are asked before anything is sent to them."""
    return channel.kind == "email" and settings.mail_confirmation == "on"


def confirmation_error(deps: Dependencies, channel: Channel) -> str | None:
    """Why the newest request to confirm an address of a channel could not be mailed yet."""
    for address in channel.unconfirmed:
        asked = recipient_id(channel.project, address)
        for pending in deps.delivery_states.pending(mailbox_id(address)):
            delivery = pending.delivery
            if delivery.error and asked in delivery.body:  # other projects may have asked, too
                return delivery.error
    return None


def blocked_addresses(deps: Dependencies, channel: Channel) -> list[str]:
    """Those of the unconfirmed addresses of a channel whose owners want no request to confirm."""

    def is_blocked(address: str) -> bool:
        recipient = deps.directory.recipient(recipient_id(channel.project, address))
        if recipient is not None and recipient.blocked_at is not None:
            return True
        return deps.delivery_states.is_blocked(mailbox_id(address))

    return [address for address in channel.unconfirmed if is_blocked(address)]
