"""One partition of the `deliveries` fold, fed with events one at a time."""

from typing import Any

import msgspec

from processors.deliveries.fold import DeliveriesFold
from processors.fold.contract import Effect, Record, Session
from processors.fold.view import View
from schemas.base import SECOND, Micros, encode
from schemas.deliveries import (
    Delivery,
    DeliveryAttempted,
    DeliveryReplayed,
    DeliveryRequested,
    Endpoint,
    EndpointDefined,
    EndpointHealth,
    health_key,
)
from schemas.notices import NOTICES, Notice
from schemas.ticks import Tick
from schemas.transitions import DeliveryFinished

T0: Micros = 1_740_148_320 * SECOND
DATA = {"monitor": {"id": "m", "url": "/checks/m", "name": "Zoë"}, "incident": {"id": "i", "status": "open"}}


class Driver:
    """One partition of the fold, fed with events."""

    def __init__(self) -> None:
        self.view = View()
        self.session = Session(DeliveriesFold(), 0, self.view)
        self.offset = -1
        self.now = T0

    def feed(self, key: str, event: msgspec.Struct, retried: bool = False) -> list[Any]:
        """Fold an event that went through JSON; the values of its effects."""
        self.offset += 1
        record = Record(self.offset, self.now, key.encode(), encode(event), retried)
        effects: list[Effect] = self.session.step([record])
        return [effect.value for effect in effects]

    def tick(self, now: Micros) -> list[Any]:
        self.now = now
        return self.feed("", Tick(slot="ticker", epoch=1, at=now, now=now))

    def define(self, channel: str = "c", notices: tuple[Notice, ...] = NOTICES) -> list[Any]:
        endpoint = Endpoint(id=channel, project="p", url="https://example.com/", notices=notices, secret="s")
        return self.feed(channel, EndpointDefined(at=self.now, endpoint=endpoint))

    def request(
        self, transition: str, channel: str = "c", notices: tuple[Notice, ...] = ("monitor.down",)
    ) -> list[Any]:
        return self.feed(channel, DeliveryRequested(transition=transition, at=self.now, notices=notices, data=DATA))

    def attempt(self, delivery: Delivery, status: int | None = 500, **fields: Any) -> list[Any]:
        report = DeliveryAttempted(
            delivery=delivery.id, attempt=delivery.attempt, at=fields.pop("at", self.now), status=status, **fields
        )
        return self.feed(delivery.channel, report)

    def replay(self, finished: DeliveryFinished, replay: str = "r1", **fields: Any) -> list[Any]:
        again = DeliveryReplayed(
            replay=replay,
            at=self.now,
            event=finished.event,
            notice="monitor.down",
            body=fields.pop("body", finished.body),
        )
        return self.feed("c", again, **fields)

    def pending(self, channel: str = "c") -> list[Delivery]:
        return [record for _, record in self.view.items() if isinstance(record, Delivery) and record.channel == channel]

    def health(self, channel: str = "c") -> EndpointHealth:
        health: EndpointHealth = self.view.get(health_key(channel))
        return health

    def fail_until(self, end: Micros) -> list[Any]:
        """Let every attempt of every channel fail, at the very times when they are due, until `end`."""
        effects: list[Any] = []
        while True:
            pending = [record for _, record in self.view.items() if isinstance(record, Delivery)]
            for delivery in pending:
                if delivery.due is None:
                    effects += self.attempt(delivery)
            dues = [record.due for _, record in self.view.items() if isinstance(record, Delivery) and record.due]
            if not dues or min(dues) > end:
                return effects
            effects += self.tick(min(dues))


def with_channel() -> Driver:
    """A driver at `T0` whose channel is defined."""
    driver = Driver()
    driver.tick(T0)
    driver.define()
    return driver
