"""An alert channel as the PoppaPing API shows it."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from query_api.channel_fields import blocked_addresses, confirmation_error
from query_api.dependencies import Dependencies
from query_api.http.field_types import Count, Time, Uuid
from query_api.http.openapi import any_of
from query_api.mutes import PLAIN_TAKES, show_plain_mute
from query_api.poppaping.responses import time
from schemas.channels.kinds import CHANNEL_KINDS, KindName
from schemas.channels.reading import shown, shown_type
from schemas.definitions import Channel
from schemas.managed import ManagedBy
from schemas.notices import Notice
from schemas.quiet_hours import QuietHours

# Where an alert channel leads, as its kind shows it.
_Config = Annotated[Any, any_of(shown_type(kind, "config") for kind in CHANNEL_KINDS.values())]


class AlertChannelObject(Struct, kw_only=True):
    """An alert channel."""

    id: Uuid
    name: str
    channel_type: KindName
    config: _Config
    events: Annotated[list[Notice], Meta(description="The events that the channel takes.")]
    digest: Annotated[bool, Meta(description="Whether many events within a minute come as one list.")]
    quiet_hours: Annotated[QuietHours | None, Meta(description="Hours in which notices that can wait are held back.")]
    repeat_minutes: Annotated[int | None, Meta(description="Minutes after which an alert is repeated; null: never.")]
    unconfirmed: Annotated[
        list[str], Meta(description="Addresses that get no mail because their owners have not confirmed.")
    ]
    blocked: Annotated[list[str], Meta(description="Addresses whose owners have blocked confirmation requests.")]
    confirmation_error: Annotated[
        str | None, Meta(description="Why a confirmation request could not be mailed yet; Pingfold tries again.")
    ]
    created_at: Time
    disabled: Annotated[
        bool,
        Meta(description="Whether the channel is disabled: its receiver failed for too long, or is gone."),
    ]
    disabled_at: Time | None
    disabled_because: str | None
    failures: Annotated[Count, Meta(description="Failed attempts since the last success.")]
    last_success_at: Time | None
    mute_until: Annotated[str | None, Meta(description=PLAIN_TAKES)]
    managed_by: ManagedBy | UnsetType = UNSET


def channel_object(deps: Dependencies, channel: Channel) -> AlertChannelObject:
    """The channel as this process can show it now."""
    health = deps.delivery_states.health(channel.id)
    return AlertChannelObject(
        id=channel.id,
        name=channel.name,
        channel_type=channel.kind,
        config=shown(CHANNEL_KINDS[channel.kind], channel, "config"),
        events=list(channel.notices),
        digest=CHANNEL_KINDS[channel.kind].gathers(channel.digest),
        quiet_hours=channel.quiet_hours,
        repeat_minutes=channel.repeat_minutes,
        unconfirmed=list(channel.unconfirmed),
        blocked=blocked_addresses(deps, channel),
        confirmation_error=confirmation_error(deps, channel),
        created_at=time(channel.created),
        disabled=health.disabled,
        disabled_at=time(health.disabled_at),
        disabled_because=health.disabled_because or None,
        failures=health.failures,
        last_success_at=time(health.last_success),
        mute_until=show_plain_mute(channel.mute_until, deps.clock.now()),
        managed_by=channel.managed_by or UNSET,
    )
