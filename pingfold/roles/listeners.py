"""Where a web process listens: the addresses of `PINGFOLD_HOST`, and those that speak TLS if there is a certificate."""

import contextlib
import socket
from typing import NamedTuple

from infra.http_server.listening import bind, bind_all
from infra.http_server.tls import ServerCertificates, Tls
from infra.settings.settings import Settings

TLS_LISTEN = "PINGFOLD_TLS_LISTEN"


class Listeners(NamedTuple):
    """Sockets that are bound and do not listen yet."""

    plain: list[socket.socket]
    tls: Tls | None


def certificates_of(settings: Settings) -> ServerCertificates | None:
    """The certificates that are set, read. Raises `CannotServeTls`."""
    return ServerCertificates(*settings.tls_pairs) if settings.tls_pairs else None


def open_listeners(settings: Settings) -> Listeners:
    """All sockets of a web process. Raises `CannotListen` and `CannotServeTls`."""
    certificates = certificates_of(settings)
    with contextlib.ExitStack() as opened:
        plain = bind_all(settings.hosts, settings.port)
        for listener in plain:
            opened.callback(listener.close)
        secure = [] if certificates is None else settings.tls_addresses
        both = all(":" in host for host, _ in secure)
        secured = [opened.enter_context(bind(*address, TLS_LISTEN, TLS_LISTEN, both=both)) for address in secure]
        opened.pop_all()
    return Listeners(plain, None if certificates is None else Tls(certificates, tuple(secured)))
