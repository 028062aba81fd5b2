"""Connecting to an address that was checked (`infra.egress.guard`): to just that one, nothing is resolved again."""

import asyncio
import socket

# UDP's discard port: connecting there sends nothing.
_ANY_PORT = 9


async def connect_to(address: str, port: int) -> socket.socket:
    """A connected socket, which the caller closes. Bounded by the caller. Raises `OSError`."""
    opened = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        opened.setblocking(False)
        await asyncio.get_running_loop().sock_connect(opened, (address, port))
    except BaseException:
        opened.close()
        raise
    return opened


def has_route(address: str) -> bool:
    """Whether this host has a way to an address at all, and the address family. Nothing is sent."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as tried:
            tried.connect((address, _ANY_PORT))
    except OSError:
        return False
    return True
