"""Response times and deciding results read back from a log in memory, as the real history has them in ClickHouse."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import msgspec

from query_api.history.deciding_results import Deciding, DecidingResult
from query_api.history.response_times import DAY, HOUR, Figures, Measured, Place
from query_api.history.uptime import Span
from query_api.history.validity import ToldRow
from schemas.base import SECOND, Micros
from schemas.probes import ProbeCompleted
from schemas.response_times import answered_in, bucket
from schemas.topics import PROBE_RESULTS, TRANSITIONS, Topic

_TICK: Micros = SECOND


class Log(Protocol):
    """The part of `tests.memory.Memory` that is read here."""

    def of(self, topic: Topic) -> list[tuple[str, Any]]: ...


def results_of(log: Log, monitor: str) -> Iterator[ProbeCompleted]:
    """The results of a monitor in the order of the log, each once."""
    known = set()
    for key, told in log.of(PROBE_RESULTS):
        if key == monitor and told["type"] == "probe.completed" and told.get("failure") != "prober_error":
            one = msgspec.convert(told, ProbeCompleted)
            if (one.slot, one.confirm, one.region) not in known:
                known.add((one.slot, one.confirm, one.region))
                yield one


def figures_of(results: Sequence[ProbeCompleted]) -> Figures:
    """What regular results come to; those in maintenance count in nothing."""
    figures = Figures()
    for one in results:
        if one.confirm or one.maintenance:
            continue
        figures.samples += 1
        figures.failures += not one.ok
        if one.ok:
            phases = one.phases
            figures.times[bucket(answered_in(one.took, phases.connect, phases.first_byte))] += 1
            figures.redirect += phases.redirect or 0
            figures.lookup += phases.lookup or 0
            figures.connect += phases.connect or 0
            figures.tls += phases.tls or 0
            figures.first_byte += phases.first_byte or 0
    return figures


class MemoryResponseTimes:
    def __init__(self, log: Log) -> None:
        self._log = log

    async def read(self, monitor: str, start: Micros, end: Micros, by_day: bool) -> Measured:
        first, last = start // SECOND // HOUR * HOUR, -(-end // (HOUR * SECOND)) * HOUR
        sorted_in: dict[Place, list[ProbeCompleted]] = {}
        for one in results_of(self._log, monitor):
            hour = one.slot // SECOND // HOUR * HOUR
            if first <= hour < last:
                day = hour // DAY * DAY
                whole = by_day and first <= day and day + DAY <= last
                sorted_in.setdefault(Place(day if whole else hour, one.region), []).append(one)
        figures = {place: found for place, some in sorted_in.items() if (found := figures_of(some)).samples}
        told = (value for key, value in self._log.of(TRANSITIONS) if key == monitor)
        downs = [
            Span(one["since"], one["at"], "down")
            for one in told
            if one["type"] == "status.changed" and one["was"] == "down" and one["at"] >= first * SECOND
        ]
        return Measured(figures, downs)

    async def since(self, monitor: str, start: Micros) -> Figures:
        return figures_of([one for one in results_of(self._log, monitor) if one.slot >= start])


class MemoryDecidingResults:
    def __init__(self, log: Log) -> None:
        self._log = log

    async def read(self, monitor: str, incidents: Sequence[str], reach: Micros, most: int) -> dict[str, Deciding]:
        results = sorted(results_of(self._log, monitor), key=lambda one: one.at)
        moments: dict[tuple[str, bool], Micros] = {}
        for key, told in self._log.of(TRANSITIONS):
            if key == monitor and told["type"] == "status.changed" and told.get("incident") in incidents:
                moments[told["incident"], told["now"] == "down"] = told["detected_at"]

        def until(incident: str, down: bool) -> list[DecidingResult]:
            if (seen := moments.get((incident, down))) is None:
                return []
            near = [one for one in results if seen - reach <= one.at and one.at + one.took <= seen + _TICK]
            return [_row(one) for one in near[-most:]]

        return {incident: Deciding(until(incident, True), until(incident, False)) for incident in incidents}


class MemoryValidityHistory:
    def __init__(self, log: Log) -> None:
        self._log = log

    async def told(self, monitor: str, skip: int, limit: int) -> list[ToldRow]:
        return self._all(monitor)[skip : skip + limit]

    async def total(self, monitor: str) -> int:
        return len(self._all(monitor))

    def _all(self, monitor: str) -> list[ToldRow]:
        told = [one for key, one in self._log.of(TRANSITIONS) if key == monitor and one["type"] == "validity.told"]
        return [
            ToldRow(
                one["at"], one["detected_at"], one["notice"], one.get("silent", False), one["detail"],
                {name: value for name, value in one["data"].items() if name not in ("monitor", "incident", "detail")},
            )
            for one in sorted(told, key=lambda one: -one["n"])
        ]  # fmt: skip


def _row(one: ProbeCompleted) -> DecidingResult:
    return DecidingResult(
        one.slot, one.confirm, one.region, one.at, one.ok, one.status, one.took, one.address, one.method,
        one.http_version, one.url, one.families, one.phases,
    )  # fmt: skip
