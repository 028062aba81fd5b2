"""The uptime of things in parts of a span of time, on the real ClickHouse, against a count by hand.

What must be true: the answer is the same whatever of it is rolled up, while it is being rolled up, and after rows have
expired.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from itertools import pairwise
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from infra.clickhouse.address import Address
from infra.clickhouse.client import ClickHouse
from infra.clickhouse.migrations import migrate
from processors.history.rows import PING_FACTS, PINGS, PROBES, SPANS
from query_api.history.time_parts import HOUR
from query_api.history.uptime import UP, Span, time_in_states
from query_api.history.uptime_sums import Part
from query_api.history.uptimes import UptimeHistory
from schemas.base import Micros
from schemas.time_bins import BinKind, borders
from tests.history_store import connected
from tests.told_uptimes import counts_of, place_of, run_times_of
from tests.uptime_rows import DAY, DAYS, MIDNIGHT, THINGS, Inserted, UptimeStore, random_rows

pytestmark = pytest.mark.stack

ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "America/New_York")
BY: tuple[BinKind | None, ...] = (None, None, "hour", "day", "week", "month")


@pytest.fixture
def address(clickhouse_url: str) -> Address:
    url = f"{clickhouse_url.rstrip('/')}/uptimes{uuid4().hex[:8]}"
    migrate(url)
    return Address.parse(url)


@pytest.fixture
def store(address: Address) -> Iterator[UptimeStore]:
    with connected(address) as client:
        yield UptimeStore(client)


@pytest.fixture
async def clickhouse(address: Address) -> AsyncIterator[ClickHouse]:
    clickhouse = ClickHouse(address)
    yield clickhouse
    await clickhouse.close()


def by_hand(rows: Sequence[Inserted], cuts: Sequence[Micros], current: Mapping[str, Span]) -> dict[str, list[Part]]:
    found = {}
    for thing in THINGS:
        spans = [Span(row[4], row[5], row[3]) for table, row in rows if table is SPANS and row[0] == thing]
        spans.append(current[thing])
        counted = counts_by_hand(rows, thing, cuts)
        found[thing] = [
            Part(sum(spent[state] for state in UP), spent["down"], spent["not_observed"], *counted[number])
            for number, spent in enumerate(time_in_states(spans, *cut) for cut in pairwise(cuts))
        ]
    return found


def counts_by_hand(rows: Sequence[Inserted], thing: str, cuts: Sequence[Micros]) -> list[tuple[int, int]]:
    facts = {row[2]: row for table, row in rows if table is PING_FACTS and row[0] == thing}
    judged: list[tuple[Micros, bool]] = []
    for table, row in rows:
        if table is PROBES and row[0] == thing:
            told = dict(zip(table.columns, row, strict=True))
            if not told["confirm"] and not told["maintenance"]:
                judged.append((told["slot"], bool(told["ok"])))
        elif table is PINGS and row[0] == thing:
            fact = facts.get(row[2])
            kind = (fact and fact[4]) or row[4]
            if kind in ("success", "fail") and (fact is None or fact[6]):
                judged.append((row[3], kind == "success"))
    return counts_of(judged, cuts)


@pytest.mark.parametrize("seed", range(3))
async def test_agree_with_a_count_by_hand_at_every_stage(
    store: UptimeStore, clickhouse: ClickHouse, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All is counted from rows; it is rolled up; more has come since, late rows and copies among it. As a few things
    are asked for and as many are, once more from what was kept, and with others' rows read, too."""
    random = Random(seed)
    rows = random_rows(random)
    later = [row for row in rows if row[0] is SPANS and row[1][1] >= 4]
    ends = {thing: max(row[5] for table, row in rows if table is SPANS and row[0] == thing) for thing in THINGS}
    current = {thing: Span(end, MIDNIGHT + DAYS * DAY, random.choice(("up", "down"))) for thing, end in ends.items()}
    shown = [row for row in rows if row not in later]
    for stage in ("rows", "rolled up", "more", "rolled up again"):
        if stage == "rows":
            store.insert(shown)
        elif stage == "more":
            store.insert(later + [row for row in shown if row[0] is SPANS][::2])
            shown = rows
        else:
            store.settle()
        history = UptimeHistory(clickhouse)
        for _ in range(8):
            start, end = sorted(random.sample(range(MIDNIGHT - DAY, MIDNIGHT + (DAYS + 1) * DAY), 2))
            if random.random() < 0.3:
                start, end = start // DAY * DAY, -(-end // DAY) * DAY
            cuts = borders(random.choice(BY), random.choice(ZONES), start, end, 10_000)
            known = current if shown is rows else dict.fromkeys(THINGS, Span(end, end, "up"))
            expected = by_hand(shown, cuts, known)
            things = random.sample(THINGS, random.randrange(1, 4))
            for few, rows_each in ((20, 0), (0, 0), (0, 0), (0, 1_000)):
                monkeypatch.setattr("query_api.history.uptimes._FEW", few)
                monkeypatch.setattr("query_api.history.rolled_days.ROWS_EACH", rows_each)
                if rows_each:
                    history = UptimeHistory(clickhouse)
                told = await history.read(things, cuts, known)
                assert told.parts == {thing: expected[thing] for thing in things}, (stage, cuts, few, rows_each)


@pytest.mark.parametrize("seed", range(2))
async def test_days_that_are_over_are_read_again_where_they_have_changed(
    store: UptimeStore, clickhouse: ClickHouse, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One reader sees all of it come, in random pieces: what it keeps is as right as what another reads anew."""
    monkeypatch.setattr("query_api.history.uptimes._FEW", 0)
    monkeypatch.setattr("query_api.history.rolled_to.LOOK_SECONDS", -1.0)
    random = Random(seed)
    rows, shown = random_rows(random), list[Inserted]()
    random.shuffle(rows)
    keeps, asked = UptimeHistory(clickhouse), list[str]()
    start = MIDNIGHT + random.randrange(DAY)
    cuts = borders(None, "UTC", start, start + 2 * DAY + HOUR, 10)
    current = dict.fromkeys(THINGS, Span(cuts[-1], cuts[-1], "up"))
    plain_rows = keeps._days._plain_rows

    async def counted(question: str, *arguments: Any) -> Any:
        asked.append(question)
        return await plain_rows(question, *arguments)

    monkeypatch.setattr(keeps._days, "_plain_rows", counted)
    for size in (len(rows) // 2, 5, 5, len(rows)):
        some, rows = rows[:size], rows[size:]
        store.insert(some)
        shown = sorted([*shown, *some], key=lambda one: one[1][1] if one[0] is SPANS else 0)
        store.settle()
        expected = by_hand(shown, cuts, current)
        assert (await keeps.read(THINGS, cuts, current)).parts == expected
    asked.clear()
    store.insert([])  # only time passes
    store.settle()
    store.client.command("TRUNCATE TABLE uptime_changes")  # as if all of it had been long ago
    later = [cut + HOUR // 60 for cut in cuts]
    assert (await keeps.read(THINGS, later, current)).parts == by_hand(shown, later, current)
    assert len(asked) == 1, "of what has not changed nothing is read again"


@pytest.mark.parametrize("seed", range(2))
async def test_run_times_agree_with_the_runs(store: UptimeStore, clickhouse: ClickHouse, seed: int) -> None:
    """Counted from rows, rolled up, and when the rows have expired."""
    random = Random(seed)
    rows = random_rows(random)
    runs = [row for table, row in rows if table is PING_FACTS and row[6] and row[5] >= 0]
    for stage in ("rows", "rolled up", "expired"):
        if stage == "rows":
            store.insert(rows)
        elif stage == "rolled up":
            store.settle()
        else:
            store.client.command("DELETE FROM ping_facts WHERE 1 SETTINGS lightweight_deletes_sync = 2")
        history = UptimeHistory(clickhouse).run_times
        for _ in range(6):
            start, end = sorted(random.sample(range(MIDNIGHT - DAY, MIDNIGHT + (DAYS + 1) * DAY), 2))
            cuts = borders(random.choice(BY), random.choice(ZONES), start, end, 10_000)
            told = (await history.read(THINGS, cuts)).parts
            for thing in THINGS:
                for number, found in enumerate(told[thing]):
                    took = [row[5] for row in runs if row[0] == thing and place_of(row[3], cuts, HOUR) == number]
                    expected = run_times_of(took)
                    assert found[:3] == expected[:3], (stage, cuts)
                    assert found.percentiles == pytest.approx(expected.percentiles, rel=0.021)
