"""The requests of the journal `projects` about channels, those whom they tell, and how (`schemas.requests`). Pure."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from schemas.base import Fact
from schemas.channels.kind import Options
from schemas.definitions import Channel
from schemas.managed import ManagedBy
from schemas.message_templates import TemplateCreate, TemplateDelete, TemplateUpdate
from schemas.mutes import PlainMute
from schemas.notice_choices import RepeatMinutes
from schemas.notices import Notice
from schemas.quiet_hours import QuietHours
from schemas.recipients import Address, Addresses
from schemas.request_base import DAY, Name, Overlap, Request


class ChannelRotateSecret(Request, tag="channel.rotate-secret", frozen=True):
    """Gives a webhook a new secret (encrypted) of its own; for `overlap` seconds the previous one signs too."""

    id: str
    secret: str
    overlap: Overlap = DAY


class ChannelCreate(Request, tag="channel.create", frozen=True):
    """Creates a channel. on_every_check: also assign it to all existing checks and monitors of the project.

    confirm: the owners of its addresses must confirm, unless they have done so for this project. If false, as in
    requests of older versions, all addresses count as confirmed.
    """

    channel: Channel
    on_every_check: bool = False
    confirm: bool = False


class ChannelFields(Fact, tag=False, frozen=True):
    """The fields of a channel that a request sets; fields that are left out keep their value.

    `url`, `secret` (encrypted; null: no secret of its own), `addresses` and `options` exist for some kinds only.
    """

    name: Name | UnsetType = UNSET
    notices: tuple[Notice, ...] | UnsetType = UNSET
    url: str | UnsetType = UNSET
    secret: str | UnsetType | None = UNSET
    addresses: Annotated[Addresses, Meta(min_length=1)] | UnsetType = UNSET
    options: Options | UnsetType = UNSET
    digest: bool | UnsetType | None = UNSET
    quiet_hours: QuietHours | UnsetType | None = UNSET
    mute_until: PlainMute | UnsetType = UNSET
    repeat_minutes: RepeatMinutes | UnsetType | None = UNSET
    managed_by: ManagedBy | UnsetType = UNSET


class ChannelUpdate(Request, tag="channel.update", frozen=True):
    """Changes a channel. Even without any field it enables a disabled channel and forgets its failures; with nothing
    but `mute_until` it leaves all else as it is.

    confirm: as in `channel.create`; confirmed addresses of the channel stay confirmed.
    """

    id: str
    fields: ChannelFields
    confirm: bool = False


class ChannelDelete(Request, tag="channel.delete", frozen=True):
    id: str


class ConfirmationResend(Request, tag="confirmation.resend", frozen=True):
    """Sends confirmation requests to a channel's unconfirmed addresses again. Refused above the limits for requests."""

    id: str


class RecipientConfirm(Request, tag="recipient.confirm", frozen=True):
    """The owner of an address agrees to mail from the project. id: of the recipient."""

    id: str


class RecipientBlock(Request, tag="recipient.block", frozen=True):
    """The owner of an address refuses mail from the project, and confirmation requests from all projects."""

    id: str


class RecipientUnblock(Request, tag="recipient.unblock", frozen=True):
    """An operator allows confirmation requests to an address again, for all projects."""

    address: Address


# Of channels, of those whom they tell, and of how.
ChannelRequest = (
    ChannelRotateSecret
    | ChannelCreate
    | ChannelUpdate
    | ChannelDelete
    | ConfirmationResend
    | RecipientConfirm
    | RecipientBlock
    | RecipientUnblock
    | TemplateCreate
    | TemplateUpdate
    | TemplateDelete
)
