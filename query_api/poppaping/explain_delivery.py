"""Which thing a delivery tells of: what is explained when somebody asks why it was sent.

A list and a report tell of no single thing: why they were sent is said in the error, and what of them can be asked.
"""

from typing import NamedTuple

import msgspec

from query_api.dependencies import Dependencies
from query_api.poppaping.history import answering_history
from query_api.poppaping.responses import PoppaPingApiError
from schemas.base import Micros
from schemas.ids import is_uuid

# So many things of a list are named.
_MOST_NAMED = 10
_WHY = {"storm": "much happened at once", "quiet hours": "the channel had its quiet hours"}
_PERIODS = {"week": "weekly", "month": "monthly"}


class ToldOf(NamedTuple):
    """until: when the delivery ended; None: it is pending."""

    thing: str
    until: Micros | None


class _Thing(msgspec.Struct):
    id: str


class _Listed(msgspec.Struct):
    monitor: _Thing
    event: str = ""
    at: str = ""


class _List(msgspec.Struct):
    things: list[_Listed]
    why: str = ""
    more: int = 0


class _Report(msgspec.Struct):
    period: str = ""
    label: str = ""


class _Data(msgspec.Struct):
    """`data` of a notice. report, digest: of those that tell of no single thing."""

    monitor: _Thing | None = None
    report: _Report | None = None
    digest: _List | None = None


class _Body(msgspec.Struct):
    data: _Data


class _Check(msgspec.Struct):
    token: str


class _PushEvent(msgspec.Struct):
    check: _Check


_body = msgspec.json.Decoder(_Body).decode
_push_events = msgspec.json.Decoder(list[_PushEvent]).decode


async def thing_of_delivery(deps: Dependencies, project: str, id: str) -> ToldOf | None:
    """What a delivery of the project tells of; None: there is no such delivery.

    Raises `PoppaPingApiError` 404 for one that tells of no single thing, such as a list or a report.
    """
    channels = [channel.id for channel in deps.directory.channels_of(project)]
    for channel in channels:
        if (pending := deps.delivery_states.delivery(channel, id)) is not None:
            return ToldOf(_thing(deps, project, pending.body), None)
    if deps.delivery_history is None or not channels:
        return None
    with answering_history():
        ended = await deps.delivery_history.ended_one(channels, id)
    return None if ended is None else ToldOf(_thing(deps, project, ended.body), ended.at)


def _thing(deps: Dependencies, project: str, body: str) -> str:
    """The id of the thing. Raises `PoppaPingApiError` 404."""
    if not body:
        raise _no_single("The delivery is a list that still grows, or what it sent is not kept")
    try:
        data = _body(body).data
    except msgspec.MsgspecError:
        return _of_push_event(deps, project, body)
    if data.digest is not None:
        raise _no_single(_list(data.digest))
    if data.report is not None:
        period = _PERIODS.get(data.report.period, "")
        of = f" of {data.report.label}" if data.report.label else ""
        raise _no_single(f"The delivery is the {period} report{of}, sent to each channel that the project names for it")
    if data.monitor is None or not is_uuid(data.monitor.id):
        raise _no_single("The delivery tells of no check or monitor")
    return data.monitor.id


def _of_push_event(deps: Dependencies, project: str, body: str) -> str:
    """Of a channel whose receivers know things by their tokens."""
    try:
        tokens = {each.check.token for each in _push_events(body)}
    except msgspec.MsgspecError:
        tokens = set()
    found = [thing for token in tokens if (thing := deps.directory.by_token(token)) is not None]
    if len(found) != 1 or found[0].project != project:
        raise _no_single("The delivery tells of no check or monitor that is still there")
    return found[0].id


def _list(told: _List) -> str:
    why = _WHY.get(told.why, "they came close together")
    named = ", ".join(f"{each.monitor.id} ({each.event} at {each.at})" for each in told.things[:_MOST_NAMED])
    more = max(0, len(told.things) - _MOST_NAMED) + told.more
    others = f", and {more} more notices" if more else ""
    return f"The delivery is a list of notices that were gathered because {why}. It tells of {named}{others}"


def _no_single(what: str) -> PoppaPingApiError:
    return PoppaPingApiError(404, f"{what}. Explained is one check or monitor: ask about one by its id.")
