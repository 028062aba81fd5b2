"""Hourly roll-ups of pings: recomputed from the rows for the hours that new rows touched, and replaced; never added to.

ClickHouse itself knows what is new (`inserted_at`), so a roll-up that was missed by a crash is made up by the next, and
one that is made twice changes nothing. A ping counts in the hour of its own time.
"""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import structlog
from clickhouse_connect.driver.client import Client
from prometheus_client import Counter

from infra.clickhouse import Address, connect, told_apart

log = structlog.get_logger(__name__)

_EVERY_SECONDS = 60.0
# An hour is read again each time: where there is much to read, do so less often.
_DUTY = 0.1
# Inserts under way when the last roll-up looked, and clocks of several servers.
_OVERLAP = timedelta(seconds=120)
_AFTER_ALL = "\U0010ffff"
_LONGEST = 600.0

_ROLL_UPS = Counter("pingfold_history_rollups_total", "Hourly roll-ups, by how they ended.", ["outcome"])

# Rows that are recomputed at once: the memory that it takes in ClickHouse grows with them.
_CHUNK = 300_000

# Checks and hours of the rows that came since, and of the pings whose facts came since: long after them, perhaps.
_TOUCHED = """
    SELECT check_id, toStartOfHour(at) AS hour FROM pings
    WHERE inserted_at >= {since:DateTime('UTC')} AND check_id >= {first:String} AND check_id <= {last:String}
    UNION DISTINCT
    SELECT check_id, toStartOfHour(at) AS hour FROM pings
    WHERE check_id >= {first:String} AND check_id <= {last:String} AND (check_id, off, part) IN (
        SELECT check_id, off, part FROM ping_facts
        WHERE inserted_at >= {since:DateTime('UTC')} AND check_id >= {first:String} AND check_id <= {last:String})
"""

_ROWS = "check_id >= {first:String} AND check_id <= {last:String} AND (check_id, toStartOfHour(at)) IN touched"

_CHECKS = f"""
WITH touched AS ({_TOUCHED})
SELECT check_id, count() FROM pings WHERE {_ROWS} GROUP BY check_id ORDER BY check_id
"""

# FINAL merges copies as it reads, in little memory.
_ROLL_UP = f"""
INSERT INTO ping_hours (check_id, hour, successes, starts, fails, logs, ignored,
                        durations, duration_sum, duration_max, version)
WITH touched AS ({_TOUCHED})
SELECT check_id, toDateTime(hour, 'UTC'),
       countIf(counted AND kind = 'success'), countIf(counted AND kind = 'start'), countIf(counted AND kind = 'fail'),
       countIf(counted AND kind = 'log'), countIf(counted AND kind = 'ign'),
       countIf(counted AND lasted >= 0), sumIf(lasted, counted AND lasted >= 0), maxIf(lasted, counted AND lasted >= 0),
       count() + sum(known)
FROM (
    SELECT p.check_id AS check_id, p.hour AS hour, f.known AS known,
           if(known, f.counted, 1) AS counted, if(known, f.duration, -1) AS lasted,
           if(f.kind = '', p.kind, f.kind) AS kind
    FROM (
        SELECT check_id, off, part, toStartOfHour(at) AS hour, CAST(kind, 'String') AS kind
        FROM pings FINAL
        WHERE {_ROWS}
    ) AS p LEFT ANY JOIN (
        SELECT check_id, off, part, CAST(kind, 'String') AS kind, duration, counted, 1 AS known
        FROM ping_facts
        WHERE (check_id, off, part) IN (SELECT check_id, off, part FROM pings WHERE {_ROWS})
    ) AS f ON p.check_id = f.check_id AND p.off = f.off AND p.part = f.part
)
GROUP BY check_id, hour
"""


def roll_up(client: Client) -> None:
    """Bring `ping_hours` up to what `pings` and `ping_facts` hold. Raises `Unavailable`."""
    with told_apart():
        now, done_to = client.query("SELECT now('UTC'), (SELECT max(done_to) FROM roll_ups)").result_rows[0]
        since = max(done_to.replace(tzinfo=UTC) - _OVERLAP, datetime.fromtimestamp(0, UTC))
        everything = {"since": since, "first": "", "last": _AFTER_ALL}
        touched = [(row[0], row[1]) for row in client.query(_CHECKS, parameters=everything).result_rows]
        for first, last in chunks_of(touched):
            client.command(_ROLL_UP, parameters={"since": since, "first": first, "last": last})
        client.command("INSERT INTO roll_ups (done_to) SELECT {now:DateTime('UTC')}", parameters={"now": now})


def chunks_of(touched: list[tuple[str, int]]) -> Iterator[tuple[str, str]]:
    """First and last check of each chunk, for checks in order with their numbers of rows."""
    first, size = "", 0
    for number, (check, rows) in enumerate(touched):
        if size == 0:
            first = check
        size += rows
        if size >= _CHUNK or number == len(touched) - 1:
            yield first, check
            size = 0


class HourKeeper:
    """Rolls up what is new about every minute, in a thread and on a connection of its own."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._news = threading.Event()
        self._news.set()  # the process before may have left something
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="history-hours", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ask it to end. A roll-up under way may be cut off; the next process makes it up."""
        self._stop.set()

    def tell(self) -> None:
        """There are new rows."""
        self._news.set()

    def _work(self) -> None:
        pause = _EVERY_SECONDS
        while not self._stop.wait(pause):
            if not self._news.is_set():
                continue
            self._news.clear()
            began = time.monotonic()
            try:
                client = connect(self._address, timeout=_LONGEST)
                try:
                    roll_up(client)
                finally:
                    client.close()
            except Exception as error:
                self._news.set()
                _ROLL_UPS.labels("failed").inc()
                log.warning("history.rollup", error=str(error))
            else:
                _ROLL_UPS.labels("done").inc()
            pause = max(_EVERY_SECONDS, (time.monotonic() - began) / _DUTY)
