"""What people were told of the certificate and the domain of a monitor, newest first; Pingfold's own."""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from msgspec import Meta, Struct

from query_api.history.validity import ToldRow
from query_api.http.field_types import Time
from query_api.poppaping.auth import MonitorsReader
from query_api.poppaping.history import answering_history
from query_api.poppaping.openapi import ERRORS, errors, list_of
from query_api.poppaping.responses import MOST_PER_PAGE, Page, PerPage, listed, time
from query_api.poppaping.results import history_of
from query_api.poppaping.service import ServiceDep

router = APIRouter(tags=["monitors"], responses=ERRORS)


class ValidityEventObject(Struct, kw_only=True, gc=False):
    """A notice of a certificate or a domain."""

    event: Annotated[str, Meta(description="Its name, as channels take it, such as `monitor.ssl_expiration`.")]
    at: Annotated[Time, Meta(description="Time of the event; for an expiry warning, that many days before the expiry.")]
    detected_at: Time
    notified: Annotated[bool, Meta(description="Whether channels were notified; false: no channel takes it.")]
    detail: Annotated[str, Meta(description="The same in words.")]
    data: Annotated[
        dict[str, Any],
        Meta(description="As webhooks get it: `certificate`, `error`, `days_before_expiration`, `domain` and so on."),
    ]


@router.get(
    "/monitors/{id}/validity-events",
    responses=list_of(ValidityEventObject, "What was told, newest first.") | errors(400, 404),
)
async def list_validity_events(
    service: ServiceDep, key: MonitorsReader, id: str, page: Page = 1, per_page: PerPage = 25
) -> Response:
    """List the notices about the certificate and domain of a monitor, newest first."""
    monitor, per_page = await service.monitor(key, id), min(per_page, MOST_PER_PAGE)
    history, skip = history_of(service.deps).validity, (page - 1) * per_page
    with answering_history():
        total = await history.total(monitor.id)
        rows = await history.told(monitor.id, skip, per_page) if skip < total else []
    return listed([_object(row) for row in rows], page, per_page, total)


def _object(row: ToldRow) -> ValidityEventObject:
    return ValidityEventObject(
        event=row.notice,
        at=time(row.at),
        detected_at=time(row.detected_at),
        notified=not row.silent,
        detail=row.detail,
        data=row.data,
    )
