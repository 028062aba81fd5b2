"""Memory that a pending delivery takes: in a worker, whose fold and sender know it, and in a web process.

Each side is a process of its own that takes the records as Kafka would hand them over, and tells how much its resident
memory has grown by. Half of the deliveries are owed by the sender, half wait for their next attempt; a tick has passed,
and each channel was asked for its oldest. The body is that of a monitor's notice.
"""

import asyncio
import gc
import json
import sys
import uuid
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
from msgspec import Struct

from bench.memory import received, resident
from bench.processes import answer_of, module
from bench.report import Report, say
from processors.deliveries.fold import DeliveriesFold
from processors.deliveries.retry_policy import DAY, MAX_AGE
from processors.fold.contract import Record, Session
from processors.fold.view import View
from processors.runtime.loading import Loading, decoded
from processors.sender.notice_body import render_body
from processors.sender.sender import Sender
from processors.sender.webhooks import DeliveryResult
from query_api.state.delivery_states import DeliveryStates
from schemas.base import SECOND, encode
from schemas.deliveries import (
    Delivery,
    DeliveryAttempted,
    Endpoint,
    EndpointHealth,
    delivery_id,
    delivery_key,
    endpoint_key,
    event_id,
    health_key,
)
from schemas.ids import derived_id
from schemas.notices import NOTICES
from schemas.ticks import PROGRESS_KEY, Progress, Tick
from schemas.topics import DELIVERY_STATES

_AT = 1_795_000_000 * SECOND
_PATIENCE_SECONDS = 300.0


def pending(
    deliveries: Annotated[int, typer.Option(help="Deliveries that each process holds.")] = 100_000,
    channels: Annotated[int, typer.Option(help="Channels that they are of.")] = 100,
) -> None:
    """Memory of a worker and of a web process for each pending delivery."""
    report = Report("pending", {"deliveries": deliveries, "channels": channels})
    for side in ("worker", "web"):
        say(f"a {side} with {deliveries} pending deliveries")
        task = {"side": side, "deliveries": deliveries, "channels": channels}
        report.measured[side] = answer_of(_PATIENCE_SECONDS, task, *module("bench.pending"))
    report.publish()


def measure(side: str, count: int, channels: int) -> dict[str, Any]:
    """In the process that is measured."""
    hold = {"worker": _worker, "web": _web}[side]
    kept = [hold(1, 1)]  # what is imported and made once
    gc.collect()
    before = resident()
    kept.append(hold(count, channels))
    gc.collect()
    after = resident()
    body = len(_body(0))
    return {"bytes_each": round((after - before) / count), "of_which_body": body, "sides": len(kept)}


def _body(number: int) -> str:
    id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"monitor {number}"))
    results = [
        {"checked_at": "2026-11-21T17:01:17+00:00", "status": "down", "region": "local", "error": "timeout: after 30 s"}
    ]
    data = {
        "monitor": {
            "id": id, "name": f"Shop {number}", "url": f"https://shop-{number}.example.org/", "kind": "http",
            "current_status": "down", "last_results": results,
        },
        "incident": {
            "id": derived_id(id, 1), "started_at": "2026-11-21T17:01:17+00:00", "resolved_at": None,
            "cause": "timeout: after 30 s", "status": "open",
        },
    }  # fmt: skip
    return render_body("monitor.down", _AT, data)


def _records(count: int, channels: int) -> Iterator[tuple[str, Struct]]:
    names = [str(uuid.uuid5(uuid.NAMESPACE_OID, f"channel {number}")) for number in range(channels)]
    for name in names:
        url = f"https://hooks.example.org/{name}"
        yield endpoint_key(name), Endpoint(id=name, project="p", url=url, notices=NOTICES, secret="s")
        yield health_key(name), EndpointHealth(failures=3, failing_since=_AT + DAY)
    for number in range(count):
        channel = names[number % channels]
        event = event_id(derived_id("transition", number), "monitor.down")
        waits = number % 2 == 1
        yield (
            delivery_key(id := delivery_id(event, channel)),
            Delivery(
                id=id,
                event=event,
                channel=channel,
                notice="monitor.down",
                body=_body(number),
                first_due=_AT + number,
                attempt=1 + waits,
                due=_AT + 2 * MAX_AGE if waits else None,
                error="HTTP 503" if waits else "",
            ),
        )


async def _post(_url: str, _body: bytes, _headers: Mapping[str, str], _dead: bool = False) -> DeliveryResult:
    await asyncio.Event().wait()
    raise AssertionError


def _decrypt(text: str, *_places: str) -> str:
    return text


async def _report(_channel: str, _attempted: DeliveryAttempted) -> None: ...


def _worker(count: int, channels: int) -> object:
    """One partition of the fold, as it is after loading, and the sender that was told of it."""
    fold = DeliveriesFold()
    packed = {key: received(record) for key, record in _records(count, channels)}
    packed[PROGRESS_KEY] = encode(Progress(applied=10, time=_AT))
    view = View(decoded(fold.states.name, packed, fold.records, fold.version, Loading(DELIVERY_STATES, 0)))
    session = Session(fold, 0, view, "2026a")
    now = _AT + MAX_AGE + SECOND
    tick = Tick(slot="ticker", epoch=1, at=now, now=now)
    sender = Sender(_post, _report, _decrypt, takeover=3_600.0)

    async def take_in() -> None:
        sender.assigned(0, {key: session.view.get(key) for key, _ in session.view.items()})
        while sender._owned[0].reader is not None:
            await asyncio.sleep(0)

    asyncio.run(take_in())
    session.step([Record(11, now, b"", encode(tick))])
    changes = session.view.take_changes()
    return session, sender, len(changes)


def _web(count: int, channels: int) -> object:
    """The replica, as it is after loading."""
    states = DeliveryStates()
    for key, record in _records(count, channels):
        states.apply(0, key.encode().decode(), received(record))
    return states


if __name__ == "__main__":
    task = json.load(sys.stdin)
    print(json.dumps(measure(task["side"], task["deliveries"], task["channels"])))
