"""The deliveries of an alert channel: test sends, the log, and sending again. Pingfold's own, in the style of the API.

Whatever is sent from here is an event in the journal `deliveries`, and its fold decides. A delivery that is sent again
keeps its ids and its body. Times in requests are ISO 8601; without an offset they are UTC.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Annotated

import msgspec
from fastapi import APIRouter, Response
from msgspec import UNSET, Meta, UnsetType

from query_api.dependencies import Dependencies
from query_api.history.checks import FOREVER
from query_api.history.deliveries import SentRow
from query_api.history.ports import DeliveryHistoryReader
from query_api.http.openapi import body_of
from query_api.poppaping.auth import AlertsReader, AlertsWriter, JsonObject
from query_api.poppaping.bodies import judged
from query_api.poppaping.channel_service import Channels, ChannelService
from query_api.poppaping.delivery_object import (
    DeliveryObject,
    ReplayedDeliveries,
    ReplayedDelivery,
    StartedDelivery,
    finished_delivery,
    pending_delivery,
)
from query_api.poppaping.history import answering_history, known_history
from query_api.poppaping.openapi import ERRORS, errors, list_of, one_of
from query_api.poppaping.responses import MOST_PER_PAGE, Page, PerPage, PoppaPingApiError, listed, one
from query_api.sent_form import id_of_form
from query_api.test_sends import data_of_test
from schemas.base import Micros
from schemas.channels.updown import SAMPLE_TOKEN
from schemas.definitions import Channel
from schemas.deliveries import DeliveryReplayed, DeliveryRequested, delivery_id, event_id
from schemas.notices import AnyNotice
from schemas.times import micros_of

router = APIRouter(tags=["alerts"], responses=ERRORS)

# So many bodies are held at once when many are sent again.
_AT_ONCE = 100


_From = Annotated[datetime, Meta(description="Deliveries that ended at or after this time.")]
_To = Annotated[datetime, Meta(description="Deliveries that ended before this time. Default: now.")]
_FailedSince = Annotated[datetime, Meta(description="Instead: deliveries that failed since this time.")]


class ReplayDeliveriesBody(msgspec.Struct, forbid_unknown_fields=True):
    """Which deliveries are sent again: either `from`, with or without `to`, or `failed_since`."""

    start: _From | UnsetType = msgspec.field(name="from", default=UNSET)
    end: _To | UnsetType = msgspec.field(name="to", default=UNSET)
    failed_since: _FailedSince | UnsetType = UNSET


class _Data(msgspec.Struct):
    test: object = None


class _Body(msgspec.Struct):
    data: _Data


class _Check(msgspec.Struct):
    token: str = ""


class _PushEvent(msgspec.Struct):
    check: _Check


_body = msgspec.json.Decoder(_Body | list[_PushEvent]).decode


@router.post(
    "/alert-channels/{id}/test",
    status_code=202,
    responses=one_of(StartedDelivery, "The delivery of the test.", 202) | errors(404, 409),
)
async def send_test(service: Channels, key: AlertsWriter, id: str) -> Response:
    """Send a test: an event that the channel takes, with `"test": true` in its data. A project has a limit per hour."""
    channel = await service.channel(key, id)
    service.must_be_served(channel)
    service.must_have_room(channel)
    if not channel.notices:
        raise PoppaPingApiError(409, "The alert channel takes no events.", "no_events")
    notice, now = channel.notices[0], service.deps.clock.now()
    service.count_tests(key, now)
    request = DeliveryRequested(
        transition=id_of_form("test"), at=now, notices=(notice,), data=data_of_test(notice, now)
    )
    await service.folded(channel, await service.put(key, channel, request))
    event = event_id(request.transition, notice)
    return one(StartedDelivery(id=delivery_id(event, channel.id), event=notice, event_id=event), 202)


@router.get(
    "/alert-channels/{id}/deliveries",
    responses=list_of(DeliveryObject, "The deliveries: pending ones first, then finished ones.") | errors(400, 404),
)
async def list_deliveries(
    service: Channels, key: AlertsReader, id: str, page: Page = 1, per_page: PerPage = 25
) -> Response:
    """List the deliveries of an alert channel: pending ones, then finished ones, each newest first."""
    channel, per_page = await service.channel(key, id), min(per_page, MOST_PER_PAGE)
    # In this order: what finishes meanwhile is seen twice, and shown once, instead of never.
    pending = service.deps.delivery_states.pending(channel.id)
    history, skip = _history(service.deps), (page - 1) * per_page
    shown = [pending_delivery(each.delivery) for each in pending[skip : skip + per_page]]
    finished = max(0, skip - len(pending))
    with answering_history():
        await history.caught_up(channel.id)
        total = await history.total(channel.id)
        rows = await history.log(channel.id, finished, per_page - len(shown)) if finished < total else []
    known = {(each.id, each.replay) for each in pending}
    shown += [finished_delivery(row) for row in rows if (row.delivery, row.replay) not in known]
    return listed(shown, page, per_page, len(pending) + total)


@router.post(
    "/alert-channels/{id}/deliveries/replay",
    status_code=202,
    responses=one_of(ReplayedDeliveries, "How many are being sent again.", 202) | errors(400, 404, 409),
    openapi_extra=body_of(ReplayDeliveriesBody, {"failed_since": "2026-02-21T14:32:00+00:00"}),
)
async def replay_many(service: Channels, key: AlertsWriter, id: str, body: JsonObject) -> Response:
    """Send deliveries again: those that ended in a span of time, or those that failed since a time.

    Pending deliveries are left alone. At most 9,000, less the pending ones, are sent again, the oldest first; `more`
    says whether there are others. Tests among them count as test sends; those beyond the limit are left out.
    """
    channel = await service.channel(key, id)
    now = service.deps.clock.now()
    start, end = _range(body, now)
    service.must_be_served(channel)
    history = _history(service.deps)
    pending = {each.id for each in service.deps.delivery_states.pending(channel.id)}
    room = max(0, service.room(channel))
    most = room + len(pending) + 1
    with answering_history():
        await history.caught_up(channel.id)
        if end is None:
            found = await history.failed(channel.id, start, most)
        else:
            found = await history.ended(channel.id, start, end, most)
        wanted = [delivery for delivery in found if delivery not in pending]
        replayed, last, more = 0, -1, len(wanted) > room
        for begin in range(0, min(len(wanted), room), _AT_ONCE):
            chosen = wanted[begin : min(begin + _AT_ONCE, room)]
            sent = await history.sent(channel.id, chosen)
            there = [sent[id] for id in chosen if id in sent and sent[id].body]
            if (left := service.deps.test_sends.left(key.project, now)) is not None:
                there, held_back = _with_tests(there, left)
                more = more or held_back
            service.count_tests(key, now, sum(map(_is_test, there)))
            if there:
                last = await service.put(key, channel, *(_again(each, now) for each in there))
            replayed += len(there)
    await service.folded(channel, last)
    return one(ReplayedDeliveries(replayed, more), 202)


@router.post(
    "/alert-channels/{id}/deliveries/{delivery}/replay",
    status_code=202,
    responses=one_of(ReplayedDelivery, "The delivery that is being sent again.", 202) | errors(404, 409),
)
async def replay_one(service: Channels, key: AlertsWriter, id: str, delivery: str) -> Response:
    """Send a delivery again, delivered or not; one that waits for its next attempt is tried at once."""
    channel = await service.channel(key, id)
    service.must_be_served(channel)
    if service.deps.delivery_states.delivery(channel.id, delivery) is None:
        service.must_have_room(channel)
    sent = await _sent(service, channel, delivery)
    if not sent.body:
        raise PoppaPingApiError(409, "What was to be sent was not kept.", "not_kept")
    now = service.deps.clock.now()
    if _is_test(sent):
        service.count_tests(key, now)
    again = _again(sent, now)
    await service.folded(channel, await service.put(key, channel, again))
    return one(ReplayedDelivery(id=delivery, event=again.notice, event_id=again.event, replay_id=again.replay), 202)


async def _sent(service: ChannelService, channel: Channel, delivery: str) -> SentRow:
    # Another process may have shown it a moment ago.
    unfinished = partial(_unfinished, service.deps, channel, delivery)
    if (sent := await service.look_up("delivery", unfinished, service.deps.states_replica)) is not None:
        return sent
    history = _history(service.deps)
    with answering_history():
        await history.caught_up(channel.id)
        found = (await history.sent(channel.id, [delivery])).get(delivery)
    if found is None:
        raise PoppaPingApiError(404, "Delivery not found.")
    return found


def _unfinished(deps: Dependencies, channel: Channel, delivery: str) -> SentRow | None:
    pending = deps.delivery_states.delivery(channel.id, delivery)
    return None if pending is None else SentRow(pending.id, pending.event, pending.notice, pending.body)


def _history(deps: Dependencies) -> DeliveryHistoryReader:
    return known_history(deps.delivery_history)


def _is_test(sent: SentRow) -> bool:
    """Whether it was a test that somebody asked for."""
    try:
        body = _body(sent.body)
    except msgspec.MsgspecError:
        return False
    if isinstance(body, list):
        return any(event.check.token == SAMPLE_TOKEN for event in body)
    return body.data.test is True


def _with_tests(sent: Iterable[SentRow], most: int) -> tuple[list[SentRow], bool]:
    """All but the tests beyond `most`, and whether there were such."""
    taken: list[SentRow] = []
    left_out = False
    for each in sent:
        if _is_test(each):
            if most <= 0:
                left_out = True
                continue
            most -= 1
        taken.append(each)
    return taken, left_out


def _again(sent: SentRow, now: Micros) -> DeliveryReplayed:
    notice: AnyNotice = msgspec.convert(sent.notice, AnyNotice)
    return DeliveryReplayed(
        replay=id_of_form(f"replay {sent.delivery}"), at=now, event=sent.event, notice=notice, body=sent.body
    )


def _range(body: dict[str, object], now: Micros) -> tuple[Micros, Micros | None]:
    """Beginning and end; no end: what failed since."""
    range = judged(body, ReplayDeliveriesBody)
    if range.failed_since is not UNSET and range.start is UNSET and range.end is UNSET:
        return _micros(range.failed_since), None
    if range.start is UNSET or range.failed_since is not UNSET:
        raise PoppaPingApiError(400, "Either 'from', with or without 'to', or 'failed_since' must be given.")
    return _micros(range.start), now + 1 if range.end is UNSET else _micros(range.end)


def _micros(moment: datetime) -> Micros:
    return min(max(0, micros_of(moment)), FOREVER)
