"""The DNS server as a role of a running Pingfold: supervised, measured, and as good as new when it was killed."""

import re

import dns.message
import dns.query

from infra.embedded.ports import HOST
from tests.equipped_pingfold import DNS_ZONE, Equipped
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold

# What is answered while Pingfold is at work.
_ANSWERED = re.compile(r'^pingfold_dns_answers_total\{outcome="noerror",transport="(\w+)"\} (\S+)$', re.MULTILINE)
_RESTARTS = re.compile(r'^pingfold_role_restarts_total\{role="dns-0"\} (\S+)$', re.MULTILINE)
PATIENCE = 60.0


def addresses(equipped: Equipped, name: str, tcp: bool = False) -> set[str]:
    query = dns.message.make_query(f"{name}.{DNS_ZONE}", "A")
    over = dns.query.tcp if tcp else dns.query.udp
    response = over(query, HOST, timeout=PATIENCE, port=equipped.dns_port)
    return {record.to_text() for records in response.answer for record in records}


def _starts(pingfold: Pingfold) -> int:
    return pingfold.said().count('"dns.listening"')


def test_a_running_pingfold_tells_the_addresses_of_its_nodes(equipped: Equipped) -> None:
    pingfold = equipped.pingfold
    wait_until(lambda: _starts(pingfold), PATIENCE, "it listens")
    assert addresses(equipped, "ips") == {"192.0.2.10", "192.0.2.20"}
    assert addresses(equipped, "riga.nodes", tcp=True) == {"192.0.2.10"}
    assert addresses(equipped, "oslo.nodes") == set()

    def counted() -> set[str]:
        return {transport for transport, count in _ANSWERED.findall(pingfold.get("/metrics").text) if float(count)}

    wait_until(lambda: counted() == {"udp", "tcp"}, PATIENCE, "both are counted")
    before = _starts(pingfold)
    pingfold.kill_and_wait("dns")

    def restarted() -> bool:
        found = _RESTARTS.search(pingfold.get("/metrics").text)
        return found is not None and float(found[1]) >= 1

    wait_until(restarted, PATIENCE, "the restart is counted")
    wait_until(lambda: _starts(pingfold) > before, PATIENCE, "it listens again")
    assert addresses(equipped, "ips", tcp=True) == {"192.0.2.10", "192.0.2.20"}
