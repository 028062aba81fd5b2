"""Appends pings to the log, within the rate limit, the daily quota and the limit of pings in flight.

A ping is timestamped, produced, and acknowledged. In between it holds back the time of the source, so that no tick
overtakes it. If a ping is not acknowledged, the source reports a gap in its next ticks before it releases the time. So
no deadline is evaluated in between, and a refused ping does not take a check down.
"""

import asyncio
from typing import NamedTuple

from infra.disk import Disk
from infra.log.directory import Directory
from infra.log.ports import LogWriter
from infra.log.sink import NotStored, Position
from infra.settings.settings import Settings
from ingest.ping.backlog import Backlog
from ingest.ping.limiter import Limiter
from ingest.ping.quota import DAY, CalendarQuota
from ingest.ping.request import Events, Limits, Origin
from ingest.ping.responses import PingResponse, PingResponses
from ingest.ping.source import Source
from ingest.ping.urls import PingTarget
from schemas.base import Micros
from schemas.ids import derived_id
from schemas.topics import PINGS

# Bytes of a body that are kept of a check that is judged by it when the bytes of the day are used up.
_JUDGED = 2_048


class Handed(NamedTuple):
    """A ping that Kafka has to report on. number, at: of the source. came: since when it may have been there, at most
    `at`. made_at: the place in the rate limit of a ping that made its check; None: it made none."""

    check: str
    number: int
    at: Micros
    came: Micros
    made_at: Micros | None
    report: asyncio.Future[Position]


class Recorder:
    """`limiter`: of status signals; whoever makes checks counts their first pings in it, too."""

    def __init__(
        self,
        settings: Settings,
        sink: LogWriter,
        directory: Directory,
        source: Source,
        events: Events,
        responses: PingResponses,
        limiter: Limiter,
        limits: Limits,
        disk: Disk,
    ) -> None:
        self._sink, self._directory, self._source = sink, directory, source
        self._events, self._responses = events, responses
        self._most_in_flight, self._disk = limits.in_flight, disk
        self._limiter, self._logs = limiter, Limiter(settings.logs_per_minute)
        bytes_per_day = settings.bytes_per_day or None
        self._bytes = CalendarQuota(bytes_per_day, DAY)
        # A ping URL that has leaked must not use up what the other checks of its project need.
        self._bytes_of_check = CalendarQuota(bytes_per_day and bytes_per_day // 2, DAY)

    def hand_over(
        self,
        check: str,
        target: PingTarget,
        made_at: Micros | None,
        origin: Origin,
        body: bytes,
        backlog: Backlog | None = None,
    ) -> Handed | PingResponse:
        """Stamp a ping and hand it to Kafka; or the answer to one that is not recorded.

        Whoever gets a `Handed` settles it: `stored`, `failed` or `abandoned`, once. backlog: of its request, if there
        are more in it.
        """
        source = self._source
        if not self._disk.has_room:
            self.refuse(check, made_at, backlog)
            return self._responses.no_room
        if source.in_flight >= self._most_in_flight:
            return self.refuse(check, made_at, backlog)
        number, at = source.receive()
        came = at if backlog is None else backlog.came(at)
        handed = False
        try:
            if not self._is_admitted(check, target, made_at, at, body):
                return self._responses.ok_rate_limited if target.check else self._responses.rate_limited
            if body and target.kind != "log" and not self._has_bytes(check, body, at):
                body = body[: self._without_bytes(check)]
            event = self._events.encode(target, at, source.by, origin, body)
            source.precede(check, at)
            report = self._sink.put(PINGS, check, event)
            handed = True
        except NotStored:
            return self._told(check, at, came, made_at)
        finally:
            if not handed:
                source.answered(number)
        return Handed(check, number, at, came, made_at, report)

    def refuse(self, check: str, made_at: Micros | None, backlog: Backlog | None) -> PingResponse:
        """Nothing was done for a ping, but its check may have been made: the answer."""
        self._source.refuse(self._source.partition_of(check), self._source.came(backlog))
        if made_at is not None:
            self._limiter.forget(check, made_at)
        return self._responses.unavailable

    async def record(
        self, check: str, target: PingTarget, made_at: Micros | None, origin: Origin, body: bytes
    ) -> PingResponse:
        """Append a ping; the answer to it."""
        handed = self.hand_over(check, target, made_at, origin, body)
        if isinstance(handed, PingResponse):
            return handed
        try:
            position = await handed.report
        except NotStored:
            return self.failed(handed)
        except asyncio.CancelledError:
            self.abandoned(handed)
            raise
        if target.pulse:
            self.stored(handed, position)
            return self._responses.pulse(derived_id("ping", position.partition, position.offset))
        return self.stored(handed, position)

    def stored(self, handed: Handed, position: Position) -> PingResponse:
        """Kafka has it: the answer."""
        self._source.answered(handed.number)
        self._source.acknowledge(position)
        return self._responses.ok if handed.made_at is None else self._responses.created

    def failed(self, handed: Handed) -> PingResponse:
        """Kafka did not confirm it: the answer."""
        response = self._told(handed.check, handed.at, handed.came, handed.made_at)
        self._source.answered(handed.number)
        return response

    def abandoned(self, handed: Handed) -> None:
        """Nobody waits for the report any more: it may be in the log or not."""
        self._source.refuse(self._source.partition_of(handed.check), handed.came)
        self._source.answered(handed.number)

    def _told(self, check: str, at: Micros, came: Micros, made_at: Micros | None) -> PingResponse:
        """The source tells that it is not in the log, and its place in the rate limit is free again."""
        self._source.refuse(self._source.partition_of(check), came)
        self._limiter.forget(check, at if made_at is None else made_at)
        self._logs.forget(check, at)
        return self._responses.unavailable

    def _is_admitted(self, check: str, target: PingTarget, made_at: Micros | None, at: Micros, body: bytes) -> bool:
        """Whether the limits leave room for a ping. Log signals have a limit of their own, and need room for a body."""
        if target.kind != "log":
            return made_at is not None or self._limiter.admit(check, at)
        if made_at is not None:
            self._limiter.forget(check, made_at)
        return self._logs.admit(check, at) and (not body or self._has_bytes(check, body, at))

    def _has_bytes(self, check: str, body: bytes, at: Micros) -> bool:
        """Whether the quotas of the check and of its project leave room for a body."""
        known = self._directory.check(check)
        return known is None or (
            self._bytes_of_check.spend(check, len(body), at) and self._bytes.spend(known.project, len(body), at)
        )

    def _without_bytes(self, check: str) -> int:
        """How much of a body is kept for which there is no room: a check may be judged by the beginning of it."""
        known = self._directory.check(check)
        return _JUDGED if known is not None and known.filter_http_body else 0
