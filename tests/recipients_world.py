"""Channels of mail whose recipients confirm, over the API in memory."""

from typing import Any

import httpx

from infra.secrets.confirmation_links import PATH
from schemas.base import encode
from schemas.definitions import Channel
from schemas.deliveries import DeliveryRequested
from schemas.ids import new_id
from schemas.recipients import (
    LINK_VALID,
    mailbox_id,
    recipient_id,
)
from schemas.requests import ChannelCreate
from schemas.topics import DELIVERIES, TRANSITIONS
from tests.harness import POP_KEY, Harness

CHANNELS = "/api/v1/alert-channels"
OPS = "ops@example.org"


def open_api(**settings: Any) -> Harness:
    api = Harness(smtp_host="mail.example.org", smtp_from="Pingfold <pingfold@example.org>", **settings)
    del api.client.headers["X-Api-Key"]
    api.client.headers["Authorization"] = f"Bearer {POP_KEY}"
    return api


def data(answer: httpx.Response, status: int = 200, error: str | None = None) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.json().get("error") == error
    return answer.json().get("data")


async def mail(api: Harness, *addresses: str, **fields: Any) -> dict[str, Any]:
    """A new e-mail channel, as the API shows it."""
    body = {"channel_type": "email", "addresses": list(addresses or (OPS,)), **fields}
    channel: dict[str, Any] = data(await api.client.post(CHANNELS, json=body), 201)
    return channel


def asked(api: Harness) -> list[str]:
    """The addresses that projects wanted to be asked."""
    return sorted(event["address"] for _, event in api.log.of(DELIVERIES) if event["type"] == "confirmation.requested")


def mailed(api: Harness, address: str = OPS) -> int:
    """How many requests are being mailed to an address."""
    return api.log.delivery_states.count(mailbox_id(address))


def finished(api: Harness, key: str) -> list[tuple[str, str]]:
    """How the deliveries of a channel or a mailbox ended, and why."""
    return [
        (event["outcome"], event.get("detail", ""))
        for of, event in api.log.of(TRANSITIONS)
        if of == key and event["type"] == "delivery.finished"
    ]


def tell(api: Harness, channel: dict[str, Any]) -> None:
    """Something goes down."""
    request = DeliveryRequested(transition=new_id(), at=api.log.time, notices=("monitor.down",), data={})
    api.log.send(DELIVERIES.name, channel["id"], encode(request))


def link(api: Harness, address: str = OPS, project: str = "", expires: int | None = None) -> str:
    until = api.log.time + LINK_VALID if expires is None else expires
    return PATH + api.links.token(recipient_id(project or api.project, address), until)


async def press(api: Harness, button: str, **of: Any) -> httpx.Response:
    """Open the page of the link and press a button of the form."""
    return await api.client.post(link(api, **of), data={"answer": button})


def old_channel(api: Harness, *addresses: str) -> str:
    """A channel as a former version asked for it."""
    channel = Channel(id=new_id(), project=api.project, kind="email", url="", created=0, addresses=addresses)
    api.request(api.project, ChannelCreate(request=new_id(), at=api.log.time, channel=channel))
    return channel.id


def await_confirmation(api: Harness, *addresses: str) -> str:
    """A channel that was asked for while the setting was on."""
    channel = Channel(id=new_id(), project=api.project, kind="email", url="", created=0, addresses=addresses)
    api.request(api.project, ChannelCreate(request=new_id(), at=api.log.time, channel=channel, confirm=True))
    return channel.id
