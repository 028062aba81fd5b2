"""Finished deliveries from the real ClickHouse: the log, ranges, what failed, what was sent; each counted once."""

import contextlib
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from infra.clickhouse.address import Address
from infra.clickhouse.client import ClickHouse, connect
from infra.clickhouse.migrations import migrate
from processors.history.rows import DELIVERIES_FINISHED, transition_row
from query_api.history.deliveries import DeliveryHistory, SentRow
from schemas.base import SECOND, Micros, encode
from schemas.transitions import DeliveryFinished, Outcome

pytestmark = pytest.mark.stack

T0: Micros = 1_770_000_000 * SECOND


class Log:
    """A database of its own, and the history over it."""

    def __init__(self, url: str, history: DeliveryHistory) -> None:
        self.url, self.history = url, history

    def ends(self, n: int, at: int, outcome: Outcome = "delivered", replay: str = "", channel: str = "c") -> None:
        """Delivery `dN` ends so many seconds after the beginning; it is written twice, as a writer may."""
        event = DeliveryFinished(
            id=f"d{n}", channel=channel, notice="monitor.down", outcome=outcome, attempts=n, at=T0 + at * SECOND,
            detail="" if outcome == "delivered" else "HTTP 500", event=f"e{n}", body=f"body of {n} — é", began=T0,
            replay=replay,
        )  # fmt: skip
        found = transition_row(0, 0, encode(event))
        assert found is not None
        with contextlib.closing(connect(Address.parse(self.url))) as client:
            for _ in range(2):
                client.insert(found[0].name, [found[1]], found[0].columns, column_type_names=found[0].types)


@pytest.fixture
async def log(clickhouse_url: str) -> AsyncIterator[Log]:
    url = f"{clickhouse_url.rstrip('/')}/deliveries{uuid4().hex[:8]}"
    migrate(url)
    clickhouse = ClickHouse(Address.parse(url))
    yield Log(url, DeliveryHistory(clickhouse, 1))
    await clickhouse.close()


async def test_the_log_is_newest_first_in_pages_and_each_sending_counts_once(log: Log) -> None:
    for n in range(5):
        log.ends(n, n)
    log.ends(1, 10, replay="r")
    log.ends(9, 3, channel="other")
    assert await log.history.total("c") == 6
    pages = [await log.history.log("c", skip, 2) for skip in (0, 2, 4, 6)]
    assert [(row.delivery, row.replay) for page in pages for row in page] == [
        ("d1", "r"), ("d4", ""), ("d3", ""), ("d2", ""), ("d1", ""), ("d0", ""),
    ]  # fmt: skip
    newest = pages[0][0]
    assert (newest.event, newest.notice, newest.outcome, newest.attempts) == ("e1", "monitor.down", "delivered", 1)
    assert (newest.began, newest.at, newest.detail) == (T0, T0 + 10 * SECOND, "")


async def test_the_newest_of_several_channels_is_found_at_once(log: Log) -> None:
    log.ends(1, 1)
    log.ends(2, 5, "exhausted")
    log.ends(3, 5)
    log.ends(4, 2, channel="other")
    log.ends(4, 9, replay="r", channel="other")
    assert await log.history.newest([]) == {}
    found = await log.history.newest(["c", "other", "it's", "none"])
    assert {channel: (one.row.delivery, one.row.replay, one.body) for channel, one in found.items()} == {
        "c": ("d3", "", "body of 3 — é"),
        "other": ("d4", "r", "body of 4 — é"),
    }
    [alone] = (await log.history.newest(["c"])).values()
    assert alone == found["c"]
    assert alone.row == (await log.history.log("c", 0, 1))[0]


async def test_ranges_hold_their_beginning_and_not_their_end(log: Log) -> None:
    for n in range(5):
        log.ends(n, n)
    log.ends(0, 3, replay="r")
    log.ends(7, 1, "gathered")  # what told of it stands for it
    assert await log.history.ended("c", T0 + SECOND, T0 + 3 * SECOND, 10) == ["d1", "d2"]
    assert await log.history.ended("c", 0, T0 + 100 * SECOND, 3) == ["d0", "d1", "d2"]
    assert await log.history.ended("c", T0 + 3 * SECOND, T0 + 4 * SECOND, 10) == ["d0", "d3"]
    assert await log.history.ended("nobody", 0, T0 + 100 * SECOND, 3) == []


async def test_what_failed_is_what_was_not_delivered_later(log: Log) -> None:
    log.ends(0, 0, "exhausted")
    log.ends(1, 1, "exhausted")
    log.ends(2, 2, "gone")
    log.ends(3, 3)
    log.ends(4, 4, "removed")
    log.ends(1, 9, "delivered", replay="r")
    log.ends(3, 9, "exhausted", replay="r")
    log.ends(5, 5, "gathered")
    log.ends(6, 6, "muted")
    assert await log.history.failed("c", T0, 10) == ["d0", "d2", "d3", "d4"]
    assert await log.history.failed("c", T0 + SECOND, 10) == ["d2", "d3", "d4"]
    assert await log.history.failed("c", T0, 2) == ["d0", "d2"]


async def test_what_was_sent_comes_back_to_the_letter(log: Log) -> None:
    log.ends(1, 1)
    log.ends(1, 2, replay="r")
    log.ends(2, 2, channel="other")
    sent = await log.history.sent("c", ["d1", "d2", "d3"])
    assert sent == {"d1": SentRow("d1", "e1", "monitor.down", "body of 1 — é")}
    assert await log.history.sent("c", ["'; DROP TABLE deliveries_finished; --"]) == {}


async def test_rows_of_an_older_version_say_what_they_do_not_know(log: Log) -> None:
    columns = DELIVERIES_FINISHED.columns[:7]
    row = ("c", T0, "d", "monitor.down", "exhausted", 13, "HTTP 500")
    with contextlib.closing(connect(Address.parse(log.url))) as client:
        client.insert(DELIVERIES_FINISHED.name, [row], columns, column_type_names=DELIVERIES_FINISHED.types[:7])
    [found] = await log.history.log("c", 0, 10)
    assert (found.began, found.event, found.outcome) == (None, "", "exhausted")
    assert await log.history.sent("c", ["d"]) == {"d": SentRow("d", "", "monitor.down", "")}
