"""The entries of `PINGFOLD_PRIVATE_TARGETS`: private targets that probes and webhooks may reach. Pure.

A network or address (`10.1.0.0/16`, `10.1.2.3`), optionally with a port (`127.0.0.1:9000`, `[fd00::/8]:443`), or
`name:port`, which is resolved when the process starts. With `@PROJECT` at its end, an entry applies to the monitors and
channels of that project only.
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import NamedTuple

Network = IPv4Network | IPv6Network

_PORT = re.compile(r"(.+):([0-9]{1,5})", re.DOTALL)
_NAME = re.compile(r"(?!.*\.\.)[a-z0-9_](?:[a-z0-9_.-]{0,252})", re.IGNORECASE)
_PROJECT = re.compile(r"[0-9a-f-]{36}")


class Allowed(NamedTuple):
    """Private targets that may be reached. network None: the addresses of `name`. port, project None: any."""

    network: Network | None
    port: int | None = None
    project: str | None = None
    name: str = ""

    def holds(self, address: IPv4Address | IPv6Address, port: int | None) -> bool:
        """Whether it allows this address; port None: no port is meant, or none is known."""
        return self.network is not None and address in self.network and self.port in (None, port)


def parse_allowed(text: str) -> Allowed:
    """Raises `ValueError` with what is wrong."""
    target, at, project = text.partition("@")
    if at and not _PROJECT.fullmatch(project):
        raise ValueError(f"'{project}' is not the id of a project")
    try:
        return Allowed(ip_network(target), None, project or None)
    except ValueError:
        match = _PORT.fullmatch(target)
        if match is None:
            raise
    host, port = match[1], int(match[2])
    if not 0 < port < 65_536:
        raise ValueError(f"'{target}' has no port that there can be")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return Allowed(ip_network(bare), port, project or None)
    except ValueError:
        if not _NAME.fullmatch(host) or not any(letter.isalpha() for letter in host):
            raise
    return Allowed(None, port, project or None, host)
