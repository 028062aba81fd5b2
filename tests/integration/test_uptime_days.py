"""Days and months of uptime, and run times of checks, as they are rolled up on the real ClickHouse.

What must be true: in whatever order rows come, late, and however often, the roll-ups are those that one roll-up of all
rows makes; a roll-up that was killed goes on where it was; what has expired stays counted.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import uuid4

import pytest

from infra.clickhouse.address import Address
from infra.clickhouse.migrations import migrate
from processors.history.rows import SPANS
from schemas.base import Micros
from schemas.times import to_day
from schemas.transitions import VisibleStatus
from tests.history_store import connected
from tests.uptime_rows import DAY, DAYS, HOURS, KINDS, MIDNIGHT, MINUTE, Inserted, UptimeStore, random_rows, time_of

pytestmark = pytest.mark.stack

ROWS = ("spans", "probe_results", "pings", "ping_facts")


@pytest.fixture
def stores(clickhouse_url: str) -> Iterator[tuple[UptimeStore, UptimeStore]]:
    urls = [f"{clickhouse_url.rstrip('/')}/uptime{uuid4().hex[:8]}" for _ in range(2)]
    for url in urls:
        migrate(url)
    with connected(Address.parse(urls[0])) as one, connected(Address.parse(urls[1])) as other:
        yield UptimeStore(one), UptimeStore(other)


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_arrival_gives_what_one_roll_up_of_all_rows_gives(
    stores: tuple[UptimeStore, UptimeStore], seed: int
) -> None:
    """What one roll-up of all rows gives: with late rows, and with copies."""
    random, (bit_by_bit, at_once) = Random(seed), stores
    rows = random_rows(random)
    at_once.insert(rows)
    at_once.roll_up()
    random.shuffle(rows)
    for begin in range(0, len(rows), 300):
        bit_by_bit.insert(rows[begin : begin + 300] + random.sample(rows[: begin + 300], 40))
        bit_by_bit.roll_up()
    assert bit_by_bit.rolled() == at_once.rolled()
    assert all(at_once.rolled())


class Killed(Exception):
    """The process that rolls up is gone."""


def test_a_backfill_that_is_killed_goes_on_where_it_was(
    stores: tuple[UptimeStore, UptimeStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Again and again, at any query; each mark that was reached stays, and the end is what one roll-up gives."""
    monkeypatch.setattr("processors.history.roll_ups.SLICE", 5)
    monkeypatch.setattr("processors.history.roll_ups.CHUNK", 100)
    random, (killed, at_once) = Random(4), stores
    rows = random_rows(random)
    random.shuffle(rows)
    for store in stores:
        store.time = datetime.now(UTC) - timedelta(days=3)
    for begin in range(0, len(rows), 150):
        for store in stores:
            store.insert(rows[begin : begin + 150])
            store.time += timedelta(hours=2)
    at_once.roll_up()
    for kind in KINDS:
        marks, deaths = [killed.mark(kind)], 0
        for _ in range(100):
            left = iter(range(random.randrange(4, 20)))

            def beat(left: Iterator[int] = left) -> None:
                if next(left, None) is None:
                    raise Killed

            try:
                killed.roll_up([kind], beat)
            except Killed:
                deaths += 1
                marks.append(killed.mark(kind))
                assert marks[-1] >= marks[-2]
                continue
            break
        assert deaths > 1, kind.source
        assert len({*marks}) > 2, "what was done before a death is not done again"
        assert killed.mark(kind) > marks[-1]
    assert killed.rolled() == at_once.rolled()


def test_roll_ups_outlive_the_rows(stores: tuple[UptimeStore, UptimeStore]) -> None:
    """Rows expire, and one of a day that has expired comes once more."""
    random, (store, _) = Random(5), stores
    rows = random_rows(random)
    store.insert(rows)
    store.settle()
    rolled = store.rolled()
    store.remove(*ROWS)
    store.insert(random.sample(rows, 40))
    store.roll_up()
    assert store.rolled() == rolled


def span(n: int, since: Micros, at: Micros, state: VisibleStatus, became: VisibleStatus) -> Inserted:
    return SPANS, ("a", n, "p", state, since, at, became, "probe", at, f"a{n}", "", "", 0)


@pytest.mark.parametrize("expired", [("spans",), ("spans", "uptime_days")])
def test_a_long_span_leaves_what_had_expired_before_its_end(
    stores: tuple[UptimeStore, UptimeStore], expired: tuple[str, ...]
) -> None:
    """An outage on the first day of a span that ends when spans (and days) of that time are gone."""
    store, at_once = stores
    outage = [
        span(0, MIDNIGHT, MIDNIGHT + 60 * MINUTE, "up", "down"),
        span(1, MIDNIGHT + 60 * MINUTE, MIDNIGHT + 120 * MINUTE, "down", "up"),
    ]
    long = [span(2, MIDNIGHT + 120 * MINUTE, MIDNIGHT + 40 * DAY, "up", "down")]
    store.insert(outage)
    store.settle()
    store.remove(*expired)
    store.insert(long)
    store.roll_up()
    at_once.insert(outage + long)
    at_once.roll_up()
    if "uptime_days" not in expired:
        assert store.rolled() == at_once.rolled()
        return
    [first, *others] = store.months("spans")
    [known, *all_others] = at_once.months("spans")
    assert others == all_others
    assert first["downs"] == known["downs"]
    day, hour = int(to_day(MIDNIGHT)[-2:]) - 1, 60 * MINUTE
    assert (first["ups"][day], known["ups"][day], known["ups"][day + 1]) == (hour, 23 * hour, 24 * hour)
    assert first["ups"][day + 1 :] == known["ups"][day + 1 :]


def test_months_outlive_their_days(stores: tuple[UptimeStore, UptimeStore]) -> None:
    """Days expire in the middle of their month, one after the other, while others come."""
    random, (store, at_once) = Random(6), stores
    rows = random_rows(random)
    at_once.insert(rows)
    at_once.roll_up()
    for day in range(DAYS):
        begin = MIDNIGHT + day * DAY
        store.insert([(table, row) for table, row in rows if begin <= time_of(table, row) < begin + DAY])
        store.settle()
        store.remove(*ROWS)
        store.remove("uptime_days", which=f"day < toDate({begin // DAY})")
    for source in ("results", "signals"):
        assert store.months(source) == at_once.months(source)


def test_late_rows_of_what_has_expired_change_nothing(stores: tuple[UptimeStore, UptimeStore]) -> None:
    """However many of them come; hours and quarters of which nothing was counted are counted."""
    random, (store, _) = Random(7), stores
    rows = [row for row in random_rows(random) if row[0] is not SPANS]
    store.insert(rows[::3])
    store.settle(KINDS + HOURS)
    store.remove(*ROWS)
    hours, days = store.hours(), {source: store.days(source) for source in ("results", "signals")}
    store.kept_since(MIDNIGHT + DAYS * DAY)
    store.insert(rows)
    store.roll_up(KINDS + HOURS)
    for before, after in zip(hours, store.hours(), strict=True):
        assert before
        assert {key: after[key] for key in before} == before
        assert len(after) > len(before)
    for source, known in days.items():
        found = store.days(source)
        for key, quarters in known.items():
            assert any(had != has for had, has in zip(quarters, found[key], strict=True))
            assert all(had in ((0, 0), has) for had, has in zip(quarters, found[key], strict=True))
        assert store.months(source)


def test_rows_that_are_written_again_into_a_new_database_count(stores: tuple[UptimeStore, UptimeStore]) -> None:
    """As a journal is read from its beginning: nothing that came before the database was made has expired in it."""
    random, (store, at_once) = Random(8), stores
    rows = random_rows(random)
    for table in ("pings", "ping_facts", "probe_results"):
        store.client.command(f"ALTER TABLE {table} MODIFY TTL inserted_at + toIntervalSecond(3600)")
    store.time = datetime.now(UTC)
    for begin in range(0, len(rows), 200):
        store.insert(rows[begin : begin + 200])
        store.roll_up()
    at_once.insert(rows)
    at_once.roll_up()
    assert store.rolled() == at_once.rolled()
