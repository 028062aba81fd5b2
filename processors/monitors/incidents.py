"""What people say of the open incidents of the monitors of a partition, and the escalation policies for them. Pure."""

from collections.abc import Sequence

from processors.fold.acknowledgements import concerns, take
from processors.fold.contract import Context, Effect
from processors.fold.escalations import PolicyEvent, begin_anew, is_told
from processors.fold.partition_time import counts_at
from processors.fold.view import View
from processors.monitors.expiry import MonitorExpiry, monitor_of
from processors.monitors.transitions import tell_acknowledged, tell_muted_channel
from schemas.incidents import IncidentAcknowledged, IncidentEvent, IncidentToTell
from schemas.monitor_states import MonitorState
from schemas.notice_choices import NoticesChosen
from schemas.topics import PROBE_RESULTS


class MonitorIncidents:
    def __init__(self, view: View, expiry: MonitorExpiry) -> None:
        self._view, self._expiry = view, expiry

    def said(self, event: IncidentEvent, context: Context) -> Sequence[Effect]:
        """Somebody acknowledges an incident, or comments on it."""
        view, key = self._view, context.key
        known = view.get(key)
        if not isinstance(known, MonitorState) or not concerns(known, event, context):
            return ()
        state, monitor = view.edit(MonitorState, key), monitor_of(view, key)
        at, held_back = counts_at(view, event.at), state.notice_at is not None
        effects = take(state, monitor, event, at, context, PROBE_RESULTS, held_back=held_back)
        if isinstance(event, IncidentAcknowledged):
            effects += tell_acknowledged(state, monitor, at)
        self._expiry.look_at(key, state, monitor)
        return effects

    def tell(self, event: IncidentToTell, context: Context) -> Sequence[Effect]:
        """The mute of a channel is over, which was not told of an incident."""
        known = self._view.get(context.key)
        if context.retried or not isinstance(known, MonitorState):
            return ()
        monitor = monitor_of(self._view, context.key)
        untold = self._expiry.untold(known, monitor)
        # While nobody is to be told of the monitor, it is noted who is yet to be.
        state = self._view.edit(MonitorState, context.key) if known.muted or untold else known
        return tell_muted_channel(state, monitor, event, counts_at(self._view, event.at), untold)

    def chosen(self, event: NoticesChosen, context: Context) -> Sequence[Effect]:
        """What is known of a channel is something else."""
        if self._expiry.policies.choices.heard(event, context):
            for key, state in self._view.items_of(MonitorState):
                if state.escalation is not None:
                    self._expiry.look_at(key, state, monitor_of(self._view, key))
        return ()

    def policy(self, event: PolicyEvent, context: Context) -> Sequence[Effect]:
        """An escalation policy was made, changed or removed."""
        view = self._view
        escalating = [
            (key, monitor_of(view, key).project)
            for key, state in view.items_of(MonitorState)
            if is_told(state, state.notice_at is not None)
        ]
        for key in self._expiry.policies.heard(event, context, escalating):
            state = view.edit(MonitorState, key)
            begin_anew(state, counts_at(view, event.at))
            self._expiry.look_at(key, state, monitor_of(view, key))
        return ()
