"""Mails that need no confirmation: confirmation requests and invitations; and deliveries that lack one. Pure.

Each is a delivery to a mailbox, with retries, an end and a record like a delivery to a channel. The limit of a mailbox
applies across all projects and all spellings of its address. A mail beyond the limit, or to a mailbox whose owner has
blocked such mails, is recorded but not sent.
"""

from typing import Any

from processors.deliveries.ends import DeliveryEnds, finished
from processors.fold.contract import Effect, InvalidEvent
from processors.fold.view import View
from processors.sender.notice_body import render_body
from schemas.base import Micros
from schemas.channels.email import Email
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.deliveries import (
    ConfirmationRequested,
    Delivery,
    Endpoint,
    EndpointHealth,
    InvitationRequested,
    Mailbox,
    MailboxAnswered,
    delivery_id,
    delivery_key,
    endpoint_key,
    health_key,
    mailbox_key,
)
from schemas.ids import derived_id
from schemas.notices import AnyNotice
from schemas.recipients import LINK_VALID, MAILBOX_SPAN, MOST_MAILS, mailbox_id

# Of the addresses of a mailbox so many are remembered: no more requests can be pending.
_MOST_ADDRESSES = 20
_BLOCKED = "the owner of the address wants no mail from here"
_TOO_MANY = f"{MOST_MAILS} requests to confirm were mailed to this mailbox within a day"
NOT_CONFIRMED = "nobody has confirmed an address of the channel"


def waits_for_confirmation(endpoint: Endpoint | None) -> bool:
    """Whether a channel has no address to which mail may be sent."""
    return endpoint is not None and CHANNEL_KINDS[endpoint.kind].by_mail and not endpoint.confirmed


class Confirmations:
    """The mailboxes of one partition."""

    def __init__(self, view: View, ends: DeliveryEnds) -> None:
        self._view, self._ends = view, ends

    def requested(self, key: str, event: ConfirmationRequested | InvitationRequested, now: Micros) -> list[Effect]:
        """Mail a request to confirm, or an invitation; or record why not."""
        if mailbox_id(event.address) != key:
            raise InvalidEvent("the address is not of the mailbox of the key")
        mailbox: Mailbox = self._view.get(mailbox_key(key)) or Mailbox()
        recent = tuple(at for at in mailbox.requested if now - MAILBOX_SPAN < at <= now)
        if isinstance(event, InvitationRequested):
            delivery = _invitation(key, event, now)
        else:
            delivery = _confirmation(key, event, now)
        if self._view.get(delivery_key(delivery.id)) is not None:
            return []
        if mailbox.blocked_at is not None:
            return [finished(delivery, "removed", 0, now, _BLOCKED)]
        if len(recent) >= MOST_MAILS:
            return [finished(delivery, "removed", 0, now, _TOO_MANY)]
        self._view.put(mailbox_key(key), Mailbox(requested=(*recent, now)))
        self._view.put(endpoint_key(key), self._endpoint(key, event))
        self._view.put(health_key(key), EndpointHealth())
        self._view.put(delivery_key(delivery.id), delivery)
        return []

    def answered(self, key: str, event: MailboxAnswered, now: Micros) -> list[Effect]:
        """Remember whether the owner of a mailbox wants requests; those that are pending end if not."""
        mailbox: Mailbox = self._view.get(mailbox_key(key)) or Mailbox()
        blocked_at = now if event.blocked else None
        self._view.put(mailbox_key(key), Mailbox(requested=mailbox.requested, blocked_at=blocked_at))
        return self._ends.end_all(key, _BLOCKED, now) if event.blocked else []

    def _endpoint(self, key: str, event: ConfirmationRequested | InvitationRequested) -> Endpoint:
        """Where the sender finds the addresses: the new one, and those to which requests may be pending."""
        before: Endpoint | None = self._view.get(endpoint_key(key))
        known = before.addresses if before is not None else ()
        addresses = tuple(dict.fromkeys((event.address, *known)))[:_MOST_ADDRESSES]
        return Endpoint(
            id=key,
            project=event.project,
            url="",
            notices=(),
            secret="",
            site=event.site,
            kind=Email.name,
            addresses=addresses,
        )


def _confirmation(key: str, event: ConfirmationRequested, now: Micros) -> Delivery:
    name = derived_id(event.recipient, "confirmation", event.n)
    expires = min(event.expires, now + LINK_VALID)
    told: dict[str, Any] = {"recipient": {"id": event.recipient, "address": event.address, "expires": expires}}
    if event.page:
        told["page"] = {"title": event.page}
    return _mail(key, event, "recipient.confirmation", name, told, now)


def _invitation(key: str, event: InvitationRequested, now: Micros) -> Delivery:
    # Nothing in it opens anything: the link is signed when the mail is written.
    told = {
        "member": {"id": event.member, "address": event.address, "role": event.role},
        "invitation": {"id": event.invitation, "expires": event.expires},
    }
    return _mail(key, event, "member.invitation", derived_id(event.invitation, "invitation"), told, now)


def _mail(
    key: str,
    event: ConfirmationRequested | InvitationRequested,
    notice: AnyNotice,
    name: str,
    told: dict[str, Any],
    now: Micros,
) -> Delivery:
    data = told | {"project": {"id": event.project, "name": event.name}}
    if event.language:
        data["language"] = event.language
    return Delivery(
        id=delivery_id(name, key),
        event=name,
        channel=key,
        notice=notice,
        body=render_body(notice, event.at, data),
        first_due=now,
        to=(event.address,),
    )
