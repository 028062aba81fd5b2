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
from tests.history_store import connected
from tests.uptime_rows import KINDS, UptimeStore, random_rows

pytestmark = pytest.mark.stack


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
    for table in ("spans", "probe_results", "pings", "ping_facts"):
        store.client.command(f"DELETE FROM {table} WHERE 1 SETTINGS lightweight_deletes_sync = 2")
    store.insert(random.sample(rows, 40))
    store.roll_up()
    assert store.rolled() == rolled
