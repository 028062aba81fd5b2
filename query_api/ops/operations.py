"""For operators: `/healthz`, `/readyz` and `/metrics`.

`/healthz` says that this process serves: for load balancers, which should go on sending pings to it while history is
away. `/readyz` says that all of Pingfold works: for who watches it. What does not (`readiness.py`), it tells only who
shows the key of `infra.secrets.metrics_key`, and so does `/metrics`, which gathers the figures of all processes, and
what only who looks from outside can tell of them.
"""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess
from prometheus_client.registry import Collector

from infra import metrics as metrics_table
from infra.clock import Clock
from infra.clock_skew.reports import ClockReports
from infra.disk import Disk, DiskFigures
from infra.log.progress import FoldProgress
from infra.secrets.metrics_key import KEY_FILE, shows
from query_api.http.refusals import error_answer
from query_api.ops.readiness import Readiness, Report
from query_api.state.backlog import Backlog
from schemas.base import SECOND
from schemas.ticks import speaks_until

_ASK = f"the key of the figures is needed: Authorization: Bearer KEY, as in {KEY_FILE} or PINGFOLD_METRICS_KEY"


class _Seen(Collector):
    """What the newest look has found. A figure that is not known is left out."""

    def __init__(self, readiness: Readiness, progress: FoldProgress, clock: Clock, clocks: ClockReports) -> None:
        self._readiness, self._progress, self._clock, self._clocks = readiness, progress, clock, clocks

    def collect(self) -> Iterator[Any]:
        report = self._readiness.report
        yield from self._folds(report)
        yield from _history(report)
        skew = metrics_table.CLOCK_SKEW.family()
        for role, name, by in self._clocks:
            skew.add_metric([role, name], by / SECOND)
        yield skew
        yield metrics_table.PROBLEMS.of(len(report.problems))
        for spec, field in ((metrics_table.ROLE_RESTARTS, "restarts"), (metrics_table.ROLE_REPLACED, "replaced")):
            family = spec.family()
            for role, restarts in report.restarts.items():
                family.add_metric([role], getattr(restarts, field))
            yield family

    def _folds(self, report: Report) -> Iterator[Any]:
        lag, age = metrics_table.FOLD_LAG.family(), metrics_table.FOLD_TIME_AGE.family()
        truncated, ahead = metrics_table.JOURNAL_TRUNCATED.family(), metrics_table.FOLD_TIME_AHEAD.family()
        for (journal, number), records in report.fold_lag.items():
            lag.add_metric([journal, str(number)], records)
        now = self._clock.now()
        for journal, number, progress in self._progress:
            if progress is not None:
                age.add_metric([journal, str(number)], max(0.0, (now - speaks_until(progress)) / SECOND))
                if progress.truncated is not None:
                    truncated.add_metric([journal, str(number)], progress.truncated)
                ahead.add_metric([journal, str(number)], max(0.0, (progress.time - now) / SECOND))
        yield lag
        yield age
        yield truncated
        yield ahead


def _history(report: Report) -> Iterator[Any]:
    if report.history_records is not None:
        yield metrics_table.HISTORY_LAG_RECORDS.of(report.history_records)
    if report.history_seconds is not None:
        yield metrics_table.HISTORY_LAG_SECONDS.of(report.history_seconds)


def router(
    readiness: Readiness,
    progress: FoldProgress,
    clocks: ClockReports,
    bootstrap: str,
    clock: Clock,
    disk: Disk,
    instance: str | None,
    key: str,
) -> APIRouter:
    """The routes of this module. instance: whose process this is, for whoever asks at an address. key: opens details
    and figures."""
    api = APIRouter(include_in_schema=False)
    whose = {"instance": instance} if instance else {}
    seen, backlog = CollectorRegistry(), Backlog(progress, bootstrap)
    seen.register(_Seen(readiness, progress, clock, clocks))
    seen.register(DiskFigures(disk))

    @api.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"} | whose

    @api.get("/readyz")
    async def readyz(request: Request, response: Response) -> dict[str, Any]:
        report = await readiness.look()
        if report.problems:
            response.status_code = 503
            response.headers["Retry-After"] = "1"
        if not shows(request.headers, key):
            return {"status": "not ready" if report.problems else "ready"} | whose
        catching_up = await _catching_up(backlog) if report.not_folded else []
        answer = {
            "status": "catching up" if catching_up else "not ready" if report.problems else "ready",
            "not_folded": report.not_folded,
            "catching_up": catching_up,
            "problems": [problem._asdict() for problem in report.problems],
            "warnings": [warning._asdict() for warning in report.warnings],
        }
        wrong_time = {"wrong_time": report.wrong_time} if report.wrong_time else {}
        return answer | wrong_time | _room(disk) | whose

    @api.get("/metrics")
    async def metrics(request: Request) -> Response:
        if not shows(request.headers, key):
            return error_answer(401, _ASK, {"WWW-Authenticate": 'Bearer realm="Pingfold metrics"'})
        await readiness.look()
        text = await asyncio.to_thread(_gather, seen)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return api


def _room(disk: Disk) -> dict[str, Any]:
    """How full the disk of the embedded servers is; nothing where there are none."""
    level, room, reserve = disk.state
    if room is None:
        return {}
    return {"disk": {"level": level.name.lower(), "free_bytes": room.free, "reserve_bytes": reserve}}


async def _catching_up(backlog: Backlog) -> list[dict[str, Any]]:
    """What is known of it; nothing while Kafka does not answer."""
    try:
        return await asyncio.to_thread(backlog.look)
    except Exception:
        return []


def _gather(seen: CollectorRegistry) -> bytes:
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not (folder and Path(folder).is_dir()):
        return generate_latest(REGISTRY) + generate_latest(seen)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
    try:
        return generate_latest(registry) + generate_latest(seen)
    except FileNotFoundError:  # of a process that has just ended: what it counted stands in another file by now
        return generate_latest(registry) + generate_latest(seen)
