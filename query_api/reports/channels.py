"""Which things would tell somebody that they are down: by their channels, or by an escalation policy. Pure."""

from collections.abc import Iterable, Sequence

from schemas.channels.kinds import CHANNEL_KINDS
from schemas.definitions import Channel
from schemas.escalations import EscalationPolicy, Step
from schemas.on_call import OnCallRotation

_DOWN = ("monitor.down", "incident.created")


class Reach:
    """The channels, policies and on-call rotations of a project."""

    def __init__(
        self,
        channels: Iterable[Channel],
        policies: Iterable[EscalationPolicy],
        rotations: Iterable[OnCallRotation] = (),
    ) -> None:
        working = [channel for channel in channels if _works(channel)]
        self._working = {channel.id for channel in working}
        self._told = {channel.id for channel in working if any(notice in channel.notices for notice in _DOWN)}
        self._rotations = {
            rotation.id
            for rotation in rotations
            if any(not self._working.isdisjoint(turn.channels) for turn in rotation.turns)
        }
        self._policies: dict[str, EscalationPolicy] = {}
        self._of_others: EscalationPolicy | None = None
        # Of several policies the oldest counts.
        for policy in sorted(policies, key=lambda one: (one.created, one.id)):
            for thing in policy.things:
                self._policies.setdefault(thing, policy)
            if not policy.things and self._of_others is None:
                self._of_others = policy

    def tells(self, thing: str, channels: Sequence[str]) -> bool:
        """Whether anybody is told when a thing with these channels is down."""
        if not self._told.isdisjoint(channels):
            return True
        policy = self._policies.get(thing, self._of_others)
        # Whom a step names is told whatever events they have chosen.
        return policy is not None and any(map(self._calls, policy.steps))

    def _calls(self, step: Step) -> bool:
        return not (self._working.isdisjoint(step.channels) and self._rotations.isdisjoint(step.on_call))


def _works(channel: Channel) -> bool:
    """Whether anything is sent to it: it is not disabled, and mail has somebody who agreed."""
    if channel.disabled_at is not None:
        return False
    kind = CHANNEL_KINDS[channel.kind]
    return not kind.by_mail or bool(set(channel.addresses) - set(channel.unconfirmed))
