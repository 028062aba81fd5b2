"""What a monitor of DNS asks, of whom, and what it expects, judged; Pingfold's own."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from infra.settings.servers import server_of, text_of
from query_api.poppaping.responses import Fault

DNS_PORT = 53
_VERSIONS = {"A": (IPv4Address,), "AAAA": (IPv6Address,), "": (IPv4Address, IPv6Address)}


def resolver_of(text: str) -> str:
    """The address of a resolver, in one form; empty: that of the prober's host. Raises `Fault` 400."""
    try:
        return text_of(server_of(text, DNS_PORT), DNS_PORT) if text else ""
    except ValueError:
        raise Fault(
            400,
            "Field 'dns_resolver' must be an IP address, such as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353.",
        ) from None


def expected_of(text: str, record: str) -> str:
    """What one of the records must be; an address where the records are. Raises `Fault` 400."""
    text = text.strip()
    if not text or record not in _VERSIONS:
        return text
    try:
        address = ip_address(text)
    except ValueError:
        address = None
    if not isinstance(address, _VERSIONS[record]):
        kind = {"A": "an IPv4 address", "AAAA": "an IPv6 address"}.get(record, "an IP address")
        raise Fault(400, f"Field 'dns_expected' must be {kind}, unless 'dns_record' asks for other records.")
    return str(address)
