"""Response times and deciding results on the real ClickHouse, at every stage of the roll-ups, against a count by hand.

What must be true: a result counts once, however often it stands there and whichever of rows, hours and days it is read
from; what was recorded before there were such roll-ups counts as well; what has expired stays counted.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from random import Random
from uuid import uuid4

import pytest
from msgspec.structs import replace

from infra.clickhouse.address import Address
from infra.clickhouse.client import ClickHouse
from infra.clickhouse.migrations import migrate
from processors.history.probe_hours import PROBE_HOURS
from processors.history.response_times import RESPONSE_TIMES
from query_api.history.deciding_results import DecidingResults
from query_api.history.response_times import DAY, HOUR, Figures, Place, ResponseTimes
from schemas.base import SECOND, Micros
from schemas.probes import Phases, ProbeCompleted
from schemas.transitions import StatusChanged, VisibleStatus
from tests.history_store import HistoryStore, connected
from tests.measured_history import figures_of

pytestmark = pytest.mark.stack

MINUTE: Micros = 60 * SECOND


@pytest.fixture
def address(clickhouse_url: str) -> Address:
    url = f"{clickhouse_url.rstrip('/')}/times{uuid4().hex[:8]}"
    migrate(url)
    return Address.parse(url)


@pytest.fixture
def store(address: Address) -> Iterator[HistoryStore]:
    with connected(address) as client:
        yield HistoryStore(client, PROBE_HOURS, RESPONSE_TIMES)


@pytest.fixture
async def clickhouse(address: Address) -> AsyncIterator[ClickHouse]:
    clickhouse = ClickHouse(address)
    yield clickhouse
    await clickhouse.close()


def now_of(store: HistoryStore) -> Micros:
    return int(store.time.timestamp()) * SECOND


def result(random: Random, slot: Micros) -> ProbeCompleted:
    """Of an HTTP probe, or of one that sends nothing; with or without a redirect and TLS."""
    took = int(random.lognormvariate(12, 2))
    sends = random.random() < 0.8
    phases = Phases(
        redirect=random.choice((None, 200_000)),
        lookup=random.randrange(5_000),
        connect=random.randrange(90_000),
        tls=random.choice((None, 30_000)),
        first_byte=took if sends else None,
    )
    return ProbeCompleted(
        slot=slot, region=random.choice(("local", "far")), at=slot + 1_000, took=took + 300_000, phases=phases,
        ok=random.random() < 0.9, confirm=random.choice((0, 0, 0, 1)), maintenance=random.random() < 0.1,
    )  # fmt: skip


def by_hand(results: Sequence[ProbeCompleted], start: Micros, end: Micros) -> dict[Place, Figures]:
    """By hour; of a result that stands twice, the newer row."""
    kept = {(one.slot, one.region): one for one in results if not one.confirm}
    hours: dict[Place, list[ProbeCompleted]] = {}
    for one in kept.values():
        hour = one.slot // SECOND // HOUR * HOUR
        if start // SECOND // HOUR * HOUR <= hour < end / SECOND:
            hours.setdefault(Place(hour, one.region), []).append(one)
    return {place: figures for place, some in hours.items() if (figures := figures_of(some)).samples}


def summed(figures: dict[Place, Figures]) -> dict[str, Figures]:
    whole: dict[str, Figures] = {}
    for place, one in figures.items():
        whole.setdefault(place.region, Figures()).add(one)
    return whole


async def must_agree(
    clickhouse: ClickHouse, results: Sequence[ProbeCompleted], windows: Sequence[tuple[Micros, Micros]]
) -> None:
    """Asked by hour and by day, by whoever knows how far the roll-ups are."""
    reader = ResponseTimes(clickhouse)
    for start, end in windows:
        expected = by_hand(results, start, end)
        assert (await reader.read("a", start, end, by_day=False)).figures == expected
        assert summed((await reader.read("a", start, end, by_day=True)).figures) == summed(expected)


@pytest.mark.parametrize("seed", range(3))
async def test_figures_agree_with_a_count_by_hand_at_every_stage(
    store: HistoryStore, clickhouse: ClickHouse, seed: int
) -> None:
    """Random results, doubles and late ones among them, come in between roll-ups."""
    random, known = Random(seed), list[ProbeCompleted]()
    for stage in range(4):
        now = now_of(store)
        fresh = [result(random, now - random.randrange(4 * 24 * 60) * MINUTE) for _ in range(150)]
        fresh += [result(random, now - random.randrange(120) * MINUTE) for _ in range(50)]
        fresh += [replace(one, ok=not one.ok) for one in random.sample(known + fresh, 40)]
        store.insert_events(("a", one) for one in fresh)
        store.insert_events(("b", result(random, one.slot)) for one in fresh[:20])
        known += fresh
        if stage < 3:
            store.roll_up() if stage == 1 else store.settle()
        starts = [now - random.randrange(5 * DAY) * SECOND for _ in range(4)]
        starts += [now // (DAY * SECOND) * DAY * SECOND - 2 * DAY * SECOND + step for step in (-1, 0, 1)]
        windows = [(start, random.choice((now, now + HOUR * SECOND, start + HOUR * SECOND))) for start in starts]
        await must_agree(clickhouse, known, windows)
    assert (await ResponseTimes(clickhouse).read("c", 0, now, by_day=True)).figures == {}


async def test_the_newest_results_are_counted_with_what_is_rolled_up(
    store: HistoryStore, clickhouse: ClickHouse
) -> None:
    random = Random(1)
    now = now_of(store)
    known = [result(random, now - n * MINUTE) for n in range(3 * 24 * 60)]
    store.insert_events(("a", one) for one in known)
    store.settle()
    week = (now - 7 * DAY * SECOND, now + HOUR * SECOND)
    await must_agree(clickhouse, known, [week])
    fresh = [result(random, now + n * SECOND) for n in range(20)]
    fresh += [replace(known[0], ok=not known[0].ok)]
    store.insert_events(("a", one) for one in fresh)
    await must_agree(clickhouse, known + fresh, [week, (now - HOUR * SECOND, now + HOUR * SECOND)])


async def test_what_has_expired_stays_counted(store: HistoryStore, clickhouse: ClickHouse) -> None:
    random = Random(2)
    now = now_of(store)
    known = [replace(result(random, now - n * MINUTE), region="local") for n in range(60, 3 * 24 * 60)]
    store.insert_events(("a", one) for one in known)
    store.settle()
    store.expire(now - DAY * SECOND)
    await must_agree(clickhouse, known, [(now - 7 * DAY * SECOND, now)])
    store.insert_events([("a", known[-70])])  # comes once more, long after
    await must_agree(clickhouse, known, [(now - 7 * DAY * SECOND, now)])
    store.settle()
    await must_agree(clickhouse, known, [(now - 7 * DAY * SECOND, now)])
    assert store.number("sum(results) FROM uptime_pieces FINAL WHERE kind = 5") == store.number(
        "sum(results) FROM uptime_pieces FINAL WHERE kind = 2"
    )


async def test_what_was_recorded_before_the_migration_counts(
    address: Address, store: HistoryStore, clickhouse: ClickHouse
) -> None:
    """It is rolled up by the first roll-up after it, and counts until then, too."""
    random = Random(3)
    now = now_of(store)
    known = [result(random, now - n * MINUTE) for n in range(2 * 24 * 60)]
    store.kinds = (PROBE_HOURS,)
    store.insert_events(("a", one) for one in known)
    store.settle()
    store.client.command("DELETE FROM migrations WHERE name LIKE '0009%'")
    for _ in range(2):
        migrate(f"http://{address.user}:{address.password}@{address.host}:{address.port}/{address.database}")
        await must_agree(clickhouse, known, [(now - 7 * DAY * SECOND, now)])
    store.kinds = (PROBE_HOURS, RESPONSE_TIMES)
    store.roll_up()
    assert store.number("sum(answers.samples) FROM uptime_pieces FINAL WHERE kind = 4") == sum(
        figures.samples for figures in by_hand(known, 0, now + MINUTE).values()
    )
    store.settle()
    store.expire(now)
    await must_agree(clickhouse, known, [(now - 7 * DAY * SECOND, now)])


async def test_the_last_hour_is_exact(store: HistoryStore, clickhouse: ClickHouse) -> None:
    random = Random(4)
    now = now_of(store)
    known = [replace(result(random, now - n * MINUTE), confirm=0) for n in range(90)]
    for _ in range(2):
        store.insert_events(("a", one) for one in known)
    since = now - HOUR * SECOND
    assert await ResponseTimes(clickhouse).since("a", since) == figures_of([one for one in known if one.slot >= since])
    assert await ResponseTimes(clickhouse).since("b", since) == Figures()


def outage(n: int, start: Micros, end: Micros | None) -> list[StatusChanged]:
    """The changes of a monitor that was up, and down."""
    steps: list[tuple[Micros, Micros, VisibleStatus, VisibleStatus]] = [(start - HOUR * SECOND, start, "up", "down")]
    if end is not None:
        steps.append((start, end, "down", "up"))
    return [
        StatusChanged(
            id=f"{n}{was}", n=2 * n + number, thing="a", project="p", at=at, detected_at=at, since=since, was=was,
            now=now, reason="probe", incident=f"i{n}", detail="Cause",
        )
        for number, (since, at, was, now) in enumerate(steps)
    ]  # fmt: skip


async def test_times_in_which_it_was_down(store: HistoryStore, clickhouse: ClickHouse) -> None:
    now = now_of(store) // (HOUR * SECOND) * HOUR * SECOND
    for n, hours in enumerate((50, 30, 10)):
        begin = now - hours * HOUR * SECOND
        store.tell(*outage(n, begin, begin + 90 * MINUTE))
    store.tell(*outage(9, now, None))
    reader = ResponseTimes(clickhouse)
    read = await reader.read("a", now - 29 * HOUR * SECOND, now - 5 * HOUR * SECOND, by_day=True)
    assert [(now - span.start) // (HOUR * SECOND) for span in read.downs] == [30, 10]
    assert [span.end - span.start for span in read.downs] == [90 * MINUTE] * 2
    assert (await reader.read("a", now - 28 * HOUR * SECOND, now - 20 * HOUR * SECOND, by_day=True)).downs == []


async def test_the_results_that_decided(store: HistoryStore, clickhouse: ClickHouse) -> None:
    now = now_of(store)
    begin, interval = now - DAY * SECOND, 60 * SECOND
    random = Random(5)
    slots = [begin + n * interval for n in range(100)]
    known = [
        replace(result(random, slot), region="local", confirm=0, took=200_000, ok=not 20 <= n < 40, maintenance=False)
        for n, slot in enumerate(slots)
    ]
    confirming = [replace(known[20], at=known[20].at + n * 20 * SECOND, confirm=n) for n in (1, 2)]
    for _ in range(2):
        store.insert_events(("a", one) for one in known + confirming)
    # Seen by ticks of a second, the last of which was before the result that decided.
    down = replace(outage(1, slots[20], slots[40])[0], detected_at=confirming[1].at)
    up = replace(outage(1, slots[20], slots[40])[1], detected_at=known[40].at)
    store.tell(down, up)
    store.tell(*outage(2, now, None))
    found = await DecidingResults(clickhouse).read("a", ["i1", "i2", "i3"], 20 * interval, 5)
    assert [(one.slot, one.confirm) for one in found["i1"].down] == [
        (slots[18], 0), (slots[19], 0), (slots[20], 0), (slots[20], 1), (slots[20], 2),
    ]  # fmt: skip
    assert [one.slot for one in found["i1"].up] == slots[36:41]
    assert [one.ok for one in found["i1"].up] == [False] * 4 + [True]
    assert found["i1"].up[0].phases.lookup == known[36].phases.lookup
    assert (found["i2"].down, found["i2"].up) == ([], [])
    assert (found["i3"].down, found["i3"].up) == ([], [])
    assert await DecidingResults(clickhouse).read("a", [], interval, 5) == {}
