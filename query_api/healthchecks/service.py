"""What the routes of the Management API share: finding a check, asking for a change, answering with a check.

A check is called unknown only when the directory has seen everything committed before the request came. A change is
answered when what it made can be read back through this process; when only its running state is late, the answer says
so (`Pingfold-Stale`).
"""

import asyncio
import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated

from fastapi import Depends, Request, Response
from msgspec.structs import replace

from query_api import commands
from query_api.actors import with_key
from query_api.commands import Late
from query_api.dependencies import Dependencies, dependencies_of
from query_api.healthchecks.auth import Caller
from query_api.healthchecks.check_object import CheckObject, Urls, check_object, unique_key
from query_api.healthchecks.rejections import refusal_of
from query_api.http.idempotency import InvalidIdempotencyKey, id_for
from query_api.http.lookup import look_again, look_up
from query_api.http.refusals import ApiError, Unavailable, json_answer
from query_api.http.versions import InvalidVersion, show_version, version_asked
from query_api.state.freshness import STALE_HEADER, Freshness
from schemas.actors import Actor
from schemas.decisions import Decision
from schemas.definitions import Check
from schemas.ids import is_uuid
from schemas.pings import CheckPaused, CheckResumed
from schemas.requests import CheckClaim, ProjectsRequest
from schemas.topics import PINGS

# So many checks are looked at in one go, before other requests get their turn.
_AT_ONCE = 256

_UNIQUE_KEY = re.compile(r"[A-Za-z0-9]{40}")


class Service:
    """One request: the dependencies, and the version of the API that was asked."""

    def __init__(self, request: Request, deps: Dependencies) -> None:
        self.deps = deps
        self.freshness: Freshness = request.app.state.freshness
        self.version = int(request.scope["path"].removeprefix("/api/v")[0])
        self._request = request
        self.urls = Urls(deps.settings.ping_base, deps.settings.base_url, self.version)

    # ---- finding

    async def check(self, caller: Caller, id: str) -> Check:
        """The caller's check with this id."""
        directory = self.deps.directory
        check = await look_up(self.deps, "the check", lambda: directory.check(id)) if is_uuid(id) else None
        if check is None:
            raise ApiError(404, "not found")
        if check.project != caller.project:
            raise ApiError(403)
        show_version(self._request, check)
        return check

    async def check_by_any_key(self, caller: Caller, key: str) -> Check:
        """The caller's check with this id or unique key."""
        if not is_unique_key(key):
            return await self.check(caller, key)
        found = await self._by_unique_key(caller, key)
        if found is None:
            found = await look_again(self.deps, "the check", partial(self._by_unique_key, caller, key))
        if found is None:
            raise ApiError(404)
        return found

    async def _by_unique_key(self, caller: Caller, key: str) -> Check | None:
        async for check in self.checks(caller):
            if unique_key(check.id) == key:
                return check
        return None

    async def checks(self, caller: Caller) -> AsyncIterator[Check]:
        """The caller's checks in no order; long lists let other requests through."""
        for number, check in enumerate(self.deps.directory.checks_of(caller.project), 1):
            yield check
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)

    # ---- changing

    def actor(self, caller: Caller) -> Actor:
        """The caller, as the audit trail tells of them."""
        return with_key(self._request, caller.key)

    async def ask(self, caller: Caller, request: ProjectsRequest) -> Decision:
        """The verdict of the `projects` fold on what the caller asks; a refusal is told in the form of the API."""
        return await self._ask(caller, caller.project, request)

    async def claim(self, caller: Caller, request: CheckClaim) -> Decision:
        """The verdict on a check whose id is given: it is asked for where all who want the id meet."""
        return await self._ask(caller, request.id, request)

    def id_for(self, caller: Caller, kind: str, key: str | None) -> str:
        """The id of what the caller makes. key: the header `Idempotency-Key`."""
        try:
            return id_for(self.deps, caller.project, kind, key)
        except InvalidIdempotencyKey as invalid:
            raise ApiError(400, str(invalid)) from None

    async def _ask(self, caller: Caller, key: str, request: ProjectsRequest) -> Decision:
        try:
            version = version_asked(self._request)
        except InvalidVersion as invalid:
            raise ApiError(400, str(invalid)) from None
        if version is not None:
            request = replace(request, based_on=version)
        try:
            decision = await commands.ask(self.deps, key, request, self.actor(caller))
        except Late as late:
            raise Unavailable(str(late)) from None
        if (rejection := decision.rejection) is not None:
            raise refusal_of(rejection)
        return decision

    async def result(self, decision: Decision) -> Check:
        """The check that a verdict names, read back."""
        try:
            found = await commands.read_back(self.deps, decision, self.deps.directory.check)
        except Late as late:
            raise Unavailable(str(late)) from None
        show_version(self._request, found)
        return found

    async def command(self, caller: Caller, check: Check, event: CheckPaused | CheckResumed) -> None:
        """Put an event of a check into the journal; the reads that follow show it."""
        asked = replace(event, actor=self.actor(caller))
        try:
            [position] = await commands.append(self.deps, PINGS, check.id, asked)
        except Late as late:
            raise Unavailable(str(late)) from None
        self.freshness.wrote(position)

    # ---- answering

    def object(self, check: Check, read_only: bool = False) -> CheckObject:
        """The check as this process can show it now."""
        state = self.deps.states.state(check.id)
        return check_object(check, state, self.freshness.speaks_of(check.id), self.urls, read_only)

    async def answer(self, check: Check, status: int = 200, read_only: bool = False) -> Response:
        """The answer with one check, as fresh as it can be had."""
        stale = await self.freshness.of_check(check)
        return json_answer(self.object(check, read_only), status, stale_header(stale))


async def _service(request: Request) -> Service:
    return Service(request, dependencies_of(request))


ServiceDep = Annotated[Service, Depends(_service)]


def stale_header(seconds: int) -> dict[str, str]:
    """Says how old an answer is, when it is."""
    return {STALE_HEADER: str(seconds)} if seconds else {}


def is_unique_key(key: str) -> bool:
    """Whether `key` has the form of a unique key."""
    return _UNIQUE_KEY.fullmatch(key) is not None
