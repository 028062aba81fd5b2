"""What one attempt is given, whatever the kind of its channel, and what it sends with."""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple, Protocol

from infra.apprise_library.messages import Call, Verdict
from infra.clock import SYSTEM_CLOCK
from processors.sender.lanes import Secrets
from processors.sender.webhooks import DeliveryResult, Exchange
from schemas.base import Micros
from schemas.deliveries import Delivery, Endpoint

Mail = Callable[[Endpoint, Delivery], Awaitable[DeliveryResult]]


class Post(Protocol):
    """`WebhookClient.post`."""

    async def __call__(
        self, url: str, body: bytes, headers: Mapping[str, str], dead: bool = False, /
    ) -> DeliveryResult: ...


class Exchanges(Protocol):
    """`WebhookClient.exchange`."""

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, verify: bool = True, dead: bool = False
    ) -> Exchange: ...


async def no_library(_call: Call) -> Verdict:
    """Where there is no Apprise."""
    return Verdict(problem="nothing is sent to services of Apprise here")


class Services(NamedTuple):
    """What services are reached with. exchange: one request, kept from addresses that are closed.

    ask: the library of Apprise, which says what to send; raises `infra.apprise_library.library.LibraryFailed`.
    """

    exchange: Exchanges
    ask: Callable[[Call], Awaitable[Verdict]] = no_library


class Clients(NamedTuple):
    """What attempts are made with. post: one POST, kept from addresses that are closed.

    mail, services: None where there are none. They never raise for what a receiver does, and keep their limits of time.
    time: the real one, for signatures.
    """

    post: Post
    mail: Mail | None
    time: Callable[[], Micros] = SYSTEM_CLOCK.real
    services: Services | None = None


class Outgoing(NamedTuple):
    """One attempt. secrets: of the endpoint, decrypted; `current` is "" when it has none. now: when the attempt counts.

    hopeless: the receiver seems to be dead; whether it is there should be found out soon.
    """

    endpoint: Endpoint
    delivery: Delivery
    secrets: Secrets
    now: Micros
    hopeless: bool


# Makes an attempt. Raises for nothing that a receiver can do.
Send = Callable[[Outgoing, Clients], Awaitable[DeliveryResult]]
