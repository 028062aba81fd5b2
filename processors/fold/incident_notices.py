"""Notices of an open incident that no change of the status tells: steps of its escalation, the end of a snooze,
reminders, acknowledgements. Pure; for monitors and checks.

Each is told in `transitions` with its requests to send, so that those that the journal of deliveries has lost can be
made again (`processors.fold.reconciliation`), under the same ids.
"""

from collections.abc import Callable
from typing import Any

from processors.fold.contract import Effect
from processors.fold.placement import to_transitions
from processors.fold.status_transition import HasStatus, Subject, request
from schemas.base import Micros
from schemas.deliveries import About, DeliveryRequested
from schemas.ids import derived_id
from schemas.incidents import Acknowledged
from schemas.notices import ACKNOWLEDGED, Notice
from schemas.transitions import IncidentTold


def tell(
    state: HasStatus,
    subject: Subject,
    id: str,
    notice: Notice,
    data: dict[str, Any],
    *,
    at: Micros,
    time: Micros,
    called: tuple[str, ...] = (),
    more: dict[str, Any] | None = None,
) -> list[Effect]:
    """That the subject's channels, and those that are called, are told of the open incident, and the requests for that.

    data: what tells of the incident; more: what the notice has beside it. time: the partition's.
    """
    if state.incident is None or not (subject.channels or called):
        return []
    told = IncidentTold(
        id=id,
        n=state.changes,
        thing=subject.id,
        project=subject.project,
        incident=state.incident,
        at=at,
        detected_at=max(at, time),
        notice=notice,
        channels=subject.channels,
        called=called,
        more=more or {},
    )
    data = data | told.more
    effects = [to_transitions(subject.id, told), *request(subject, id, at, (notice,), data)]
    return effects + request(subject._replace(channels=called), id, at, (notice,), data, anyway=True)


def acknowledged_id(thing: str, n: int, said: Acknowledged) -> str:
    """The id of what tells that somebody takes care of an incident. n: number of the change that opened it."""
    return derived_id(thing, "acknowledged", n, said.request)


def request_again(
    told: IncidentTold, state: HasStatus, data: Callable[[], dict[str, Any]], about: Callable[[], About]
) -> DeliveryRequested | None:
    """The request that went out with what was told; what tells of the incident is as it is now.

    None when it is out of date: the incident is over, nobody is to be told of it, it was acknowledged after what calls
    for somebody, or the acknowledgement that it tells of has ended or was changed.
    """
    if state.incident != told.incident or state.muted or told.n > state.changes:
        return None
    said = state.acknowledged
    if (said is None) is (told.notice == ACKNOWLEDGED):
        return None
    if said is not None and told.id != acknowledged_id(told.thing, told.n, said):
        return None
    return DeliveryRequested(
        transition=told.id, at=told.at, notices=(told.notice,), data=data() | told.more, about=about()
    )
