"""Synthetic pings: does the public URL lead to the ping application of this installation?

A probe is a GET request for a new random URL below the public ping URL. The ping process that receives it answers with
a proof, which only a process connected to the same Kafka cluster can compute for that URL. So a captive portal, a
cached response or another Pingfold does not pass.

Certificates are verified, redirects are not followed, proxy settings of the environment are ignored, and every probe
has a time limit that includes the DNS lookup.
"""

import asyncio
import errno
import hmac
import secrets
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from infra.settings.settings import Settings

SYNTHETIC = "~synthetic/"  # `~` occurs in no ping key
PROOF_HEADER = "Pingfold-Proof"
_PATHS = (f"/ping/{SYNTHETIC}", f"/{SYNTHETIC}")
_LONGEST_NAME = 200

_LOCAL_SECONDS = 2.0
_PUBLIC_SECONDS = 4.0
# Before this process listens its own socket may be bound already, and nobody accept on it yet.
_FIRST_LOCAL_SECONDS = 0.3


def synthetic_name(path: str) -> str | None:
    """What a path asks to prove, None when it is not that of a synthetic ping."""
    for prefix in _PATHS:
        if path.startswith(prefix):
            return path.removeprefix(prefix)[:_LONGEST_NAME]
    return None


def proof_of(installation: str, name: str) -> str:
    """What a ping process of an installation (the id of its Kafka cluster) answers to the synthetic ping `name`."""
    return hmac.new(installation.encode(), name.encode(), sha256).hexdigest()[:32]


class PublicUrl:
    """The public ping URL of an installation, as the source `name` sees it from outside. Use inside an event loop."""

    def __init__(self, settings: Settings, installation: str, name: str) -> None:
        self.url = f"{settings.ping_base}{SYNTHETIC}{name}-"
        self._installation = installation
        self._local = settings.ping_base.startswith(f"{settings.local_url}/")
        self._resolver = _Resolver()
        self._tls = ssl.create_default_context()

    async def probe(self, first: bool = False) -> str:
        """Why a ping of ours does not get through, or an empty text when it does."""
        seconds = _PUBLIC_SECONDS if not self._local else _FIRST_LOCAL_SECONDS if first else _LOCAL_SECONDS
        url = f"{self.url}{secrets.token_hex(8)}"
        name = url.partition(SYNTHETIC)[2]
        connector = aiohttp.TCPConnector(resolver=self._resolver, ssl=self._tls, force_close=True)
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with (
                asyncio.timeout(seconds + 0.5),
                aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session,
                session.get(url, allow_redirects=False) as answer,
            ):
                status, proof = answer.status, answer.headers.get(PROOF_HEADER, "")
        except TimeoutError:
            return f"no answer within {seconds:g} s"
        except Exception as error:  # a name, a connection, a certificate, an answer that is not HTTP
            return f"{type(error).__name__}: {error}"[:300]
        if status != 200:
            return f"it answers {status}"
        if not hmac.compare_digest(proof.encode(), proof_of(self._installation, name).encode()):
            return "something else than this Pingfold answers"
        return ""

    def close(self) -> None:
        """Leave a look-up that hangs to itself."""
        self._resolver.end()


class _Resolver(AbstractResolver):
    """The host's resolver in one thread of its own: a look-up that hangs takes no thread from anybody else."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="public-url-name")
        self._asking = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if self._asking:
            raise OSError(errno.EAGAIN, f"the look-up of {host} still hangs")
        self._asking = True
        looking = asyncio.get_running_loop().run_in_executor(self._pool, _look_up, host, port, family)
        looking.add_done_callback(self._asked)
        return await asyncio.shield(looking)

    def _asked(self, looking: "asyncio.Future[Any]") -> None:
        self._asking = False
        if not looking.cancelled():
            looking.exception()  # seen, also when nobody waits for it any more

    async def close(self) -> None:
        """Of one probe: the thread goes on for the next."""

    def end(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    return [
        ResolveResult(
            hostname=host,
            host=str(address[0]),
            port=int(address[1]),
            family=kind,
            proto=protocol,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for kind, _, protocol, _, address in found
    ]
