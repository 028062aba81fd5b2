"""Opens the listening socket of a server; if that fails, raises an error of one line that says why and what to do."""

import contextlib
import errno
import socket
from collections.abc import Sequence

from infra.errors import InfraError


class CannotListen(InfraError):
    """The address cannot be listened on: end with the message, which says why and what to do."""


def bind(
    host: str,
    port: int,
    setting: str = "PINGFOLD_PORT",
    host_setting: str = "PINGFOLD_HOST",
    kind: socket.SocketKind = socket.SOCK_STREAM,
    both: bool = True,
) -> socket.socket:
    """A socket bound to host and port, not listening yet. Raises `CannotListen`, which names the settings.

    both: `::` is for IPv4, too.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, kind)
    try:
        if kind == socket.SOCK_STREAM:  # of datagrams, two programs could share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and host == "::":
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not both))
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CannotListen(_reason(error, host, port, setting, host_setting)) from error
    return listener


def bind_all(hosts: Sequence[str], port: int) -> list[socket.socket]:
    """A socket for each address of `PINGFOLD_HOST`. Raises `CannotListen`."""
    with contextlib.ExitStack() as opened:
        both = all(":" in host for host in hosts)
        sockets = [opened.enter_context(bind(host, port, both=both)) for host in hosts]
        opened.pop_all()
    return sockets


def check_free(host: str, port: int, setting: str, host_setting: str = "PINGFOLD_HOST", both: bool = True) -> None:
    """Raise `CannotListen` when nobody could listen there now."""
    with bind(host, port, setting, host_setting, both=both) as listener:
        try:
            # A port that another socket is bound to, and does not listen on yet, shows only here.
            listener.listen()
        except OSError as error:
            raise CannotListen(_reason(error, host, port, setting, host_setting)) from error


def _reason(error: OSError, host: str, port: int, setting: str, host_setting: str) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} on {host} is taken by another program; set {setting} or stop it"
        case errno.EACCES:
            return f"port {port} on {host} needs permissions that this user lacks; set {setting} to one above 1023"
        case errno.EADDRNOTAVAIL:
            return f"this machine has no address {host}; set {host_setting}"
        case _:
            return (
                f"cannot listen on port {port} of {host} ({error.strerror or error}); set {host_setting} or {setting}"
            )
