"""What is answered: the alerts that would have been sent beside those that were sent, and the uptime. Pure.

An alert is one trouble that at least one channel was to be told of; reminders, steps of an escalation and the recovery
belong to it.
"""

from typing import Literal

from msgspec import Struct

from schemas.base import Micros
from schemas.what_if.settings import Changes

Verdict = Literal["kept", "earlier", "later", "spared", "added", "undecided"]


class Alert(Struct, gc=False):
    """An alert. what: `down`, `late`, `not observed`, or the name of another notice.

    began: since when it was so. told: when the first channel was to be told. ended: when it was so no more; None: not
    by the end of the span. channels: those that were to be told, in order.
    """

    thing: str
    what: str
    began: Micros
    told: Micros
    ended: Micros | None = None
    channels: tuple[str, ...] = ()


class Compared(Struct, frozen=True, gc=False):
    """An alert that was sent, and what would have been in its place; one of them is None if it was spared or added, or
    if it is undecided."""

    verdict: Verdict
    sent: Alert | None
    imagined: Alert | None

    @property
    def told(self) -> Micros:
        """When the first of both was told."""
        return min(alert.told for alert in (self.sent, self.imagined) if alert is not None)


class Watched(Struct, gc=False):
    """How long a thing was up and down, of the time in which it was watched."""

    up: Micros = 0
    down: Micros = 0


class Uptime(Struct, frozen=True, gc=False):
    """Of one thing, or of all: as it was, and as it would have been."""

    was: Watched
    imagined: Watched


class Counts(Struct, gc=False):
    """How many alerts of each verdict. changed: of those that are kept, earlier or later, how many other channels
    would have been told."""

    kept: int = 0
    earlier: int = 0
    later: int = 0
    spared: int = 0
    added: int = 0
    undecided: int = 0
    changed: int = 0


class Case(Struct, kw_only=True):
    """What would have been with one set of settings.

    sent, imagined: how many alerts. short: of the imagined ones, those of down times shorter than the limit.
    long_sent: alerts that were sent of down times that have lasted as long. missed: of those, the ones that would not
    have been sent.
    median_delay, worst_delay: how much later the others would have been told, in Micros; negative: earlier. None: there
    is none.
    alerts: compared one by one, in order of time; `left_out` others are only counted. uptimes: by id of the thing. Of a
    sweep both are empty: they are not shown.
    """

    changes: Changes
    sent: int
    imagined: int
    short: int
    short_sent: int
    long_sent: int
    missed: int
    median_delay: Micros | None
    worst_delay: Micros | None
    counts: Counts
    alerts: list[Compared]
    left_out: int
    uptimes: dict[str, Uptime]
    in_all: Uptime


class Answer(Struct, kw_only=True):
    """since, until: the span that is answered for. notes: what is to be known of it. events: how many were read."""

    since: Micros
    until: Micros
    cases: list[Case]
    notes: list[str]
    events: int
