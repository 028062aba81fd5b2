"""One partition of one fold, owned by this process: spans in, one transaction per batch out.

Taking it over: fence the former owner, load the states, skip what is applied. Then, one after the other: all that has
arrived is stepped through the pure fold, and what was stepped is committed with its effects and the partition's own
record, at once or, under load, a moment later; only after that may the group's offset move. Spans must join
(`joining`), and the journal must be the one that was folded (`truncation`): when it has lost its end, or the log of the
states has, the partition is taken over anew. Each partition works by itself and holds up no other.
"""

import asyncio
import contextlib
import time
from collections import deque

import msgspec
import structlog

from processors.fold.contract import Effect, Session
from processors.fold.defects import TICKS
from processors.fold.reconciliation import Missed
from processors.runtime import metrics
from processors.runtime.blocking_calls import BlockingCalls
from processors.runtime.context import DefectiveFold, RuntimeContext, TruncatedLog
from processors.runtime.joining import Joining
from processors.runtime.loading import CountedView, Loading, first_offset, load_states
from processors.runtime.reconciling import missed_by
from processors.runtime.short_batches import is_short
from processors.runtime.stream import Span
from processors.runtime.transactions import Fenced, PartitionProducer, Unsettled
from processors.runtime.truncation import truncated_at
from schemas.schedules import TZDATA_VERSION
from schemas.ticks import PROGRESS_KEY, Progress, is_tick
from schemas.topics import TRANSITIONS

log = structlog.get_logger(__name__)

# A batch of ticks that changes nothing is not written more often than this.
IDLE_SECONDS = 5.0
# A transaction takes at most so much of what has arrived.
BATCH_RECORDS = 10_000
BATCH_BYTES = 8 * 2**20
# No more of the partition is fetched while so much waits.
FULL_BYTES = 4 * 2**20
# After a commit of so many records the next one waits so long, unless enough has been folded to be worth one: a
# transaction costs as much as a hundred pings, most of it in the broker. What somebody waits for (a notice, a verdict)
# is committed at once, and so is an event that comes alone.
_BUSY_RECORDS = 8
_LINGER_SECONDS = 0.5
_WORTH_A_COMMIT = 1_000
_GOLDEN = 0.618  # multiples of it are spread evenly, however many there are
# While the fold looks defective, what it has folded waits so long for more to be known before it is committed. It is
# no longer: whoever makes it look so may not delay the alerts of others.
SUSPICIOUS_SECONDS = 5.0
# So often in a row what became of a batch is looked up; then the process ends, as for any other fault.
_MOST_UNSETTLED = 3


class OwnedPartition:
    """See the module's docstring. `run` is its task; the other methods are called from the same event loop."""

    def __init__(self, place: RuntimeContext, number: int) -> None:
        self._place, self.number = place, number
        self._inbox: deque[Span] = deque()
        self._inbox_bytes = 0
        self._arrived = asyncio.Event()
        # Ours from an assignment to the revocation before the next one; in between nothing new is begun.
        self._ours = asyncio.Event()
        self._ours.set()
        # Held while something is done that another owner would notice: the fence, a batch.
        self._hand = asyncio.Lock()
        self._session: Session
        self._joining: Joining | None = None  # None until the states are there
        self.loading = Loading(place.fold.states, number)
        self._calls = BlockingCalls(f"fold {place.fold.name}/{number}", place.pool, place.loads, self.loading)
        self._producer: PartitionProducer
        # What was stepped and is not committed: its effects, how many records (ticks that change nothing aside),
        # and whether somebody waits for it.
        self._effects: list[Effect] = []
        self._uncommitted = 0
        self._urgent = False
        self._records, self._seconds = 0, 0.0  # stepped and not told to Prometheus
        self._committed_at = 0.0
        self._next_commit_at = 0.0
        self._held_until: float | None = None  # the fold looks defective: no commit before that
        self._doubtful = place.doubtful
        self._shorter: TruncatedLog | None = None  # a log that has lost its end while this was ours
        self._unsure = False  # spans that were unsure have been forgotten
        self._taken_before = False
        self._unsettled = 0  # so often in a row the outcome of a batch was not known
        # Offset after the last event that is committed, where the next owner's states will say that they stand.
        self.committed: int | None = None
        # Another process has taken it over while it was not ours: to be taken anew if it comes back.
        self.lost = False

    @property
    def stepped(self) -> int | None:
        """Offset after all that was stepped, markers of transactions included; None until the states are there."""
        return None if self._joining is None else self._joining.next

    @property
    def written(self) -> int:
        """Offset after the last record that was written to the states since they were loaded."""
        return 0 if self._joining is None else self._producer.written

    @property
    def full(self) -> bool:
        return self._inbox_bytes >= FULL_BYTES

    def offer(self, span: Span) -> None:
        """Records have come."""
        if self._ours.is_set():
            self._inbox.append(span)
            self._inbox_bytes += span.size
            self._arrived.set()

    def take_anew(self, shorter: TruncatedLog) -> None:
        """A log that it works on has lost its end."""
        self._shorter = max(shorter, self._shorter or shorter)
        self._arrived.set()

    def resume(self) -> None:
        """Assigned again. Spans begin at the group's offset, so some of them are repeated."""
        self._ours.set()

    async def pause(self) -> None:
        """Revoked, perhaps to be assigned again: forget what waits, and return when nothing is in hand."""
        self._ours.clear()
        self._unsure |= any(span.unsure for span in self._inbox)
        self._inbox.clear()
        self._inbox_bytes = 0
        async with self._hand:
            pass

    async def run(self) -> None:
        """Own the partition until cancelled; what it raises must end the process."""
        try:
            while True:
                await self._take()
                try:
                    await self._work()
                except Unsettled as error:
                    await self._look_again(error)
        except Fenced as error:
            if self._ours.is_set():
                raise
            self.lost = True
            log.info("fold.fenced", fold=self._place.fold.name, partition=self.number, error=str(error))
        finally:
            if self.stepped is not None and self._place.follower is not None:
                self._place.follower.revoked(self.number)

    async def _take(self) -> None:
        began = time.monotonic()
        bootstrap, fold, follower = self._place.bootstrap, self._place.fold, self._place.follower
        # The fence comes first: after it nobody but us can change what is loaded.
        await self._ours.wait()
        async with self._hand:
            beat = self._calls.beat
            self._producer = await self._calls.ask(lambda: PartitionProducer(bootstrap, fold, self.number, beat=beat))
        states = fold.states, self.number, fold.records
        records = await self._calls.load(load_states, bootstrap, *states, None, fold.version, fold.packer, self.loading)
        view = CountedView(records, self.loading)
        # Its indexes and wheels are built, from all records.
        self._session = await self._calls.compute(Session, fold, self.number, view, TZDATA_VERSION)
        self._calls.view = view
        end = await self._calls.ask(truncated_at, bootstrap, fold.journal, self.number, self._session.progress, beat)
        end, missed = await self._lost(end)
        if end is not None:
            await self._go_on_from(end, missed)
        applied = self._session.progress.applied
        self.committed = applied + 1 if applied >= 0 else None
        if follower is not None:
            keys = records if end is None else [key for key, _ in self._session.view.items()]
            follower.assigned(self.number, {key: self._session.view.get(key) for key in keys})
        self._joining = Joining(
            f"{fold.journal}/{self.number}",
            applied + 1,
            lambda: self._calls.ask(first_offset, bootstrap, fold.journal, self.number),
            lambda offset: self._place.rewind(self.number, offset),
        )
        if end is not None or self._taken_before:  # what was read before is forgotten
            await self._joining.go_back()
        log.info(
            "fold.taken",
            fold=fold.name,
            partition=self.number,
            records=len(records),
            applied=applied,
            seconds=round(time.monotonic() - began, 3),
        )

    async def _lost(self, end: int | None) -> tuple[int | None, list[Missed]]:
        """What others had sent and the journal has lost before it was folded; and the end of what it still holds.

        `end`: None when all that was folded is there. Then records that were not folded may be gone all the same, which
        only a comparison shows: it is made when the logs may have lost their ends.
        """
        place, session = self._place, self._session
        if end is None and not self._doubtful:
            return None, []
        start = session.progress.applied + 1 if end is None else None
        missed = await self._calls.ask(
            missed_by, place.bootstrap, place.fold, self.number, session.view, self.loading, start
        )
        return (start if end is None and missed else end), missed

    async def _go_on_from(self, end: int, missed: list[Missed]) -> None:
        """The journal has lost what was applied from `end` on, and perhaps more: say so, and skip nothing of the rest.

        What is `missed` is folded now. All of it is committed before anything else is folded, so that it is said once.
        """
        fold, applied = self._place.fold, self._session.progress.applied
        log.error(
            "fold.journal_truncated",
            journal=f"{fold.journal}/{self.number}",
            applied=applied,
            end=end,
            lost=applied + 1 - end,
            why="the journal no longer holds events that it has held: a power cut, or a restored copy of the data",
            what="their states are kept; what was due since then counts as not observed; folding goes on from the end",
        )
        effects = await self._calls.compute(self._session.truncate, end, missed)
        await self._ours.wait()
        async with self._hand:
            await self._calls.ask(self._write, effects)

    async def _work(self) -> None:
        """Fold what comes; returns when a log that it works on has lost its end."""
        while True:
            await self._something_to_do()
            await self._ours.wait()
            async with self._hand:
                self._arrived.clear()
                if await self._is_shorter():
                    await self._let_go()
                    return
                if spans := self._gather():
                    await self._fold(spans)
                if self._ours.is_set() and self._is_commit_due():
                    await self._commit()
                if not self._uncommitted:
                    self._tell()
                self._place.moved()
                if self._inbox:
                    self._arrived.set()

    async def _is_shorter(self) -> bool:
        """Whether a log has lost its end. What may have come after that is not folded before it is known."""
        if self._shorter is None and self._inbox and (self._unsure or self._inbox[0].unsure):
            place, progress = self._place, self._session.progress
            asked = place.bootstrap, place.fold.journal, self.number, progress, self._calls.beat
            if await self._calls.ask(truncated_at, *asked) is not None:
                self._shorter = TruncatedLog.JOURNAL
            self._unsure = False
            if self._inbox:
                self._inbox[0] = self._inbox[0]._replace(unsure=False)
        return self._shorter is not None

    async def _let_go(self) -> None:
        """Take leave of the partition, to take it over anew as if another process had had it.

        What was stepped is committed before, where that does not hide what the states have lost.
        """
        place, shorter = self._place, self._shorter
        log.error(
            "fold.log_shorter",
            fold=place.fold.name,
            partition=self.number,
            log="states" if shorter is TruncatedLog.STATES else "journal",
            why="it no longer holds what it has held: the broker came back with less, or the topic was made anew",
            what="the partition is taken over anew",
        )
        self._doubtful = True
        if shorter is TruncatedLog.JOURNAL and self._session.view.changed:
            await self._commit()
        await self._forget()

    async def _look_again(self, error: Unsettled) -> None:
        """What became of a batch only the states tell: load them again, and go on from there."""
        self._unsettled += 1
        if self._unsettled > _MOST_UNSETTLED:
            raise error
        log.warning("fold.unsettled", fold=self._place.fold.name, partition=self.number, error=str(error))
        await self._forget()

    async def _forget(self) -> None:
        """Nothing of the partition is known any more."""
        place = self._place
        if place.follower is not None:
            place.follower.revoked(self.number)
        producers = [self._producer]
        del self._producer
        await self._calls.ask(producers.clear)  # its end waits for its threads
        self._inbox.clear()
        self._inbox_bytes = 0
        self._effects, self._uncommitted, self._urgent = [], 0, False
        self._held_until = self._joining = self._shorter = self.committed = None
        self._unsure, self._taken_before = False, True
        self.loading = Loading(place.fold.states, self.number)
        self._calls = BlockingCalls(f"fold {place.fold.name}/{self.number}", place.pool, place.loads, self.loading)

    async def _something_to_do(self) -> None:
        """Until records have come, or what was stepped has waited long enough."""
        left = None
        if self._uncommitted:
            left = max(self._next_commit_at, self._held_until or 0.0) - time.monotonic()
        elif self._session.view.changed:  # ticks that changed nothing: there may be no next one for a while
            left = self._committed_at + IDLE_SECONDS - time.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left):
                await self._arrived.wait()

    def _is_commit_due(self) -> bool:
        now = time.monotonic()
        if self._held_until is not None and now < self._held_until:
            return False
        if not self._uncommitted:
            return bool(self._session.view.changed) and now - self._committed_at >= IDLE_SECONDS
        return self._urgent or self._uncommitted >= _WORTH_A_COMMIT or now >= self._next_commit_at

    def _next_turn(self) -> float:
        """The partitions take turns, or each second's tick would have all of them commit at once."""
        turn = (self.number * _GOLDEN % 1) * _LINGER_SECONDS
        return self._committed_at + _LINGER_SECONDS - (self._committed_at - turn) % _LINGER_SECONDS

    def _gather(self) -> list[Span]:
        spans: list[Span] = []
        records = size = 0
        while self._inbox and records < BATCH_RECORDS and size < BATCH_BYTES:
            if spans and self._inbox[0].unsure:
                break
            span = self._inbox.popleft()
            spans.append(span)
            records += len(span.records)
            size += span.size
        self._inbox_bytes -= size
        return spans

    async def _fold(self, spans: list[Span]) -> None:
        session = self._session
        assert self._joining is not None
        records = await self._joining.records(spans, session.progress.applied)
        if not records:
            return
        if is_short(records):
            effects, seconds = metrics.timed(session.step, records)
        else:  # in a thread: a tick may find a hundred thousand checks due; nobody looks at the session meanwhile
            effects, seconds = await self._calls.compute(metrics.timed, session.step, self._calls.counted(records))
        self._look_for_defects()
        if effects or not (session.view.changed <= {PROGRESS_KEY} and all(is_tick(record.value) for record in records)):
            self._effects += effects
            self._uncommitted += len(records)
            self._urgent |= self._place.follower is not None or any(e.topic is not TRANSITIONS for e in effects)
        self._records, self._seconds = self._records + len(records), self._seconds + seconds

    def _look_for_defects(self) -> None:
        session, defects = self._session, self._place.defects
        while session.heard:
            heard = session.heard.popleft()
            if defects is not None:
                defects.note(heard)
        if defects is None:
            return
        session.watching = defects.active or session.failed_ticks > 0
        name, place = self._place.fold.name, f"{self._place.fold.journal}/{self.number}"
        if session.failed_ticks >= TICKS:
            raise DefectiveFold(name, f"{place}: {session.failed_ticks} ticks in a row could not be folded")
        if (reason := defects.verdict(session.is_only)) is not None:
            raise DefectiveFold(name, f"{place}: {reason}")
        if not defects.suspicious():
            self._held_until = None
        elif self._held_until is None:
            self._held_until = time.monotonic() + SUSPICIOUS_SECONDS

    async def _commit(self) -> None:
        effects, records = self._effects, self._uncommitted
        self._effects, self._uncommitted, self._urgent = [], 0, False
        # Records are copied on write and the session stands still, so the thread reads settled values.
        changes = await self._calls.ask(self._write, effects)
        self._committed_at, self._unsettled = time.monotonic(), 0
        self._next_commit_at = self._next_turn() if records >= _BUSY_RECORDS else 0.0
        self.committed = self._session.progress.applied + 1
        if self._place.follower is not None:
            self._place.follower.committed(self.number, changes)

    def _write(self, effects: list[Effect]) -> dict[str, msgspec.Struct | None]:
        """One transaction; what of the states it changed. Blocks."""
        changes = self._session.view.take_changes()
        if isinstance(progress := changes.get(PROGRESS_KEY), Progress):
            changes[PROGRESS_KEY] = msgspec.structs.replace(progress, due=self._session.due())
        began = time.perf_counter()
        self._producer.commit(changes, effects)
        metrics.committed(self._place.fold.name, effects, time.perf_counter() - began)
        return changes

    def _tell(self) -> None:
        """Let Prometheus know how far the partition is; what a restart would fold anew does not count."""
        name, progress = self._place.fold.name, self._session.progress
        metrics.folded(name, self.number, progress, self._records, self._seconds, self._place.clock.real())
        self._records, self._seconds = 0, 0.0
