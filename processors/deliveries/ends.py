"""The end of deliveries that the receiver did not accept, and the disabling of channels. Pure.

A delivery ends after a permanent rejection, after its last attempt, after it has been due for too long, as the oldest
of a channel with too many pending deliveries, or together with its channel. Each end but the last may disable the
channel.
"""

from collections.abc import Callable

from msgspec.structs import replace

from processors.deliveries.lists import with_body
from processors.deliveries.pending import PendingDeliveries
from processors.deliveries.policies import DETAIL, Policy, policy_of
from processors.deliveries.retry_policy import DAY, MOST_PENDING, MOST_PENDING_SIZE, MOST_UNTRIED, WARNINGS
from processors.fold.contract import Effect
from processors.fold.placement import to_transitions
from processors.fold.view import View
from processors.fold.wheel import Wheel
from schemas.base import Micros
from schemas.deliveries import (
    Delivery,
    DeliveryAttempted,
    Endpoint,
    EndpointHealth,
    delivery_key,
    endpoint_key,
    health_key,
)
from schemas.gatherings import gathering_key, quiet_key
from schemas.requests import ChannelDisabled, ChannelFailing
from schemas.topics import PROJECTS
from schemas.transitions import ChannelTroubled, DeliveryFinished, Outcome

# So many deliveries are ended by age, or as surplus, in one event, so that it fits into a transaction.
MOST_ENDED = 1_000
# Why a channel was disabled that its project tells of, and the states do not.
_NOT_KNOWN = "it was given up before; why is no longer known"


class DeliveryEnds:
    """Of one partition. Each method changes the view and returns the effects of that."""

    def __init__(
        self, view: View, pending: PendingDeliveries, wheel: Wheel, forget_kept: Callable[[str], None]
    ) -> None:
        """forget_kept: a channel is not told any more what its mute has kept from it."""
        self._view, self._pending, self._wheel, self._forget_kept = view, pending, wheel, forget_kept

    def end_old(self, channel: str, now: Micros, most: int) -> list[Effect]:
        """End what the receiver has not taken for too long; of a channel that does not fail nothing is too old.

        What is beyond `most` ends at the next tick.
        """
        health: EndpointHealth | None = self._view.get(health_key(channel))
        effects: list[Effect] = []
        policy = self._policy(channel)
        while health is not None and (oldest := self._pending.oldest(channel)) is not None:
            until = policy.too_old_at(oldest, health.failing_since)
            if until is None or until > now or len(effects) >= most:
                self._wheel.set(health_key(channel), now + policy.max_age if until is None else until)
                break
            effects.append(self._exhaust(oldest, now, f"not delivered within {policy.max_age // DAY} days"))
        return effects + self._disable_if_dead(channel, now) if effects else []

    def end_surplus(self, channel: str, now: Micros) -> list[Effect]:
        """End the oldest while too much is pending.

        Where the oldest was tried, that counts as a failure of the channel: it does not keep up.
        """
        effects: list[Effect] = []
        tried = False
        while len(effects) < MOST_ENDED and (oldest := self._surplus(channel)) is not None:
            tried |= _reported(oldest) > 0
            effects.append(self._exhaust(oldest, now, "too many deliveries were pending, and this was the oldest"))
        if tried:
            health = self._view.edit(EndpointHealth, health_key(channel))
            if health.failing_since is None:
                health.failing_since = now
        return effects + self._disable_if_dead(channel, now) if effects else []

    def end_all(self, channel: str, detail: str, now: Micros, outcome: Outcome = "removed") -> list[Effect]:
        """End every pending delivery of a channel, in the order of their keys, and with them what is gathered."""
        effects: list[Effect] = []
        for key in sorted(self._pending.of(channel)):
            delivery = with_body(self._view, self._view.get(key), now)
            self._view.delete(key)
            effects.append(finished(delivery, outcome, _reported(delivery), now, detail))
        self._view.delete(gathering_key(channel))
        self._view.delete(quiet_key(channel))
        return effects

    def disable(self, channel: str, detail: str, now: Micros, *, remove: bool = False) -> list[Effect]:
        """Give the channel up, and what is pending with it. remove: for good; its project is to remove it."""
        health = self._view.edit(EndpointHealth, health_key(channel))
        health.disabled, health.disabled_at, health.disabled_because = True, now, detail
        self._forget_kept(channel)
        ended = self.end_all(channel, f"the channel was disabled: {detail}", now)
        told = self._tell_project(channel, health, detail, now, remove)
        return [troubled(channel, health, detail, now), *told, *ended]

    def warn(self, channel: str, detail: str, now: Micros) -> list[Effect]:
        """So many attempts in a row have failed that somebody should know."""
        health: EndpointHealth = self._view.get(health_key(channel))
        effects = [troubled(channel, health, detail, now)]
        endpoint: Endpoint | None = self._view.get(endpoint_key(channel))
        if endpoint is not None and policy_of(endpoint).warns:
            event = ChannelFailing(channel=channel, at=now, because=detail, failures=health.failures)
            effects.append(Effect(PROJECTS, endpoint.project, event))
        return effects

    def stay_disabled(self, channel: str, since: Micros, now: Micros) -> list[Effect]:
        """The channel was given up before, which its project knows, and the states may not: nothing is sent to it."""
        known: EndpointHealth | None = self._view.get(health_key(channel))
        if known is None or not known.disabled:
            health = EndpointHealth(disabled=True, disabled_at=since, disabled_because=_NOT_KNOWN)
            self._view.put(health_key(channel), health)
        self._forget_kept(channel)
        return self.end_all(channel, "the channel is disabled", now)

    def failed(
        self,
        delivery: Delivery,
        event: DeliveryAttempted,
        detail: str,
        now: Micros,
        health: EndpointHealth,
        policy: Policy,
    ) -> list[Effect]:
        """Its next attempt is due later, or it has ended; the channel is warned of, or given up."""
        key, channel = delivery_key(delivery.id), delivery.channel
        effects: list[Effect] = []
        if policy.gone(event):
            self._view.delete(key)
            effects.append(finished(delivery, "gone", event.attempt, now, detail))
            effects += self.disable(channel, event.error[:DETAIL] or "answered 410 Gone", now)
            return effects
        delay = policy.retry_delay(event)
        if delay is not None:
            to = event.again or delivery.to
            self._view.put(key, replace(delivery, due=now + delay, error=detail, to=to))
        else:
            self._view.delete(key)
            effects.append(finished(delivery, "exhausted", event.attempt, now, detail))
            if policy.disable_after is not None and policy.is_dead(health.failing_since, now):
                days = policy.disable_after // DAY
                effects += self.disable(channel, f"nothing delivered for {days} days; last: {detail}", now)
                return effects
        if policy.remove_after is not None and health.failures >= policy.remove_after:
            why = f"the last {health.failures} requests failed; last: {detail}"
            return [*effects, *self.disable(channel, why, now, remove=True)]
        if health.failures in WARNINGS:
            effects += self.warn(channel, detail, now)
        return effects

    def _policy(self, channel: str) -> Policy:
        return policy_of(self._view.get(endpoint_key(channel)))

    def _tell_project(
        self, channel: str, health: EndpointHealth, detail: str, now: Micros, removed: bool
    ) -> list[Effect]:
        """Other channels may stand in other partitions; the fold of projects knows them."""
        endpoint: Endpoint | None = self._view.get(endpoint_key(channel))
        if endpoint is None:
            return []
        event = ChannelDisabled(channel=channel, at=now, because=detail, failures=health.failures, removed=removed)
        return [Effect(PROJECTS, endpoint.project, event)]

    def _surplus(self, channel: str) -> Delivery | None:
        """The oldest delivery of a channel, if that is to end because too much is pending."""
        count = len(self._pending.of(channel))
        if count <= MOST_PENDING and self._pending.size(channel) <= MOST_PENDING_SIZE:
            return None
        oldest = self._pending.oldest(channel)
        assert oldest is not None
        health: EndpointHealth = self._view.get(health_key(channel))
        fails = health.failing_since is not None or _reported(oldest) > 0
        too_many = count > (MOST_PENDING if fails else MOST_UNTRIED)
        return oldest if too_many or self._pending.size(channel) > MOST_PENDING_SIZE else None

    def _exhaust(self, delivery: Delivery, now: Micros, why: str) -> Effect:
        delivery = with_body(self._view, delivery, now)
        self._view.delete(delivery_key(delivery.id))
        detail = f"{why}; last: {delivery.error}" if delivery.error else why
        return finished(delivery, "exhausted", _reported(delivery), now, detail)

    def _disable_if_dead(self, channel: str, now: Micros) -> list[Effect]:
        """A delivery has just ended without success: give the channel up if none has succeeded for days."""
        health: EndpointHealth = self._view.get(health_key(channel))
        policy = self._policy(channel)
        if policy.disable_after is None or not policy.is_dead(health.failing_since, now):
            return []
        return self.disable(channel, f"nothing delivered for {policy.disable_after // DAY} days", now)


def _reported(delivery: Delivery) -> int:
    """How many attempts were reported."""
    return delivery.attempt - (delivery.due is None)


def finished(delivery: Delivery, outcome: Outcome, attempts: int, now: Micros, detail: str = "") -> Effect:
    """A delivery has ended: its outcome, and what is needed to send it again."""
    value = DeliveryFinished(
        id=delivery.id,
        channel=delivery.channel,
        notice=delivery.notice,
        outcome=outcome,
        attempts=attempts,
        at=now,
        detail=detail,
        event=delivery.event,
        body=delivery.body,
        began=delivery.first_due,
        replay=delivery.replay,
    )
    return to_transitions(delivery.channel, value)


def troubled(channel: str, health: EndpointHealth, detail: str, now: Micros) -> Effect:
    """The channel's failures are worth a warning, or it was disabled."""
    value = ChannelTroubled(channel=channel, at=now, failures=health.failures, disabled=health.disabled, detail=detail)
    return to_transitions(channel, value)
