"""A Pingfold with two regions and a DNS server, and servers of the test around it, for mail, names and domains.

It trusts an authority of the test.
"""

import contextlib
import email
import email.policy
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from infra.embedded.ports import HOST, free_port
from tests.certificates import Authority
from tests.loop_thread import LoopThread
from tests.pingfold_process import Pingfold
from tests.probe_targets import resolving
from tests.rdap_registry import Registry, registry

REGIONS = ("riga", "oslo")
DNS_ZONE = "nodes.example.org"
# Nothing is known of the other region.
_NODES = '[riga]\nip = "192.0.2.10"\nip6 = "2001:db8::10"\ncity = "Riga"\n[hooks]\nip = "192.0.2.20"\n'


class Mails:
    """Takes every mail."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        mail = email.message_from_bytes(bytes(envelope.content or b""), policy=email.policy.SMTP)
        assert isinstance(mail, EmailMessage)
        self.taken.append(mail)
        return "250 OK"


@dataclass(frozen=True)
class Equipped:
    """names: what its resolver knows; may be added to. servers: others may be started there. dns_port: of the server
    for the addresses of its nodes. authority: signs certificates that its probers trust."""

    pingfold: Pingfold
    mails: Mails
    names: dict[str, list[str]]
    registry: Registry
    servers: LoopThread
    dns_port: int
    authority: Authority


@contextlib.contextmanager
def equipped_pingfold(folder: Path) -> Iterator[Equipped]:
    """Not started yet."""
    with LoopThread() as servers:
        mails, names = Mails(), dict[str, list[str]]()
        controller = Controller(mails, hostname=HOST, port=free_port())
        controller.start()
        resolver = servers.enter(resolving(names))
        domains = servers.enter(registry())
        nodes, dns_port = folder / "nodes.toml", free_port()
        nodes.write_text(_NODES)
        authority = Authority(folder)
        settings = {
            "PINGFOLD_REGIONS": ",".join(REGIONS),
            "PINGFOLD_NODES": str(nodes),
            "PINGFOLD_DNS_ZONE": DNS_ZONE,
            "PINGFOLD_DNS_NAMESERVERS": "ns1.example.org",
            "PINGFOLD_DNS_LISTEN": f"{HOST}:{dns_port}",
            "PINGFOLD_RDAP": f"{domains.url}/dns.json",
            "PINGFOLD_RESOLVERS": "{}:{}".format(*resolver.server),
            "SSL_CERT_FILE": str(authority.file),
            "PINGFOLD_SMTP_HOST": HOST,
            "PINGFOLD_SMTP_PORT": str(controller.port),
            "PINGFOLD_SMTP_TLS": "none",
            "PINGFOLD_SMTP_FROM": "Watch <watch@example.org>",
        }
        one = Pingfold(folder, partitions=4, settings=settings)
        try:
            yield Equipped(one, mails, names, domains, servers, dns_port, authority)
        finally:
            one.close()
            controller.stop()
