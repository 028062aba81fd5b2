"""Checks in a bulk request that this process does not know: looked up or created, without a separate wait for each.

All new checks in a chunk of lines are requested at once. If no decision arrives, the request waits for it only once.
The result of each line is the same as if the checks had been requested one after the other.
"""

import asyncio

from ingest.ping.backlog import Backlog
from ingest.ping.bulk_lines import BulkPing
from ingest.ping.check_finder import CheckFinder, Look
from ingest.ping.responses import PingResponse, PingResponses, Scope
from ingest.ping.urls import PingTarget
from schemas.base import Micros

# An answer; or the id of a check, and the place in the rate limit of the ping that made it, if one did.
Settled = PingResponse | tuple[str, Micros | None]


class UnknownChecks:
    """Of the request with this `scope` and `backlog`."""

    def __init__(self, finder: CheckFinder, responses: PingResponses, scope: Scope, backlog: Backlog) -> None:
        self._finder, self._responses, self._scope, self._backlog = finder, responses, scope, backlog
        self._is_undecided = False  # nobody has decided in time on a check that was to be made

    async def make(self, pings: list[tuple[int, BulkPing]], look: Look) -> dict[int, Settled]:
        """Have the new checks made that lines are the first to name, all at once; by number, what came of it."""
        finder, firsts = self._finder, dict[tuple[str, str], int]()  # who is first, to make it or not
        asked = dict[int, PingTarget]()
        for number, (target, _) in pings:
            project = None if target.check or finder.find(target) else finder.project_of(target)
            if project is not None and firsts.setdefault((project, target.slug), number) == number and target.create:
                asked[number] = target
        if not asked:
            return {}
        settled = await asyncio.gather(*(self.settle(target, look) for target in asked.values()))
        return dict(zip(asked, settled, strict=True))

    async def settle(self, target: PingTarget, look: Look) -> Settled:
        """What to do about a check that is not known. A verdict that does not come is waited for once in a request."""
        finder, responses = self._finder, self._responses
        if not target.create:
            return await finder.unknown(target, self._scope, look, self._backlog)
        if self._is_undecided and finder.project_of(target) is not None:
            settled = await finder.unknown(target._replace(create=False), self._scope, look, self._backlog)
            return responses.unavailable if settled is responses.not_found else settled
        settled = await finder.unknown(target, self._scope, look, self._backlog)
        self._is_undecided |= settled is responses.unavailable
        return settled
