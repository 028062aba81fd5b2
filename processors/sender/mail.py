"""Sends one mail to the addresses of a channel by SMTP. Never raises, whatever the server does: see `DeliveryResult`.

Each mail uses its own connection. The server may refuse some recipients: temporarily (4xx), then they are tried again,
or permanently (5xx), then they are dropped; if all are refused permanently, the attempt has failed. So an address does
not get a mail twice because another one was refused.

Addresses outside ASCII get a mail of their own, by SMTPUTF8. A server that does not offer it refuses them permanently.
"""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

import aiosmtplib
import structlog
from aiohttp.abc import AbstractResolver

from infra.egress.connecting import connect_to
from infra.egress.os_errors import describe_os_error
from infra.egress.resolver import ASKER, LookupTimedOut, NotResolved
from infra.secrets.confirmation_links import ConfirmationLinks
from infra.settings.senders import parse_sender
from infra.settings.settings import Settings
from processors.sender.email_renderer import EmailRenderer, InvitationTokens
from processors.sender.mail_answers import meaning_of
from processors.sender.webhooks import DeliveryResult
from schemas.deliveries import Delivery, Endpoint

log = structlog.get_logger(__name__)

ACCEPTED = 250
_ERROR = 300
_QUIT_SECONDS = 2.0
# X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH.
_OTHER_NAME = (62, 64)
# The usual port of each TLS mode.
_PORTS = {"starttls": 587, "tls": 465, "none": 25}

_Refusals = Mapping[str, tuple[int, str]]
# Of recipients: what a server that knows no SMTPUTF8 would say (RFC 6531), and that the connection failed meanwhile.
_NO_UTF8 = (553, "5.6.7 no SMTPUTF8")
_AGAIN = 451


@dataclass
class _Letter:
    """A mail to those who may get the same bytes. handed_over: the server has it, for some of them at least."""

    recipients: list[str]
    content: bytes
    utf8: bool
    handed_over: bool = False


class MailClient:
    """Sends mail through the server that the settings name; without one every attempt fails and says so.

    resolver: asked for the name of the server; the caller's to close. seconds: limit of a whole mail. connect: limit of
    look-up and connection, and of the TLS handshake, inside the former. tls: what certificates of the server are
    trusted, the system's when not given. links, invitations, subscriptions: make the links of requests to confirm, of
    invitations, and of mails to those who subscribe to status pages; without them none can be sent.
    """

    def __init__(
        self,
        settings: Settings,
        resolver: AbstractResolver,
        *,
        seconds: float = 30.0,
        connect: float = 10.0,
        tls: ssl.SSLContext | None = None,
        links: ConfirmationLinks | None = None,
        invitations: InvitationTokens | None = None,
        subscriptions: ConfirmationLinks | None = None,
    ) -> None:
        self._settings, self._resolver = settings, resolver
        self._seconds, self._connect, self._tls = seconds, connect, tls
        # Without a sender nothing is sent; see `send`.
        sender = settings.smtp_from or "nobody@localhost"
        self._renderer = EmailRenderer(
            settings.site_name,
            sender,
            links,
            asks=settings.mail_confirmation == "on",
            invitations=invitations,
            subscriptions=subscriptions,
        )
        self._address = parse_sender(sender).address
        # Who we are to the server stands in what recipients get: not the name of this host.
        self._name = self._address.rpartition("@")[2] if settings.smtp_from else "[127.0.0.1]"

    async def send(self, endpoint: Endpoint, delivery: Delivery) -> DeliveryResult:
        """Send the mail of a delivery to those of the channel's addresses that it still has to reach."""
        if (missing := self._settings.mail_needs) is not None:
            return DeliveryResult(error=f"{missing} is not set")
        # Whom the channel has lost meanwhile gets nothing; when it has lost all that were left, it is another channel.
        left = [address for address in delivery.to if address in endpoint.addresses] or list(endpoint.addresses)
        recipients = [address for address in left if address not in endpoint.unconfirmed]
        unconfirmed = [address for address in left if address in endpoint.unconfirmed]
        if not recipients:
            # The others have it: what was left is done with.
            return _answer({}, unconfirmed)._replace(status=ACCEPTED if delivery.to else None)
        try:
            letters = self._letters(recipients, delivery, endpoint)
        except Exception as error:  # a notice may hold anything
            return DeliveryResult(error=f"the notice cannot be made a mail ({type(error).__name__})")
        refused: dict[str, tuple[int, str]] = {}
        try:
            async with asyncio.timeout(self._seconds):
                await self._talk(letters, refused)
        except Exception as error:
            if not any(letter.handed_over for letter in letters):
                return self._failure(error)
            # The first of two mails is with its readers: only the other one is tried again.
            left = [one for letter in letters if not letter.handed_over for one in letter.recipients]
            refused |= dict.fromkeys(left, (_AGAIN, str(self._failure(error).error)))
        answer = _answer(refused, unconfirmed)
        return answer._replace(status=None) if len(refused) == len(recipients) else answer

    def _letters(self, recipients: list[str], delivery: Delivery, endpoint: Endpoint) -> list[_Letter]:
        """One for addresses of ASCII, one for others, if there are any."""
        groups = ([one for one in recipients if one.isascii()], [one for one in recipients if not one.isascii()])
        return [
            _Letter(group, self._renderer.write(delivery, endpoint, utf8), utf8)
            for utf8, group in zip((False, True), groups, strict=True)
            if group
        ]

    async def _talk(self, letters: Iterable[_Letter], refused: dict[str, tuple[int, str]]) -> None:
        """Hand the mails over. refused: gets the recipients that were refused."""
        client = self._client(await self._connected())
        try:
            await client.connect()
            for letter in letters:
                refused |= await self._hand_over(client, letter)
            # The mails are the server's now: however the farewell goes.
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=_QUIT_SECONDS)
        finally:
            client.close()

    async def _hand_over(self, client: aiosmtplib.SMTP, letter: _Letter) -> dict[str, tuple[int, str]]:
        """Whom the server refuses, all of them perhaps."""
        try:
            refused, _ = await client.sendmail(
                self._address,
                letter.recipients,
                letter.content,
                mail_options=["SMTPUTF8"] if letter.utf8 else [],
                timeout=self._seconds,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            return {one.recipient: (one.code, one.message) for one in error.recipients}
        except aiosmtplib.SMTPNotSupported:
            if not letter.utf8:
                raise
            return dict.fromkeys(letter.recipients, _NO_UTF8)
        letter.handed_over = True
        return {address: (response.code, response.message) for address, response in refused.items()}

    def _client(self, opened: socket.socket) -> aiosmtplib.SMTP:
        settings = self._settings
        return aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            sock=opened,
            username=settings.smtp_user,
            password=settings.smtp_password,
            use_tls=settings.smtp_tls == "tls",
            start_tls=settings.smtp_tls == "starttls",
            tls_context=self._tls,
            local_hostname=self._name,
            timeout=self._connect,
        )

    async def _connected(self) -> socket.socket:
        """A connection to the first address of the server that takes it; each but the last has its part of the time."""
        settings = self._settings
        host, port = settings.smtp_host or "", settings.smtp_port or _PORTS[settings.smtp_tls]
        try:
            async with asyncio.timeout(self._connect):
                addresses = await self._addresses(host, port)
                for left in range(len(addresses) - 1, -1, -1):
                    try:
                        async with asyncio.timeout(self._connect / len(addresses) if left else None):
                            return await connect_to(addresses[-1 - left], port)
                    except OSError:  # a timeout is one
                        if not left:
                            raise
        except TimeoutError:
            raise aiosmtplib.SMTPConnectTimeoutError("") from None
        raise NotResolved("no address")

    async def _addresses(self, host: str, port: int) -> list[str]:
        try:
            return [str(ip_address(host))]
        except ValueError:
            ASKER.set("")  # the name of all projects' server
            return [result["host"] for result in await self._resolver.resolve(host, port)]

    def _failure(self, error: Exception) -> DeliveryResult:
        """Short texts of our own: those of servers and libraries may tell hosts and addresses, and are logged."""
        cause = error
        while cause.__cause__ is not None and isinstance(cause.__cause__, OSError):
            cause = cause.__cause__
        if isinstance(error, aiosmtplib.SMTPResponseException):
            log.warning("mail.refused", code=error.code, words=_line(error.message))
            return DeliveryResult(error=f"the mail server answered {meaning_of(error.code, error.message)}")
        if isinstance(error, aiosmtplib.SMTPConnectTimeoutError):
            return DeliveryResult(error=f"no connection to the mail server within {self._connect:g} s", timed_out=True)
        if isinstance(error, TimeoutError):
            return DeliveryResult(error=f"no answer of the mail server within {self._seconds:g} s", timed_out=True)
        if isinstance(cause, ssl.SSLCertVerificationError):
            # The library names the host there.
            words = "it is for another name" if cause.verify_code in _OTHER_NAME else cause.verify_message
            return DeliveryResult(error=f"the certificate of the mail server was refused: {words}")
        if isinstance(cause, ssl.SSLError):
            return DeliveryResult(error="the TLS handshake with the mail server failed")
        if isinstance(cause, NotResolved):
            late = isinstance(cause, LookupTimedOut)
            return DeliveryResult(error="the name of the mail server cannot be resolved", timed_out=late)
        if isinstance(error, aiosmtplib.SMTPServerDisconnected):
            return DeliveryResult(error="the mail server closed the connection")
        if isinstance(cause, OSError):
            sender_error = cause.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS)
            return DeliveryResult(
                error=f"no connection to the mail server: {describe_os_error(cause, 'refused')}",
                sender_error=sender_error,
            )
        if isinstance(error, aiosmtplib.SMTPException):
            return DeliveryResult(error=_line(f"the mail server cannot do what is asked of it: {error.message}"))
        return DeliveryResult(error=f"the mail failed ({type(error).__name__})")


def _answer(refused: _Refusals, unconfirmed: Iterable[str]) -> DeliveryResult:
    """Names the recipients that the server refused, and those to which nothing was sent."""
    again = tuple(address for address, (code, _) in refused.items() if code < 500)
    for code, text in refused.values():
        log.warning("mail.refused", code=code, words=_line(text))
    told = [f"{address}: {meaning_of(code, text)}" for address, (code, text) in refused.items()]
    told += [f"{address}: not confirmed" for address in unconfirmed]
    return DeliveryResult(ACCEPTED, error=_line("; ".join(told)), again=again)


def _line(text: str) -> str:
    return " ".join(text.split())[:_ERROR]
