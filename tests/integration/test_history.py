"""The history writer and the questions to history, on the real Kafka and ClickHouse.

What they must keep true (docs/design.md, statement 5): each event counts once in every answer, whatever dies in
mid-insert. Every test has topics, a consumer group and a database of its own.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from msgspec.structs import replace

from infra.clickhouse.address import Address
from infra.clickhouse.client import ClickHouse, connect
from infra.clickhouse.migrations import migrate
from infra.disk import Disk
from infra.log.group_progress import GroupProgress
from processors.history import writer as history_writer
from processors.history.ping_hours import PING_HOURS
from processors.history.roll_ups import roll_up
from processors.history.rows import Row, Table
from processors.history.writer import HistoryWriter
from query_api.history.behind import Behind
from query_api.history.checks import Flip, History
from query_api.history.uptime import Span
from schemas.base import SECOND, encode
from schemas.dead_letters import DeadLetter
from schemas.definitions import Check
from schemas.pings import Ping
from schemas.ticks import Tick
from schemas.transitions import PingFolded, StatusChanged, VisibleStatus
from tests.history_line import DISTINCT, PARTITIONS, T0, Line
from tests.stack import start_clickhouse

pytestmark = pytest.mark.stack

T = TypeVar("T")

HOUR = 3_600 * SECOND


@pytest.fixture
def line(kafka_bootstrap: str, clickhouse_url: str) -> Line:
    line = Line(kafka_bootstrap, clickhouse_url.rstrip("/"))
    migrate(line.url)
    return line


@pytest.fixture
async def history(line: Line) -> AsyncIterator[History]:
    clickhouse = ClickHouse(Address.parse(line.url))
    transitions = [(line.sources.transitions, number) for number in range(PARTITIONS)]
    yield History(clickhouse, GroupProgress(line.bootstrap, line.name, transitions))
    await clickhouse.close()


def changed(check: str, n: int, since: int, at: int, was: VisibleStatus, now: VisibleStatus) -> StatusChanged:
    return StatusChanged(
        id=f"{check}-{n}", n=n, thing=check, project="p", since=T0 + since, at=T0 + at, detected_at=T0 + at + 1,
        was=was, now=now, reason="ping",
    )  # fmt: skip


class TestNames:
    async def test_names_follow_definitions_and_removals(self, line: Line) -> None:
        check = str(uuid4())
        key, what = f"check/{check}", Check(id=check, project="p", version=1, created=T0, name="old")
        for definition in (what, replace(what, version=2, name="new")):
            line.plain.produce(line.sources.definitions, encode(definition), key, partition=1)
        line.plain.flush(20)
        with line.writing():
            line.until(f"countIf(name = 'new') FROM things WHERE id = '{check}' AND NOT removed", 1)
            line.plain.produce(line.sources.definitions, None, key, partition=1)
            line.plain.flush(20)
            line.until(f"count() FROM things FINAL WHERE id = '{check}' AND removed", 1)


class TestPings:
    async def test_a_ping_is_listed_as_soon_as_it_is_folded(self, line: Line, history: History) -> None:
        check = str(uuid4())
        with line.writing():
            for n in range(1, 6):
                partition, offset = line.ping(check, Ping(kind="success", at=T0 + n, body=f"run {n}"))
                line.say(partition, PingFolded(thing=check, offset=offset, at=T0 + n, duration=n * SECOND))
                rows = await _patiently(partial(history.pings, check, offset, n, 100))
                assert [row.n for row in rows] == list(range(n, 0, -1))
                assert [row.duration for row in rows] == [past * SECOND for past in range(n, 0, -1)]
            assert [row.n for row in await history.pings(check, offset, 5, 2)] == [5, 4]
            bodies = [await history.body(check, n, offset, 5) for n in range(7)]
            logged, starts = await history.log(check, offset, 5, 1, 2, 4)
            assert [(row.n, row.duration) for row in logged] == [(4, 4 * SECOND), (3, 3 * SECOND)]
            assert starts == {4: b"run ", 3: b"run "}
            assert await history.log(check, offset, 5, 5, 50, 4) == ([], {})
        assert bodies == [None, b"run 1", b"run 2", b"run 3", b"run 4", b"run 5", None]

    async def test_all_that_is_recorded_comes_back(self, line: Line, history: History) -> None:
        check, rid = str(uuid4()), str(uuid4())
        sent = Ping(
            kind="fail", at=T0, exitstatus=7, rid=rid, body_base64=b"\xff\x00", scheme="https", method="POST",
            remote_addr="::1", ua="cürl",
        )  # fmt: skip
        partition, offset = line.ping(check, sent)
        line.say(partition, PingFolded(thing=check, offset=offset, at=T0 + 9, kind="ign"))
        with line.writing():
            (row,) = await _patiently(lambda: history.pings(check, offset, 1, 100))
            assert await history.body(check, 1, offset, 1) == b"\xff\x00"
            assert (await history.log(check, offset, 1, 0, 50, 1))[1] == {1: b"\xff"}
        assert row._asdict() == {
            "n": 1, "at": T0 + 9, "kind": "ign", "duration": None, "exitstatus": 7, "rid": rid, "scheme": "https",
            "method": "POST", "remote_addr": "::1", "ua": "cürl", "body_size": 2,
        }  # fmt: skip

    async def test_what_was_not_counted_has_no_serial(self, line: Line, history: History) -> None:
        check = str(uuid4())
        _, first = line.ping(check, Ping(kind="start", at=T0))
        partition, unknown = line.ping(check, Ping(kind="log", at=T0 + 1))
        _, refused = line.ping(check, Ping(kind="log", at=T0 + HOUR))
        for rubbish in (b"no JSON", encode(Tick(slot="a", epoch=1, at=1, now=1)), b'{"type":"ping.received"}', None):
            line.plain.produce(line.sources.pings, rubbish, check)
        _, last = line.ping(check, Ping(kind="success", at=T0 + 2))
        line.ping(check, Ping(kind="success", at=T0 + 3))  # newer than the state that asks
        line.say(partition, PingFolded(thing=check, offset=unknown, at=T0 + 1, counted=False))
        letter = DeadLetter(
            topic=line.sources.pings, partition=partition, offset=refused, key=check, value=b"", reason="ahead", at=T0
        )
        line.plain.produce(line.sources.dead_letters, encode(letter), check)
        line.plain.flush(20)
        with line.writing():
            line.until("count() FROM ping_facts", 2)
            rows = await _patiently(lambda: history.pings(check, last, 2, 100))
        assert [(row.n, row.kind, row.at) for row in rows] == [(2, "success", T0 + 2), (1, "start", T0)]
        assert first < unknown < refused < last

    async def test_serials_are_not_guessed_while_the_newest_ping_is_not_in(self, line: Line, history: History) -> None:
        check = str(uuid4())
        with line.writing():
            _, offset = line.ping(check, Ping(kind="success", at=T0))
            assert len(await _patiently(lambda: history.pings(check, offset, 1, 100))) == 1
        with pytest.raises(Behind):
            await history.pings(check, offset + 1, 2, 100)

    async def test_a_transaction_that_hangs_makes_lists_slow_not_impossible(self, line: Line, history: History) -> None:
        check = str(uuid4())
        partition, offset = line.ping(check, Ping(kind="success", at=T0))
        with line.writing():
            await _patiently(partial(history.pings, check, offset, 1, 100))
            line.fold.begin_transaction()
            fact = PingFolded(thing=check, offset=offset, at=T0, duration=1)
            line.fold.produce(line.sources.transitions, encode(fact), check, partition=partition)
            line.fold.flush(20)
            (row,) = await _patiently(partial(history.pings, check, offset, 1, 100))
            assert row.duration is None
            line.fold.commit_transaction(20)
            (row,) = await _patiently(partial(history.pings, check, offset, 1, 100))
            assert row.duration == 1

    async def test_a_check_without_pings(self, history: History) -> None:
        assert await history.pings("unknown", -1, 0, 100) == []


class TestTransitions:
    async def test_flips_are_changes_of_the_stored_status(self, line: Line, history: History) -> None:
        check = str(uuid4())
        shown: list[VisibleStatus] = [
            "new",
            "up",
            "late",
            "up",
            "late",
            "not_observed",
            "down",
            "up",
            "late",
            "down",
            "paused",
        ]
        steps = list(pairwise(shown))
        line.say(1, *(changed(check, n, 10 * n, 10 * n + 10, *step) for n, step in enumerate(steps)))
        with line.writing():
            line.until("count() FROM spans", len(steps))
        flips = await history.flips(check)
        assert [(flip.at - T0, flip.was, flip.now) for flip in flips] == [
            (100, "down", "paused"), (90, "up", "down"), (70, "down", "up"), (60, "up", "down"), (10, "new", "up"),
        ]  # fmt: skip
        inclusive = await history.flips(check, T0 + 60, T0 + 90)
        assert inclusive == [
            Flip(T0 + 70, "down", "up", "ping"),
            Flip(T0 + 60, "up", "down", "ping"),
        ]
        spans = await history.spans(check, T0 + 15, T0 + 30, current="paused", since=T0 + 100)
        assert spans == [Span(T0 + 10, T0 + 20, "up"), Span(T0 + 20, T0 + 30, "late")]
        assert (await history.spans(check, T0 + 95, T0 + 200, "paused", T0 + 100))[-1] == Span(
            T0 + 100, T0 + 200, "paused"
        )


class TestOnce:
    async def test_what_is_written_again_counts_once(self, line: Line, history: History) -> None:
        checks = [str(uuid4()) for _ in range(3)]
        line.flood(300, checks)
        partition, offset = line.ping(checks[0], Ping(kind="fail", at=T0 + 300 * SECOND))
        line.say(
            partition,
            PingFolded(thing=checks[0], offset=offset, at=T0 + 300 * SECOND, duration=5),
            changed(checks[0], 0, 0, 5, "up", "down"),
        )
        for group in (line.name, f"{line.name}-again", f"{line.name}-once-more"):
            with line.writing(group):
                await _all_read(line, group)
                assert line.count(DISTINCT) == 301
        assert line.count("count() FROM pings") >= 301
        rows = await history.pings(checks[0], offset, 101, 1_000)
        assert [row.n for row in rows] == list(range(101, 0, -1))
        assert (rows[0].kind, rows[0].duration) == ("fail", 5)
        assert len(await history.flips(checks[0])) == 1
        assert len(await history.spans(checks[0], T0, T0 + 10)) == 1
        for _ in range(2):
            _roll_up(line)
        assert line.count("sum(successes + fails) FROM ping_hours FINAL") == 301
        assert line.count("sum(duration_sum) FROM ping_hours FINAL") == 5
        assert line.count("max(version) FROM ping_hours FINAL") == 102

    def test_an_hour_is_recomputed_when_more_of_it_comes_and_kept_when_its_rows_expire(self, line: Line) -> None:
        check = str(uuid4())
        totals = "sum(successes) FROM ping_hours FINAL"
        with line.writing():
            line.ping(check, Ping(kind="success", at=T0))
            line.until(DISTINCT, 1)
            _roll_up(line)
            assert line.count(totals) == 1
            partition, offset = line.ping(check, Ping(kind="success", at=T0 + 1))
            line.until(DISTINCT, 2)
            _roll_up(line)
            assert line.count(totals) == 2
            line.say(partition, PingFolded(thing=check, offset=offset, at=T0 + HOUR, kind="ign"))  # long after
            line.until("count() FROM ping_facts", 1)
            _roll_up(line)
            assert line.count(totals) == 1
        client = connect(Address.parse(line.url))
        client.command(f"DELETE FROM pings WHERE off = {offset} SETTINGS lightweight_deletes_sync = 2")
        client.close()
        _roll_up(line)
        assert line.count("sum(successes + ignored) FROM ping_hours FINAL") == 2


class TestDeath:
    def test_clickhouse_killed_in_mid_insert_loses_and_doubles_nothing(
        self, kafka_bootstrap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Five inserts meet a SIGKILL of the server a few milliseconds after they began."""
        server = start_clickhouse(tmp_path)
        random = Random(7)
        doomed: list[Any] = []  # each process once, also while it is dying
        insert_rows = HistoryWriter._insert_rows

        def insert_rows_in_danger(writer: HistoryWriter, table: Table, rows: list[Row], stop: threading.Event) -> bool:
            process = server.process
            if len(doomed) < 5 and process not in doomed:
                doomed.append(process)
                threading.Timer(random.uniform(0, 0.04), process.kill).start()
            return insert_rows(writer, table, rows, stop)

        try:
            line = Line(kafka_bootstrap, server.address)
            migrate(line.url)
            checks = [str(uuid4()) for _ in range(50)]
            line.flood(60_000, checks)
            monkeypatch.setattr(HistoryWriter, "_insert_rows", insert_rows_in_danger)
            monkeypatch.setattr(history_writer, "_BLOCK_ROWS", 2_000)  # many more inserts than deaths
            with line.writing():
                # Started again in this thread: a server ends with the thread that started it.
                for _ in range(5):
                    _until(lambda: server.process.poll() is not None)
                    server.start()
                assert len(doomed) == 5
                asyncio.run(_all_read(line, line.name))
            assert line.count(DISTINCT) == 60_000
            _roll_up(line)
            assert line.count("sum(successes) FROM ping_hours FINAL") == 60_000
            # Nothing strange came in either: each check has its own 1,200 pings.
            each = "(SELECT check_id, uniqExact(at) AS times FROM pings GROUP BY check_id)"
            assert line.count(f"countIf(times = 1200) FROM {each}") == len(checks)
        finally:
            server.stop()

    def test_a_writer_killed_at_any_moment_is_followed_at_once(self, line: Line) -> None:
        checks = [str(uuid4()) for _ in range(50)]
        line.flood(60_000, checks)
        random = Random(3)
        for _ in range(2):
            found = line.count("count() FROM pings")
            with line.process() as writer:
                _until(partial(line.has_more_than, found))
                time.sleep(random.uniform(0, 0.1))
                writer.kill()
                writer.wait()
        with line.process():
            asyncio.run(_all_read(line, line.name))
        assert line.count(DISTINCT) == 60_000
        _roll_up(line)
        assert line.count("sum(successes) FROM ping_hours FINAL") == 60_000


class TestMemory:
    @pytest.mark.parametrize("kind", ["random", "compressible"])
    def test_a_backlog_of_large_bodies(self, line: Line, kind: str) -> None:
        random = Random(1)
        bodies = [random.randbytes(50_000).hex() if kind == "random" else f"{n}" * 100_000 for n in range(5)]
        line.flood(1_500, [str(uuid4()) for _ in range(20)], lambda number: bodies[number % 5])
        with line.process() as writer:
            line.until(DISTINCT, 1_500)
            status = Path(f"/proc/{writer.pid}/status").read_text()
        peak = int(next(row for row in status.splitlines() if row.startswith("VmHWM")).split()[1]) // 1024
        print(f"peak {peak} MB for 150 MB of {kind} bodies")
        assert peak < 300


def _roll_up(line: Line) -> None:
    client = connect(Address.parse(line.url))
    try:
        roll_up(client, PING_HOURS)
    finally:
        client.close()


def _until(condition: Callable[[], bool], timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """The answer of a writer that has only just begun, and joins its group first."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return await ask()
        except Behind:
            assert time.monotonic() < deadline, "history stays behind"


class TestWhatIsGone:
    """Records deleted before the writer has read them are said and written down; reading goes on after them."""

    def test_while_the_writer_was_away(self, line: Line) -> None:
        check = str(uuid4())
        partition, first = line.ping(check, Ping(kind="success", at=T0))
        with line.writing():
            line.until(DISTINCT, 1)
        for number in range(1, 6):
            line.ping(check, Ping(kind="success", at=T0 + number))
        line.delete_before(partition, first + 4)
        with line.writing():
            line.until(DISTINCT, 3)
        assert line.lost() == [(line.sources.pings, partition, first + 1, first + 4)]

    def test_a_partition_that_begins_later_and_was_never_read(self, line: Line) -> None:
        check = str(uuid4())
        for number in range(3):
            partition, offset = line.ping(check, Ping(kind="success", at=T0 + number))
        line.delete_before(partition, offset)
        with line.writing():
            line.until(DISTINCT, 1)
        assert line.lost() == [(line.sources.pings, partition, 0, offset)]

    def test_under_the_feet_of_a_writer_that_waits(self, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
        """ClickHouse is away so long that the journal is cut past what the writer would read next."""
        check = str(uuid4())
        away = threading.Event()
        away.set()
        monkeypatch.setattr(Disk, "has_room", property(lambda _: not away.is_set()))
        monkeypatch.setattr(history_writer, "_LONGEST_PAUSE", 0.1)
        monkeypatch.setattr(history_writer, "_BLOCK_ROWS", 5)
        big = "x" * 30_000
        with line.writing():
            partition, first = line.ping(check, Ping(kind="success", at=T0))
            for number in range(1, 3_000):
                line.plain.produce(line.sources.pings, encode(Ping(kind="success", at=T0 + number, body=big)), check)
                line.plain.poll(0)
                if number % 500 == 0:
                    line.plain.flush(20)
            assert line.plain.flush(20) == 0
            line.delete_before(partition, first + 2_990)
            away.clear()
            line.until("max(off) FROM pings", first + 2_999)
        ((topic, part, since, until),) = line.lost()
        assert (topic, part, until) == (line.sources.pings, partition, first + 2_990)
        assert first <= since < until  # a writer that had read nothing yet misses all of it
        assert line.count(DISTINCT) == 3_000 - (until - since)


async def _all_read(line: Line, group: str) -> None:
    """Wait until the writer has dealt with everything that is in its topics."""
    topics = (line.sources.pings, line.sources.transitions)
    progress = GroupProgress(line.bootstrap, group, [(topic, n) for topic in topics for n in range(PARTITIONS)])
    assert await progress.reached(20)
