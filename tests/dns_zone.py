"""A zone for tests, and the messages that are asked of it, made and read by dnspython."""

from collections.abc import Sequence
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from infra.settings.nodes import Node
from query_api.dns.zone import Zone, build_zone

NAME = "nodes.example.org"
NAMESERVERS = ("ns1.example.org", "ns2.example.net")
NODES = (
    Node("fra", "192.0.2.10", "2001:db8::10", "Frankfurt", "Germany", "de", 50.11, 8.68),
    Node("tok", "192.0.2.11"),
    Node("six", ip6="2001:db8::12"),
    Node("local"),
)
ALL = "2001:db8::10 192.0.2.10 192.0.2.11 2001:db8::12"


def zone(nodes: Sequence[Node] = NODES) -> Zone:
    return build_zone(NAME, NAMESERVERS, nodes)


def many(count: int) -> tuple[Node, ...]:
    """Nodes whose addresses find no room in a packet."""
    return tuple(Node(f"n{n}", f"192.0.2.{n % 250}", f"2001:db8::{n + 1:x}") for n in range(count))


def question(name: str, kind: str = "A", **options: Any) -> dns.message.QueryMessage:
    """A query for a name of the zone."""
    return dns.message.make_query(f"{name}.{NAME}." if name else f"{NAME}.", kind, **options)


def values(answer: dns.message.Message) -> set[str]:
    """What the records of an answer say. Strings of TXT are joined."""
    found = set()
    for records in answer.answer:
        for record in records:
            is_text = records.rdtype == dns.rdatatype.TXT
            found.add(b"".join(record.strings).decode() if is_text else record.to_text())
    return found
