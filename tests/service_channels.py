"""Channels of services whose notices become messages: an endpoint that leads to an imitation, notices of every kind,
and one attempt without a socket."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from processors.sender import messages
from processors.sender.channels.sending import Clients, Outgoing, Services
from processors.sender.lanes import Secrets
from processors.sender.notice_body import render_body
from processors.sender.webhooks import DeliveryResult, Exchange
from query_api.notice_samples import drop_sample, sample_of, validity_sample
from schemas.base import SECOND
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.channels.messages import Message, MessageKind, Request
from schemas.deliveries import Delivery, Endpoint
from schemas.notices import ACKNOWLEDGED, DIGEST, NOTICES, UNCHOSEN, VALIDITY_NOTICES, AnyNotice, Notice
from tests.service import Seen

AT = 1_750_000_000 * SECOND
SITE = "https://pingfold.example"
MONITOR: dict[str, Any] = {"id": "m-1", "name": "Shop", "url": "https://shop.example/a_b?x=1&y=2", "kind": "http"}
INCIDENT: dict[str, Any] = {
    "id": "i-1",
    "started_at": "2025-06-15T15:06:40+00:00",
    "resolved_at": None,
    "cause": "HTTP 500",
}
SAID = {
    "by": "Ada",
    "acknowledged_at": "2025-06-15T15:16:40+00:00",
    "comment": "on it",
    "until": "2025-06-15T17:16:40+00:00",
}
OUTPUT = {
    "text": "copying\npg_dump: error: <disk> full & *gone*",
    "kind": "fail",
    "received_at": "2025-06-15T15:06:40+00:00",
    "exit_status": 3,
    "rid": None,
    "left_out": 0,
}
RESULTS = [
    {
        "checked_at": f"2025-06-15T15:0{n}:00+00:00",
        "status": "down",
        "region": f"r{n}",
        "response_time_ms": 12.5,
        "status_code": 500,
        "error": "HTTP 500",
    }
    for n in range(10)
]
TOLD: tuple[AnyNotice, ...] = (*NOTICES, *UNCHOSEN)


def data_of(notice: str) -> dict[str, Any]:
    """Data as the folds give them with a notice."""
    if notice in VALIDITY_NOTICES:
        return {"monitor": MONITOR, "incident": None, **validity_sample(notice, AT)}
    if notice == "monitor.performance_drop":
        return {"monitor": MONITOR, "incident": None, **drop_sample(AT)}
    if notice in ("monitor.late", "monitor.run_time_drift", "system.outage"):
        return sample_of(msgspec.convert(notice, Notice), AT) or {}
    if notice == "monitor.not_observed":
        return {"monitor": MONITOR, "incident": None, "detail": "no result since 2025-06-15T15:06:40+00:00"}
    if notice == DIGEST:
        return {"monitor": None, "incident": None, "digest": listed()}
    if notice in UNCHOSEN:
        about = {"id": "c-9", "name": "Alert channel Ops", "url": "/", "kind": "channel"}
        return {"monitor": about, "incident": None, "detail": "answered 410 Gone"}
    if notice in ("monitor.recovered", "incident.resolved"):
        return {"monitor": MONITOR, "incident": INCIDENT | {"resolved_at": "2025-06-15T16:06:40+00:00"}}
    if notice == ACKNOWLEDGED:
        return {"monitor": MONITOR, "incident": INCIDENT | {"acknowledgement": SAID}}
    job = {"id": "m-2", "name": "Backup", "url": "/checks/m-2", "kind": "heartbeat", "last_output": OUTPUT}
    told = job if notice == "incident.created" else MONITOR | {"last_results": RESULTS}
    return {"monitor": told, "incident": INCIDENT}


def listed(down: int = 60, back: int = 3) -> dict[str, Any]:
    """What a list of so many things holds, fifty of them by name."""
    things = [
        {
            "at": "2025-06-15T15:06:45+00:00",
            "event": "monitor.recovered" if n < back else "monitor.down",
            "first_event": "monitor.down",
            "monitor": {"id": f"m-{n}", "name": f"Shop {n}", "kind": "http"},
            "cause": "HTTP 500 <b>&amp;",
            "incident": {"id": f"i-{n}", "started_at": "2025-06-15T15:06:40+00:00"},
        }
        for n in range(min(50, down + back))
    ]
    return {
        "why": "storm",
        "from": "2025-06-15T15:06:40+00:00",
        "notices": down + 2 * back,
        "counts": {"monitor.down": down, "monitor.recovered": back},
        "things": things,
        "more": down + back - len(things),
    }


def endpoint_to(service: Any, **fields: Any) -> tuple[Endpoint, str]:
    """The endpoint of a channel that leads to a service, and its secret."""
    kind = CHANNEL_KINDS[service.kind]
    stored = kind.validate(service.config(), None)
    secret = stored.pop("secret")
    known: dict[str, Any] = {
        "id": "c",
        "project": "p",
        "notices": NOTICES,
        "secret": secret,
        "kind": kind.name,
        "site": SITE,
        "digest": False,
    }
    return Endpoint(**known | stored | fields), secret


def delivery_of(notice: str, data: Mapping[str, Any] | None = None, *, replay: str = "", id: str = "d-1") -> Delivery:
    body = render_body(notice, AT, dict(data_of(notice) if data is None else data), SITE)
    return Delivery(id=id, event="e", channel="c", notice=notice, body=body, first_due=0, replay=replay)  # type: ignore[arg-type]


def seen(request: Request) -> Seen:
    parts = urlsplit(request.url)
    query = parse_qs(parts.query, keep_blank_values=True)
    return Seen(request.method, parts.path, query, dict(request.headers), request.body)


async def attempt(service: Any, delivery: Delivery, cut: DeliveryResult | None = None, **fields: Any) -> DeliveryResult:
    """One attempt of a delivery, all of it but the socket. cut: of the exchange."""
    endpoint, secret = endpoint_to(service, **fields)

    async def exchange(method: Any, url: str, headers: Mapping[str, str], body: bytes, **_: Any) -> Exchange:
        reply = service.answer(seen(Request(url, body, headers, method)))
        asked = reply.headers.get("Retry-After")
        result = DeliveryResult(reply.status, retry_after=None if asked is None else int(asked))
        return Exchange(result, body=reply.raw(), cut=cut)

    async def post(url: str, body: bytes, headers: Mapping[str, str], dead: bool = False) -> DeliveryResult:
        raise AssertionError("nothing else is posted")

    outgoing = Outgoing(endpoint, delivery, Secrets(secret), AT, False)
    return await messages.send(outgoing, Clients(post, None, services=Services(exchange)))


def message(notice: str = "monitor.down", data: Mapping[str, Any] | None = None, **fields: Any) -> Message:
    """The facts of a notice."""
    endpoint = Endpoint(id="c", project="p", url="https://x.example", notices=(), secret="", site=SITE)
    return messages.message_of(delivery_of(notice, data), endpoint)._replace(**fields)


def content_of(service: Any) -> str:
    """All that a service was sent, as text."""
    return json.dumps([one.body.decode() for one in service.requests])


def message_kinds() -> list[str]:
    return [name for name, kind in CHANNEL_KINDS.items() if isinstance(kind, MessageKind)]
