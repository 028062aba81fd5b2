"""What the folds of checks and monitors know of channels: what each takes, its name, how often it repeats. Pure.

Most checks are late for a moment at each of their runs. A request to every channel each time, of which nearly all would
be dropped, would double what such checks cost. And who is told of an incident is told who else is: the names stand in
another partition, so each partition has its own copies.
"""

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from schemas.base import Fact, Micros
from schemas.mutes import PlainMute
from schemas.notices import Notice

# Those that are requested only for channels that take them.
TOLD_IF_CHOSEN: tuple[Notice, ...] = ("monitor.late",)

# Minutes between two notices of an incident that nobody acknowledges; at most a week.
LEAST_REPEAT, MOST_REPEAT = 1, 10_080
RepeatMinutes = Annotated[int, Meta(ge=LEAST_REPEAT, le=MOST_REPEAT)]


class NoticesChosen(Fact, tag="notices.chosen", frozen=True):
    """The data about a channel that a fold needs, from now on. Keyed by the channel. Sent to every partition.

    notices: what it takes; older versions told only those of `TOLD_IF_CHOSEN`. name: what people call it; empty: it was
    removed, or is sent nothing, or an older version did not tell. repeat: minutes after which it is told again of an
    incident that nobody acknowledges; None: it is not. mute_until: it is sent nothing until then.
    """

    at: int
    notices: tuple[Notice, ...] = ()
    name: str = ""
    repeat: RepeatMinutes | None = None
    mute_until: PlainMute = None


class ChoiceCopy(Fact, tag="choice", frozen=True):
    """A fold's own copy of what it knows about a channel, if there is anything to know.

    repeat_since: since when it repeats so, in the partition's time; 0: an older version did not note it.
    """

    notices: tuple[Notice, ...]
    name: str = ""
    repeat: RepeatMinutes | None = None
    mute_until: PlainMute = None
    repeat_since: Micros = 0


def choice_of(notices: Iterable[Notice]) -> tuple[Notice, ...]:
    """Of the notices that a channel takes, those that are requested only where they are taken."""
    taken = frozenset(notices)
    return tuple(notice for notice in TOLD_IF_CHOSEN if notice in taken)


def choice_key(channel: str) -> str:
    """The key of such a copy."""
    return f"choice/{channel}"
