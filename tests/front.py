"""What stands at a public URL: a proxy before a ping process, played by hand, with TLS or without."""

import asyncio
import contextlib
import ssl
from types import TracebackType

from ingest.ping.public_url import PROOF_HEADER, SYNTHETIC, proof_of


class Front:
    """Answers every request on a port of loopback as the ping process of `installation` would.

    `status`, `headers`: of the answer. `prove` False: as a captive portal, with a 200 for everything. `silent`: accepts
    connections and says nothing. `asked`: the paths, in order.
    """

    def __init__(self, port: int, installation: str, tls: ssl.SSLContext | None = None) -> None:
        self.status, self.headers, self.prove, self.silent = 200, "", True, False
        self.asked: list[str] = []
        self._serving: set[asyncio.Task[None]] = set()
        self._port, self._installation, self._tls = port, installation, tls

    async def __aenter__(self) -> "Front":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, ssl=self._tls)
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.close()
        if self._serving:
            await asyncio.wait(self._serving, timeout=5.0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):  # a client that does not trust us, or gives up
            await self._answer(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        self._serving.discard(task)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ")[1].decode()
        self.asked.append(path)
        if self.silent:
            await reader.read()
        proof = proof_of(self._installation, path.partition(SYNTHETIC)[2])
        headers = f"{PROOF_HEADER}: {proof}\r\n{self.headers}" if self.prove else self.headers
        writer.write(f"HTTP/1.1 {self.status} X\r\ncontent-length: 2\r\n{headers}\r\nOK".encode())
