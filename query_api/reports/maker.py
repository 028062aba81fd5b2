"""Makes the reports that are due: each is computed when history has caught up with its period, and asked to be sent.

Every process that serves the APIs does this. The fold of projects counts one request for each report that is due
(`processors/projects/reports.py`), so it does not matter who makes it, how often it is begun, or where it ends: what
was not decided is still due, and is made again. Processes begin at different moments, so that mostly one does the work.

A report comes late while history is away or behind; after `_NOT_COMPLETE` it is sent with what there is, and says so.
When history stays away, the fold gives the report up (`schemas.reports.GIVEN_UP_AFTER`).
"""

import asyncio
from collections.abc import Callable
from zlib import crc32

import structlog

from infra.clickhouse.client import ClickHouseUnavailable
from query_api.commands import Late, ask
from query_api.dependencies import Dependencies
from query_api.history.behind import Behind
from query_api.history.reports import Span3
from query_api.reports.compute import ReportOf, compute, is_rolled_up
from query_api.reports.summary import content_of
from schemas.actors import SYSTEM
from schemas.base import SECOND, Micros
from schemas.ids import new_id
from schemas.reports import PendingReport, ReportMade

log = structlog.get_logger(__name__)

# After the end of a period, until what happened before it has been noticed: results that are retried, late pings.
SETTLED: Micros = 600 * SECOND
_NOT_COMPLETE: Micros = 86_400 * SECOND
_LOOK_SECONDS = 5.0
# A report is computed within this time, or later.
_WITHIN_SECONDS = 60.0
# So far apart processes begin, at most.
_APART: Micros = 30 * SECOND
# So long a report that was tried is left alone: it was asked for, and that is heard of, or history was behind.
_AGAIN: Micros = 60 * SECOND
_Named = tuple[str, str, str]


class ReportMaker:
    """behind: which folds have not come to a time yet, for the log. slot: of this process, among those that do this."""

    def __init__(self, deps: Dependencies, behind: Callable[[Micros], list[str]], slot: str) -> None:
        self._deps, self._behind, self._slot = deps, behind, slot
        self._tried: dict[_Named, Micros] = {}
        self._told_away = False

    async def run(self) -> None:
        """Look for what is due, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Make what can be made now; one after the other, since each asks much of history.

        What was not tried for longest comes first: one that takes too long, again and again, keeps no others waiting.
        """
        now = self._deps.clock.now()
        due: dict[_Named, PendingReport] = {
            (project, pending.kind, pending.label): pending
            for project, pending in self._deps.directory.pending_reports()
        }
        self._tried = {named: at for named, at in self._tried.items() if named in due}
        for named, pending in sorted(due.items(), key=lambda one: self._tried.get(one[0], 0)):
            project, tried = named[0], self._tried.get(named)
            if tried is not None and 0 <= now - tried < _AGAIN:
                continue
            if now < pending.end + SETTLED + self._begins(named):
                continue
            try:
                async with asyncio.timeout(_WITHIN_SECONDS):
                    await self._make(named, pending, now)
            except (ClickHouseUnavailable, TimeoutError) as error:
                if not self._told_away:
                    log.warning("reports.history_away", project=project, error=str(error) or type(error).__name__)
                self._told_away = True
                return  # the others would hardly fare better; the next look begins with them
            except Late as late:
                log.info("reports.asked_again", project=project, why=str(late))
            except Exception:  # one project must not keep the others from their reports
                log.exception("reports.failed", project=project, period=pending.kind, label=pending.label)
            self._told_away = False

    def _begins(self, named: _Named) -> Micros:
        return crc32("/".join((self._slot, *named)).encode()) % _APART

    async def _make(self, named: _Named, pending: PendingReport, now: Micros) -> None:
        """Ask for it to be sent; while history does not have all of it, it waits."""
        history, is_late = self._deps.report_history, now >= pending.since + _NOT_COMPLETE
        if history is None or (self._behind(pending.end) and not is_late):
            return
        if not is_late and not await history.is_written():
            raise Behind  # for all reports; to ask costs little
        project = named[0]
        rolled_up = is_late or await is_rolled_up(self._deps, history, pending.end)
        if not rolled_up and self._deps.directory.monitors_of(project):
            return  # it would be computed again and again, of a history that is busy catching up
        self._tried[named] = now
        span = Span3(pending.before, pending.start, pending.end)
        report = await compute(self._deps, history, ReportOf(project, pending.kind, span, pending.timezone))
        if not report.complete and not is_late:
            return
        request = ReportMade(
            request=new_id(), at=now, kind=pending.kind, label=pending.label, content=content_of(report)
        )
        decision = await ask(self._deps, project, request, SYSTEM)
        if decision.outcome == "made":
            log.info("reports.made", project=project, period=pending.kind, label=pending.label)
        elif decision.outcome == "refused":
            log.error("reports.refused", project=project, period=pending.kind, why=decision.reason)
