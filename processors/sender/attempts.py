"""Makes one attempt of a delivery: request or mail, its time limit, and the report. See `processors.sender.sender`."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from importlib import import_module
from itertools import chain, repeat
from typing import Final

import structlog

from infra import metrics as metrics_table
from infra.egress.resolver import ASKER
from infra.secrets.channel_secrets import places
from infra.secrets.secrets import Decrypts, SecretError
from processors.deliveries.policies import delivered
from processors.sender import messages
from processors.sender.channels.sending import Clients, Mail, Outgoing, Post, Send, Services
from processors.sender.lanes import NO_SECRETS, Attempt, Lane, Secrets
from processors.sender.own_links import OwnLinks
from processors.sender.slots import Kind, Pool
from processors.sender.webhooks import DeliveryResult
from processors.sender.wording import noted, worded
from schemas.base import Micros
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.channels.messages import MessageKind
from schemas.deliveries import Delivery, DeliveryAttempted, Endpoint

log = structlog.get_logger(__name__)

DELIVERIES_TOTAL: Final = metrics_table.DELIVERIES.create()
DELIVERY_SECONDS: Final = metrics_table.DELIVERY_SECONDS.create()
HURRIED_TOTAL: Final = metrics_table.DELIVERIES_HURRIED.create()

Report = Callable[[str, DeliveryAttempted], Awaitable[None]]


# What sends to a kind: for messages of services one `send` for all, else that of the module of its name.
SENDS: Final[dict[str, Send]] = {
    name: messages.send if isinstance(kind, MessageKind) else import_module(f"processors.sender.channels.{name}").send
    for name, kind in CHANNEL_KINDS.items()
}

# A slow request beyond the share of its project is given up after so many seconds.
PATIENCE = 1.0
# The limit of an attempt, should its client not keep its own.
LONGEST = 60.0


class Request:
    """An attempt under way. `pool`: whose slot it has, None when it is hurried; the place is that of its beginning.

    turned: when it was last begun, answered or reported. answered: the receiver is done; what is left is to report it.
    overdue: it counts in the lane as slow.
    limit: when the attempt is given up.
    """

    __slots__ = (
        "answered",
        "attempt",
        "began",
        "by_mail",
        "host",
        "key",
        "lane",
        "limit",
        "overdue",
        "pool",
        "project",
        "turned",
    )

    def __init__(self, lane: Lane, key: str, attempt: Attempt, pool: Pool[Lane], began: float) -> None:
        self.lane, self.key, self.attempt, self.began = lane, key, attempt, began
        self.project, self.host = lane.project, lane.host
        self.pool: Pool[Lane] | None = pool
        self.limit: asyncio.Timeout | None = None
        self.by_mail = lane.kind is Kind.MAIL
        self.answered = self.overdue = False
        self.turned = began

    def turn(self) -> None:
        """It gets on: something that is bounded in time begins."""
        self.turned = asyncio.get_running_loop().time()

    def settle(self) -> None:
        """The receiver is done with it, whatever came of it."""
        self.answered = True
        if self.overdue:
            self.overdue = False
            self.lane.overdue -= 1

    def hurry(self, seconds: float) -> None:
        """It has no slot: give it up when it has taken so long."""
        self.pool = None
        if self.limit is not None:
            self.limit.reschedule(self.began + seconds)


class Attempts:
    """Makes attempts with `post`, `mail` and `services`, appends reports with `append`.

    limit: requests at once of a channel.

    links: where pages of ours are now; without it, links are sent as the folds wrote them.
    """

    def __init__(
        self,
        post: Post,
        mail: Mail | None,
        append: Report,
        decrypt: Decrypts,
        clock: Callable[[], Micros],
        limit: int,
        links: OwnLinks | None = None,
        services: Services | None = None,
    ) -> None:
        self._clients, self._links = Clients(post, mail, services=services), links
        self._append, self._decrypt, self._clock = append, decrypt, clock
        self.limit = limit

    async def make(self, request: Request, delivery: Delivery) -> None:
        """Make an attempt and report it. Never raises; cancelled or failed, the attempt stays outstanding."""
        try:
            result = await self._attempt(request, delivery)
            if result is not None:
                await self._report(request, delivery, *result)
        except Exception:
            # Nothing that a target does comes here. The next owner tries it again.
            log.exception("delivery failed unexpectedly", delivery=delivery.id, channel=delivery.channel)
        finally:
            request.settle()

    async def _attempt(self, request: Request, delivery: Delivery) -> tuple[DeliveryResult, float] | None:
        """What came of it and how long it took, None when the channel is no more; no want of sockets is an answer."""
        lane = request.lane
        for pause in _pauses():
            endpoint = lane.endpoint
            if endpoint is None:
                return None
            request.turn()
            began = request.turned
            try:
                async with asyncio.timeout(LONGEST if request.pool is not None else PATIENCE) as request.limit:
                    result = await self._sent(lane, endpoint, delivery)
            except TimeoutError:
                result = self._given_up(request)
            request.limit = None
            if not result.sender_error:
                return result, asyncio.get_running_loop().time() - began
            log.warning("out of sockets", error=result.error)
            await asyncio.sleep(pause)
        return None

    def _given_up(self, request: Request) -> DeliveryResult:
        if request.pool is not None:
            return DeliveryResult(error=f"no answer within {LONGEST:g} s", timed_out=True)
        HURRIED_TOTAL.inc()
        return DeliveryResult(
            error=f"no answer within {PATIENCE:g} s, while too many others did not answer", timed_out=True
        )

    async def _report(self, request: Request, delivery: Delivery, result: DeliveryResult, took: float) -> None:
        """Report an attempt, until it is recorded."""
        report = DeliveryAttempted(
            delivery=delivery.id,
            attempt=delivery.attempt,
            at=self._clock(),
            status=result.status,
            error=result.error,
            timed_out=result.timed_out,
            retry_after=result.retry_after,
            took_ms=round(took * 1000),
            replay=delivery.replay,
            again=result.again,
            refused=result.refused,
            ours=result.ours,
        )
        outcome = "timed_out" if result.timed_out else "failed"
        if delivered(request.lane.endpoint, report):
            outcome = "delivered"
        request.settle()
        if not result.ours:
            request.lane.finished(outcome == "delivered", took, self.limit)
        DELIVERIES_TOTAL.labels(outcome).inc()
        DELIVERY_SECONDS.observe(took)
        for pause in _pauses():
            request.turn()
            try:
                return await self._append(delivery.channel, report)
            except Exception as error:
                log.warning("report not taken, trying again", channel=delivery.channel, error=repr(error))
                await asyncio.sleep(pause)

    async def _sent(self, lane: Lane, endpoint: Endpoint, delivery: Delivery) -> DeliveryResult:
        try:
            secrets = lane.secrets = lane.secrets or self._secrets_of(endpoint)
        except Exception:
            return DeliveryResult(error="the secret of the channel cannot be decrypted")
        ASKER.set(endpoint.project)
        try:
            if self._links is not None:
                delivery = self._links.of_delivery(delivery, endpoint)
                endpoint = self._links.of_endpoint(endpoint)
            why = ""
            if delivery.wording is not None:
                delivery, why = worded(delivery, endpoint)
            outgoing = Outgoing(endpoint, delivery, secrets, self._clock(), lane.is_hopeless())
            return noted(await SENDS[endpoint.kind](outgoing, self._clients), why)
        except TimeoutError:
            raise
        except Exception as error:  # a result all the same: a delivery without one would be outstanding for ever
            log.exception("an attempt failed unexpectedly", channel=endpoint.id, kind=endpoint.kind)
            return DeliveryResult(error=f"the attempt failed ({type(error).__name__})")

    def _secrets_of(self, endpoint: Endpoint) -> Secrets:
        """Raises when the current secret cannot be decrypted; a former one that cannot be is left out."""
        if not endpoint.secret and not CHANNEL_KINDS[endpoint.kind].signs:
            return NO_SECRETS
        given = places(endpoint.kind, endpoint.id, endpoint.project, endpoint.url)
        formers = []
        for former in endpoint.former_secrets:
            try:
                formers.append((self._decrypt(former.secret, *given), former.until))
            except SecretError as error:
                log.warning("a former secret cannot be decrypted", channel=endpoint.id, error=str(error))
        return Secrets(self._decrypt(endpoint.secret, *given), tuple(formers))


def _pauses() -> Iterator[float]:
    """Seconds between tries of what must succeed in the end, without end."""
    return chain((0.1, 0.5, 1.0), repeat(5.0))
