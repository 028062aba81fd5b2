"""Whether everything makes progress, and what does not: the judgement behind `/readyz`, the lags and the heartbeat.

Nobody is asked about himself. Folds and the history writer are judged by offsets: how far they have committed, against
the ends of what they read. Probers are judged by what they commit as members of their group, the sender by deliveries
that are due and not attempted, roles of this machine by what moves under `data/run`, servers by whether they answer.

A look is shared by all who ask within a second, and every question in it is bounded. A question whose answer does not
come is not asked again until it does; until then its server does not answer.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

import structlog

from infra.clock import Clock
from infra.clock_skew.reports import ClockReports, time_faults
from infra.disk import Disk
from infra.log.admin import admin_client, end_offsets
from infra.log.groups import Committed, GroupOffsets
from infra.log.lag_age import LagAge, Partition
from infra.log.progress import FoldProgress
from infra.log.reading import holding_records
from infra.process.role_files import Restarts, RoleFiles
from infra.settings.settings import Settings
from query_api.state.delivery_states import DeliveryStates
from schemas.base import SECOND
from schemas.topics import JOURNALS, MONITOR_STATES

log = structlog.get_logger(__name__)

T = TypeVar("T")

# A look is good for so long.
FRESH_SECONDS = 1.0
# Looks are taken at least so often: how long something has been waiting is known only to who looks regularly.
EVERY_SECONDS = 5.0
_QUESTION_SECONDS = 2.0
# Without progress for so long something stands still.
STANDING_SECONDS = 30.0
# Partitions without events commit their time every 5 s; what is older than this is not being folded.
_TIME_LIMIT = 20 * SECOND
# After so long without movement, what waits in a journal is looked at: it may be markers of transactions alone.
_MARKERS_SECONDS = 5.0
# Looks further apart than this were not answered in between.
_UNKNOWN_SECONDS = 2 * EVERY_SECONDS
# Walking through all that is stored costs some milliseconds.
_SECRETS_SECONDS = 30.0
# Attempts take up to 15 s; one of all that are under way ends within this.
_SENDER_SECONDS = 60.0


# The part that is named when nobody can come by the address that the world uses.
PUBLIC_ADDRESS = "public address"


class Problem(NamedTuple):
    """part: what is not well. reason: why, for people."""

    part: str
    reason: str


@dataclass
class Report:
    """What a look has found. Lags are None while they are not known.

    warnings: what an operator should mend although everything works. wrong_time: the problems that are of the time.
    """

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    wrong_time: list[str] = field(default_factory=list)
    not_folded: list[str] = field(default_factory=list)
    fold_lag: dict[Partition, int] = field(default_factory=dict)
    history_records: int | None = None
    history_seconds: float | None = None
    restarts: Mapping[str, Restarts] = field(default_factory=dict)


class Queries(Protocol):
    """infra.clickhouse.client.ClickHouse, as far as it is needed here."""

    async def rows(self, sql: str) -> list[tuple[Any, ...]]: ...


class Question:
    """A question that is put in bounded time: `ask` gives None when no answer comes, and does not put it twice."""

    def __init__(self) -> None:
        self._asking: asyncio.Future[Any] | None = None

    async def ask(self, put: Callable[[], Awaitable[T]]) -> T | None:
        if self._asking is None:
            self._asking = asyncio.ensure_future(put())
        await asyncio.wait([self._asking], timeout=_QUESTION_SECONDS)
        if not self._asking.done():
            return None
        asked, self._asking = self._asking, None
        if asked.cancelled() or (error := asked.exception()) is not None:
            log.info("readiness.no_answer", error="cancelled" if asked.cancelled() else str(error))
            return None
        found: T = asked.result()
        return found


class Readiness:
    """To be made inside a running event loop.

    history: the writer's group, and the topics that it reads. prober_groups: by region. has_monitors: whether anything
    is to be probed at all. clocks: what every role has told of its own. public_fault: why no ping gets through the
    public address; empty when one does. secrets_fault: why stored secrets cannot be read, empty when they can; it may
    take a moment, and is asked in a thread.
    """

    def __init__(
        self,
        settings: Settings,
        bootstrap: str,
        partitions: int,
        clock: Clock,
        progress: FoldProgress,
        clickhouse: Queries,
        deliveries: DeliveryStates,
        disk: Disk,
        history: tuple[str, Sequence[str]],
        prober_groups: Mapping[str, str],
        has_monitors: Callable[[], bool],
        clocks: ClockReports,
        public_fault: Callable[[], str] = lambda: "",
        secrets_fault: Callable[[], str] = lambda: "",
    ) -> None:
        self._settings, self._bootstrap, self._clock, self._progress = settings, bootstrap, clock, progress
        self._clickhouse, self._deliveries, self._has_monitors = clickhouse, deliveries, has_monitors
        self._disk, self._clocks, self._public_fault = disk, clocks, public_fault
        self._secrets_fault, self._secrets, self._secrets_at = secrets_fault, "", -_SECRETS_SECONDS
        self._admin = admin_client(bootstrap)
        numbers = range(partitions)
        self._journals = [(journal.name, number) for journal in JOURNALS for number in numbers]
        self._history = [(topic, number) for topic in history[1] for number in numbers]
        self._probed = [(MONITOR_STATES.name, number) for number in numbers]
        self._writer = GroupOffsets(bootstrap, history[0])
        self._probers = {region: GroupOffsets(bootstrap, group) for region, group in prober_groups.items()}
        self._folds, self._written = LagAge(), LagAge()
        self._markers: dict[Partition, int] = {}  # only markers stand before this offset
        began = time.monotonic()
        # By region and partition: what its prober committed last, and when that changed.
        self._sign: dict[tuple[str, int], tuple[str, float]] = {
            (region, number): ("", began) for region in prober_groups for number in numbers
        }
        self._roles = RoleFiles(settings.data)
        # When it was last known what the writer and the probers of each region have committed.
        self._written_known_at = began
        self._signs_known_at = dict.fromkeys(prober_groups, began)
        self._ends, self._offsets = Question(), Question()
        self._regions = {region: Question() for region in prober_groups}
        self._answers, self._tail = Question(), Question()
        self._report, self._looked_at = Report(), 0.0
        self._looking: asyncio.Task[Report] | None = None

    @property
    def report(self) -> Report:
        """The newest look."""
        return self._report

    async def keep_looking(self) -> None:
        """Look regularly, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_SECONDS)

    async def look(self) -> Report:
        """A look that is not older than `FRESH_SECONDS`."""
        if self._looking is None and time.monotonic() - self._looked_at < FRESH_SECONDS:
            return self._report
        if self._looking is None:
            self._looking = asyncio.create_task(self._whole_look(), name="readiness")
            self._looking.add_done_callback(self._looked)
        return await asyncio.shield(self._looking)

    def _looked(self, look: "asyncio.Task[Report]") -> None:
        self._looking = None
        if not look.cancelled() and look.exception() is None:
            self._report, self._looked_at = look.result(), time.monotonic()

    async def _whole_look(self) -> Report:
        """A look; one that fails, for want of sockets or threads for example, says that nothing can be said."""
        try:
            return await self._look()
        except Exception as error:
            log.exception("readiness.failed")
            return Report(problems=[Problem("readiness", f"cannot be told: {error!r}")])

    async def _look(self) -> Report:
        report = Report()
        ends, written, answered, *signs = await asyncio.gather(
            self._ends.ask(self._ask_ends),
            self._offsets.ask(self._ask_written),
            self._answers.ask(lambda: self._clickhouse.rows("SELECT 1")),
            *(self._regions[region].ask(partial(self._ask_signs, region)) for region in self._probers),
        )
        now = time.monotonic()
        if ends is None:
            report.problems.append(Problem("kafka", "does not answer"))
        if not self._disk.has_room:
            report.problems.append(Problem("disk", f"is full: {self._disk.state.words}"))
        if answered is None:
            report.problems.append(Problem("clickhouse", "does not answer"))
        await self._judge_folds(report, now, ends)
        self._judge_history(report, now, ends, written)
        self._judge_probers(report, now, dict(zip(self._probers, signs, strict=True)))
        waiting = self._deliveries.unattempted(now)
        if waiting >= _SENDER_SECONDS:
            report.problems.append(Problem("sender", f"notices are due, and none was attempted for {waiting:.0f} s"))
        wrong = await asyncio.to_thread(self._roles.look, now)
        report.restarts = dict(self._roles.restarts)
        report.problems += [Problem(role, reason) for role, reason in sorted(wrong.items())]
        await self._judge_secrets(report, now)
        self._judge_clocks(report)
        if fault := self._public_fault():
            reason = f"no ping gets through {self._settings.ping_base}: {fault}; runs due meanwhile are not observed"
            report.warnings.append(Problem(PUBLIC_ADDRESS, reason))
        return report

    async def _judge_secrets(self, report: Report, now: float) -> None:
        if now - self._secrets_at >= _SECRETS_SECONDS:
            self._secrets, self._secrets_at = await asyncio.to_thread(self._secrets_fault), now
        if self._secrets:
            report.problems.append(Problem("secrets", self._secrets))

    def _judge_clocks(self, report: Report) -> None:
        of_time = time_faults(self._progress, self._clocks, self._clock.now())
        report.wrong_time = [fault.what for fault in of_time if fault.grave]
        for fault in [*of_time, *self._clocks.faults()]:
            told = report.problems if fault.grave else report.warnings
            told.append(Problem(fault.part, f"{fault.what}; {fault.do}"))

    async def _ask_ends(self) -> dict[Partition, int]:
        asked = {*self._journals, *self._history}
        return await asyncio.to_thread(end_offsets, self._admin, asked, _QUESTION_SECONDS)

    async def _ask_written(self) -> dict[Partition, Committed]:
        return await asyncio.to_thread(self._writer.committed, self._history, _QUESTION_SECONDS)

    async def _ask_signs(self, region: str) -> dict[Partition, Committed]:
        return await asyncio.to_thread(self._probers[region].committed, self._probed, _QUESTION_SECONDS)

    async def _judge_folds(self, report: Report, now: float, ends: Mapping[Partition, int] | None) -> None:
        behind = set(self._progress.behind(self._clock.now(), _TIME_LIMIT))
        if ends is not None:
            done = self._folded()
            mine = {tp: ends[tp] for tp in self._journals if tp in ends}
            report.fold_lag = {tp: max(0, end - done[tp]) for tp, end in mine.items()}
            # Ticks may be far apart, so what was loaded may be all there is; not where there is more to fold.
            unheard = self._progress.only_loaded()
            behind |= {
                f"{topic}/{number}"
                for (topic, number), lag in report.fold_lag.items()
                if lag and (topic, number) in unheard
            }
            self._folds.note(now, mine, done)
            if standing := self._folds.standing(now, _MARKERS_SECONDS):
                await self._look_at_tails({tp: (done[tp], mine[tp]) for tp in standing})
            behind |= {
                f"{topic}/{number}"
                for topic, number in self._folds.standing(now, _TIME_LIMIT / SECOND)
                if self._markers.get((topic, number), 0) < mine[topic, number]
            }
        report.not_folded = sorted(behind)
        if behind:
            first = ", ".join(report.not_folded[:3]) + (", ..." if len(behind) > 3 else "")
            which = "1 partition is" if len(behind) == 1 else f"{len(behind)} partitions are"
            report.problems.append(Problem("folds", f"{which} not folded up to now: {first}"))

    def _folded(self) -> dict[Partition, int]:
        """By partition of a journal, the offset after all that is folded, markers of transactions included."""
        done = {}
        for journal, number, progress in self._progress:
            applied = progress.applied + 1 if progress is not None else 0
            done[journal, number] = max(applied, self._markers.get((journal, number), 0))
        return done

    async def _look_at_tails(self, tails: Mapping[Partition, tuple[int, int]]) -> None:
        """Whether anything but markers of transactions, which no fold ever sees, stands between two offsets of each."""

        def ends_of_markers() -> dict[Partition, int]:
            holding = holding_records(self._bootstrap, tails, _QUESTION_SECONDS)
            return {tp: tails[tp][1] for tp, holds in holding.items() if not holds}

        # An answer that comes late is that of an earlier look: it brings its own ends.
        self._markers |= await self._tail.ask(lambda: asyncio.to_thread(ends_of_markers)) or {}

    def _judge_history(
        self,
        report: Report,
        now: float,
        ends: Mapping[Partition, int] | None,
        written: Mapping[Partition, Committed] | None,
    ) -> None:
        if written is not None:
            self._written_known_at = now
        elif (unknown := now - self._written_known_at) >= STANDING_SECONDS:
            reason = f"Kafka has not told for {unknown:.0f} s how far the writer is"
            report.problems.append(Problem("history", reason))
        if ends is None or written is None:
            return
        done = {tp: committed.offset for tp, committed in written.items()}
        self._written.note(now, {tp: ends[tp] for tp in self._history if tp in ends}, done)
        report.history_records, report.history_seconds = self._written.records, self._written.age(now)
        if standing := self._written.standing(now, STANDING_SECONDS):
            topic, number = standing[0]
            reason = f"{self._written.records} records wait, and {topic}/{number} has not moved for 30 s"
            report.problems.append(Problem("history", reason))

    def _judge_probers(
        self, report: Report, now: float, signs: Mapping[str, Mapping[Partition, Committed] | None]
    ) -> None:
        if not self._settings.probers and not self._has_monitors():
            return  # probers may run elsewhere, but there is nothing for them
        for region, found in signs.items():
            unknown = now - self._signs_known_at[region]
            if found is None:  # that nobody tells is not the probers' fault
                if unknown >= STANDING_SECONDS:
                    reason = f"Kafka has not told for {unknown:.0f} s whether they make progress"
                    report.problems.append(Problem(f"probers of {region}", reason))
                continue
            self._note_known(region, now, unknown)
            for tp in self._probed:
                sign = found[tp].metadata if tp in found else ""
                if sign != self._sign[region, tp[1]][0] and sign:
                    self._sign[region, tp[1]] = (sign, now)
            stale = [n for _, n in self._probed if now - self._sign[region, n][1] >= STANDING_SECONDS]
            if len(stale) == len(self._probed):
                report.problems.append(Problem(f"probers of {region}", "none makes progress"))
            elif stale:
                which = ", ".join(map(str, stale))
                report.problems.append(Problem(f"probers of {region}", f"none has partitions {which}"))

    def _note_known(self, region: str, now: float, unknown: float) -> None:
        """The signs of a region are known. Time in which they were not does not count against its probers."""
        self._signs_known_at[region] = now
        if unknown < _UNKNOWN_SECONDS:
            return
        for _, number in self._probed:
            sign, since = self._sign[region, number]
            self._sign[region, number] = sign, since + unknown
