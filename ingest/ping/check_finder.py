"""Finds the check of a ping, or has it created (`create=1`).

A check is reported as missing only if the directory has everything that was committed before the request. Concurrent
requests share the lookup of the end offsets. If it takes too long, the answer is 503. The fold of projects creates
checks; concurrent first pings of a slug share one request. The ping that created the check has a reserved place in the
rate limit, so that pings that find the check earlier cannot take it.
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
from infra.log.ports import DecisionMaker, ReplicaProgress
from infra.settings.settings import Settings
from ingest.ping.backlog import Backlog
from ingest.ping.limiter import Limiter
from ingest.ping.pulses import pulsed
from ingest.ping.quota import HOUR, CalendarQuota
from ingest.ping.request import Events
from ingest.ping.responses import PingResponse, PingResponses, Scope
from ingest.ping.source import Source
from ingest.ping.unknown_checks import UnknownCheckLimiter
from ingest.ping.urls import PingTarget
from schemas.actors import Actor
from schemas.base import Micros
from schemas.decisions import Decision
from schemas.ids import new_id
from schemas.rejections import RejectionCode
from schemas.requests import CheckCreate, CheckFields

log = structlog.get_logger(__name__)

_FRESH_SECONDS = 0.5
_VERDICT_SECONDS = 3.0  # a client in the field gives up after 5 s
_KNOWN_SECONDS = 1.0


class _Making:
    """A check being made. `place`: the rate limit counts a ping at this time for whoever `claim`s to have made it.

    came: since when pings that wait for it may have been there. asking: the question, once it is asked.
    """

    asking: "asyncio.Task[Decision | None]"

    def __init__(self, place: Micros) -> None:
        self.place = self.came = place
        self._claimed = False

    def claim(self) -> bool:
        """True for the first caller only."""
        claimed, self._claimed = self._claimed, True
        return not claimed


class Look:
    """One look at the end of the log, for pings that had all come before it. is_caught_up: None before it."""

    is_caught_up: bool | None = None
    among_many = False  # so many asked at the time that their number may be why it failed
    counted = False  # by the limit of those who ask for checks that are not known


class CheckFinder:
    """`limiter`: the rate limit, in which a ping that makes its check has a place."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        directory: Directory,
        replica: ReplicaProgress,
        decisions: DecisionMaker,
        source: Source,
        events: Events,
        responses: PingResponses,
        limiter: Limiter,
        disk: Disk,
    ) -> None:
        self._clock, self._directory, self._replica, self._decisions = clock, directory, replica, decisions
        self._source, self._events, self._responses = source, events, responses
        self._limiter, self._disk = limiter, disk
        self._unknown_checks = UnknownCheckLimiter(Forwarded(settings.trusted_proxies))
        self._new_checks = CalendarQuota(settings.new_checks_per_hour or None, HOUR)
        self._making: dict[tuple[str, str], _Making] = {}

    def find(self, target: PingTarget) -> tuple[str, ...]:
        """Ids of the checks that a target means, as far as the directory knows."""
        directory = self._directory
        if target.check:
            return (target.check,) if target.check in directory else ()
        if target.pulse:
            id = pulsed(directory, target.token, target.pulse_key)
            return () if id is None else (id,)
        project = self.project_of(target)
        return () if project is None else directory.by_slug(project, target.slug)

    def project_of(self, target: PingTarget) -> str | None:
        """The project of the ping key in a target, which counts at the moment of the ping."""
        return self._directory.project_of_ping_key(target.ping_key, self._clock.now())

    def whose(self, target: PingTarget | None) -> str:
        """The project that a ping is for; empty: nobody's."""
        if target is None:
            return ""
        if not (target.check or target.pulse):
            return self.project_of(target) or ""
        found = self.find(target)
        check = self._directory.check(found[0]) if found else None
        return "" if check is None else check.project

    def fault(self, target: PingTarget) -> PingResponse:
        """What is wrong with a target, told after its check was looked up."""
        url = target.fault == "invalid url format"
        return self._responses.invalid_url if url else self._responses.invalid_uuid

    async def unknown(
        self, target: PingTarget, scope: Scope, look: Look | None = None, backlog: Backlog | None = None
    ) -> PingResponse | tuple[str, Micros | None]:
        """What to do about a check that the directory does not know: an answer, or its id.

        With the id comes the place in the rate limit, if it was made by this request, else None. look: shared with
        others that came with this one. backlog: of its request, if there are more in it.
        """
        project, came = self.project_of(target), self._source.came(backlog)
        if not (target.create and project is not None):
            found = await self._look(target, scope, look or Look(), came)
            if isinstance(found, PingResponse):
                return found
            if found:
                return (found[0], None) if len(found) == 1 else self._responses.ambiguous
            project = self.project_of(target)
            if not target.create or project is None:
                gentle = target.check and target.kind != "log"  # as on Healthchecks.io
                return self._responses.ok_not_found if gentle else self._responses.not_found
        if target.fault:
            return self.fault(target)
        return await self._provision(project, target.slug, scope, came)

    async def _look(self, target: PingTarget, scope: Scope, look: Look, came: Micros) -> tuple[str, ...] | PingResponse:
        """The checks that a target means by all that was committed before; or the answer when that is not known."""
        if look.is_caught_up is None:
            if self._unknown_checks.must_wait(scope):
                return self._responses.too_many_unknown
            with self._unknown_checks.ask() as asking:
                look.is_caught_up = await self._replica.caught_up(_FRESH_SECONDS)
            look.among_many = asking.among_many
        found = self.find(target)
        if found:
            return found
        if not look.counted:
            look.counted = True
            self._unknown_checks.count(scope)
        if not look.is_caught_up:
            if look.among_many:
                return self._responses.too_many_unknown
            self._source.refuse(self._source.partition_of(target.check) if target.check else None, came)
            return self._responses.unavailable
        return ()

    async def _provision(
        self, project: str, slug: str, scope: Scope, came: Micros
    ) -> PingResponse | tuple[str, Micros | None]:
        """Have the check made. First pings that come at once share one question; one of them made it."""
        if not self._disk.has_room:
            self._source.refuse(None, came)
            return self._responses.no_room
        making = self._making.get((project, slug))
        if making is None:
            candidate, now = new_id(), self._clock.now()
            if not self._new_checks.spend(project, 1, now):
                return self._responses.too_many_checks
            self._limiter.admit(candidate, now)
            actor = Actor(kind="ping_key", address=self._events.client(scope))
            making = self._making[project, slug] = _Making(now)
            making.asking = asyncio.create_task(self._ask(project, slug, candidate, making, actor))
            making.asking.add_done_callback(lambda _: self._making.pop((project, slug), None))
        making.came = min(making.came, came)
        decision = await asyncio.shield(making.asking)
        if decision is None:
            return self._responses.unavailable
        if (rejection := decision.rejection) is not None:
            return self._responses.rejected(rejection.code)
        return decision.id, making.place if decision.outcome == "made" and making.claim() else None

    async def _ask(self, project: str, slug: str, candidate: str, making: _Making, actor: Actor) -> Decision | None:
        """The decision on a new check. The place of a candidate that did not become the check is free again."""
        decision = None
        try:
            decision = await self._decide(project, slug, candidate, making, actor)
        finally:
            if decision is None or decision.outcome != "made":
                self._limiter.forget(candidate, making.place)
        return decision

    async def _decide(self, project: str, slug: str, candidate: str, making: _Making, actor: Actor) -> Decision | None:
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
            return await self._undecided(project, request, making, str(silence))
        if (rejection := decision.rejection) is None:
            # Without it we go on all the same: `check.defined` is in the journal ahead of our ping.
            await self._replica.wait(lambda: decision.id in directory, _KNOWN_SECONDS)
        elif self._responses.rejected(rejection.code) is self._responses.unavailable:  # it could not be judged
            return await self._undecided(project, request, making, rejection.reason)
        return decision

    async def _undecided(self, project: str, request: CheckCreate, making: _Making, why: str) -> Decision | None:
        """What the directory says instead of a verdict; None when it does not know the slug."""
        log.warning("ping.no_verdict", reason=why)
        # The verdict may be lost or late, yet its check be there. If it is not, no check has lost a ping by this.
        by_slug = partial(self._directory.by_slug, project, str(request.fields.slug))
        try:
            found = await look_up(self._replica, lambda: by_slug() or None, _FRESH_SECONDS)
        except NotCaughtUp:
            self._source.refuse(None, making.came)
            return None
        if found is None:
            return None
        if len(found) > 1:
            return Decision(request=request.request, outcome="refused", code=RejectionCode.AMBIGUOUS_SLUG)
        is_ours = found[0] == request.id
        return Decision(request=request.request, outcome="made" if is_ours else "found", id=found[0])
