"""E-mail: a mail to those of the addresses that it still has to reach."""

from processors.sender.channels.sending import Clients, Outgoing
from processors.sender.webhooks import DeliveryResult


async def send(outgoing: Outgoing, clients: Clients) -> DeliveryResult:
    """Hand the mail to the mail server."""
    if clients.mail is None:
        return DeliveryResult(error="no mail is sent here")
    return await clients.mail(outgoing.endpoint, outgoing.delivery)
