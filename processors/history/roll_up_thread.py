"""A thread that keeps the roll-ups of history up to date: pings by hour, results of probes, their response
times and the runs of checks by hour and day, uptimes by day and month."""

import threading
import time

import structlog

from infra import metrics as metrics_table
from infra.clickhouse.address import Address
from infra.clickhouse.client import connect
from infra.process.liveness import LIVENESS
from processors.history.ping_hours import PING_HOURS
from processors.history.probe_hours import PROBE_HOURS
from processors.history.response_times import RESPONSE_TIMES
from processors.history.result_days import RESULT_DAYS
from processors.history.roll_ups import RollUp, roll_up
from processors.history.run_times import RUN_TIMES
from processors.history.signal_days import SIGNAL_DAYS
from processors.history.span_days import SPAN_DAYS

log = structlog.get_logger(__name__)

KINDS = (PING_HOURS, PROBE_HOURS, RESPONSE_TIMES, SPAN_DAYS, RESULT_DAYS, SIGNAL_DAYS, RUN_TIMES)

_EVERY_SECONDS = 60.0
# An hour is read again each time: where there is much to read, do so less often.
_DUTY = 0.1
_LONGEST = 600.0
_TURN_SECONDS = 1.0
# A roll-up leaves what came in the two minutes before it to the next one.
_LEFT_SECONDS = 125.0
# So often without anything new, too: readers count rows themselves when the last roll-up is long ago.
_IDLE_SECONDS = 600.0

_ROLL_UPS = metrics_table.HISTORY_ROLL_UPS.create()


def next_at(began: float, ended: float, told: float) -> float:
    """When to roll up next, in seconds of any clock: after a roll-up that went from `began` to `ended`, with the newest
    rows inserted at `told`."""
    if told + _LEFT_SECONDS > began:
        return ended + max(_EVERY_SECONDS, (ended - began) / _DUTY)
    return ended + _IDLE_SECONDS


class RollUpThread:
    """Rolls up what is new about every minute, until all of it is rolled up, in a thread and on a connection of its
    own."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._told = time.monotonic()  # the process before may have left something
        self._stop = threading.Event()
        # One query may well take as long as ClickHouse lets it.
        self._activity = LIVENESS.activity("roll-ups", needs=("clickhouse",), limit=2 * _LONGEST)
        self._thread = threading.Thread(target=self._work, name="history-hours", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ask it to end. A roll-up under way may be cut off; the next process makes it up."""
        self._stop.set()

    def tell(self) -> None:
        """There are new rows."""
        self._told = time.monotonic()

    def _work(self) -> None:
        began = ended = time.monotonic()
        while not self._stop.wait(_TURN_SECONDS):
            self._activity.beat()
            if time.monotonic() < next_at(began, ended, self._told):
                continue
            began = time.monotonic()
            for kind in KINDS:
                self._roll_up(kind)
            ended = time.monotonic()
        LIVENESS.end(self._activity)

    def _roll_up(self, kind: RollUp) -> None:
        try:
            client = connect(self._address, timeout=_LONGEST)
            try:
                roll_up(client, kind, self._activity.beat)
            finally:
                client.close()
        except Exception as error:
            self.tell()
            _ROLL_UPS.labels("failed").inc()
            log.warning("history.rollup", source=kind.source, error=str(error))
        else:
            _ROLL_UPS.labels("done").inc()
