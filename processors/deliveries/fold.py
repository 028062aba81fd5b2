"""The `deliveries` fold: what to send to which channel and when, and how each delivery ends. Pure.

A delivery is one event for one channel, by webhook or by mail: the fold treats them alike. Its body is rendered once,
at the request, and stored as text: every attempt sends the same bytes, or the mail made from them. Its newest attempt
is either outstanding (`due` is None: the sender must make it) or waits for a tick past `due`. Only a report of the
outstanding attempt counts; duplicates, and reports of workers that were frozen, have no effect.

Each delivery ends in exactly one `DeliveryFinished`: delivered, exhausted, gone (410), removed (its channel was deleted
or disabled), unconfirmed (no address of the channel is confirmed), muted, or gathered (part of a digest, which is a
delivery too: `gathering`). Exhausted means: out of attempts, due for days without any success of the channel, or the
oldest of a channel with too many pending deliveries. So pending deliveries are bounded in number and age, whatever a
receiver does. `policies` has the interpretation of responses and the limits of each kind. Each end but `delivered` may
disable the channel. `confirmations` handles confirmation requests.

`data` goes into the body as the requesting fold made it. `monitor.url` may be the path of a page of this Pingfold
(`/...`), because a fold knows no settings: the sender makes it a URL (`processors.sender.own_links`). The channel's
`site`, which only older channels have, precedes it.

A finished delivery leaves the states; its `DeliveryFinished` contains the body for history. A replay brings back event
and body, and becomes a delivery with the same id and a name of its own (`replay`), which its reports must repeat. A
replay of a pending delivery makes its next attempt due at once.

A new version of a channel resets it: enabled, no failures; pending deliveries go to the new address. If only secrets
have changed, nothing is reset. If a channel was disabled but its deliveries had lost that, it stays disabled, without a
second notice. Of retried dead letters only requests and replays count; definitions and reports are outdated.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import msgspec

from processors.deliveries.audit import asked_for
from processors.deliveries.confirmations import NOT_CONFIRMED, Confirmations, waits_for_confirmation
from processors.deliveries.ends import MOST_ENDED, DeliveryEnds, finished
from processors.deliveries.gathering import MOST_LISTS, Gatherings, gathered_thing
from processors.deliveries.muted_channels import MutedChannels, is_mute
from processors.deliveries.pending import PendingDeliveries
from processors.deliveries.policies import DETAIL, Policy, delivered, failure, policy_of, takes
from processors.deliveries.retry_policy import MAX_AGE
from processors.deliveries.time_correction import correct_deliveries
from processors.deliveries.wordings import Wordings
from processors.fold.contract import Context, Effect, Fold, InvalidEvent, Partition
from processors.fold.packed import PLAIN
from processors.fold.partition_time import AHEAD, END_OF_TIME, fold_plain_tick, progress_of, time_of, vouched
from processors.fold.time_correction import correct_time
from processors.fold.view import View
from processors.fold.wheel import Wheel
from processors.sender.notice_body import BODY_LIMIT, body_of
from schemas.base import Micros
from schemas.deliveries import (
    HEALTH,
    ConfirmationRequested,
    DeliveriesEvent,
    Delivery,
    DeliveryAttempted,
    DeliveryReplayed,
    DeliveryRequested,
    DeliveryStatesRecord,
    Endpoint,
    EndpointDefined,
    EndpointHealth,
    EndpointRemoved,
    InvitationRequested,
    MailboxAnswered,
    delivery_id,
    delivery_key,
    endpoint_key,
    event_id,
    health_key,
)
from schemas.gatherings import GatheredThing, Gathering
from schemas.message_templates import TemplateDefined, TemplateRemoved
from schemas.ticks import PROGRESS_KEY, Tick, TimeCorrected
from schemas.topics import DELIVERIES, DELIVERY_STATES, Topic
from schemas.transitions import JournalTruncated


class DeliveriesFold:
    """Plugs the fold into the runtime."""

    name = "deliveries"
    version = 9
    journal: Topic = DELIVERIES
    states: Topic = DELIVERY_STATES
    packer = PLAIN

    @cached_property
    def events(self) -> msgspec.json.Decoder[Any]:
        return msgspec.json.Decoder(DeliveriesEvent)

    @cached_property
    def records(self) -> msgspec.json.Decoder[Any]:
        return msgspec.json.Decoder(DeliveryStatesRecord)

    def owner(self, view: View, key: str) -> str:
        endpoint = view.get(endpoint_key(key))
        return endpoint.project if isinstance(endpoint, Endpoint) else ""

    def open(self, view: View, partition: int) -> Partition:
        """Begin work on a partition."""
        return _Deliveries(view)


class _Deliveries:
    """One partition. Beside the view: an index of what is pending, and a wheel of what waits or may be too old.

    Records of deliveries and of what is gathered are only ever put and deleted, never edited, so the listener sees
    every change and every undo.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._pending = PendingDeliveries(view)
        self._wheel = Wheel(self._is_there)
        self._mutes = MutedChannels(view, self._wheel)
        self._ends = DeliveryEnds(view, self._pending, self._wheel, self._mutes.forget)
        self._confirmations = Confirmations(view, self._ends)
        self._wordings = Wordings(view)
        self._gatherings = Gatherings(view, self._pending)
        for key, record in view.items():
            self._follow(key, None, record)
        view.listeners.append(self._follow)

    def _is_there(self, key: str) -> bool:
        if is_mute(key):
            return self._mutes.is_there(key)
        kind, _, channel = key.partition("/")
        return channel in self._pending if kind == HEALTH else self._view.get(key) is not None

    def _follow(self, key: str, old: msgspec.Struct | None, new: msgspec.Struct | None) -> None:
        """The wheel has each delivery that waits, and by the key of its counters each channel, for the oldest of it."""
        if isinstance(new, Delivery) or isinstance(old, Delivery):
            self._pending.follow(key, old, new)
        self._wordings.follow(old, new)
        if not isinstance(new, Delivery) and not isinstance(old, Delivery):
            self._mutes.follow(key, old, new)
        if isinstance(new, Delivery):
            self._wheel.set(health_key(new.channel), new.first_due + MAX_AGE)
            if new.due is not None:
                self._wheel.set(key, new.due)
        elif isinstance(new, Gathering):
            self._wheel.set(key, new.until)

    def apply(self, event: Any, context: Context) -> Iterable[Effect]:
        """Fold one event. The key of every event but a tick is the channel."""
        channel = context.key
        if isinstance(event, TimeCorrected):
            before = time_of(self._view)
            if (time := correct_time(self._view, context)) is not None:
                correct_deliveries(self._view, before, time)
                self._gatherings.corrected(time)
            return ()
        if not 0 <= (event.now if isinstance(event, Tick) else event.at) <= END_OF_TIME:
            raise InvalidEvent("its time is not a time")
        if isinstance(event, Tick):
            return self._tick(event, context)
        if not channel:
            raise InvalidEvent("the key, a channel id, is missing")
        if context.retried and not isinstance(event, DeliveryRequested | DeliveryReplayed):
            return ()
        if isinstance(event, DeliveryAttempted):
            return self._attempted(channel, event, context)
        if isinstance(event, DeliveryRequested):
            return self._requested(channel, event, context)
        if isinstance(event, DeliveryReplayed):
            return self._replayed(channel, event, context)
        if isinstance(event, EndpointDefined):
            return self._defined(channel, event, self._moment(event.at, context))
        if isinstance(event, ConfirmationRequested | InvitationRequested):
            return self._confirmations.requested(channel, event, self._moment(event.at, context))
        if isinstance(event, MailboxAnswered):
            return self._confirmations.answered(channel, event, self._moment(event.at, context))
        if isinstance(event, TemplateDefined | TemplateRemoved):
            self._wordings.learn(event)
            return ()
        assert isinstance(event, EndpointRemoved)
        self._view.delete(endpoint_key(channel))
        self._view.delete(health_key(channel))
        self._mutes.forget(channel)
        return self._ends.end_all(channel, "the channel was removed", self._moment(event.at, context))

    def _defined(self, channel: str, event: EndpointDefined, now: Micros) -> list[Effect]:
        if event.endpoint.id != channel:
            raise InvalidEvent("the endpoint is not the one of the key")
        muted_at = self._mutes.began(event.endpoint, now)
        self._view.put(endpoint_key(channel), event.endpoint)
        self._gatherings.redefined(event.endpoint, now)
        effects: list[Effect] = []
        if event.disabled_at is not None:
            effects = self._ends.stay_disabled(channel, event.disabled_at, now)
        elif not event.secret_only or self._view.get(health_key(channel)) is None:
            self._view.put(health_key(channel), EndpointHealth())
        if muted_at is not None:
            self._view.edit(EndpointHealth, health_key(channel)).muted_at = muted_at
        if event.disabled_at is not None:
            return effects
        if not waits_for_confirmation(event.endpoint):
            return self._end_mute(channel, now)
        return self._ends.end_all(channel, NOT_CONFIRMED, now, "unconfirmed")

    def truncated(self, event: JournalTruncated) -> Iterable[Effect]:
        """What is pending is sent; what was reported and is lost may be sent once more, under the same id."""
        return ()

    def due(self) -> Micros:
        return self._wheel.earliest()

    def _moment(self, at: Micros, context: Context) -> Micros:
        """The time at which an event counts: never before the partition's time, nor far ahead of what is known.

        Reports come from the clocks of other machines.
        """
        progress = progress_of(self._view)
        latest = vouched(progress, context.at) + AHEAD
        return min(max(at, progress.time), latest) if progress.time else at

    def _tick(self, tick: Tick, context: Context) -> list[Effect]:
        progress = fold_plain_tick(progress_of(self._view), tick, context.at)
        self._view.put(PROGRESS_KEY, progress)
        # The session undoes a tick that fails in the view; the wheel must not lose what it gave.
        with self._wheel.taking(progress.time) as due:
            return self._expire(due, progress.time)

    def _expire(self, due: list[str], now: Micros) -> list[Effect]:
        # In this order, whatever the wheel had: what has become too old is not tried again.
        effects: list[Effect] = []
        for key in sorted(key for key in due if key.startswith(f"{HEALTH}/")):
            effects += self._ends.end_old(key.partition("/")[2], now, MOST_ENDED - len(effects))
        lists = over = 0
        for key in due:
            if is_mute(key):
                muted = key.partition("/")[2]
                if over >= MOST_ENDED:
                    self._wheel.set(key, now)
                    continue
                over += self._mutes.number(muted)
                effects += self._end_mute(muted, now)
                continue
            record = self._view.get(key)
            # The wheel may be behind the view, never ahead: what it names is looked at again.
            if isinstance(record, Delivery) and record.due is not None:
                lists += not record.attempt
                if record.due <= now and (record.attempt or lists <= MOST_LISTS):
                    self._try_again(record, now)
                else:
                    self._wheel.set(key, record.due)
            elif isinstance(record, Gathering):
                if record.until <= now:
                    self._gatherings.end(key, record, now)
                else:
                    self._wheel.set(key, record.until)
        return effects

    def _requested(self, channel: str, event: DeliveryRequested, context: Context) -> list[Effect]:
        endpoint: Endpoint | None = self._view.get(endpoint_key(channel))
        now = self._moment(event.at, context)
        effects = self._end_mute(channel, now)
        is_muted = event.actor is None and self._mutes.until(channel, now)
        for notice in dict.fromkeys(event.notices):
            if endpoint is not None and not takes(endpoint, notice, event.anyway):
                continue
            name = event_id(event.transition, notice)
            delivery = Delivery(
                id=delivery_id(name, channel),
                event=name,
                channel=channel,
                notice=notice,
                body="" if endpoint is None else body_of(notice, event, endpoint),
                first_due=now,
                wording=self._wordings.wording(endpoint, notice),
            )
            if self._view.get(delivery_key(delivery.id)) is None:
                thing = gathered_thing(notice, event)
                if is_muted:
                    _must_fit(delivery)
                    effects += self._mutes.take(delivery, thing, event.data, now)
                else:
                    effects += self._begin(delivery, now, thing)
                if event.actor is not None:  # a fold names nobody
                    effects += asked_for(self._view, event, "tested", delivery, now, context)
        return effects

    def _replayed(self, channel: str, event: DeliveryReplayed, context: Context) -> list[Effect]:
        now = self._moment(event.at, context)
        pending = self._view.get(delivery_key(delivery_id(event.event, channel)))
        if isinstance(pending, Delivery):
            if pending.due is None:
                return []
            self._try_again(pending, now)
            return asked_for(self._view, event, "replayed", pending, now, context)
        delivery = Delivery(
            id=delivery_id(event.event, channel),
            event=event.event,
            channel=channel,
            notice=event.notice,
            body=event.body,
            first_due=now,
            replay=event.replay,
            wording=self._wordings.wording(self._view.get(endpoint_key(channel)), event.notice),
        )
        begun = self._begin(delivery, now)
        return [*begun, *asked_for(self._view, event, "replayed", delivery, now, context)]

    def _end_mute(self, channel: str, now: Micros) -> list[Effect]:
        """What follows from the end of a channel's mute, if it is over."""
        effects, over = self._mutes.end(channel, now)
        for delivery, thing in over:
            effects += self._begin(delivery, now, thing)
        return effects

    def _begin(self, delivery: Delivery, now: Micros, thing: GatheredThing | None = None) -> list[Effect]:
        """Its first attempt is due, or a list will tell of it, or there is nobody to send it to.

        thing: what a list says of it; None: no list tells of it, since somebody waits for it.
        """
        _must_fit(delivery)
        health: EndpointHealth | None = self._view.get(health_key(delivery.channel))
        if health is None or health.disabled:
            detail = "the channel does not exist" if health is None else "the channel is disabled"
            return [finished(delivery, "removed", 0, now, detail)]
        if waits_for_confirmation(self._view.get(endpoint_key(delivery.channel))):
            return [finished(delivery, "unconfirmed", 0, now, NOT_CONFIRMED)]
        effects = None if thing is None else self._gatherings.take(delivery, thing, now)
        if effects is None:
            self._view.put(delivery_key(delivery.id), delivery)
        return [*(effects or ()), *self._ends.end_surplus(delivery.channel, now)]

    def _try_again(self, waiting: Delivery, now: Micros) -> None:
        if not waiting.attempt:
            self._gatherings.send(waiting, now)
            return
        self._view.put(
            delivery_key(waiting.id), msgspec.structs.replace(waiting, attempt=waiting.attempt + 1, due=None)
        )

    def _attempted(self, channel: str, event: DeliveryAttempted, context: Context) -> list[Effect]:
        key = delivery_key(event.delivery)
        delivery = self._view.get(key)
        if not isinstance(delivery, Delivery) or delivery.due is not None:
            return []
        if (delivery.replay, delivery.attempt) != (event.replay, event.attempt):
            return []
        if delivery.channel != channel:
            raise InvalidEvent("the delivery is not of the channel of the key")
        now = self._moment(event.at, context)
        health = self._view.edit(EndpointHealth, health_key(channel))
        endpoint: Endpoint | None = self._view.get(endpoint_key(channel))
        if delivered(endpoint, event):
            health.failures, health.failing_since, health.last_success = 0, None, now
            self._view.delete(key)
            return [finished(delivery, "delivered", event.attempt, now, event.error[:DETAIL])]

        detail = failure(event)
        if event.ours:
            return self._not_counted(delivery, event, detail, now, policy_of(endpoint))
        if health.failing_since is None:
            health.failing_since = now
        health.failures += 1
        return self._ends.failed(delivery, event, detail, now, health, policy_of(endpoint))

    def _not_counted(
        self, delivery: Delivery, event: DeliveryAttempted, detail: str, now: Micros, policy: Policy
    ) -> list[Effect]:
        """It says nothing of the receiver: its next attempt is due later, or it was the last."""
        key, delay = delivery_key(delivery.id), policy.retry_delay(event)
        if delay is not None:
            self._view.put(key, msgspec.structs.replace(delivery, due=now + delay, error=detail))
            return []
        self._view.delete(key)
        return [finished(delivery, "exhausted", event.attempt, now, detail)]


def _must_fit(delivery: Delivery) -> None:
    if len(delivery.body.encode()) > BODY_LIMIT:
        raise InvalidEvent(f"the body is larger than {BODY_LIMIT} bytes")


FOLD: Fold = DeliveriesFold()
