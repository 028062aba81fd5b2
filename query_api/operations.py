"""For operators: `/healthz`, `/readyz` and `/metrics`.

`/healthz` says that this process serves. `/readyz` says that Pingfold works: the time of every partition of every fold
moves, so pings are being folded and deadlines will expire, and there is room on the disk. `/metrics` gathers the
figures of all processes.
"""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from infra.disk import Disk, DiskFigures
from infra.log.admin import admin_client, end_offsets
from infra.progress import FoldProgress
from query_api.backlog import Backlog
from query_api.parts import Clock
from schemas.base import SECOND

# Partitions without events commit their time every 5 s; what is older than this is not being folded.
_LIMIT = 20 * SECOND
# A time that is so far ahead of the clock was told by a clock that is wrong, or that was.
AHEAD = 10 * SECOND


class _Lags(Collector):
    """Records of each journal that are committed and not folded, and how old the folds' time is."""

    def __init__(self, progress: FoldProgress, bootstrap: str, clock: Clock) -> None:
        self._progress, self._clock = progress, clock
        self._admin = admin_client(bootstrap)

    def collect(self) -> Iterator[Any]:
        known = list(self._progress)
        lag = GaugeMetricFamily(
            "pingfold_fold_lag_events", "Journal records not folded yet", labels=["journal", "partition"]
        )
        age = GaugeMetricFamily(
            "pingfold_fold_time_age_seconds",
            "How far the partition's time is behind the clock",
            labels=["journal", "partition"],
        )
        truncated = GaugeMetricFamily(
            "pingfold_journal_truncated_offset",
            "Where a journal was last found to have lost events that had been folded",
            labels=["journal", "partition"],
        )
        try:
            ends = end_offsets(self._admin, [(journal, partition) for journal, partition, _ in known], timeout=3.0)
        except Exception:  # Kafka does not answer: then there is no figure, and /readyz says the rest
            ends = {}
        ahead = GaugeMetricFamily(
            "pingfold_fold_time_ahead_seconds",
            "How far the partition's time is ahead of the clock; `pingfold time mend` takes it back",
            labels=["journal", "partition"],
        )
        now = self._clock.now()
        for journal, partition, progress in known:
            labels = [journal, str(partition)]
            if progress is not None:
                age.add_metric(labels, max(0.0, (now - progress.time) / SECOND))
                if progress.truncated is not None:
                    truncated.add_metric(labels, progress.truncated)
                ahead.add_metric(labels, max(0.0, (progress.time - now) / SECOND))
            if (journal, partition) in ends:
                lag.add_metric(labels, max(0, ends[journal, partition] - (progress.applied if progress else -1) - 1))
        yield lag
        yield age
        yield truncated
        yield ahead


def router(progress: FoldProgress, bootstrap: str, clock: Clock, disk: Disk) -> APIRouter:
    """The routes of this module."""
    api = APIRouter(include_in_schema=False)
    lags, backlog = CollectorRegistry(), Backlog(progress, bootstrap)
    lags.register(_Lags(progress, bootstrap, clock))
    lags.register(DiskFigures(disk))

    @api.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @api.get("/readyz")
    async def readyz(response: Response) -> dict[str, Any]:
        behind = progress.behind(clock.now(), _LIMIT)
        if behind or not disk.has_room:
            response.status_code = 503
            response.headers["Retry-After"] = "1"
        catching_up = await _catching_up(backlog) if behind else []
        wrong = _wrong(progress.wrong(clock.now(), AHEAD))
        status = "ready" if response.status_code != 503 else "catching up" if catching_up else "not ready"
        return {"status": status, "not_folded": behind, "catching_up": catching_up} | wrong | _room(disk)

    @api.get("/metrics")
    async def metrics() -> Response:
        text = await asyncio.to_thread(_gather, lags)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return api


def _wrong(told: list[str]) -> dict[str, Any]:
    """What is wrong with the time of partitions: pings are taken, but deadlines may pass unseen."""
    return {"wrong_time": told} if told else {}


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


def _gather(lags: CollectorRegistry) -> bytes:
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not (folder and Path(folder).is_dir()):
        return generate_latest(REGISTRY) + generate_latest(lags)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
    try:
        return generate_latest(registry) + generate_latest(lags)
    except FileNotFoundError:  # of a process that has just ended: what it counted stands in another file by now
        return generate_latest(registry) + generate_latest(lags)
