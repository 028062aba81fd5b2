"""Every kind of channel by its name: the one place where a new kind is put. Pure."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from schemas.channels.apprise import Apprise
from schemas.channels.email import Email
from schemas.channels.kind import ChannelKind
from schemas.channels.ntfy import Ntfy
from schemas.channels.updown import Updown
from schemas.channels.webhook import Webhook

CHANNEL_KINDS: Mapping[str, ChannelKind] = {
    kind.name: kind for kind in (Webhook(), Email(), Ntfy(), Updown(), Apprise())
}

# The names, as decoders and JSON Schemas have them.
if TYPE_CHECKING:
    KindName = str
else:
    KindName = Literal[tuple(CHANNEL_KINDS)]
