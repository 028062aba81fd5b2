"""Reports by schedule, over the folds in memory."""

from collections.abc import Iterable
from typing import Any

from query_api.dependencies import Dependencies
from query_api.reports.maker import ReportMaker
from schemas.base import SECOND, Micros
from schemas.times import read_iso
from schemas.topics import DELIVERIES
from tests.harness import Harness
from tests.poppaping_client import V1

SCHEDULE, SEND = f"{V1}/reports/schedule", f"{V1}/reports/send"
DAY: Micros = 86_400 * SECOND
MONDAY = read_iso("2025-06-16T00:00:00")  # the harness begins on the day before


def deps_of(harness: Harness) -> Dependencies:
    deps: Dependencies = harness.app.state.deps
    return deps


def maker(harness: Harness, slot: str = "0", behind: Iterable[str] = ()) -> ReportMaker:
    return ReportMaker(deps_of(harness), lambda _: list(behind), slot)


async def schedule(harness: Harness, **fields: Any) -> dict[str, Any]:
    answer = await harness.client.patch(SCHEDULE, json=fields)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["data"]
    return found


def move_to(harness: Harness, at: Micros) -> None:
    """The time becomes `at`, with one tick."""
    harness.log.time = at - SECOND
    harness.log.tick(1)


def requested(harness: Harness, channel: str = "") -> list[dict[str, Any]]:
    """What was requested of reports, in the order of the log."""
    return [
        value
        for key, value in harness.log.of(DELIVERIES)
        if value["type"] == "delivery.requested" and value["notices"] == ["project.report"] and channel in ("", key)
    ]


def pending(harness: Harness) -> list[tuple[str, str]]:
    return [(each.kind, each.label) for _, each in harness.log.directory.pending_reports()]
