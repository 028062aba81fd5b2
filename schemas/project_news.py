"""What other folds tell the `projects` fold: facts, and no requests, so that nobody waits for a decision."""

from typing import Literal

from schemas.base import Fact, Micros
from schemas.mutes import MuteUntil


class ChannelDisabled(Fact, tag="channel.disabled", frozen=True):
    """The fold of deliveries has given a channel up: the other channels of the project are told. No request.

    because: what people are told. failures: attempts that failed in a row. removed: its kind is given up for good: the
    channel is removed, not only disabled.
    """

    channel: str
    at: Micros
    because: str
    failures: int = 0
    removed: bool = False


class ChannelFailing(Fact, tag="channel.failing", frozen=True):
    """Many requests to a channel have failed in a row: the project is warned by mail. No request.

    because: why the newest failed. failures: how many.
    """

    channel: str
    at: Micros
    because: str
    failures: int


class MuteEnded(Fact, tag="mute.ended", frozen=True):
    """The fold of monitors or of checks has ended a mute: its time has passed, or an incident has ended. No request.

    The definition loses its `mute_until` if that is still `until`. kind: of the thing.
    """

    kind: Literal["monitor", "check"]
    id: str
    at: Micros
    until: MuteUntil
