"""Results of probes as the PoppaPing API shows them."""

from typing import Any

from infra.egress.guard import public_or_empty
from query_api.dependencies import Dependencies, MonitorHistoryReads
from query_api.history.monitors import ResultRow
from query_api.poppaping.history import known_history
from query_api.poppaping.responses import time


def history_of(deps: Dependencies) -> MonitorHistoryReads:
    """The history of monitors. Raises `Fault` 503 where there is none."""
    return known_history(deps.monitor_history)


def result_object(row: ResultRow) -> dict[str, Any]:
    """A result; `confirmation` tells those that were asked for because another was in doubt, `in_maintenance`
    those that count for nothing."""
    return {
        "checked_at": time(row.at),
        "status": "up" if row.ok else "down",
        "region": row.region,
        "response_time_ms": round(row.took / 1_000, 1),
        "status_code": row.status,
        "error": None if row.ok else f"{row.failure}: {row.detail}".removesuffix(": "),
        # Those of private networks are for the operator, who finds them in the journal.
        "address": public_or_empty(row.address) or None,
        "confirmation": row.confirm > 0,
        "in_maintenance": row.maintenance,
    }
