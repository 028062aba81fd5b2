"""What the people of a project read tells no address, port or host of the installation, whatever libraries, servers
and resolvers say: failures of probes, of webhooks and of mail, and what the API shows of results."""

import errno
import re
import ssl
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import aiohttp
import aiosmtplib
import pytest
from aiohttp.client_reqrep import ConnectionKey
from hypothesis import given
from hypothesis import strategies as st

from infra.egress.guard import Guard, GuardedResolver, TargetRefused
from infra.egress.own_servers import OwnServers
from infra.egress.resolver import NotResolved, SystemResolver
from infra.settings.settings import Settings
from ingest.prober.probes.connection import Connector
from ingest.prober.probes.outcome import ProbeFailed, because
from processors.sender.mail import MailClient
from processors.sender.mail_answers import meaning_of
from processors.sender.webhooks import WebhookClient
from query_api.history.monitors import ResultRow
from query_api.poppaping.results import result_object
from tests.probe_targets import system_trust

HOST = "db7.corp.internal"
PORT = 49_092
ADDRESSES = st.one_of(
    *(
        st.integers(int(IPv4Address(low)), int(IPv4Address(high))).map(lambda number: str(IPv4Address(number)))
        for low, high in (("10.0.0.1", "10.255.255.255"), ("172.16.0.1", "172.31.0.0"), ("169.254.0.1", "169.254.9.9"))
    ),
    st.integers(0xFD << 120, (0xFE << 120) - 1).map(lambda number: str(IPv6Address(number))),
)
# What libraries put into their texts: asyncio the address and port, others the name.
SAYS = st.sampled_from(
    [
        "Connect call failed ('{0}', {1})", "Multiple exceptions: [Errno 111] ('{0}', {1})", "{2}: no route to {0}:{1}",
        "550 client host [{0}] blocked by {2}", "5.7.1 <{2}[{0}]>: Client host rejected", "4.3.0 queue of {2}:{1} full",
    ]
)  # fmt: skip
ERRORS: list[Callable[[str], OSError]] = [
    *(lambda text, number=number: OSError(number, text) for number in (errno.ECONNREFUSED, errno.EHOSTUNREACH, 0, -2)),
    lambda text: OSError(text),
    lambda text: ConnectionResetError(text),
    lambda text: ssl.SSLError(1, text),
    lambda text: NotResolved(text),
]


def must_not_tell(text: str, address: str) -> None:
    for secret in (address, str(PORT), HOST, "db7"):
        assert secret not in text, text


def key() -> ConnectionKey:
    return ConnectionKey("hooks.example", 443, True, True, None, None, None)


@given(ADDRESSES, SAYS, st.sampled_from(ERRORS))
def test_a_failure_says_what_kind_it_is(address: str, says: str, made: Callable[[str], OSError]) -> None:
    error = made(says.format(address, PORT, HOST))
    must_not_tell(because(error, "connect").detail, address)
    client = WebhookClient(Guard())
    for raised in (error, aiohttp.ClientConnectorError(key(), error), aiohttp.ClientOSError(*error.args)):
        answer = client._failure(raised, 5.0)
        assert answer.error
        must_not_tell(answer.error, address)
    mail = MailClient(Settings(_env_file=None, smtp_host=HOST, smtp_from="watch@example.org"), SystemResolver())
    wrapped = aiosmtplib.SMTPConnectError(str(error))
    wrapped.__cause__ = error
    for failed in (error, wrapped, aiosmtplib.SMTPServerDisconnected(str(error))):
        must_not_tell(mail._failure(failed).error, address)


@given(st.integers(400, 599), ADDRESSES, SAYS, st.text(max_size=20))
def test_of_a_mail_server_only_codes_are_told(code: int, address: str, says: str, more: str) -> None:
    text = says.format(address, PORT, HOST) + more
    mail = MailClient(Settings(_env_file=None, smtp_host=HOST, smtp_from="watch@example.org"), SystemResolver())
    told = mail._failure(aiosmtplib.SMTPDataError(code, text)).error
    must_not_tell(told, address)
    assert re.fullmatch(r"the mail server answered \d{3}( [245](\.\d{1,3}){2})?: [a-z ,]+", told)
    assert meaning_of(code, more).startswith(str(code))


def test_a_certificate_for_another_name_does_not_tell_the_name_of_the_mail_server() -> None:
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_code, error.verify_message = 62, f"Hostname mismatch, certificate is not valid for '{HOST}'."
    mail = MailClient(Settings(_env_file=None, smtp_host=HOST, smtp_from="watch@example.org"), SystemResolver())
    assert mail._failure(error).error == "the certificate of the mail server was refused: it is for another name"


class Found(SystemResolver):
    """Resolves every name to one address."""

    def __init__(self, address: str) -> None:
        self.address = address

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> Any:
        return [{"hostname": host, "host": self.address, "port": port}]


@pytest.mark.parametrize("allowed", [False, True])
@pytest.mark.parametrize("address", ["10.1.2.3", "172.16.5.5", "169.254.169.254", "fd00::7", "127.0.0.1"])
async def test_what_a_name_resolves_to_is_not_told(address: str, allowed: bool) -> None:
    """Be it refused as private, or allowed and one of Pingfold's own."""
    own = OwnServers(frozenset({PORT}), frozenset())
    own.holds = lambda address, port: port == PORT  # type: ignore[method-assign]
    guard = Guard(Settings(_env_file=None, private_targets="0.0.0.0/0,::/0").private_targets if allowed else (), own)
    with pytest.raises(TargetRefused) as refused:
        await GuardedResolver(guard, Found(address)).resolve("a.example", PORT)
    must_not_tell(str(refused.value), address)
    answer = WebhookClient(guard)._failure(aiohttp.ClientConnectorError(key(), refused.value), 5.0)
    must_not_tell(answer.error, address)
    connector = Connector(guard, verify=system_trust())
    try:
        for name in ("a.example", ""):  # found by a name, or by where a target redirects to
            with pytest.raises(ProbeFailed) as failed:
                connector.check(address, PORT, name)
            must_not_tell(failed.value.detail, address)
    finally:
        await connector.close()


@given(ADDRESSES)
def test_the_api_shows_public_addresses_of_targets_only(address: str) -> None:
    def shown(address: str) -> Any:
        row = ResultRow(0, 0, "local", 0, True, "", "", 200, 1_000, address, False)
        return result_object(row).address

    assert shown(address) is None
    assert shown("9.9.9.9") == "9.9.9.9"
