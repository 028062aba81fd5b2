"""Which channels take notices that are told only where somebody takes them; the fold of checks is told of it. Pure.

Most checks are late for a moment at each of their runs. A request to every channel each time, of which nearly all would
be dropped, would double what such checks cost.
"""

from collections.abc import Iterable

from schemas.base import Fact, Micros
from schemas.notices import Notice

# Those notices.
TOLD_IF_CHOSEN: tuple[Notice, ...] = ("monitor.late",)


class NoticesChosen(Fact, tag="notices.chosen", frozen=True):
    """Which of these notices a channel takes from now on; none when it is removed. Keyed by the channel. Sent to every
    partition."""

    at: Micros
    notices: tuple[Notice, ...] = ()


class ChoiceCopy(Fact, tag="choice", frozen=True):
    """The own copy that a fold has of what a channel chose, if it chose anything."""

    notices: tuple[Notice, ...]


def choice_of(notices: Iterable[Notice]) -> tuple[Notice, ...]:
    """Of the notices that a channel takes, those that a fold must know of."""
    taken = frozenset(notices)
    return tuple(notice for notice in TOLD_IF_CHOSEN if notice in taken)


def choice_key(channel: str) -> str:
    """The key of such a copy."""
    return f"choice/{channel}"
