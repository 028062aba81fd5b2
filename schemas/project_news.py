"""What other folds tell the `projects` fold: facts, and no requests, so that nobody waits for a decision."""

from typing import Literal

from schemas.base import Fact, Micros
from schemas.mutes import MuteUntil


class ChannelDisabled(Fact, tag="channel.disabled", frozen=True):
    """The fold of deliveries has disabled a channel; the other channels of the project are notified. Not a request.

    because: the reason in the notice. failures: consecutive failed attempts. removed: the channel is deleted, not only
    disabled, as its kind requires.
    """

    channel: str
    at: Micros
    because: str
    failures: int = 0
    removed: bool = False


class ChannelFailing(Fact, tag="channel.failing", frozen=True):
    """Many consecutive requests to a channel have failed; the project is warned by mail. Not a request.

    because: why the newest failed. failures: their number.
    """

    channel: str
    at: Micros
    because: str
    failures: int


class MuteEnded(Fact, tag="mute.ended", frozen=True):
    """The fold of monitors or of checks has ended a mute: its time has passed, or an incident has ended. Not a request.

    The definition loses its `mute_until` if that is still `until`. kind: of the thing.
    """

    kind: Literal["monitor", "check"]
    id: str
    at: Micros
    until: MuteUntil


class OutageEnded(Fact, tag="outage.ended", frozen=True):
    """Pingfold could not be reached from `start` to `end`, or not by everybody: the projects of the partition that are
    told of outages are told of this one. No request.

    It goes to the partition that has the number of the one in which it was noticed, under no key of a project.
    """

    at: Micros
    start: Micros
    end: Micros


class ThingsUnobserved(Fact, tag="things.unobserved", frozen=True):
    """Checks or monitors of a project were not observed, because Pingfold was not running from `start` to `end`. Not a
    request.

    kind: of all of them. count: their number. names: of the first.
    """

    kind: Literal["monitor", "check"]
    at: Micros
    start: Micros
    end: Micros
    count: int
    names: tuple[str, ...] = ()
