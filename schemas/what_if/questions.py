"""What is asked: which things, which settings, which span. Pure."""

from typing import Literal

from msgspec import Struct

from schemas.base import Micros
from schemas.notices import Notice
from schemas.what_if.settings import Changes

# So many things may be chosen, and so many values tried in one sweep.
MOST_THINGS = 20_000
MOST_VALUES = 24
# A down time that is shorter is a short one, unless another limit is given.
SHORT_SECONDS = 300


class Chosen(Struct, frozen=True):
    """A thing that is asked about."""

    id: str
    kind: Literal["check", "monitor"]
    name: str


class Question(Struct, frozen=True, kw_only=True):
    """A question: what if the chosen things had had these settings all along?

    changes: in every case. sweep: each is tried beside `changes`; empty: `changes` alone.
    since, until: alerts and uptime of [since, until) are told. short: down times shorter than so many Micros are short.
    takes: by channel, the notices that it takes now.
    """

    project: str
    chosen: tuple[Chosen, ...]
    changes: Changes
    sweep: Changes = ()
    since: Micros
    until: Micros
    short: Micros
    takes: dict[str, tuple[Notice, ...]] = {}

    @property
    def cases(self) -> tuple[Changes, ...]:
        """The settings of each case that is compared with what was."""
        return tuple((*self.changes, change) for change in self.sweep) or (self.changes,)
