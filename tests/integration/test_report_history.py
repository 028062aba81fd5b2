"""What reports ask of history, on the real ClickHouse, against a count by hand over a small history.

Every fact stands there twice, as after a writer that died in the middle, and counts once.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from infra.clickhouse.address import Address
from infra.clickhouse.client import ClickHouse
from infra.clickhouse.migrations import migrate
from processors.history.probe_hours import PROBE_HOURS
from processors.history.rows import Row, Table, transition_row
from query_api.history.reports import ReportHistory, Span3, rolled_up
from schemas.actors import Actor
from schemas.base import SECOND, Micros, encode
from schemas.ids import derived_id
from schemas.probes import ProbeCompleted
from schemas.transitions import FieldChange, GapSeen, PingFolded, StatusChanged, ThingChanged, VisibleStatus
from tests.history_store import HistoryStore, connected
from tests.told_reports import Told, ToldReports

pytestmark = pytest.mark.stack

MINUTE: Micros = 60 * SECOND
HOUR: Micros = 60 * MINUTE
DAY: Micros = 24 * HOUR
STATES: tuple[VisibleStatus, ...] = ("up", "late", "down", "not_observed", "maintenance", "paused")
THINGS = [derived_id("thing", n) for n in range(8)]
PROJECT, OTHER = derived_id("project", 1), derived_id("project", 2)


@pytest.fixture
def address(clickhouse_url: str) -> Address:
    url = f"{clickhouse_url.rstrip('/')}/reports{uuid4().hex[:8]}"
    migrate(url)
    return Address.parse(url)


@pytest.fixture
def store(address: Address) -> Iterator[HistoryStore]:
    with connected(address) as client:
        yield HistoryStore(client, PROBE_HOURS)


@pytest.fixture
async def clickhouse(address: Address) -> AsyncIterator[ClickHouse]:
    clickhouse = ClickHouse(address)
    yield clickhouse
    await clickhouse.close()


class Past:
    """A random past of some things, which ends at `now`: what the folds said of it, in the order of the log."""

    def __init__(self, seed: int, now: Micros) -> None:
        self.random, self.now = Random(seed), now
        self.begin = now - 30 * DAY
        self.changes = [change for thing in THINGS for change in self._changes(thing)]
        self.folded = [self._run(n) for n in range(400)]
        self.gaps = [gap for n in range(12) for gap in self._gap(n)]
        self.entries = [self._entry(change) for change in self.changes if change.now == "down"][::3]
        self.results = {thing: [self._result(thing) for _ in range(300)] for thing in THINGS[:4]}

    def moment(self, after: Micros = 0) -> Micros:
        return self.random.randrange(max(after, self.begin), self.now)

    def _changes(self, thing: str) -> Iterator[StatusChanged]:
        times = sorted({self.moment() for _ in range(self.random.randrange(2, 40))})
        was: VisibleStatus = "new"
        since, incident = self.begin, None
        project = OTHER if thing == THINGS[-1] else PROJECT
        for n, at in enumerate(times):
            now = self.random.choice([state for state in STATES if state != was])
            opened = derived_id(thing, "incident", n) if now == "down" else None
            yield StatusChanged(
                id=derived_id(thing, n), n=n, thing=thing, project=project, at=at, detected_at=at + SECOND,
                since=since, was=was, now=now, reason="probe", incident=opened or incident, detail=f"cause {n}",
            )  # fmt: skip
            was, since, incident = now, at, opened

    def _run(self, n: int) -> PingFolded:
        duration = self.random.choice((None, self.random.randrange(10 * HOUR)))
        thing = self.random.choice(THINGS[4:])
        return PingFolded(
            thing=thing, offset=n, at=self.moment(), duration=duration, counted=self.random.random() < 0.9
        )

    def _gap(self, n: int) -> Iterator[GapSeen]:
        start = self.moment()
        end = start + self.random.randrange(2 * HOUR) if n else None
        yield GapSeen(partition=n % 3, cause="no source", start=start)
        if end is not None:
            yield GapSeen(partition=n % 3, cause="no source", start=start, end=end)

    def _entry(self, change: StatusChanged) -> ThingChanged:
        changes = (FieldChange(field="by", new="Ada"), FieldChange(field="incident", new=change.incident))
        return ThingChanged(
            id=derived_id("entry", change.id), project=change.project, at=change.at + MINUTE, changes=changes,
            actor=Actor(kind="api_key"), command="incident.acknowledged", action="acknowledged", kind="monitor",
            thing=change.thing,
        )  # fmt: skip

    def _result(self, thing: str) -> ProbeCompleted:
        return ProbeCompleted(
            slot=self.moment(self.now - 20 * DAY), region="local", at=self.now,
            took=int(self.random.lognormvariate(12, 2)), ok=self.random.random() < 0.9,
            confirm=self.random.choice((0, 0, 0, 1)), maintenance=self.random.random() < 0.1,
        )  # fmt: skip

    def told(self) -> Told:
        return Told(self.changes, self.folded, self.gaps, self.entries, self.results)

    def write(self, store: HistoryStore) -> None:
        rows: dict[Table, list[Row]] = {}
        events: list[Any] = [*self.changes, *self.folded, *self.gaps, *self.entries]
        for off, event in enumerate(events):
            found = transition_row(0, off, encode(event))
            assert found is not None
            rows.setdefault(found[0], []).append(found[1])
        for table, some in rows.items():
            for _ in range(2):
                store.client.insert(table.name, some, table.columns, column_type_names=table.types)
        store.insert_events((thing, one) for thing, some in self.results.items() for one in some)
        store.settle()


def near(values: Sequence[int], share: int) -> tuple[float, float]:
    """The values around the one within which a share of all is, in per cent."""
    ordered, rank = sorted(values), -(-share * len(values) // 100) - 1
    return ordered[max(0, rank - 2)], ordered[min(len(ordered) - 1, rank + 2)]


@pytest.mark.parametrize("seed", range(3))
async def test_every_section_agrees_with_a_count_by_hand(
    store: HistoryStore, clickhouse: ClickHouse, seed: int
) -> None:
    now = int(store.time.timestamp()) * SECOND // HOUR * HOUR
    past = Past(seed, now)
    past.write(store)
    history, by_hand = ReportHistory(clickhouse), ToldReports(past.told, lambda: now)
    for start, end in (
        (now - 7 * DAY, now),
        (now - 15 * DAY, now - 8 * DAY),
        (now - 9 * DAY + 5 * HOUR, now - 9 * DAY + 7 * HOUR),
        (now - 40 * DAY, now + 5 * HOUR),
        (now - 10 * DAY, now - 9 * DAY),
    ):
        span, until = Span3(2 * start - end, start, end), min(end, now)
        times = {(row.thing, row.state): row[2:] for row in await history.times(THINGS, span)}
        expected = {(row.thing, row.state): row[2:] for row in await by_hand.times(THINGS, span)}
        shown = {"up", "late", "down", "not_observed"}
        assert {place: spent for place, spent in times.items() if any(spent)} == {
            place: spent for place, spent in expected.items() if any(spent) and place[1] in shown
        }
        counted = {row.thing: row for row in await history.incidents(PROJECT, span, until)}
        assert counted == {row.thing: row for row in await by_hand.incidents(PROJECT, span, until)}
        for without in ((), [past.entries[0].changes[1].new]):
            asked = PROJECT, THINGS, without, span, until, 5
            assert await history.unacknowledged(*asked) == await by_hand.unacknowledged(*asked)
        assert sorted(await history.gaps([0, 2], span), key=str) == sorted(await by_hand.gaps([0, 2], span), key=str)
        responses = await history.responses(THINGS, span)
        _, first, last = rolled_up(span)
        hand = await by_hand.responses(THINGS, Span3(0, first * SECOND, last * SECOND))
        assert responses.keys() == hand.keys()
        for thing, took in responses.items():
            assert list(took) == pytest.approx(list(hand[thing]), rel=0.021)
        await must_be_near(past, history, span)
        assert await history.rolled_to() >= now


async def must_be_near(past: Past, history: ReportHistory, span: Span3) -> None:
    """Percentiles of runs are estimated: they lie between those that took nearly as long."""
    runs = await history.runs(THINGS, span)
    for thing in THINGS:
        took = [
            one.duration
            for one in past.folded
            if one.thing == thing and one.counted and one.duration is not None and span.start <= one.at < span.end
        ]
        assert (thing in runs) == bool(took)
        for share, found in zip((50, 95), runs.get(thing, ()), strict=False):
            least, most = near(took, share)
            assert least * (1 - 1 / 128) <= found <= most * (1 + 1 / 128)


async def test_an_empty_history_and_a_project_without_things(clickhouse: ClickHouse) -> None:
    history, span = ReportHistory(clickhouse), Span3(0, 7 * DAY, 14 * DAY)
    assert await history.times([], span) == []
    assert await history.incidents(PROJECT, span, 14 * DAY) == []
    assert await history.unacknowledged(PROJECT, [], [], span, 14 * DAY, 10) == ([], 0)
    assert await history.responses([], span) == await history.runs([], span) == {}
    assert await history.gaps([], span) == []
    assert await history.times(THINGS, span) == []
    assert await history.responses(THINGS, span) == await history.runs(THINGS, span) == {}
    assert await history.rolled_to() == 0


async def test_a_project_of_very_many_things_is_asked_for_in_parts(store: HistoryStore, clickhouse: ClickHouse) -> None:
    now = int(store.time.timestamp()) * SECOND // HOUR * HOUR
    past = Past(7, now)
    past.write(store)
    history, by_hand = ReportHistory(clickhouse), ToldReports(past.told, lambda: now)
    many = [*THINGS, *(derived_id("many", n) for n in range(6_000))]
    many.sort()
    span = Span3(now - 28 * DAY, now - 14 * DAY, now)
    asked = PROJECT, many, (), span, now, 5
    assert await history.unacknowledged(*asked) == await by_hand.unacknowledged(PROJECT, THINGS, (), span, now, 5)
    assert {row.thing for row in await history.times(many, span)} == {
        row.thing for row in await history.times(THINGS, span)
    }
