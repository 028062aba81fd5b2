"""Webhooks: the notice as it was rendered when it was requested, signed anew in each attempt."""

from processors.sender.channels.sending import Clients, Outgoing
from processors.sender.signatures import signature_headers
from processors.sender.webhooks import DeliveryResult
from schemas.base import SECOND


async def send(outgoing: Outgoing, clients: Clients) -> DeliveryResult:
    """Post the notice; the signature tells the real time, which receivers compare with theirs."""
    secrets, delivery = outgoing.secrets, outgoing.delivery
    body = delivery.body.encode()
    formers = secrets.formers_at(outgoing.now)
    headers = signature_headers(secrets.current, delivery.event, clients.time() // SECOND, body, formers)
    return await clients.post(outgoing.endpoint.url, body, headers, outgoing.hopeless)
