"""Results of probes as the PoppaPing API shows them."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from infra.egress.guard import public_or_empty
from query_api.dependencies import Dependencies
from query_api.history.monitors import ResultRow
from query_api.history.ports import MonitorHistoryReader
from query_api.http.field_types import Count, Time
from query_api.poppaping.history import known_history
from query_api.poppaping.responses import time


def history_of(deps: Dependencies) -> MonitorHistoryReader:
    """The history of monitors. Raises `PoppaPingApiError` 503 where there is none."""
    return known_history(deps.monitor_history)


class ResultObject(Struct, kw_only=True, gc=False):
    """The result of a probe."""

    checked_at: Time
    status: Literal["up", "down"]
    region: str
    response_time_ms: float
    status_code: Count | None
    error: str | None
    address: Annotated[str | None, Meta(description="The address that was connected; null: none, or a private one.")]
    confirmation: Annotated[bool, Meta(description="Whether the probe confirms another result.")]
    in_maintenance: Annotated[
        bool,
        Meta(description="Whether it was made in maintenance. It counts in no uptime, and sent no alert."),
    ]
    family_down: Annotated[
        str | None, Meta(description="The failing address family, if the other one works. Pingfold's own.")
    ]


def error_of(ok: bool, failure: str, detail: str) -> str | None:
    """Why a probe failed, as the API tells it; None when it did not."""
    return None if ok else f"{failure}: {detail}".removesuffix(": ")


def result_object(row: ResultRow) -> ResultObject:
    """The result of a row of history."""
    return ResultObject(
        checked_at=time(row.at),
        status="up" if row.ok else "down",
        region=row.region,
        response_time_ms=round(row.took / 1_000, 1),
        status_code=row.status,
        error=error_of(row.ok, row.failure, row.detail),
        # Those of private networks are for the operator, who finds them in the journal.
        address=public_or_empty(row.address) or None,
        confirmation=row.confirm > 0,
        in_maintenance=row.maintenance,
        family_down=row.family_down or None,
    )
