"""The DNS process: answers for the zone of the nodes. It needs neither Kafka nor ClickHouse: settings are all it knows.

Nothing secret is needed either, and `pingfold up` gives it none: it talks to anybody.
"""

import contextlib
import socket

import structlog

from infra.http_server.listening import bind
from infra.process.lifecycle import Stop
from infra.process.tasks import persistent, vital
from infra.settings.settings import Settings
from pingfold.errors import PingfoldError
from pingfold.roles.open_files import connections
from query_api.dns.rates import Rates
from query_api.dns.server import DnsServer, Listener
from query_api.dns.tcp import MOST_CONNECTIONS
from query_api.dns.zone import build_zone

log = structlog.get_logger(__name__)

_SETTING = "PINGFOLD_DNS_LISTEN"


class NoZone(PingfoldError):
    """There is nothing to answer for."""


def bind_dns(settings: Settings) -> list[Listener]:
    """The sockets of all addresses. Raises `CannotListen`, and `NoZone` when no zone is set."""
    if settings.dns_zone is None:
        raise NoZone(
            "PINGFOLD_DNS_ZONE is not set: name the zone to answer for, and its servers in PINGFOLD_DNS_NAMESERVERS"
        )
    with contextlib.ExitStack() as opened:
        listeners = []
        for host, port in settings.dns_listen:
            udp = opened.enter_context(bind(host, port, _SETTING, _SETTING, socket.SOCK_DGRAM))
            tcp = opened.enter_context(bind(host, port, _SETTING, _SETTING))
            listeners.append(Listener((host, port), udp, tcp))
        opened.pop_all()
    return listeners


async def serve_dns(settings: Settings, listeners: list[Listener], stop: Stop) -> None:
    """Answer until `stop` is set."""
    assert settings.dns_zone is not None
    connections(MOST_CONNECTIONS)
    nodes = settings.every_node
    zone = build_zone(settings.dns_zone, settings.dns_nameservers, nodes.values())
    server = DnsServer(zone, Rates(settings.dns_answers_per_second))
    async with contextlib.AsyncExitStack() as stack:
        await server.start(listeners)
        stack.callback(server.close)
        looking = vital(server.keep_looking(), name="dns-connections")
        stack.callback(looking.cancel)
        addresses = [listener.address for listener in listeners]
        asking = persistent(lambda: server.keep_asking(addresses), name="dns-self-check")
        stack.callback(asking.cancel)
        shown = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in addresses]
        log.info("dns.listening", zone=settings.dns_zone, addresses=shown, nodes=len(nodes))
        stop.started()
        await stop.wait()
