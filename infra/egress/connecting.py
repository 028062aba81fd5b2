"""Connecting to an address that was checked (`infra.egress.guard`): to just that one, nothing is resolved again."""

import asyncio
import socket


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
