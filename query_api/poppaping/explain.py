"""Why a heartbeat check or a monitor was as it was at some time; Pingfold's own.

The journals are folded again up to that time, beside the event loop, within a bound, a few at once. What was sent to
whom and how that ended is asked of the states and of history.
"""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from query_api.dependencies import Dependencies
from query_api.explaining import Explaining, NotExplained
from query_api.poppaping.auth import MonitorsReader
from query_api.poppaping.delivery_object import DeliveryObject, finished_delivery, pending_delivery
from query_api.poppaping.explain_subject import Subject, find_subject
from query_api.poppaping.explanation_object import ExplanationObject, SentNotice, explanation_object, requested_of
from query_api.poppaping.explanation_time import read_at
from query_api.poppaping.history import answering_history
from query_api.poppaping.openapi import ERRORS, errors, one_of
from query_api.poppaping.responses import PoppaPingApiError, one
from query_api.poppaping.service import ServiceDep
from schemas.base import Micros
from schemas.explanations import Explanation, RequestedNotice

router = APIRouter(tags=["explanations"], responses=ERRORS)

_AT = (
    "The time, ISO 8601; in UTC without an offset; without seconds, the whole minute. Default: now; of an incident "
    "or a delivery that is over, its end."
)
_STATUSES = {"unknown": 404, "cut": 404, "busy": 503, "too long": 503, "unavailable": 503}
_RETRY = {"busy": "2", "too long": "60", "unavailable": "1"}


@router.get(
    "/explain/{thing}",
    responses=one_of(ExplanationObject, "The status at that time, and what led to it.") | errors(400, 404),
)
async def explain(
    request: Request,
    service: ServiceDep,
    key: MonitorsReader,
    thing: str,
    at: Annotated[str | None, Query(description=_AT, max_length=64)] = None,
) -> Response:
    """Explain why a heartbeat check or a monitor had its status at a time.

    The response contains the events, the rule, the deadline, the notices and the next deadline.

    `thing`: id of a check, a monitor, an incident or a delivery, or the slug of a check.
    """
    deps, now = service.deps, service.deps.clock.now()
    asked = None if at is None else read_at(at, now)
    subject = await find_subject(request, service, key.project, thing)
    moment = min(subject.until or now, now) if asked is None else asked
    explanation = await _explained(deps, subject, moment)
    if explanation.project != key.project:  # it may have been another's, long ago
        raise PoppaPingApiError(404, "Nothing with this id was found.")
    sent = await _sent(deps, key.project, requested_of(explanation))
    return one(explanation_object(explanation, sent))


async def _explained(deps: Dependencies, subject: Subject, at: Micros) -> Explanation:
    """The explanation, by whichever fold knows the thing."""
    explaining = _explaining(deps)
    for kind in subject.kinds:
        try:
            return await explaining.explain(kind, subject.thing, at)
        except NotExplained as fault:
            if fault.why == "unknown" and kind != subject.kinds[-1]:
                continue
            headers = {"Retry-After": _RETRY[fault.why]} if fault.why in _RETRY else None
            raise PoppaPingApiError(_STATUSES[fault.why], _sentence(str(fault)), headers=headers) from None
    raise AssertionError("a subject is of some kind")


def _sentence(words: str) -> str:
    """Words that may have names and UTC in them, as a sentence."""
    return f"{words[:1].upper()}{words[1:]}."


def _explaining(deps: Dependencies) -> Explaining:
    if deps.explaining is None:
        raise PoppaPingApiError(503, "Nothing can be explained here.", headers={"Retry-After": "60"})
    return deps.explaining


async def _sent(deps: Dependencies, project: str, requested: Sequence[RequestedNotice]) -> dict[str, SentNotice]:
    """By delivery, what became of it; without those that a channel does not take."""
    finished: dict[str, DeliveryObject] = {}
    channels = sorted({each.channel for each in requested})
    if deps.delivery_history is not None and requested:
        with answering_history():
            for channel in channels:
                wanted = [each.delivery for each in requested if each.channel == channel]
                rows = await deps.delivery_history.outcomes(channel, wanted)
                finished |= {row.delivery: finished_delivery(row) for row in rows}
    found: dict[str, SentNotice] = {}
    for each in requested:
        pending = deps.delivery_states.delivery(each.channel, each.delivery)
        delivery = finished.get(each.delivery) if pending is None else pending_delivery(pending)
        known = deps.directory.channel(each.channel)
        if known is not None and known.project != project:
            known = None
        if delivery is None and known is not None and each.notice not in known.notices:
            continue
        found[each.delivery] = SentNotice(
            alert_channel_id=each.channel,
            alert_channel_name=None if known is None else known.name or known.kind,
            event=each.notice,
            event_id=each.event,
            delivery_id=each.delivery,
            delivery=delivery,
        )
    return found
