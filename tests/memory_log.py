"""A log in memory with the contract of `infra.log.sink.Sink` (tests/contract/test_sink.py holds both to it), and
stand-ins for what else ingest needs: a replica and the fold of projects.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from infra.log.admin import MAX_MESSAGE_BYTES
from infra.log.decisions import NoDecision
from infra.log.directory import Directory
from infra.log.partitioner import partition_of
from infra.log.sink import NotStored, Position
from schemas.base import Micros, encode
from schemas.decisions import Decision
from schemas.definitions import Check, Definition, definition_key
from schemas.pings import Ping, PingsEvent
from schemas.rejections import RejectionCode
from schemas.requests import CheckCreate, ProjectsRequest
from schemas.ticks import Tick
from schemas.topics import PINGS, Topic

_event = msgspec.json.Decoder(PingsEvent).decode


class Stored(NamedTuple):
    """A record as it stands in the log."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


class MemorySink:
    """`full`: put raises at once. `fails`: records for which the report is an error. `hold`: no reports come.

    `kafka_clock`: tells when a record is appended; 0: records do not tell it. `skew`: see `Sink`.
    """

    def __init__(self, partitions: int = 8) -> None:
        self.partitions = partitions
        self.generation = 0
        self.logs: dict[tuple[str, int], list[Stored]] = {}
        self.order: list[Stored] = []  # over all partitions, as they came
        self.full = False
        self.fails: Callable[[Stored], bool] = lambda record: False
        self.skew: Micros | None = None
        self.kafka_clock: Callable[[], Micros] = lambda: 0
        self._held: list[Callable[[], None]] | None = None

    def put(
        self,
        topic: Topic | str,
        key: str | bytes | None,
        value: bytes | None,
        partition: int = -1,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> asyncio.Future[Position]:
        if self.full:
            raise NotStored("the queue to Kafka is full")
        if len(value or b"") > MAX_MESSAGE_BYTES or partition >= self.partitions:
            raise NotStored("the record cannot be stored")
        packed = key.encode() if isinstance(key, str) else key
        if partition < 0:
            partition = 0 if packed is None else partition_of(packed, self.partitions)
        stored: asyncio.Future[Position] = asyncio.get_running_loop().create_future()

        def report() -> None:
            log = self.logs.setdefault((str(topic), partition), [])
            record = Stored(partition, len(log), packed, value)
            failed = self.fails(record)
            if not failed:
                log.append(record)
                self.order.append(record)
            if stored.done():
                return
            if failed:
                stored.set_exception(NotStored("not confirmed in time"))
            else:
                stored.set_result(Position(partition, record.offset, self.kafka_clock()))

        if self._held is None:
            asyncio.get_running_loop().call_soon(report)
        else:
            self._held.append(report)
        return stored

    def hold(self) -> None:
        """Kafka freezes."""
        self._held = []

    def release(self) -> None:
        """Kafka goes on, in order."""
        held, self._held = self._held or [], None
        for report in held:
            report()

    async def close(self) -> None:
        self.release()

    def events(self) -> list[tuple[str, PingsEvent]]:
        """The journal `pings` as it came: (key, event)."""
        return [((record.key or b"").decode(), _event(record.value or b"")) for record in self.order]

    @property
    def pings(self) -> list[tuple[str, Ping]]:
        return [(key, event) for key, event in self.events() if isinstance(event, Ping)]

    def ticks(self, partition: int) -> list[Tick]:
        decoded = [_event(record.value or b"") for record in self.logs.get((PINGS.name, partition), [])]
        return [event for event in decoded if isinstance(event, Tick)]


class MemoryReplica:
    """Tells that the directory is up to date, or not. `ahead` holds what a look at the end offsets brings in."""

    def __init__(self, directory: Directory) -> None:
        self.fresh = True
        self.ahead: list[Definition] = []
        self.looks = 0
        self._directory = directory

    async def caught_up(self, timeout: float) -> bool:
        self.looks += 1
        await asyncio.sleep(0)
        while self.ahead and self.fresh:
            add(self._directory, self.ahead.pop(0))
        return self.fresh

    async def wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        for _ in range(3):
            await asyncio.sleep(0)
        return condition()


class MemoryProjects:
    """The fold of projects as create=1 knows it: one check per slug, in the order of asking."""

    def __init__(self, directory: Directory) -> None:
        self.asked: list[CheckCreate] = []
        self.refusal: RejectionCode | None = None
        self.silent = False  # no verdict comes
        self.makes = True  # the check is made, verdict or not
        self._directory = directory

    async def ask(self, project: str, request: ProjectsRequest, timeout: float = 5.0) -> Decision:
        assert isinstance(request, CheckCreate)
        assert request.provision
        assert request.actor is not None
        assert request.actor.kind == "ping_key"
        self.asked.append(request)
        await asyncio.sleep(0.01)
        slug = request.fields.slug
        assert isinstance(slug, str)
        if self.refusal is not None:
            return Decision(request=request.request, outcome="refused", code=self.refusal)
        there = self._directory.by_slug(project, slug)
        if not there and self.makes:
            add(self._directory, Check(id=request.id, project=project, version=1, created=0, name=slug, slug=slug))
        if self.silent:
            raise NoDecision("no verdict")
        if there:
            return Decision(request=request.request, outcome="found", id=there[0])
        return Decision(request=request.request, outcome="made", id=request.id, version=1)


def add(directory: Directory, definition: Definition) -> None:
    """Let a directory know a check, or whatever else."""
    directory.apply(0, definition_key(definition), encode(definition))
