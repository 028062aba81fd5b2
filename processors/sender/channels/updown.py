"""updown: an event of updown.io's Push API, as it was rendered when it was requested.

Receivers know the sender by its address and by `updown.io` in its User-Agent. Who wants more checks the signature of
Standard Webhooks, which comes on top.
"""

import importlib.metadata

from processors.sender.channels.sending import Clients, Outgoing
from processors.sender.signatures import standard_headers
from processors.sender.webhooks import DeliveryResult
from schemas.base import SECOND

_AGENT = f"Pingfold/{importlib.metadata.version('pingfold')} (webhook; compatible with updown.io)"


async def send(outgoing: Outgoing, clients: Clients) -> DeliveryResult:
    """Post the event; the signature tells the real time, which receivers compare with theirs."""
    secrets, delivery = outgoing.secrets, outgoing.delivery
    body = delivery.body.encode()
    formers = secrets.formers_at(outgoing.now)
    headers = standard_headers(secrets.current, delivery.event, clients.time() // SECOND, body, formers)
    return await clients.post(outgoing.endpoint.url, body, headers | {"User-Agent": _AGENT}, outgoing.hopeless)
