"""Random courses of events of heartbeat checks, as the journal that two sources would leave."""

from typing import Any

from hypothesis import strategies as st

from processors.checks.fold import Checks
from processors.fold.contract import Record
from schemas.base import SECOND, Micros
from schemas.definitions import Check
from schemas.ids import derived_id
from schemas.pings import CheckDefined, CheckPaused, CheckRemoved, CheckResumed, Ping
from schemas.schedules import Cron, OnCalendar, Schedule, Simple
from tests.check_story import MIDNIGHT, A, B
from tests.folding import Folding, Journal, Source

CHECKS = tuple(derived_id("check", n) for n in range(3))
RIDS = (None, A, B)
SCHEDULES: tuple[Schedule, ...] = (
    Simple(60),
    Simple(3600),
    Cron("*/5 * * * *", "Europe/Berlin"),
    OnCalendar("2024-01-01 00:10", "UTC"),
)
LIMIT = 120 * SECOND

Step = tuple[Any, ...]

checks = st.sampled_from(CHECKS)
waits = st.sampled_from([0.0, 0.4, 1.0, 5.0, 30.0, 59.0, 60.0, 200.0, 4000.0])
pings = st.tuples(
    st.just("ping"), checks, st.sampled_from(["success", "success", "fail", "start", "log"]), st.sampled_from(RIDS)
)
slots = st.sampled_from(["web-0", "web-1"])
ticks = st.tuples(st.just("tick"), slots)
troubles = st.tuples(st.sampled_from(["freeze", "lose", "close", "refuse", "unreachable"]), slots)
decisions = st.tuples(st.sampled_from(["define", "pause", "resume", "remove"]), checks, st.sampled_from(SCHEDULES))
oddities = st.tuples(st.sampled_from(["nonsense", "retried", "ahead", "unknown"]), checks)


def courses(*kinds: st.SearchStrategy[Step]) -> st.SearchStrategy[list[tuple[float, Step]]]:
    return st.lists(st.tuples(waits, st.one_of(*kinds)), max_size=40)


class Writer:
    """Writes a course of events as the journal that two sources would leave."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.now = MIDNIGHT
        self.versions = dict.fromkeys(CHECKS, 0)
        self.sources = {slot: Source(slot, beat=0) for slot in ("web-0", "web-1")}
        self.unreachable: Micros | None = None
        self.ticked = MIDNIGHT
        self.tick("web-0")
        for n, key in enumerate(CHECKS):
            self.define(key, SCHEDULES[n])

    def tick(self, slot: str, **fields: Any) -> None:
        if slot == "web-0":
            self.ticked = self.now
            fields["unreachable_since"] = self.unreachable
        self.journal.add("tick", self.sources[slot].tick(self.now, **fields), self.now)

    def define(self, key: str, schedule: Schedule) -> None:
        self.versions[key] += 1
        check = Check(
            id=key,
            project="p",
            version=self.versions[key],
            created=MIDNIGHT,
            schedule=schedule,
            grace=LIMIT // SECOND,
            channels=("hook",),
        )
        self.journal.add(key, CheckDefined(at=self.now, check=check), self.now)

    def write(self, course: list[tuple[float, Step]]) -> Journal:
        for wait, step in course:
            self.now += round(wait * SECOND)
            if self.now - self.ticked > 30 * SECOND:
                self.tick("web-0")
            self.step(*step)
        self.now += 10_000 * SECOND
        self.tick("web-0")
        return self.journal

    def step(self, what: str, of: str, *more: Any) -> None:
        now, journal = self.now, self.journal
        source = self.sources.get(of, self.sources["web-0"])
        if what == "ping":
            journal.add(of, Ping(kind=more[0], at=now, rid=more[1]), now)
        elif what == "tick":
            self.tick(of)
        elif what == "freeze":
            self.tick(of, after=30 * SECOND)
        elif what == "lose":
            source.epoch += 1
            self.tick(of)
        elif what == "close":
            self.tick(of, closing=True)
            source.epoch += 1
        elif what == "refuse":
            self.tick(of, refused_since=now - SECOND)
        elif what == "unreachable":
            self.unreachable = now if self.unreachable is None else None
            self.tick("web-0")
        elif what == "define":
            self.define(of, more[0])
        elif what == "pause":
            journal.add(of, CheckPaused(at=now), now)
        elif what == "resume":
            journal.add(of, CheckResumed(at=now), now)
        elif what == "remove":
            journal.add(of, CheckRemoved(at=now), now)
        elif what == "nonsense":
            journal.add(of, b'{"type":"ping.received","kind":"nonsense"}', now)
        elif what == "retried":
            journal.add(of, Ping(kind="fail", at=now - 100 * SECOND), now, retried=True)
        elif what == "ahead":
            journal.add(of, Ping(kind="success", at=now + 50_000 * SECOND), now)
        else:
            journal.add(of.upper(), Ping(kind="success"), now)


def folded(records: Journal | list[Record]) -> Folding:
    folding = Folding(Checks())
    folding.feed(records)
    return folding


anything = courses(pings, pings, ticks, troubles, decisions, oddities)
