"""What probes are measured against: a server that answers the head of a request and closes, in a process of its own.

`python -m bench.probe_target PORT` serves until SIGTERM, on several addresses of the loopback network: one pair of
addresses has no more than some ten thousand new connections a minute.
"""

import asyncio
import sys
from typing import Any

import uvloop

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 2\r\n\r\nOK"
_BACKLOG = 4_096
HOSTS = [f"127.0.0.{number}" for number in range(1, 33)]


class _Answering(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            self._transport.write(_ANSWER)
            self._transport.close()


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Answering, HOSTS, port, backlog=_BACKLOG)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
