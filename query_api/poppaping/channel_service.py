"""What the routes of alert channels share: finding a channel, showing it, putting an event into its deliveries.

An event is answered when this process can show what the fold made of it, or after a moment (`query_api.commands`).
"""

from typing import Annotated

from fastapi import Depends, Request
from msgspec.structs import replace

from infra.log.partitioner import partition_of
from query_api.channel_fields import blocked_addresses
from query_api.commands import Late, append, wait_until
from query_api.dependencies import dependencies_of
from query_api.poppaping.channel_object import AlertChannelObject, channel_object
from query_api.poppaping.responses import PoppaPingApiError
from query_api.poppaping.service import Service
from query_api.test_sends import MOST_ASKED_FOR, TooManyTests
from schemas.base import Micros
from schemas.definitions import ApiKey, Channel
from schemas.deliveries import DeliveryReplayed, DeliveryRequested
from schemas.topics import DELIVERIES


class ChannelService(Service):
    """One request about a channel."""

    def count_tests(self, key: ApiKey, now: Micros, count: int = 1) -> None:
        """Count tests that are to be sent; raises `PoppaPingApiError` (429) when they are too many."""
        try:
            self.deps.test_sends.take(key.project, now, count)
        except TooManyTests as many:
            raise PoppaPingApiError(429, str(many), headers={"Retry-After": str(many.seconds)}) from None

    async def channel(self, key: ApiKey, id: str) -> Channel:
        """The caller's channel with this id."""
        return await self.owned(key, id, self.deps.directory.channel, "alert channel")

    def must_be_served(self, channel: Channel) -> None:
        """Nothing is sent to a channel that was disabled, or of which no address is confirmed."""
        if self.deps.delivery_states.health(channel.id).disabled:
            raise PoppaPingApiError(
                409, "The alert channel is disabled: change it (PATCH), and it is enabled.", "channel_disabled"
            )
        if channel.unconfirmed and set(channel.addresses) <= set(channel.unconfirmed):
            blocked = len(blocked_addresses(self.deps, channel)) == len(channel.unconfirmed)
            why = (
                "its owner wants no mail from here."
                if blocked
                else "nobody has confirmed the request that was mailed there. POST .../confirmation mails another."
            )
            raise PoppaPingApiError(
                409, f"Nothing is sent to {', '.join(channel.addresses)}: {why}", "channel_unconfirmed"
            )

    def must_have_room(self, channel: Channel) -> None:
        """What somebody asks for may not push out what has happened: beyond so much only events are put in."""
        if self.room(channel) <= 0:
            raise PoppaPingApiError(
                429,
                f"{MOST_ASKED_FOR} deliveries of the alert channel are pending: tests and replays have to wait.",
                "too_many_pending",
                headers={"Retry-After": "60"},
            )

    def room(self, channel: Channel) -> int:
        """So many deliveries may be asked for, beside those that are pending."""
        return MOST_ASKED_FOR - self.deps.delivery_states.count(channel.id)

    async def put(self, key: ApiKey, channel: Channel, *events: DeliveryRequested | DeliveryReplayed) -> int:
        """Put events that the key asks for into the channel's deliveries; the offset of the last."""
        actor = self.actor(key)
        asked = (replace(event, actor=actor) for event in events)
        try:
            positions = await append(self.deps, DELIVERIES, channel.id, *asked)
        except Late:
            raise PoppaPingApiError(
                503, "Not stored in time; it may still be sent.", headers={"Retry-After": "1"}
            ) from None
        return max(position.offset for position in positions)

    async def folded(self, channel: Channel, offset: int) -> None:
        """Wait for what the fold made of an event of the channel, so that the reads that follow show it."""
        states = self.deps.delivery_states
        partition = partition_of(channel.id.encode(), self.deps.partitions)
        await wait_until(self.deps.states_replica, lambda: states.applied(partition) >= offset)

    def channel_object(self, channel: Channel) -> AlertChannelObject:
        """The channel as this process can show it now."""
        return channel_object(self.deps, channel)


async def _channels(request: Request) -> ChannelService:
    return ChannelService(request, dependencies_of(request), request.app.state.uptimes)


Channels = Annotated[ChannelService, Depends(_channels)]
