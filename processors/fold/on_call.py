"""The on-call rotations that a partition knows: who is on call when a step of an escalation is passed. Pure.

Each partition of checks and of monitors has its own copies, under `on-call/<id>`. That one changes moves no thing: who
is on call is asked when a step is passed. Of one that is not known nobody is on call; nor by turns where the time zone
is not known any more, which stops nothing else.
"""

from collections.abc import Iterable

from processors.fold.contract import Context, InvalidEvent
from processors.fold.view import View
from schemas.base import Micros
from schemas.on_call import (
    OnCallCopy,
    OnCallDefined,
    OnCallRemoved,
    OnCallRotation,
    fault_of_day,
    fault_of_zone,
    on_call_key,
)
from schemas.on_call_times import Duty, duty_when, on_call
from schemas.schedules import BadTimezone

OnCallEvent = OnCallDefined | OnCallRemoved


class OnCallRotations:
    """The copies in a view."""

    def __init__(self, view: View) -> None:
        self._view = view

    def heard(self, event: OnCallEvent, context: Context) -> None:
        """Take a rotation that was made, changed or removed. Raises `InvalidEvent`."""
        id = event.id if isinstance(event, OnCallRemoved) else event.rotation.id
        if context.key != id:
            raise InvalidEvent("the key of an on-call rotation must be its id")
        if context.retried:
            return
        if isinstance(event, OnCallRemoved):
            self._view.delete(on_call_key(id))
            return
        rotation, known = event.rotation, self._view.get(on_call_key(id))
        if fault := fault_of_zone(rotation.tz) or fault_of_day(rotation.handover.first):
            raise InvalidEvent(fault)
        if not isinstance(known, OnCallCopy) or known.rotation.version < rotation.version:
            self._view.put(on_call_key(id), OnCallCopy(rotation=rotation))

    def channels(self, rotations: Iterable[str], at: Micros) -> tuple[str, ...]:
        """The channels that are on call in these rotations, each once."""
        copies = (self._view.get(on_call_key(id)) for id in rotations)
        found = (_duty(copy.rotation, at).channels for copy in copies if isinstance(copy, OnCallCopy))
        return tuple(dict.fromkeys(channel for channels in found for channel in channels))

    def names(self, rotations: Iterable[str]) -> list[str]:
        """What these rotations are called; of one that is not known, its id."""
        copies = ((id, self._view.get(on_call_key(id))) for id in rotations)
        return [copy.rotation.name if isinstance(copy, OnCallCopy) else id for id, copy in copies]


def _duty(rotation: OnCallRotation, at: Micros) -> Duty:
    """Who is on call. Without its zone only overrides, which need none, tell; a step is passed all the same."""
    try:
        return on_call(rotation, at)
    except (BadTimezone, LookupError, ValueError, OSError):
        return duty_when(rotation, at, is_open=False)
