"""The ping endpoint: a plain ASGI application that answers after Kafka has acknowledged the ping.

Contract: docs/compatibility/pinging.md. A request is processed in this order:

1. The body is read, within bounds. If the client disconnects, the request has no effect.
2. The method: HEAD, GET and POST are pings. OPTIONS is a CORS preflight: 204, not recorded. Others get 405.
3. The format of the URL: 400.
4. The check: 404 (only if the directory has everything that was committed before; 503 otherwise; 429 for an address
   with too many unknown checks), or 409 if the slug is ambiguous.
5. An exit status above 255 or an invalid `rid`: 400. A request rejected up to here never creates a check.
6. `create=1`: the fold of projects decides. This process sends one request per slug at a time. The ping that is
   answered 201 has a reserved place in the rate limit, so that concurrent pings of the new check cannot take it.
7. The rate limit, then the record. 200 and 201 mean that all in-sync replicas have acknowledged the record.

Bulk requests use the same functions for each line (`ingest.ping.bulk`).

The source reports every 503 in its next ticks as a gap, so that a refused ping does not take a check down.
"""

import structlog

from infra.clock import Clock
from infra.disk import Disk
from infra.log.directory import Directory
from infra.log.ports import DecisionMaker, LogWriter, ReplicaProgress
from infra.settings.settings import Settings
from ingest.ping.bulk import BulkPings
from ingest.ping.check_finder import CheckFinder
from ingest.ping.limiter import Limiter
from ingest.ping.public_url import PROOF_HEADER, synthetic_name
from ingest.ping.recorder import Recorder
from ingest.ping.request import LIMITS, Bodies, End, Events, Headers, Limits, has_body
from ingest.ping.responses import PingResponse, PingResponses, Receive, Scope, Send
from ingest.ping.source import Source
from ingest.ping.urls import PingTarget, is_bulk, parse
from schemas.base import Micros

log = structlog.get_logger(__name__)

PROOF = PROOF_HEADER.lower().encode()
_PINGS = ("GET", "HEAD", "POST")


class PingApp:
    """ASGI 3 application of the ping URLs (`ingest.ping.urls.is_ping` tells which those are)."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        sink: LogWriter,
        directory: Directory,
        replica: ReplicaProgress,
        decisions: DecisionMaker,
        source: Source,
        limits: Limits = LIMITS,
        disk: Disk | None = None,
    ) -> None:
        self._source = source
        self._responses = PingResponses(settings)
        self._bodies = Bodies(settings.body_limit, limits)
        self._events = events = Events(settings.trusted_proxies)
        disk = disk or Disk(settings, "pings are answered 503")
        limiter = Limiter(settings.pings_per_minute)
        self._finder = CheckFinder(
            settings, clock, directory, replica, decisions, source, events, self._responses, limiter, disk
        )
        self._recorder = Recorder(settings, sink, directory, source, events, self._responses, limiter, limits, disk)
        self._bulk = BulkPings(
            source, self._finder, self._recorder, events, self._responses, self._bodies, settings.body_limit, limits
        )

    @property
    def responses(self) -> PingResponses:
        """The answers of this process; each knows how often it was given."""
        return self._responses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if is_bulk(scope["path"]):
            await self._bulk(scope, receive, send)
            return
        headers: Headers = dict(scope["headers"])
        body, end = b"", End.COMPLETE
        if has_body(headers):
            body, end = await self._bodies.read(
                receive, lambda: self._finder.whose(parse(scope["path"], scope["query_string"]))
            )
            if end is End.GONE:
                return
        try:
            response = await self._respond(scope, headers, body, end)
        except Exception:  # a defect of ours is told as what it is for the client: not recorded
            log.exception("ping.failed", method=scope["method"])
            self._source.refuse(None)
            response = self._responses.unavailable
        await response.send(send, scope["method"], close=end is not End.COMPLETE)

    async def _respond(self, scope: Scope, headers: Headers, body: bytes, end: End) -> PingResponse:
        responses = self._responses
        if scope["method"] not in _PINGS:
            return responses.preflight if scope["method"] == "OPTIONS" else responses.not_allowed
        path = scope["path"]
        target = _target(scope)
        if target is None:
            name = synthetic_name(path)
            return responses.invalid_url if name is None else self._prove(name)
        if end is End.SLOW:
            return responses.too_slow
        if end is End.SHARE:
            return responses.too_many_bodies  # told to nobody else: it is the doing of whoever sends them
        found = self._finder.find(target)
        if end is End.OVERLOAD:
            # Nobody is accused for the want of a ping of a check that is not there yet, or that nobody can tell.
            if len(found) != 1:
                return responses.too_many_bodies
            self._source.refuse_check(found[0])
            return responses.unavailable
        place: Micros | None = None
        if not found:
            settled = await self._finder.unknown(target, scope)
            if isinstance(settled, PingResponse):
                return settled
            check, place = settled
        elif len(found) > 1:
            return responses.ambiguous
        else:
            check = found[0]
        if target.fault:
            return self._finder.fault(target)
        return await self._recorder.record(check, target, place, self._events.origin(scope, headers), body)

    def _prove(self, name: str) -> PingResponse:
        """Answer a synthetic ping, of this process or another one: it got as far as a ping would."""
        proof = self._source.prove(name)
        return self._responses.unavailable if proof is None else PingResponse(200, "OK", (PROOF, proof.encode()))


def _target(scope: Scope) -> PingTarget | None:
    return parse(scope["path"], scope["query_string"])
