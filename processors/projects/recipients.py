"""Decisions of the `projects` fold about recipients of mail: which addresses are confirmed, and confirmation requests.

An address that needs confirmation is confirmed if its owner has confirmed it for the project, or if another channel of
the project has it as confirmed: all addresses of channels from before confirmations existed, or with confirmations
turned off. The owner's newest answer applies to every channel of the project. An unconfirmed address gets a request
once, and further ones only on demand, within limits. `deliveries`, which knows the mailbox, decides about the mail
itself, because other projects may have sent requests too.
"""

from msgspec.structs import replace

from processors.fold.contract import Effect
from processors.fold.view import View
from processors.projects.channels import define_channel
from processors.projects.decisions import decision
from processors.projects.index import ProjectIndex, RequestRejected
from schemas.base import Micros
from schemas.definitions import Channel, Project, definition_key
from schemas.deliveries import ConfirmationRequested, InvitationRequested, MailboxAnswered
from schemas.people import Member, MemberInvite
from schemas.recipients import (
    ADDRESSES_SPAN,
    LINK_VALID,
    MOST_ADDRESSES,
    MOST_REQUESTS,
    Addresses,
    Recipient,
    mailbox_id,
    normalized,
    recipient_id,
)
from schemas.rejections import RejectionCode
from schemas.requests import ConfirmationResend, RecipientBlock, RecipientConfirm, RecipientUnblock
from schemas.topics import DELIVERIES


class ProjectRecipients:
    """The recipients of one partition's projects."""

    def __init__(self, view: View, index: ProjectIndex) -> None:
        self._view, self._index = view, index

    def judged(self, channel: Channel, confirm: bool) -> Channel:
        """The channel with those of its addresses marked that are not confirmed. `confirm`: whether they must be."""

        def waits(address: str) -> bool:
            recipient = self._recipient(channel.project, address)
            if recipient is not None and recipient.blocked_at is not None:
                return True
            if not confirm or (recipient is not None and recipient.confirmed_at is not None):
                return False
            return not self._has_confirmed(channel.project, address)

        return replace(channel, unconfirmed=tuple(address for address in channel.addresses if waits(address)))

    def ask(self, channel: Channel, project: Project, at: Micros) -> list[Effect]:
        """The requests to the owners of unconfirmed addresses that have none that is still valid."""
        return self._ask(channel, project, at, again=False)

    def ask_again(self, request: ConfirmationResend, channel: Channel, project: Project, at: Micros) -> list[Effect]:
        effects = self._ask(channel, project, at, again=True)
        return [*effects, decision(request, "updated", channel.id)]

    def invite(self, request: MemberInvite, member: Member, project: Project, at: Micros) -> list[Effect]:
        """The mail with an invitation; nothing where its address has had enough, or wants none.

        It has the limits of requests to confirm: an invitation, too, goes to somebody who has not asked for it.
        """
        recipient = self._known(project.id, member.mail, at)
        recent = _lately(recipient.invited, at)
        lately = self._index.asked_between(project.id, at - ADDRESSES_SPAN, at) | {recipient.id}
        if recipient.blocked_at is not None or len(recent) >= MOST_REQUESTS or len(lately) > MOST_ADDRESSES:
            return []
        self._view.put(definition_key(recipient), replace(recipient, invited=(*recent, at)))
        mailed = InvitationRequested(
            at=at,
            member=member.id,
            invitation=member.invitation,
            project=project.id,
            address=member.mail,
            role=member.role,
            expires=request.expires,
            name=project.name,
            site=request.site,
            language=request.language,
        )
        return [Effect(DELIVERIES, mailbox_id(member.mail), mailed)]

    def confirm(self, request: RecipientConfirm, recipient: Recipient, project: Project, at: Micros) -> list[Effect]:
        self._view.put(definition_key(recipient), replace(recipient, confirmed_at=at, blocked_at=None))
        return self._answered(request, recipient, project, at)

    def block(self, request: RecipientBlock, recipient: Recipient, project: Project, at: Micros) -> list[Effect]:
        self._view.put(definition_key(recipient), replace(recipient, confirmed_at=None, blocked_at=at))
        return self._answered(request, recipient, project, at)

    def unblock(self, request: RecipientUnblock, project: Project, at: Micros) -> list[Effect]:
        """The address is as one that was not answered for: it gets nothing, and may be asked."""
        recipient = self._recipient(project.id, request.address)
        if recipient is not None and recipient.blocked_at is not None:
            self._view.put(definition_key(recipient), replace(recipient, blocked_at=None))
        answered = Effect(DELIVERIES, mailbox_id(request.address), MailboxAnswered(at=at, blocked=False))
        return [answered, decision(request, "updated", recipient_id(project.id, request.address))]

    def _answered(
        self, request: RecipientConfirm | RecipientBlock, recipient: Recipient, project: Project, at: Micros
    ) -> list[Effect]:
        """Tell the channels that have the address, and whoever asks its mailbox."""
        blocked = isinstance(request, RecipientBlock)
        effects: list[Effect] = []
        for id in self._index.channels_with(project.id, recipient.address):
            channel: Channel = self._view.get(f"channel/{id}")
            unconfirmed = _marked(channel, recipient.address, blocked)
            if unconfirmed != channel.unconfirmed:
                changed = replace(channel, unconfirmed=unconfirmed, disabled_at=None)
                effects.append(define_channel(self._view, changed, project, at))
        answered = MailboxAnswered(at=at, blocked=blocked)
        effects.append(Effect(DELIVERIES, mailbox_id(recipient.address), answered))
        return [*effects, decision(request, "updated", recipient.id)]

    def _ask(self, channel: Channel, project: Project, at: Micros, again: bool) -> list[Effect]:
        asked: dict[str, Recipient] = {}
        for address in channel.unconfirmed:
            recipient = self._known(project.id, address, at)
            known = {normalized(other) for other in asked}
            if (
                recipient.blocked_at is None
                and _is_to_be_asked(recipient, at, again)
                and recipient.address not in known
            ):
                asked[address] = recipient
        if any(len(_lately(recipient.asked, at)) >= MOST_REQUESTS for recipient in asked.values()):
            raise RequestRejected(RejectionCode.TOO_MANY_CONFIRMATIONS)
        lately = self._index.asked_between(project.id, at - ADDRESSES_SPAN, at)
        if asked and len(lately | {recipient.id for recipient in asked.values()}) > MOST_ADDRESSES:
            raise RequestRejected(RejectionCode.TOO_MANY_CONFIRMATIONS)
        return [self._request(asked[address], address, channel, project, at) for address in asked]

    def _request(self, recipient: Recipient, address: str, channel: Channel, project: Project, at: Micros) -> Effect:
        newest = (*recipient.asked, at)[-MOST_REQUESTS:]
        recipient = replace(recipient, times=recipient.times + 1, asked=newest)
        self._view.put(definition_key(recipient), recipient)
        request = ConfirmationRequested(
            at=at,
            recipient=recipient.id,
            project=project.id,
            address=address,
            n=recipient.times,
            expires=at + LINK_VALID,
            name=project.name,
            site=channel.site,
            language=str(channel.options.get("language") or ""),
        )
        return Effect(DELIVERIES, mailbox_id(recipient.address), request)

    def _known(self, project: str, address: str, at: Micros) -> Recipient:
        id = recipient_id(project, address)
        return self._recipient(project, address) or Recipient(
            id=id, project=project, address=normalized(address), created=at
        )

    def _recipient(self, project: str, address: str) -> Recipient | None:
        record: Recipient | None = self._view.get(f"recipient/{recipient_id(project, address)}")
        return record

    def _has_confirmed(self, project: str, address: str) -> bool:
        """Whether any channel of the project has the address as confirmed."""
        same = normalized(address)
        for id in self._index.channels_with(project, address):
            channel: Channel = self._view.get(f"channel/{id}")
            if same not in map(normalized, channel.unconfirmed):
                return True
        return False


def _is_to_be_asked(recipient: Recipient, at: Micros, again: bool) -> bool:
    """Whether it has no request whose link is valid, or is to be asked all the same."""
    return again or not _lately(recipient.asked, at)


def _lately(times: tuple[Micros, ...], at: Micros) -> tuple[Micros, ...]:
    """Those of the days before; what a clock told wrong, and is still to come, does not count."""
    return tuple(moment for moment in times if at - LINK_VALID < moment <= at)


def _marked(channel: Channel, same: str, blocked: bool) -> Addresses:
    """The unconfirmed addresses of a channel after the owner of one has answered."""
    of_it = {address for address in channel.addresses if normalized(address) == same}
    waits = set(channel.unconfirmed) | of_it if blocked else set(channel.unconfirmed) - of_it
    return tuple(address for address in channel.addresses if address in waits)
