"""Alert channels of the PoppaPing API over the real folds, in memory: making them, and what the sender reports."""

from datetime import UTC, datetime
from typing import Any

import httpx

from schemas.base import SECOND, encode
from schemas.deliveries import DeliveryAttempted
from schemas.topics import DELIVERIES
from tests.harness import POP_KEY, Harness

CHANNELS = "/api/v1/alert-channels"
HOOK = {"channel_type": "webhook", "url": "https://hooks.example/x"}
MAIL = {"channel_type": "email", "email": "ops@example.org"}


def open_api(**settings: Any) -> Harness:
    given: dict[str, Any] = {"smtp_host": "mail.example.org", "smtp_from": "a@b.example", "mail_confirmation": "off"}
    harness = Harness(**given | settings)
    del harness.client.headers["X-Api-Key"]
    harness.client.headers["Authorization"] = f"Bearer {POP_KEY}"
    return harness


def data(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()["data"]


async def made(api: Harness, **fields: Any) -> str:
    id: str = data(await api.client.post(CHANNELS, json=HOOK | fields), 201)["id"]
    return id


def report(api: Harness, channel: str, status: int | None = 200, **fields: Any) -> None:
    """What the sender would say of everything that is outstanding."""
    for pending in api.log.delivery_states.pending(channel):
        delivery = pending.delivery
        if delivery.due is None:
            attempted = DeliveryAttempted(
                delivery=delivery.id, attempt=delivery.attempt, at=api.log.time, status=status, replay=delivery.replay,
                **fields,
            )  # fmt: skip
            api.log.send(DELIVERIES.name, channel, encode(attempted))


def iso(at: int, seconds: int = 0) -> str:
    return datetime.fromtimestamp(at // SECOND + seconds, UTC).isoformat()


async def log_of(api: Harness, channel: str, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = data(await api.client.get(f"{CHANNELS}/{channel}/deliveries", params=query))
    return found
