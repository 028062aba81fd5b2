"""The results that decided that something went down, and that it was well again: the last ones before each moment.

Two questions for many incidents: when their changes were seen, and the results of a while before each of these moments.
A result counts once, however often it stands there. Raises `infra.clickhouse.client.ClickHouseUnavailable` when
ClickHouse does not answer.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from infra.clickhouse.client import ClickHouse
from schemas.base import SECOND, Micros
from schemas.probes import FamilyResult, Phases

# The time of a partition, by which a change is dated, is a tick old at most.
_TICK: Micros = SECOND
# More rows than this are never read; who has them from many incidents gets those of the newest.
_MOST_ROWS = 20_000

_CHANGES = """
SELECT incident, became = 'down' AS down, max(detected_at)
FROM spans WHERE thing = {thing:String} AND incident IN {incidents:Array(String)} AND (down OR state = 'down')
GROUP BY incident, down
"""

_RESULTS = """
SELECT slot, confirm, CAST(region, 'String'), at, ok, status, took, address, CAST(method, 'String'),
       CAST(http_version, 'String'), url, families, redirect, lookup, connect, tls, first_byte
FROM probe_results FINAL
WHERE monitor = {{monitor:String}} AND ({ranges})
ORDER BY at DESC LIMIT {most}
"""
_RANGE = "slot BETWEEN fromUnixTimestamp64Micro({first}, 'UTC') AND fromUnixTimestamp64Micro({last}, 'UTC')"


_families = msgspec.json.Decoder(tuple[FamilyResult, ...]).decode


class DecidingResult(NamedTuple):
    """A result. `confirm`: 0 for a regular one. `took` in microseconds; `status` None without an HTTP answer. `method`,
    `http_version`, `url`: empty where the monitor's own hold, or nothing is known. `families`: where both were
    asked."""

    slot: Micros
    confirm: int
    region: str
    at: Micros
    ok: bool
    status: int | None
    took: int
    address: str
    method: str
    http_version: str
    url: str
    families: tuple[FamilyResult, ...]
    phases: Phases


class Deciding(NamedTuple):
    """The last results until the monitor was taken to be down, and until it was taken to be well; oldest first."""

    down: Sequence[DecidingResult] = ()
    up: Sequence[DecidingResult] = ()


class DecidingResults:
    def __init__(self, clickhouse: ClickHouse) -> None:
        self._rows = clickhouse.rows

    async def read(self, monitor: str, incidents: Sequence[str], reach: Micros, most: int) -> dict[str, Deciding]:
        """For each incident, at most so many results of the time `reach` before each change."""
        if not incidents:
            return {}
        changes = await self._rows(_CHANGES, {"thing": monitor, "incidents": list(incidents)})
        moments = {(incident, bool(down)): seen for incident, down, seen in changes}
        results = await self._within(monitor, [(seen - reach, seen) for seen in moments.values()])
        ats = [one.at for one in results]

        def until(incident: str, down: bool) -> list[DecidingResult]:
            seen = moments.get((incident, down))
            if seen is None:
                return []
            near = results[bisect_left(ats, seen - reach) : bisect_right(ats, seen + _TICK)]
            found = [one for one in near if one.at + one.took <= seen + _TICK]
            return found[-most:]

        return {incident: Deciding(until(incident, True), until(incident, False)) for incident in incidents}

    async def _within(self, monitor: str, ranges: Iterable[tuple[Micros, Micros]]) -> list[DecidingResult]:
        joined = _joined(ranges)
        if not joined:
            return []
        told = " OR ".join(_RANGE.format(first=first, last=last + _TICK) for first, last in joined)
        rows = await self._rows(_RESULTS.format(ranges=told, most=_MOST_ROWS), {"monitor": monitor})
        return [_result(row) for row in reversed(rows)]


def _joined(ranges: Iterable[tuple[Micros, Micros]]) -> list[tuple[Micros, Micros]]:
    """The same times, each in one range only."""
    joined: list[tuple[Micros, Micros]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((max(0, first), last))
    return joined


def _result(row: tuple[Any, ...]) -> DecidingResult:
    slot, confirm, region, at, ok, status, took, address, method, version, url, families, *phases = row
    known = Phases(*(one if one >= 0 else None for one in phases))
    status, each = status if status >= 0 else None, _families(families) if families else ()
    return DecidingResult(slot, confirm, region, at, bool(ok), status, took, address, method, version, url, each, known)
