"""The questions of status pages to history, on the embedded ClickHouse, against sums made span by span."""

from collections.abc import AsyncIterator
from itertools import zip_longest
from random import Random
from uuid import uuid4

import pytest

from infra.clickhouse.address import Address
from infra.clickhouse.client import ClickHouse, connect
from infra.clickhouse.migrations import migrate
from processors.history.rows import SPANS, THINGS, Row, transition_row
from query_api.history.past_things import GoneRow, PastThings
from query_api.history.status_pages import DAY, DayRow, EndedIncident, PageHistory
from query_api.history.uptime import UP, Span, time_in_states
from schemas.base import SECOND, Micros, encode
from schemas.transitions import StatusChanged, VisibleStatus
from tests.memory_trails import then_row

pytestmark = pytest.mark.stack

T0: Micros = 20_600 * DAY  # the beginning of a day
END: Micros = T0 + 1_000 * DAY
STATES: tuple[VisibleStatus, ...] = ("new", "up", "late", "not_observed", "down", "paused")


class Spans:
    """A database of its own with a table `spans`."""

    def __init__(self, clickhouse: str) -> None:
        self.address = Address.parse(f"{clickhouse.rstrip('/')}/pages{uuid4().hex[:8]}")
        migrate(f"{clickhouse.rstrip('/')}/{self.address.database}")

    def add(self, thing: str, spans: list[Span], copies: int = 1, project: str = "p") -> list[StatusChanged]:
        """The spans of a thing, as the history writer inserts them; each copy in an insert of its own."""
        rows, changes = [], []
        for n, (span, became) in enumerate(zip_longest(spans, spans[1:])):
            ended = f"{thing}-{n}" if span.state == "down" else None
            opened = f"{thing}-{n + 1}" if became is not None and became.state == "down" else None
            changed = StatusChanged(
                id=f"{thing}-{n}", n=n, thing=thing, project=project, at=span.end, detected_at=span.end,
                since=span.start, was=span.state, now="new" if became is None else became.state, reason="probe",
                incident=ended or opened, detail=f"detail {n}",
            )  # fmt: skip
            changes.append(changed)
            told = transition_row(0, n, encode(changed))
            assert told is not None
            assert told[0] is SPANS
            rows.append(told[1])
        client = connect(self.address)
        try:
            for _ in range(copies):
                client.insert(SPANS.name, rows, column_names=SPANS.columns, column_type_names=SPANS.types)
        finally:
            client.close()
        return changes

    def define(self, *rows: Row) -> None:
        """Rows of `things`, each in an insert of its own."""
        client = connect(self.address)
        try:
            for row in rows:
                client.insert(THINGS.name, [row], column_names=THINGS.columns, column_type_names=THINGS.types)
        finally:
            client.close()


@pytest.fixture
def spans(clickhouse_url: str) -> Spans:
    return Spans(clickhouse_url)


@pytest.fixture
async def history(spans: Spans) -> AsyncIterator[PageHistory]:
    clickhouse = ClickHouse(spans.address)
    yield PageHistory(clickhouse)
    await clickhouse.close()


@pytest.fixture
async def past(spans: Spans) -> AsyncIterator[PastThings]:
    clickhouse = ClickHouse(spans.address)
    yield PastThings(clickhouse)
    await clickhouse.close()


def unbroken(random: Random, begin: Micros, count: int, longest: Micros) -> list[Span]:
    """Spans as a fold makes them: each begins where the one before ends, and is of another state."""
    made: list[Span] = []
    for _ in range(count):
        state = random.choice([state for state in STATES if not made or state != made[-1].state])
        end = begin + random.choice([0, 1, random.randint(0, longest), DAY - begin % DAY])
        made.append(Span(begin, end, state))
        begin = end
    return made


def by_day(thing: str, spans: list[Span], start: Micros, end: Micros) -> set[DayRow]:
    """What the days of a thing must be."""
    rows = set()
    for day in range(start // DAY, -(-end // DAY)):
        spent = time_in_states(spans, max(start, day * DAY), min(end, (day + 1) * DAY))
        up, down = sum(spent[state] for state in UP), spent["down"]
        if up or down:
            rows.add(DayRow(thing, day, up, down))
    return rows


async def test_days_are_those_of_the_spans_each_counted_once(spans: Spans, history: PageHistory) -> None:
    random = Random(11)
    things = {f"thing {n}": unbroken(random, T0 - 5 * DAY, 120, DAY // 2) for n in range(8)}
    for n, (thing, made) in enumerate(things.items()):
        spans.add(thing, made, copies=1 + n % 3)
    asked = list(things)[:-1]
    for start, end in (
        (T0, T0 + 10 * DAY),
        (T0 - 90 * DAY, T0 + 90 * DAY),
        (T0 + 5 * SECOND, T0 + 3 * DAY + 7),
        (T0 + 1, T0 + 2),
    ):
        rows = await history.days(asked, start, end)
        assert len(set(rows)) == len(rows)
        assert set(rows) == set().union(*(by_day(thing, things[thing], start, end) for thing in asked))


async def test_no_things_no_days(history: PageHistory) -> None:
    assert await history.days([], T0, T0 + DAY) == []
    assert await history.days(["unknown"], T0, T0 + DAY) == []
    assert await history.ended_incidents([], T0, END, 10) == []


async def test_incidents_that_ended_come_the_last_one_first(spans: Spans, history: PageHistory) -> None:
    spans.add(
        "a",
        [
            Span(T0 - 9, T0, "up"),
            Span(T0, T0 + 10, "down"),  # ended before
            Span(T0 + 10, T0 + 20, "up"),
            Span(T0 + 20, T0 + 50, "down"),
            Span(T0 + 50, T0 + 70, "up"),
        ],
        copies=2,
    )
    spans.add("b", [Span(T0 - 9, T0 + 30, "up"), Span(T0 + 30, T0 + 45, "down")])
    spans.add("c", [Span(T0 - 9, T0 + 30, "up"), Span(T0 + 30, T0 + 45, "down")])
    found = await history.ended_incidents(["a", "b"], T0 + 11, END, 10)
    assert found == [EndedIncident("a-3", "a", T0 + 20, T0 + 50), EndedIncident("b-1", "b", T0 + 30, T0 + 45)]
    assert await history.ended_incidents(["a", "b"], T0, END, 1) == found[:1]
    assert await history.ended_incidents(["a", "b"], T0, found[0].resolved, 1) == found[1:2]


async def test_a_thing_that_changes_all_the_time_needs_little_memory(spans: Spans, history: PageHistory) -> None:
    minute = 60 * SECOND
    client = connect(spans.address)
    try:
        client.command(
            "INSERT INTO spans (thing, n, state, since, at, became, incident) "
            f"SELECT concat('flapping ', toString(intDiv(number, 250000))), number % 250000, "
            "if(number % 2, 'down', 'up'), "
            f"fromUnixTimestamp64Micro(toInt64({T0} + (number % 250000) * {minute // 2}), 'UTC'), "
            f"fromUnixTimestamp64Micro(toInt64({T0} + (number % 250000 + 1) * {minute // 2}), 'UTC'), "
            "if(number % 2, 'up', 'down'), toString(number) FROM numbers(1000000)"
        )
    finally:
        client.close()
    things = [f"flapping {n}" for n in range(4)]
    rows = await history.days(things, T0, T0 + 90 * DAY)
    assert len(rows) == 4 * 87
    assert {(row.up, row.down) for row in rows if row.day < T0 // DAY + 86} == {(DAY // 2, DAY // 2)}
    assert len(await history.ended_incidents(things, T0, END, 50)) == 50


async def test_how_things_were_is_what_their_changes_say_each_counted_once(spans: Spans, past: PastThings) -> None:
    random = Random(12)
    told = {
        f"thing {n}": spans.add(f"thing {n}", unbroken(random, T0, random.randint(1, 40), DAY // 4), copies=1 + n % 3)
        for n in range(8)
    }
    spans.add("theirs", unbroken(random, T0, 5, DAY), project="other")
    borders = [one.at for changes in told.values() for one in changes]
    for at in (
        0,
        T0,
        *random.sample(borders, 10),
        *(random.randint(T0, max(borders)) for _ in range(10)),
        T0 + 99 * DAY,
    ):
        rows = await past.then([*told, "theirs", "unknown"], ["p"], at)
        assert sorted(rows) == [then_row(changes, at) for changes in told.values()]
    assert await past.then([], ["p"], T0) == []
    assert [row.thing for row in await past.then(["theirs"], ["p", "other"], T0)] == ["theirs"]


async def test_things_that_are_gone_are_known_for_when_they_were_there(spans: Spans, past: PastThings) -> None:
    def made(id: str, off: int, project: str = "p") -> Row:
        return "check", id, 0, off, T0 + off, project, f"name of {id}", [], "simple", T0

    def removed(id: str, off: int) -> Row:
        return "check", id, 1, off, T0 + off, "", "", [], "", 0

    spans.define(
        made("here", 1), made("gone", 2), removed("gone", 30), made("theirs", 3, "other"), removed("theirs", 40)
    )
    spans.define(
        made("again", 4), removed("again", 20), made("again", 50, "other"), made("late", 5), removed("late", 60)
    )
    gone = [
        GoneRow("gone", "check", "p", "name of gone", T0 + 30),
        GoneRow("late", "check", "p", "name of late", T0 + 60),
    ]
    assert await past.gone(["p"], T0 + 10, 9) == gone
    assert await past.gone(["p"], T0 + 10, 1) == gone[:1]
    assert await past.gone(["p"], T0 + 30, 9) == gone[1:]
    assert await past.gone(["p"], T0 - 1, 9) == []
    assert await past.gone([], T0 + 10, 9) == []
