"""Parses and formats server addresses in settings: an IP address, with a port unless it is the default."""

import re
from ipaddress import IPv6Address, ip_address

# (address, port)
Server = tuple[str, int]

_WITH_PORT = re.compile(r"(?:\[([^\[\]]+)\]|([^:\[\]]+))(?::([0-9]{1,5}))?")


def parse_server(text: str, usual: int) -> Server:
    """`192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53`, `[2001:db8::53]:5353`. Raises `ValueError` for anything else."""
    match = _WITH_PORT.fullmatch(text)
    bracketed, bare, port = match.groups() if match else (None, text, None)
    address, number = ip_address(bracketed or bare), int(port or usual)
    if isinstance(address, IPv6Address) and (address.scope_id is not None or (bare and port)):
        raise ValueError(f"{text} is not the address of a server")
    if not 0 < number < 65_536 or (bracketed and not isinstance(address, IPv6Address)):
        raise ValueError(f"{text} is not the address of a server")
    return str(address), number


def format_server(server: Server, usual: int) -> str:
    """As people write it."""
    address, port = server
    if port == usual:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
