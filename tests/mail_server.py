"""An SMTP server on the loopback, and the sender and the `deliveries` fold that send mail to it, without Kafka."""

import asyncio
import contextlib
import email
import email.policy
from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from infra.egress.own_servers import guard_of
from infra.egress.resolver import SystemResolver
from infra.settings.settings import Settings
from processors.sender.mail import MailClient
from processors.sender.webhooks import WebhookClient
from schemas.deliveries import DeliveryRequested, Endpoint, EndpointDefined
from schemas.notices import NOTICES, Notice
from tests.sender_bench import Bench

SITE = "https://ping.example.org"
DATA: dict[str, Any] = {
    "monitor": {"id": "m1", "name": "Shop", "url": "https://shop.example/", "kind": "http", "current_status": "down"},
    "incident": {
        "id": "i1",
        "started_at": "2026-11-21T17:01:17+00:00",
        "resolved_at": None,
        "cause": "Connection timed out",
        "status": "open",
    },
}


class Server:
    """Takes mail, and refuses what it is told to: `refuse` by recipient, `data` the answer to a whole mail."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], EmailMessage, bytes]] = []
        self.senders: list[str] = []
        self.refuse: dict[str, str] = {}
        self.data = "250 OK"
        self.delay = 0.0
        self.at_once = self.most_at_once = 0
        self.logins: list[tuple[bytes, bytes]] = []
        self.tls: list[bool] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.delay)
        self.at_once -= 1
        if self.data.startswith("250"):
            content = bytes(envelope.content or b"")
            mail = email.message_from_bytes(content, policy=email.policy.SMTP)
            assert isinstance(mail, EmailMessage)
            self.tls.append(session.ssl is not None)
            self.senders.append(str(envelope.mail_from))
            self.mails.append(([str(address) for address in envelope.rcpt_tos], mail, content))
        return self.data

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"open sesame", handled=False)


@contextlib.asynccontextmanager
async def smtp(server: Server, **options: Any) -> AsyncIterator[int]:
    """The server, in this loop; its port."""
    loop = asyncio.get_running_loop()
    implicit = options.pop("ssl_context", None)
    listening = await loop.create_server(lambda: SMTP(server, loop=loop, **options), "127.0.0.1", 0, ssl=implicit)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


def settings_of(port: int, **more: Any) -> Settings:
    chosen: dict[str, Any] = {
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "smtp_tls": "none",
        "smtp_from": "Watch <watch@example.org>",
    }
    return Settings(_env_file=None, **chosen | more)


class MailBench(Bench):
    """The fold and the sender, with a channel `c` that goes to these addresses."""

    def mail_to(self, *addresses: str, channel: str = "c", unconfirmed: tuple[str, ...] = (), site: str = SITE) -> None:
        endpoint = Endpoint(
            id=channel,
            project="p",
            url="",
            notices=NOTICES,
            secret="",
            site=site,
            kind="email",
            addresses=addresses,
            unconfirmed=unconfirmed,
            digest=False,
        )
        self.feed((channel, EndpointDefined(at=self.now, endpoint=endpoint)))

    def tell(
        self, data: dict[str, Any] = DATA, notice: Notice = "monitor.down", n: str = "t", channel: str = "c"
    ) -> None:
        self.feed((channel, DeliveryRequested(transition=n, at=self.now, notices=(notice,), data=data)))


@contextlib.asynccontextmanager
async def bench(settings: Settings, **client: Any) -> AsyncIterator[MailBench]:
    resolver, own = client.pop("resolver", None) or SystemResolver(), client.pop("own_links", None)
    async with WebhookClient(guard_of(settings), resolver=resolver) as webhooks:
        run = MailBench(webhooks, mail=MailClient(settings, resolver, **client).send, links=own)
        try:
            yield run
        finally:
            await run.sender.close(0)


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())
