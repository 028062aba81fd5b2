"""One partition of the `deliveries` fold with channels that people read, which are told of much in one list."""

import json
from typing import Any

from schemas.base import SECOND, Micros
from schemas.channels.kind import Options
from schemas.deliveries import Delivery, DeliveryRequested, Endpoint, EndpointDefined
from schemas.ids import derived_id
from schemas.notices import NOTICES, AnyNotice
from schemas.times import iso
from schemas.transitions import DeliveryFinished
from tests.deliveries_driver import Driver


def about(thing: str, notice: str, at: Micros, **more: Any) -> dict[str, Any]:
    """Data as the folds give them with a notice of a thing."""
    incident = {
        "id": derived_id(thing, "incident"),
        "started_at": iso(at),
        "resolved_at": iso(at) if notice == "monitor.recovered" else None,
        "cause": f"HTTP 500 of {thing}",
        "status": "resolved" if notice == "monitor.recovered" else "open",
    }
    return {"monitor": {"id": thing, "name": f"Shop {thing}", "url": "/", "kind": "http"}, "incident": incident} | more


class ReadChannels(Driver):
    """sent: deliveries whose first attempt became outstanding, and when. ended: what has finished."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[Micros, Delivery]] = []
        self.ended: list[DeliveryFinished] = []
        self._known: set[tuple[str, str]] = set()
        self._n = 0

    def feed(self, key: str, event: Any, retried: bool = False) -> list[Any]:
        effects = super().feed(key, event, retried)
        self.ended += [effect for effect in effects if isinstance(effect, DeliveryFinished)]
        for record in self.view.take_changes().values():
            if not isinstance(record, Delivery) or record.attempt != 1 or record.due is not None:
                continue
            if (record.id, record.replay) not in self._known:
                self._known.add((record.id, record.replay))
                self.sent.append((self.now, record))
        return effects

    def define_read(self, channel: str = "c", kind: str = "ntfy", **fields: Any) -> list[Any]:
        options: Options = {"topic": "alerts"} if kind == "ntfy" else {}
        endpoint = Endpoint(
            id=channel,
            project="p",
            url="https://ntfy.example",
            notices=fields.pop("notices", NOTICES),
            secret="",
            kind=kind,
            options=options,
            **fields,
        )
        return self.feed(channel, EndpointDefined(at=self.now, endpoint=endpoint))

    def tell(
        self, thing: str, notice: AnyNotice = "monitor.down", channel: str = "c", anyway: bool = False, **more: Any
    ) -> list[Any]:
        """One notice of a thing, now."""
        self._n += 1
        request = DeliveryRequested(
            transition=derived_id(thing, "change", self._n),
            at=self.now,
            notices=(notice,),
            data=about(thing, notice, self.now, **more),
            anyway=anyway,
        )
        return self.feed(channel, request)

    def wait(self, seconds: float) -> list[Any]:
        """Let time pass, tick by tick."""
        effects: list[Any] = []
        end = self.now + int(seconds * SECOND)
        while self.now < end:
            effects += self.tick(min(self.now + SECOND, end))
        return effects

    def take(self, status: int = 200) -> None:
        """The receiver answers all that is outstanding."""
        for delivery in [record for _, record in self.view.items() if isinstance(record, Delivery)]:
            if delivery.due is None:
                self.attempt(delivery, status, replay=delivery.replay)


def digest(delivery: Delivery | DeliveryFinished) -> dict[str, Any]:
    """`data.digest` of a list."""
    found: dict[str, Any] = json.loads(delivery.body)["data"]["digest"]
    return found
