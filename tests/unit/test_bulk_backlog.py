"""How far a bulk request is behind its client, and the turns that bulk requests take."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from ingest.ping.backlog import Backlog
from ingest.ping.bulk_turns import Turns
from schemas.base import SECOND
from tests.ping_world import NOON


class Timer:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_our_time_adds_to_a_backlog_and_the_clients_takes_from_it() -> None:
    timer, owed = Timer(), set[Backlog]()
    backlog = Backlog(timer, owed)
    timer.seconds = 5.0  # the client has not sent anything
    assert not owed
    backlog.take()
    assert owed == {backlog}
    assert backlog.seconds == 0
    timer.seconds = 8.0
    assert backlog.seconds == 3
    assert backlog.since(NOON + 8 * SECOND) == NOON + 5 * SECOND
    backlog.wait_for_client()
    timer.seconds = 9.0
    assert backlog.seconds == 2, "what comes now would have come 2 s ago, at most, but for us"
    assert backlog.since(NOON + 9 * SECOND) == NOON + 7 * SECOND
    timer.seconds = 20.0
    assert backlog.seconds == 0
    assert backlog.since(NOON + 20 * SECOND) == NOON + 20 * SECOND


def test_what_kafka_has_not_reported_on_is_owed_though_all_is_read() -> None:
    timer, owed = Timer(), set[Backlog]()
    backlog = Backlog(timer, owed)
    backlog.take()
    timer.seconds = 1.0
    backlog.hand_over(7, backlog.came(NOON))
    timer.seconds = 2.0
    backlog.hand_over(8, backlog.came(NOON + SECOND))
    backlog.end()
    assert backlog.since(NOON + 9 * SECOND) == NOON - SECOND
    backlog.report(8)
    backlog.report(7)
    assert not owed
    assert backlog.since(NOON + 9 * SECOND) == NOON + 9 * SECOND


def test_a_request_of_no_known_check_is_not_waited_for() -> None:
    owed = set[Backlog]()
    backlog = Backlog(Timer(), owed)
    backlog.take()
    backlog.forgo()
    assert not owed
    backlog.owe()
    assert owed == {backlog}
    backlog.end()
    assert not owed


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 10)), max_size=20))
def test_since_never_goes_back_and_is_never_ahead(steps: list[tuple[bool, float]]) -> None:
    timer = Timer()
    backlog, last = Backlog(timer, set()), NOON
    for is_clients, passes in steps:
        if is_clients:
            backlog.wait_for_client()
        else:
            backlog.take()
        timer.seconds += passes
        now = NOON + round(timer.seconds * SECOND)
        since = backlog.since(now)
        assert last - 1 <= since <= now
        last = since


async def test_in_one_pass_there_are_so_many_lines_and_who_waits_comes_first() -> None:
    turns, passes, done = Turns(most=10), 0, list[tuple[int, str]]()

    async def work(name: str, cost: int, times: int) -> None:
        for _ in range(times):
            await turns.wait(cost)
            done.append((passes, name))

    tasks = [asyncio.create_task(work(*one)) for one in (("large", 10, 2), ("small", 1, 3), ("gone", 1, 1))]
    await asyncio.sleep(0)
    tasks[2].cancel()
    while not all(task.done() for task in tasks):
        passes += 1
        await asyncio.sleep(0)
    assert [name for _, name in done] == ["large", "large", "small", "small", "small"], "each in the order of asking"
    large = [at for at, name in done if name == "large"]
    assert large[0] < large[1], "not in one pass"
    assert turns.go_on(100)
    assert not turns.go_on()
    await asyncio.sleep(0.001)
    assert turns.go_on()
