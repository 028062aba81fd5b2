"""The addresses of Pingfold's own servers, which no probe or webhook may reach, whatever the settings allow.

On this host: the ports of the web process, of the embedded servers, and of a Kafka and ClickHouse that the settings
place on this host, at every address of this host. Elsewhere: the Kafka and ClickHouse in the settings. While such a
name does not resolve (containers that start together), its port is refused at every address that is not public. Brokers
that are not among the bootstrap servers are unknown.
"""

import json
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

import structlog

from infra.egress.allowed import Allowed
from infra.egress.guard import Guard, inner_address
from infra.settings.settings import Settings

log = structlog.get_logger(__name__)

Address = IPv4Address | IPv6Address


# A name that does not resolve is looked up again no more often than this.
_AGAIN_SECONDS = 10.0


class OwnServers:
    """Says whether an address and port are Pingfold's own. Never blocks: names are looked up in a thread.

    ports: at every address of this host. named: servers by name or address; they are looked up once now.
    """

    def __init__(self, ports: Iterable[int], named: Iterable[tuple[str, int]]) -> None:
        self._ports, self._elsewhere = frozenset(ports), frozenset[tuple[Address, int]]()
        self._unknown = frozenset(named)
        self._looking = threading.Lock()
        self._looked_at = 0.0
        self._look()

    def holds(self, address: Address, port: int) -> bool:
        """Whether one of them is there, or may be."""
        inner = inner_address(address)
        if (inner, port) in self._elsewhere or (port in self._ports and _is_this_host(inner)):
            return True
        if any(port == of for _, of in self._unknown) and not inner.is_global:
            if time.monotonic() - self._looked_at >= _AGAIN_SECONDS:
                threading.Thread(target=self._look, name="own-servers", daemon=True).start()
            return True
        return False

    def _look(self) -> None:
        """Look up the names that are not known yet."""
        if not self._looking.acquire(blocking=False):
            return
        try:
            self._looked_at = time.monotonic()
            for host, port in self._unknown:
                if found := [inner_address(address) for address in _addresses(host)]:
                    here = [address for address in found if _is_this_host(address)]
                    self._ports |= {port} if here else set()
                    self._elsewhere |= {(address, port) for address in found}
                    self._unknown -= {(host, port)}
            self._looked_at = time.monotonic()
        finally:
            self._looking.release()


def _is_this_host(address: Address) -> bool:
    if address.is_loopback or address.is_unspecified or str(address).startswith("0."):
        return True
    # Nobody may listen on an address that is another host's: that costs less than to list those of all interfaces.
    with socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True


def guard_of(settings: Settings) -> Guard:
    """The guard of this process. Names are looked up now; one that does not resolve allows, or closes, nothing."""
    return Guard(tuple(_resolved(settings.private_targets)), own_servers(settings))


def own_servers(settings: Settings) -> OwnServers:
    """What is known of them when a process starts."""
    ports = {
        settings.port,
        settings.kafka_port,
        settings.clickhouse_port,
        *(port for _, port in settings.tls_addresses),
    }
    kept = settings.data / "ports.json"
    if kept.exists():
        ports.update(json.loads(kept.read_bytes()).values())
    return OwnServers(ports - {0}, _named(settings))


def _named(settings: Settings) -> Iterator[tuple[str, int]]:
    for server in (settings.kafka_bootstrap_servers or "").split(","):
        parts = urlsplit(f"//{server.strip()}")
        if parts.hostname:
            yield parts.hostname, parts.port or 9092
    if settings.clickhouse_url is not None:
        parts = urlsplit(settings.clickhouse_url)
        if parts.hostname:
            yield parts.hostname, parts.port or (8443 if parts.scheme == "https" else 8123)


def _resolved(targets: tuple[Allowed, ...]) -> Iterator[Allowed]:
    for target in targets:
        if target.network is not None:
            yield target
        for address in _addresses(target.name) if target.name else ():
            yield target._replace(network=ip_network(str(address)))


def _addresses(host: str) -> list[Address]:
    try:
        return [ip_address(host)]
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        log.warning("targets.name_unknown", name=host, error=str(error))
        return []
    return [ip_address(str(one[4][0]).partition("%")[0]) for one in found]
