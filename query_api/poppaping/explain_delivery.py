"""Which thing a delivery tells of: what is explained when somebody asks why it was sent."""

from typing import NamedTuple

import msgspec

from query_api.dependencies import Dependencies
from query_api.poppaping.history import answering_history
from query_api.poppaping.responses import PoppaPingApiError
from schemas.base import Micros


class ToldOf(NamedTuple):
    """until: when the delivery ended; None: it is pending."""

    thing: str
    until: Micros | None


class _Thing(msgspec.Struct):
    id: str


class _Data(msgspec.Struct):
    monitor: _Thing


class _Body(msgspec.Struct):
    data: _Data


_body = msgspec.json.Decoder(_Body).decode


async def thing_of_delivery(deps: Dependencies, project: str, id: str) -> ToldOf | None:
    """What a delivery of the project tells of; None: there is no such delivery.

    Raises `PoppaPingApiError` 404 for one that tells of no single thing, such as a list or a report.
    """
    channels = [channel.id for channel in deps.directory.channels_of(project)]
    for channel in channels:
        if (pending := deps.delivery_states.delivery(channel, id)) is not None:
            return ToldOf(_thing(pending.body), None)
    if deps.delivery_history is None or not channels:
        return None
    with answering_history():
        ended = await deps.delivery_history.ended_one(channels, id)
    return None if ended is None else ToldOf(_thing(ended.body), ended.at)


def _thing(body: str) -> str:
    try:
        return _body(body).data.monitor.id
    except msgspec.MsgspecError:
        raise PoppaPingApiError(404, "The delivery tells of no single check or monitor: name one by its id.") from None
