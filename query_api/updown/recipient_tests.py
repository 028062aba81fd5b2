"""A test event for a recipient, on demand; Pingfold's own. It is of the sample check `xyz0`, as updown.io's tests are.

It goes the way of every event: through the log, the fold of deliveries and the sender, retries among it. A project has
a limit per hour, in all APIs together.
"""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Response
from msgspec import UNSET, Meta, Struct, UnsetType

from infra.log.partitioner import partition_of
from query_api.commands import Late, append, wait_until
from query_api.dependencies import Dependencies
from query_api.test_sends import MOST_ASKED_FOR, TooManyTests, data_of_test
from query_api.updown.auth import Writer
from query_api.updown.errors import UpdownError
from query_api.updown.judge import Judge
from query_api.updown.openapi import ERRORS, errors, one_of, parameters_in_body
from query_api.updown.recipients import find
from query_api.updown.responses import answer
from query_api.updown.service import ServiceDep
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.channels.updown import EVENTS
from schemas.definitions import Channel
from schemas.deliveries import DeliveryRequested, delivery_id, event_id
from schemas.ids import new_id
from schemas.notices import Notice
from schemas.topics import DELIVERIES

router = APIRouter(tags=["recipients"], responses=ERRORS)

_TESTED: Mapping[str, Notice] = {"check.down": "monitor.down", "check.up": "monitor.recovered"}


class UpdownTest(Struct, kw_only=True):
    """A test that is being sent."""

    id: Annotated[str, Meta(description="Of its delivery.")]
    event: str


class UpdownTestBody(Struct):
    """Which event is sent."""

    event: Annotated[str | UnsetType, Meta(description="`check.down` or `check.up`; `check.down` by default.")] = UNSET


@router.post(
    "/recipients/{id}/test",
    status_code=202,
    responses=one_of(UpdownTest, "The test, which is being sent.", 202) | errors(400, 403, 404, 409),
    openapi_extra=parameters_in_body(UpdownTestBody, {"event": "check.down"}, required=False),
)
async def send_test(service: ServiceDep, caller: Writer, id: str) -> Response:
    """Send a test event to a recipient, of the sample check `xyz0`."""
    channel, deps = await find(service, caller, id), service.deps
    judge = Judge(caller.parameters)
    notice = judge.word("event", _TESTED, "monitor.down")
    judge.must_be_well()
    chosen: Notice = "monitor.down" if notice is UNSET else notice
    _must_be_sent(deps, channel, chosen)
    now = deps.clock.now()
    try:
        deps.test_sends.take(caller.project, now)
    except TooManyTests as many:
        raise UpdownError(429, str(many), {"Retry-After": str(many.seconds)}) from None
    request = DeliveryRequested(
        transition=new_id(),
        at=now,
        notices=(chosen,),
        data=data_of_test(chosen, now),
        actor=service.actor(caller),
    )
    await _put(deps, channel, request)
    delivery = delivery_id(event_id(request.transition, chosen), channel.id)
    return answer(UpdownTest(id=delivery, event=EVENTS[chosen]), 202)


def _must_be_sent(deps: Dependencies, channel: Channel, notice: Notice) -> None:
    """Raises `UpdownError` when nothing, or not this, is sent to a channel now."""
    if deps.delivery_states.health(channel.id).disabled:
        raise UpdownError(409, "The recipient is disabled: too many requests to it have failed")
    if CHANNEL_KINDS[channel.kind].by_mail and set(channel.addresses) <= set(channel.unconfirmed):
        raise UpdownError(409, f"Nobody has confirmed that mail may be sent to {', '.join(channel.addresses)}")
    if notice not in channel.notices:
        raise UpdownError(409, f"The recipient does not take the event {EVENTS[notice]}")
    if deps.delivery_states.count(channel.id) >= MOST_ASKED_FOR:
        words = f"{MOST_ASKED_FOR} deliveries to the recipient are pending: tests have to wait"
        raise UpdownError(429, words, {"Retry-After": "60"})


async def _put(deps: Dependencies, channel: Channel, request: DeliveryRequested) -> None:
    """Put the test into the log, and wait until the fold has seen it."""
    try:
        [position] = await append(deps, DELIVERIES, channel.id, request)
    except Late:
        raise UpdownError(503, "Not stored in time; it may still be sent", {"Retry-After": "1"}) from None
    states, partition = deps.delivery_states, partition_of(channel.id.encode(), deps.partitions)
    await wait_until(deps.states_replica, lambda: states.applied(partition) >= position.offset)
