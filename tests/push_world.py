"""Pingfold in memory with a real sender: its folds and APIs, real HTTP to receivers, real SMTP to a mail server.

Time passes only by `pass_to`. `restart` ends the sender and lets every fold begin with its stored records.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import msgspec

from infra.egress.own_servers import guard_of
from infra.egress.resolver import SystemResolver
from processors.sender.mail import MailClient
from processors.sender.own_links import OwnLinks
from processors.sender.sender import Sender
from processors.sender.webhooks import WebhookClient
from schemas.base import SECOND, encode
from schemas.deliveries import Delivery, DeliveryAttempted
from schemas.topics import DELIVERIES, Topic
from tests.harness import Harness
from tests.mail_server import Server, smtp
from tests.updown_client import with_updown_keys


class PushWorld(Harness):
    """mails: what the mail server has taken."""

    def __init__(self, webhooks: WebhookClient, server: Server, port: int) -> None:
        super().__init__(
            smtp_host="127.0.0.1",
            smtp_port=port,
            smtp_tls="none",
            smtp_from="Watch <watch@example.org>",
            mail_confirmation="off",
            private_targets="127.0.0.0/8",
            test_sends_per_hour=0,
            public_url="https://up.example.org",
            ping_endpoint="https://ping.example.org",
        )
        with_updown_keys(self)
        self.server = server
        self._webhooks = webhooks
        self._mail = MailClient(self.settings, SystemResolver())
        self.sender = self._new_sender()
        self.log.followers.append(self._committed)

    def _new_sender(self) -> Sender:
        sender = Sender(
            self._webhooks.post,
            self._report,
            lambda secret, *_: secret,
            mail=self._mail.send,
            links=OwnLinks(self.settings.base_url, self.settings.pulse_base),
            clock=lambda: self.log.time,
            takeover=0.0,
        )
        for partition in range(self.log.partitions):
            sender.assigned(partition, self.log.records_of(DELIVERIES, partition))
        return sender

    def _committed(self, journal: Topic, partition: int, changes: Mapping[str, msgspec.Struct | None]) -> None:
        if journal is DELIVERIES:
            self.sender.committed(partition, changes)

    async def _report(self, channel: str, attempt: DeliveryAttempted) -> None:
        asyncio.get_running_loop().call_soon(self.log.send, DELIVERIES.name, channel, encode(attempt))

    async def restart(self) -> None:
        """As a process that ends and is started again."""
        await self.sender.close(5)
        self.log.restart()
        self.sender = self._new_sender()

    def pending(self, channel: str) -> list[Delivery]:
        return [each.delivery for each in self.log.delivery_states.pending(channel)]

    async def until(self, condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Wait for it."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not in time: {what}"
            await asyncio.sleep(0.002)

    async def until_reported(self, channel: str) -> None:
        """Wait until no attempt at the channel is outstanding."""
        await self.until(lambda: all(each.due is not None for each in self.pending(channel)), "every attempt reported")

    def probe(self, monitor: str, ok: bool) -> None:
        """The next result that is asked for, when it is."""
        state = self.log.monitor_states.state(monitor)
        assert state is not None
        self.pass_to(self.log.time + SECOND if state.pending_change is not None else state.expected)
        self.log.probe(monitor, ok)

    def pass_to(self, at: int) -> None:
        """Time passes in one step."""
        self.log.time = max(self.log.time, at)
        self.log.tick(0)


@contextlib.asynccontextmanager
async def push_world() -> AsyncIterator[PushWorld]:
    server = Server()
    async with smtp(server) as port:
        guard = guard_of(Harness(private_targets="127.0.0.0/8").settings)
        async with WebhookClient(guard, resolver=SystemResolver()) as webhooks:
            world = PushWorld(webhooks, server, port)
            try:
                yield world
            finally:
                await world.sender.close(0)


def subject(mail: Any) -> str:
    return str(mail[1]["Subject"])
