"""The ping application as it runs: uvicorn on uvloop and httptools, in a thread, on the real Kafka."""

import asyncio
import socket
import threading
import time
from concurrent.futures import Future
from functools import partial
from types import TracebackType
from typing import Any

import uvloop
from confluent_kafka import KafkaException

from infra.clock import clock_of
from infra.http_server.bounds import BOUNDS, Bounds
from infra.http_server.connection_limiter import ConnectionLimiter
from infra.http_server.serve import create_server, keep_looking
from infra.http_server.tls import ServerCertificates, Tls
from infra.log.admin import admin_client, end_offsets, migrate
from infra.log.decisions import Decisions
from infra.log.directory import Directory
from infra.log.replica import Replica
from infra.log.sink import Sink
from infra.settings.settings import Settings
from ingest.ping.app import PingApp
from ingest.ping.request import LIMITS, Limits
from ingest.ping.source import Source
from schemas.base import encode
from schemas.definitions import Check, Project
from schemas.ids import new_id
from schemas.topics import DECISIONS, DEFINITIONS, PINGS


def wait_until_led(bootstrap: str, partitions: int, timeout: float = 60.0) -> None:
    """Wait for a leader of every partition: a topic made a moment ago on a busy machine has none yet."""
    admin, deadline = admin_client(bootstrap), time.monotonic() + timeout
    asked = [(topic.name, number) for topic in (DEFINITIONS, DECISIONS, PINGS) for number in range(partitions)]
    while True:
        try:
            end_offsets(admin, asked)
            return
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


class PingServer:
    """A running server with a project (`key`) and a check (`check`, slug `job`) of its own."""

    def __init__(
        self,
        bootstrap: str,
        limits: Limits = LIMITS,
        host: str = "127.0.0.1",
        sink: dict[str, Any] | None = None,
        bounds: Bounds = BOUNDS,
        certificate: ServerCertificates | None = None,
    ) -> None:
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)  # uvicorn listens, later
        self.socket.bind((host, 0))
        self.host, self.port = host, int(self.socket.getsockname()[1])
        self._tls = None
        if certificate is not None:
            secure = socket.socket()
            secure.bind(("127.0.0.1", 0))
            self.tls_port = int(secure.getsockname()[1])
            secure.listen()
            self._tls = Tls(certificate, (secure,))
        self.check, self.key = new_id(), new_id()[:22]
        self._bootstrap, self._limits, self._sink, self._bounds = bootstrap, limits, sink or {}, bounds
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="ping-server")

    def __enter__(self) -> "PingServer":
        self._thread.start()
        self._ready.result(120)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.should_exit = True
        self._thread.join(60)
        assert not self._thread.is_alive(), "the server did not stop"

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._serve())
        except BaseException as error:
            self.socket.close()
            if not self._ready.done():
                self._ready.set_exception(error)
            raise

    async def _serve(self) -> None:
        bootstrap, settings = self._bootstrap, Settings(port=self.port, host=self.host, pings_per_minute=0)
        partitions = await asyncio.to_thread(migrate, bootstrap, 8)
        await asyncio.to_thread(wait_until_led, bootstrap, partitions)
        clock, directory, sink = clock_of(settings), Directory(), Sink(bootstrap, **self._sink)
        project = new_id()
        defined = {
            f"project/{project}": Project(id=project, name="p", ping_key=self.key, created=0, webhook_secret=""),
            f"check/{self.check}": Check(id=self.check, project=project, version=1, created=0, slug="job"),
        }
        defining = Sink(bootstrap)  # patient, whatever the one under test is
        for key, value in defined.items():
            await defining.put(DEFINITIONS, key, encode(value))
        await defining.close()
        replica = Replica(bootstrap, partitions, {DEFINITIONS: directory.apply})
        await replica.start()
        decisions = Decisions(bootstrap, partitions, sink)
        await decisions.start()
        self.source = Source(settings, clock, sink, f"test-{self.port}", partitions, "test")
        await self.source.begin()
        app = PingApp(settings, clock, sink, directory, replica, decisions, self.source, self._limits)
        room = ConnectionLimiter(self._bounds, overloaded=partial(self.source.refuse, None))
        self._server = create_server(app, room, self._tls)
        looking = asyncio.create_task(keep_looking(self._server, room))
        asyncio.get_running_loop().call_soon(self._ready.set_result, None)
        await self._server.serve(sockets=[self.socket])
        for listener in () if self._tls is None else self._tls.listeners:
            listener.close()
        looking.cancel()
        await self.source.close()
        await decisions.close()
        await replica.close()
        await sink.close(1.0)
