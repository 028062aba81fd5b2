"""Days and months of uptime, and run times of checks, as they are rolled up on the real ClickHouse.

What must be true: in whatever order rows come, late, and however often, the roll-ups are those that one roll-up of all
rows makes; a roll-up that was killed goes on where it was; what has expired stays counted.
"""

from collections.abc import Iterator
from random import Random
from uuid import uuid4

import pytest

from infra.clickhouse.address import Address
from infra.clickhouse.migrations import migrate
from tests.history_store import connected
from tests.uptime_rows import UptimeStore, random_rows

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
