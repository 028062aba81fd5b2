"""Makes history ready: the tables of ClickHouse, how long they keep what, and then the writer.

It is done beside everything else, as often as it takes: pings, folds and alerts need no history, and a ClickHouse that
is away, or has tables that do not fit, may be there in a moment. Meanwhile `/readyz` tells why there is none.
"""

import asyncio
import time
from collections.abc import Callable

import structlog

from infra.availability import clickhouse_answers
from infra.clickhouse import analytics as clickhouse_analytics
from infra.clickhouse import migrations as clickhouse_migrations
from infra.clickhouse import retention as clickhouse_retention
from infra.clickhouse.address import Address
from infra.log.retention import format_retention
from infra.settings.settings import Settings
from pingfold.supervisor.supervisor import PATIENT, Supervisor, python_role

log = structlog.get_logger(__name__)

_PART = "history"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_SAY_SECONDS = 10.0


class HistoryStart:
    """url: of ClickHouse, with user and password."""

    def __init__(self, settings: Settings, url: str, supervisor: Supervisor, say: Callable[[str, str], None]) -> None:
        self._settings, self._url, self._supervisor, self._say = settings, url, supervisor, say
        self._said_at = time.monotonic()  # the first moments of a start are nothing to speak of
        supervisor.tell(_PART, "its tables are not ready yet")

    async def run(self) -> None:
        """Return when the writer is started. Every try is bounded; the pauses between them grow to 10 s."""
        pause = _FIRST_PAUSE
        while (reason := await asyncio.to_thread(self._try)) is not None:
            self._supervisor.tell(_PART, f"its tables are not ready: {reason}")
            if time.monotonic() - self._said_at >= _SAY_SECONDS:
                self._said_at = time.monotonic()
                self._say("pingfold", f"no history yet: {reason}; trying again")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        self._say("pingfold", f"kept: {format_retention(self._settings)}")
        self._supervisor.keep(python_role("writer", 0, 1, nice=PATIENT))
        self._supervisor.tell(_PART, None)

    def _try(self) -> str | None:
        """Why the tables are not ready; None: they are."""
        try:
            if not clickhouse_answers(Address.parse(self._url)):
                return "ClickHouse does not answer"
            clickhouse_migrations.migrate(self._url)
            clickhouse_retention.apply(self._url, self._settings)
            clickhouse_analytics.apply(self._url, self._settings)
        except Exception as error:  # told again and again: nothing else may stop because of it
            log.warning("history.not_ready", error=str(error))
            return str(error) or type(error).__name__
        return None
