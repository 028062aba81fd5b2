"""DNS: what a resolver answers about a name. Pingfold's own: PoppaPing describes no fields of it."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from schemas.probe_kinds.kind import Asked, InvalidProbeField, Place, ProbeKind, given
from schemas.servers import format_server, parse_server
from schemas.targets import DnsRecord, ProbeTarget

DNS_PORT = 53
_VERSIONS = {"A": (IPv4Address,), "AAAA": (IPv6Address,), "": (IPv4Address, IPv6Address)}

_Resolver = Annotated[
    str, Meta(max_length=100, description="The resolver to ask, an IP address; left out: that of the prober's host.")
]
_Record = Annotated[DnsRecord, Meta(description="Which records to ask for; left out: any address.")]
_Expected = Annotated[
    str,
    Meta(
        max_length=1_000,
        pattern=r"^[^\x00-\x1f\x7f]*\Z",
        description="What one of the records must be; left out: anything.",
    ),
]


class DnsFields(Struct):
    dns_resolver: _Resolver | UnsetType | None = UNSET
    dns_record: _Record | UnsetType | None = UNSET
    dns_expected: _Expected | UnsetType | None = UNSET


class Dns(ProbeKind[DnsFields]):
    name = "dns"
    title = "DNS record"
    healthy = "Healthy if the resolver knows a record of the kind asked for, and one of them is the expected one."
    fields = DnsFields
    in_dns = True
    failures: ClassVar = {"answer": "Unexpected answer"}

    def target(self, asked: Asked, own: DnsFields, before: ProbeTarget) -> ProbeTarget:
        placed = super().target(asked, own, before)
        resolver = before.resolver if own.dns_resolver is UNSET else _resolver(own.dns_resolver or "")
        record = given(own.dns_record, before.record)
        expected = _expected(given(own.dns_expected, before.expected), record)
        return replace(placed, resolver=resolver, record=record, expected=expected)

    def places(self, target: ProbeTarget) -> Iterator[Place]:
        yield from super().places(target)
        if target.resolver:
            yield Place("dns_resolver", *parse_server(target.resolver, DNS_PORT))


KIND = Dns()


def _resolver(text: str) -> str:
    """The address of a resolver, in one form; empty: that of the prober's host."""
    try:
        return format_server(parse_server(text, DNS_PORT), DNS_PORT) if text else ""
    except ValueError:
        raise InvalidProbeField(
            "Field 'dns_resolver' must be an IP address, such as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353."
        ) from None


def _expected(text: str, record: str) -> str:
    """What one of the records must be; an address in one form where the records are addresses."""
    text = text.strip()
    if not text or record not in _VERSIONS:
        return text
    try:
        address = ip_address(text)
    except ValueError:
        address = None
    if not isinstance(address, _VERSIONS[record]):
        kind = {"A": "an IPv4 address", "AAAA": "an IPv6 address"}.get(record, "an IP address")
        raise InvalidProbeField(f"Field 'dns_expected' must be {kind}, unless 'dns_record' asks for other records.")
    return str(address)
