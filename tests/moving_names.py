"""Names whose addresses are those that a test gives, as a name server in the hands of somebody else gives them."""

import socket

from aiohttp.abc import AbstractResolver, ResolveResult


class Moving(AbstractResolver):
    """Each name has these addresses, one after the other, and the last from then on."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address = self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    async def close(self) -> None:
        pass
