"""Random rows of history, and a ClickHouse database with what is rolled up from them for uptimes and run times."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

from clickhouse_connect.driver.client import Client

from processors.history.ping_hours import PING_HOURS
from processors.history.probe_hours import PROBE_HOURS
from processors.history.response_times import RESPONSE_TIMES
from processors.history.result_days import RESULT_DAYS
from processors.history.roll_ups import RollUp, roll_up
from processors.history.rows import PING_FACTS, PINGS, PROBES, SPANS, Row, Table
from processors.history.run_times import RUN_TIMES
from processors.history.signal_days import SIGNAL_DAYS
from processors.history.span_days import SPAN_DAYS
from schemas.base import SECOND, Micros
from schemas.transitions import VisibleStatus

MIDNIGHT: Micros = 1_795_046_400 * SECOND
MINUTE: Micros = 60 * SECOND
DAY: Micros = 86_400 * SECOND
DAYS = 5
KINDS = (SPAN_DAYS, RESULT_DAYS, SIGNAL_DAYS, RUN_TIMES)
HOURS = (PING_HOURS, PROBE_HOURS, RESPONSE_TIMES)
STATES: tuple[VisibleStatus, ...] = ("up", "late", "down", "not_observed", "maintenance", "paused")
THINGS = ("a", "b", "c")

# What stands in each roll-up, without what tells two makings of it apart.
ROLLED = (
    "day, thing, source, version, total, good, totals, goods, up, down, not_observed, pieces FROM uptime_days",
    "thing, month, source, version, totals, goods, ups, downs, not_observed FROM uptime_months",
    "check_id, length, begin, runs, took, longest, arraySort(arrayZip(buckets, times)) FROM run_times",
)

# Counts by hour; the ids of what each is of come first.
HOURLY = (
    "check_id, hour, * FROM ping_hours",
    "monitor, (kind, at, n), results, figures, answers FROM uptime_pieces",
    "check_id, begin, runs, took, longest FROM run_times",
)
_WHICH = ("1", "kind IN (1, 4)", "length = 3600")

Inserted = tuple[Table, Row]


class UptimeStore:
    """A database with the rows of history, inserted at times of its own."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.time = datetime.now(UTC) + timedelta(hours=1)  # ahead of the server: new to each roll-up

    def insert(self, rows: Sequence[Inserted]) -> None:
        """All at this moment; the next ones come a minute later."""
        for table in {table for table, _ in rows}:
            values = [(*row, self.time) for its, row in rows if its is table]
            columns, types = (*table.columns, "inserted_at"), (*table.types, "DateTime('UTC')")
            self.client.insert(table.name, values, columns, column_type_names=types)
        self.time += timedelta(minutes=1)

    def roll_up(self, kinds: Sequence[RollUp] = KINDS, beat: Callable[[], None] = lambda: None) -> None:
        for kind in kinds:
            roll_up(self.client, kind, beat)

    def settle(self, kinds: Sequence[RollUp] = KINDS) -> None:
        """Roll up, and let so much time pass that what comes next is all that is new."""
        self.roll_up(kinds)
        for kind in kinds:
            asked = {"source": kind.source, "time": self.time}
            self.client.command("INSERT INTO rolled_up SELECT {source:String}, {time:DateTime('UTC')}", asked)

    def rolled(self) -> list[list[tuple[Any, ...]]]:
        found = (self.client.query(f"SELECT {what} FINAL ORDER BY ALL").result_rows for what in ROLLED)
        return [list(map(tuple, rows)) for rows in found]

    def hours(self) -> list[dict[tuple[str, Any], tuple[Any, ...]]]:
        """What stands in each roll-up by hour, by thing and hour."""
        found = (f"SELECT {what} FINAL WHERE {which}" for what, which in zip(HOURLY, _WHICH, strict=True))
        return [{(row[0], row[1]): tuple(row) for row in self.client.query(sql).result_rows} for sql in found]

    def months(self, source: str) -> list[dict[str, Any]]:
        """Figures of months, in order."""
        asked = "SELECT * EXCEPT version FROM uptime_months FINAL WHERE source = {source:String} ORDER BY thing, month"
        return list(self.client.query(asked, parameters={"source": source}).named_results())

    def days(self, source: str) -> dict[tuple[str, Any], list[tuple[int, int]]]:
        """Counts by quarter of an hour, all and good ones, by thing and day."""
        asked = "SELECT thing, day, arrayZip(totals, goods) FROM uptime_days FINAL WHERE source = {source:String}"
        found = self.client.query(asked, parameters={"source": source}).result_rows
        return {(thing, day): quarters for thing, day, quarters in found}

    def remove(self, *tables: str, which: str = "1") -> None:
        """Rows expire."""
        for table in tables:
            self.client.command(f"DELETE FROM {table} WHERE {which} SETTINGS lightweight_deletes_sync = 2")

    def kept_since(self, at: Micros) -> None:
        """Rows that came before may have expired by a retention of before; the database is older than all of them."""
        self.client.command("INSERT INTO migrations SELECT name, digest, toDateTime(0, 'UTC') FROM migrations")
        asked = {"names": ["pings", "ping_facts", "probe_results"], "at": at // SECOND}
        self.client.command(
            "INSERT INTO expired_rows SELECT arrayJoin({names:Array(String)}), toDateTime({at:UInt32}, 'UTC')", asked
        )

    def mark(self, kind: RollUp) -> datetime:
        asked = {"source": kind.source}
        [(at,)] = self.client.query(
            "SELECT max(done_to) FROM rolled_up WHERE source = {source:String}", parameters=asked
        ).result_rows
        return at.replace(tzinfo=UTC)  # type: ignore[no-any-return]


def time_of(table: Table, row: Row) -> Micros:
    """The time by which a row is counted."""
    return int(row[table.columns.index("slot" if table is PROBES else "at")])


def random_rows(random: Random) -> list[Inserted]:
    """The past of some things: spans without a hole, results, pings and their facts."""
    return [row for thing in THINGS for make in (_spans, _results, _pings) for row in make(random, thing)]


def _spans(random: Random, thing: str) -> Iterator[Inserted]:
    times = sorted(MIDNIGHT + random.randrange(DAYS * DAY) for _ in range(random.randrange(2, 30)))
    for n, (since, at) in enumerate(pairwise(times)):
        was, now = random.sample(STATES, 2)
        yield SPANS, (thing, n, "p", was, since, at, now, "probe", at, f"{thing}{n}", "", "", 0)


def _results(random: Random, thing: str) -> Iterator[Inserted]:
    for slot in random.sample(range(MIDNIGHT, MIDNIGHT + DAYS * DAY, 5 * MINUTE), 150):
        ok, confirm, maintenance = random.random() < 0.8, random.choice((0, 0, 0, 1)), random.random() < 0.1
        empty = {"String": "", "LowCardinality(String)": ""}
        known = {"monitor": thing, "slot": slot, "confirm": confirm, "region": random.choice(("x", "y")), "at": slot,
                 "ok": int(ok), "maintenance": int(maintenance)}  # fmt: skip
        columns = zip(PROBES.columns, PROBES.types, strict=True)
        yield PROBES, tuple(known.get(name, empty.get(kind, 0)) for name, kind in columns)


def _pings(random: Random, thing: str) -> Iterator[Inserted]:
    for off in range(150):
        at = MIDNIGHT + random.randrange(DAYS * DAY)
        kind = random.choice(("success", "success", "fail", "start", "log"))
        yield PINGS, (thing, 0, off, at, kind, -1, "", "http", "GET", "", "", 0, b"")
        if random.random() < 0.5:
            duration = random.choice((-1, random.randrange(20 * MINUTE)))
            told = random.choice(("", "", "ign"))
            yield PING_FACTS, (thing, 0, off, at, told, duration, int(random.random() < 0.9))
