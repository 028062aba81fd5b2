"""The ping endpoint: a bare ASGI application that answers when Kafka has the ping.

Contract: docs/compatibility/pinging.md. The order in which a request is judged:

1. the body is read (bounded; a client that goes away leaves nothing behind);
2. the verb: HEAD, GET and POST are pings; OPTIONS is a browser's pre-flight, 204 and not recorded; any other is 405;
3. the form of the URL: 400;
4. the check: unknown (only when the directory has seen everything committed before; else 503; 429 for an address that
   asks for too many), or ambiguous, 409;
5. an exit status over 255, a bad `rid`: 400. A request refused so far has made no check, `create=1` or not;
6. `create=1`: the fold of projects decides, one question per slug at a time in this process; the ping that is answered
   201 has its place in the rate limit from the moment of the question, so that pings that find the check before it
   resumes cannot take it;
7. the rate limit, then the record. 200 and 201 mean that it is in the log, acknowledged by all in-sync brokers.

Whatever is answered 503 the source tells in its next ticks, so that nobody is accused of a ping we refused.
"""

import asyncio
from functools import partial

import structlog

from infra.clock import Clock
from infra.disk import Disk
from infra.http_server.forwarded import Forwarded
from infra.log.decisions import NoDecision
from infra.log.directory import Directory
from infra.log.lookup import NotCaughtUp, look_up
from infra.log.ports import DecisionMaker, LogWriter, ReplicaProgress
from infra.log.sink import NotStored
from infra.settings.settings import Settings
from ingest.ping.limiter import Limiter
from ingest.ping.public_url import PROOF_HEADER, synthetic_name
from ingest.ping.pulses import pulsed
from ingest.ping.quota import DAY, HOUR, CalendarQuota
from ingest.ping.request import LIMITS, Bodies, End, Events, Headers, Limits, has_body
from ingest.ping.responses import PingResponse, PingResponses, Receive, Scope, Send
from ingest.ping.source import Source
from ingest.ping.unknown_checks import UnknownCheckLimiter
from ingest.ping.urls import PingTarget, parse
from schemas.actors import Actor
from schemas.base import Micros
from schemas.decisions import Decision
from schemas.ids import derived_id, new_id
from schemas.rejections import RejectionCode
from schemas.requests import CheckCreate, CheckFields
from schemas.topics import PINGS

log = structlog.get_logger(__name__)

PROOF = PROOF_HEADER.lower().encode()
_PINGS = ("GET", "HEAD", "POST")
_FRESH_SECONDS = 0.5  # one look at the end offsets, which all who ask share
_VERDICT_SECONDS = 3.0  # a client in the field gives up after 5 s
_KNOWN_SECONDS = 1.0
# Bytes of a body that are kept of a check that is judged by it when the bytes of the day are used up.
_JUDGED = 2_048


class _Making:
    """A check being made. `place`: the rate limit counts a ping at this time for whoever `claim`s to have made it."""

    def __init__(self, place: Micros, asking: "asyncio.Task[Decision | None]") -> None:
        self.place = place
        self.asking = asking
        self._claimed = False

    def claim(self) -> bool:
        """True for the first caller only."""
        claimed, self._claimed = self._claimed, True
        return not claimed


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
        self._clock = clock
        self._sink = sink
        self._directory = directory
        self._replica = replica
        self._decisions = decisions
        self._source = source
        self._disk = disk or Disk(settings, "pings are answered 503")
        self._most_in_flight = limits.in_flight
        self._responses = PingResponses(settings)
        self._bodies = Bodies(settings.body_limit, limits)
        self._events = Events(settings.trusted_proxies)
        self._unknown_checks = UnknownCheckLimiter(Forwarded(settings.trusted_proxies))
        self._limiter, self._logs = Limiter(settings.pings_per_minute), Limiter(settings.logs_per_minute)
        bytes_per_day = settings.bytes_per_day or None
        self._bytes = CalendarQuota(bytes_per_day, DAY)
        # A ping URL that has leaked must not use up what the other checks of its project need.
        self._bytes_of_check = CalendarQuota(bytes_per_day and bytes_per_day // 2, DAY)
        self._new_checks = CalendarQuota(settings.new_checks_per_hour or None, HOUR)
        self._making: dict[tuple[str, str], _Making] = {}

    @property
    def responses(self) -> PingResponses:
        """The answers of this process; each knows how often it was given."""
        return self._responses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers: Headers = dict(scope["headers"])
        body, end = b"", End.COMPLETE
        if has_body(headers):
            body, end = await self._bodies.read(receive, lambda: self._whose(scope))
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
        target = parse(path, scope["query_string"])
        if target is None:
            name = synthetic_name(path)
            return responses.invalid_url if name is None else self._prove(name)
        if end is End.SLOW:
            return responses.too_slow
        if end is End.SHARE:
            return responses.too_many_bodies  # told to nobody else: it is the doing of whoever sends them
        found = self._find(target)
        if end is End.OVERLOAD:
            # Nobody is accused for the want of a ping of a check that is not there yet, or that nobody can tell.
            return self._refuse(found[0]) if len(found) == 1 else responses.too_many_bodies
        place: Micros | None = None
        if not found:
            settled = await self._unknown(target, scope)
            if isinstance(settled, PingResponse):
                return settled
            check, place = settled
        elif len(found) > 1:
            return responses.ambiguous
        else:
            check = found[0]
        if target.fault:
            return self._fault(target)
        return await self._record(check, target, place, scope, headers, body)

    def _find(self, target: PingTarget) -> tuple[str, ...]:
        """Ids of the checks that a target means, as far as the directory knows."""
        directory = self._directory
        if target.check:
            return (target.check,) if target.check in directory else ()
        if target.pulse:
            id = pulsed(directory, target.token, target.pulse_key)
            return () if id is None else (id,)
        project = self._project_of(target)
        return () if project is None else directory.by_slug(project, target.slug)

    def _project_of(self, target: PingTarget) -> str | None:
        """The project of the ping key in a target, which counts at the moment of the ping."""
        return self._directory.project_of_ping_key(target.ping_key, self._clock.now())

    def _whose(self, scope: Scope) -> str:
        """The project that a request is for; empty: nobody's."""
        target = parse(scope["path"], scope["query_string"])
        if target is None:
            return ""
        if not (target.check or target.pulse):
            return self._project_of(target) or ""
        found = self._find(target)
        check = self._directory.check(found[0]) if found else None
        return "" if check is None else check.project

    def _prove(self, name: str) -> PingResponse:
        """Answer a synthetic ping, of this process or another one: it got as far as a ping would."""
        proof = self._source.prove(name)
        return self._responses.unavailable if proof is None else PingResponse(200, "OK", (PROOF, proof.encode()))

    def _fault(self, target: PingTarget) -> PingResponse:
        url = target.fault == "invalid url format"
        return self._responses.invalid_url if url else self._responses.invalid_uuid

    def _refuse(self, check: str | None, response: PingResponse | None = None) -> PingResponse:
        """503: it may have been a ping of this check, or of any."""
        self._source.refuse(None if check is None else self._source.partition_of(check))
        return response or self._responses.unavailable

    async def _record(
        self, check: str, target: PingTarget, place: Micros | None, scope: Scope, headers: Headers, body: bytes
    ) -> PingResponse:
        """Append the ping. `place`: this ping made the check; the rate limit has counted it at that time already."""
        source = self._source
        if not self._disk.has_room:
            return self._refuse(check, self._responses.no_room)
        if source.in_flight >= self._most_in_flight:
            return self._refuse(check)
        number, at = source.receive()
        try:
            if not self._is_admitted(check, target, place, at, body):
                return self._responses.ok_rate_limited if target.check else self._responses.rate_limited
            if body and target.kind != "log" and not self._has_bytes(check, body, at):
                body = body[: self._without_bytes(check)]
            event = self._events.encode(target, at, source.by, scope, headers, body)
            source.precede(check, at)
            position = await self._sink.put(PINGS, check, event)
        except (NotStored, asyncio.CancelledError) as error:
            # Told before the ping ceases to hold the source's time back, so that no deadline passes in between.
            source.refuse(source.partition_of(check), at)
            if isinstance(error, asyncio.CancelledError):
                raise
            self._limiter.forget(check, at if place is None else place)
            return self._responses.unavailable
        finally:
            source.answered(number)
        source.acknowledge(position)
        if target.pulse:
            return self._responses.pulse(derived_id("ping", position.partition, position.offset))
        return self._responses.ok if place is None else self._responses.created

    def _is_admitted(self, check: str, target: PingTarget, place: Micros | None, at: Micros, body: bytes) -> bool:
        """Whether the limits leave room for a ping. Log signals have a limit of their own, and need room for a body."""
        if target.kind != "log":
            return place is not None or self._limiter.admit(check, at)
        if place is not None:
            self._limiter.forget(check, place)
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

    async def _unknown(self, target: PingTarget, scope: Scope) -> PingResponse | tuple[str, Micros | None]:
        """What to do about a check that the directory does not know: an answer, or its id.

        With the id comes the place in the rate limit, if it was made by this request, else None.
        """
        project = self._project_of(target)
        if not (target.create and project is not None):
            if self._unknown_checks.must_wait(scope):
                return self._responses.too_many_unknown
            try:
                with self._unknown_checks.ask() as asking:
                    found = await look_up(self._replica, lambda: self._find(target) or None, _FRESH_SECONDS)
            except NotCaughtUp:
                self._unknown_checks.count(scope)
                return self._responses.too_many_unknown if asking.among_many else self._refuse(target.check or None)
            if found is not None:
                return (found[0], None) if len(found) == 1 else self._responses.ambiguous
            self._unknown_checks.count(scope)
            project = self._project_of(target)
            if not target.create or project is None:
                gentle = target.check and target.kind != "log"  # as on Healthchecks.io
                return self._responses.ok_not_found if gentle else self._responses.not_found
        if target.fault:
            return self._fault(target)
        return await self._provision(project, target.slug, scope)

    async def _provision(self, project: str, slug: str, scope: Scope) -> PingResponse | tuple[str, Micros | None]:
        """Have the check made. First pings that come at once share one question; one of them made it."""
        if not self._disk.has_room:
            return self._refuse(None, self._responses.no_room)
        making = self._making.get((project, slug))
        if making is None:
            candidate, now = new_id(), self._clock.now()
            if not self._new_checks.spend(project, 1, now):
                return self._responses.too_many_checks
            self._limiter.admit(candidate, now)
            actor = Actor(kind="ping_key", address=self._events.client(scope))
            asking = asyncio.create_task(self._ask(project, slug, candidate, now, actor))
            making = self._making[project, slug] = _Making(now, asking)
            asking.add_done_callback(lambda _: self._making.pop((project, slug), None))
        decision = await asyncio.shield(making.asking)
        if decision is None:
            return self._responses.unavailable
        if (rejection := decision.rejection) is not None:
            return self._responses.rejected(rejection.code)
        return decision.id, making.place if decision.outcome == "made" and making.claim() else None

    async def _ask(self, project: str, slug: str, candidate: str, place: Micros, actor: Actor) -> Decision | None:
        """The decision on a new check. The place of a candidate that did not become the check is free again."""
        decision = None
        try:
            decision = await self._decide(project, slug, candidate, actor)
        finally:
            if decision is None or decision.outcome != "made":
                self._limiter.forget(candidate, place)
        return decision

    async def _decide(self, project: str, slug: str, candidate: str, actor: Actor) -> Decision | None:
        """The verdict on a new check; None when there is none, and nobody knows whether the check is there."""
        directory = self._directory
        request = CheckCreate(
            request=new_id(),
            at=self._clock.now(),
            actor=actor,
            id=candidate,
            fields=CheckFields(name=slug, slug=slug),
            provision=True,
        )
        try:
            decision = await self._decisions.ask(project, request, _VERDICT_SECONDS)
        except NoDecision as silence:
            return await self._undecided(project, request, str(silence))
        if (rejection := decision.rejection) is None:
            # Without it we go on all the same: `check.defined` is in the journal ahead of our ping.
            await self._replica.wait(lambda: decision.id in directory, _KNOWN_SECONDS)
        elif self._responses.rejected(rejection.code) is self._responses.unavailable:  # it could not be judged
            return await self._undecided(project, request, rejection.reason)
        return decision

    async def _undecided(self, project: str, request: CheckCreate, why: str) -> Decision | None:
        """What the directory says instead of a verdict; None when it does not know the slug."""
        log.warning("ping.no_verdict", reason=why)
        # The verdict may be lost or late, yet its check be there. If it is not, no check has lost a ping by this.
        by_slug = partial(self._directory.by_slug, project, str(request.fields.slug))
        try:
            found = await look_up(self._replica, lambda: by_slug() or None, _FRESH_SECONDS)
        except NotCaughtUp:
            self._source.refuse(None)
            return None
        if found is None:
            return None
        if len(found) > 1:
            return Decision(request=request.request, outcome="refused", code=RejectionCode.AMBIGUOUS_SLUG)
        is_ours = found[0] == request.id
        return Decision(request=request.request, outcome="made" if is_ours else "found", id=found[0])
