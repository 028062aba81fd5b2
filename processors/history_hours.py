"""Hourly roll-ups of pings: recomputed from the rows for the hours that new rows touched, and replaced; never added to.

ClickHouse itself knows what is new (`inserted_at`), so a roll-up that was missed by a crash is made up by the next, and
one that is made twice changes nothing. A ping counts in the hour of its own time.
"""

import threading
from datetime import UTC, datetime, timedelta

import structlog
from clickhouse_connect.driver.client import Client
from prometheus_client import Counter

from infra.clickhouse import Address, connect, told_apart

log = structlog.get_logger(__name__)

_EVERY_SECONDS = 60.0
# Inserts under way when the last roll-up looked, and clocks of several servers.
_OVERLAP = timedelta(seconds=120)
_LONGEST = 600.0

_ROLL_UPS = Counter("pingfold_history_rollups_total", "Hourly roll-ups, by how they ended.", ["outcome"])

# Checks and hours of rows, and of pings whose facts, came since; a fact may come long after its ping.
_TOUCHED = """
    SELECT check_id, toStartOfHour(at) AS hour FROM pings WHERE inserted_at >= {since:DateTime('UTC')}
    UNION DISTINCT
    SELECT check_id, toStartOfHour(at) AS hour FROM pings WHERE (check_id, off, part) IN (
        SELECT check_id, off, part FROM ping_facts WHERE inserted_at >= {since:DateTime('UTC')})
"""

_ROLL_UP = f"""
INSERT INTO ping_hours (check_id, hour, successes, starts, fails, logs, ignored,
                        durations, duration_sum, duration_max, version)
WITH touched AS ({_TOUCHED})
SELECT p.check_id, toDateTime(p.hour, 'UTC'),
       countIf(counted AND kind = 'success'), countIf(counted AND kind = 'start'), countIf(counted AND kind = 'fail'),
       countIf(counted AND kind = 'log'), countIf(counted AND kind = 'ign'),
       countIf(counted AND lasted >= 0), sumIf(lasted, counted AND lasted >= 0), maxIf(lasted, counted AND lasted >= 0),
       count() + sum(known)
FROM (
    SELECT p.check_id, p.hour, f.known AS known,
           if(known, f.counted, 1) AS counted, if(known, f.duration, -1) AS lasted,
           if(f.kind = '', p.kind, f.kind) AS kind
    FROM (
        SELECT check_id, off, part, toStartOfHour(at) AS hour, CAST(kind, 'String') AS kind
        FROM pings
        WHERE (check_id, hour) IN touched
          AND at >= (SELECT min(hour) FROM touched) AND at < (SELECT max(hour) + INTERVAL 1 HOUR FROM touched)
        LIMIT 1 BY check_id, off, part
    ) AS p LEFT ANY JOIN (
        SELECT check_id, off, part, CAST(kind, 'String') AS kind, duration, counted, 1 AS known
        FROM ping_facts
        WHERE check_id IN (SELECT check_id FROM touched)
          AND (at >= (SELECT min(hour) FROM touched) OR counted = 0)  -- what is refused may be dated anyhow
    ) AS f ON p.check_id = f.check_id AND p.off = f.off AND p.part = f.part
) AS p
GROUP BY p.check_id, p.hour
"""


def roll_up(client: Client) -> None:
    """Bring `ping_hours` up to what `pings` and `ping_facts` hold. Raises `Unavailable`."""
    with told_apart():
        newest: datetime = client.query("SELECT max(rolled_at) FROM ping_hours").result_rows[0][0]
        since = max(newest.replace(tzinfo=UTC) - _OVERLAP, datetime.fromtimestamp(0, UTC))
        client.command(_ROLL_UP, parameters={"since": since})


class HourKeeper:
    """Rolls up every minute in which there was something new, in a thread and on a connection of its own."""

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
        while not self._stop.wait(_EVERY_SECONDS):
            if not self._news.is_set():
                continue
            self._news.clear()
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
