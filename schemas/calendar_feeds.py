"""Calendars that Pingfold fetches for an on-call rotation: their events become its overrides. Pure.

The definition of a feed stands beside the rotation (`calendar-feed/<rotation id>`): whoever escalates knows the
overrides, and nothing of where they came from. What a server said is in the log as the requests `CalendarRead` and
`CalendarFailed`, so a replay asks nobody.
"""

from typing import Annotated

from msgspec import Meta

from schemas.base import SECOND, Fact, Micros
from schemas.on_call import Overrides
from schemas.request_base import Request

# A feed that fails for that long is told to the channels of the project, once.
TELL_AFTER: Micros = 6 * 3_600 * SECOND
LONGEST_ERROR = 300

Words = Annotated[str, Meta(max_length=LONGEST_ERROR)]
Host = Annotated[str, Meta(max_length=300)]
SealedUrl = Annotated[str, Meta(min_length=1, max_length=8_000)]


class CalendarFeed(Fact, tag="calendar-feed", frozen=True):
    """A feed. id: of its rotation. url: sealed, since it is often a secret; host: of it, for people.

    version: grows with each address, also where one was removed in between, so that what an earlier one said counts no
    more. changed: when its events became overrides last. left_out: how many of them did not. failing_since: of the
    failures since it was read last, with what was wrong last (`error`); told: people were told of them.
    """

    id: str
    project: str
    version: int
    created: Micros
    url: SealedUrl
    host: Host
    changed: Micros | None = None
    left_out: int = 0
    failing_since: Micros | None = None
    error: Words = ""
    told: bool = False


class CalendarSet(Request, tag="on-call.calendar-set", frozen=True):
    """Sets the feed of the rotation `id`; url None: removes it together with its overrides."""

    id: str
    url: SealedUrl | None = None
    host: Host = ""


class CalendarRead(Request, tag="on-call.calendar-read", frozen=True):
    """The feed of the rotation `id`, in this version, has these events, which replace its earlier ones.

    left_out: number of further events, which name nobody.
    """

    id: str
    version: int
    overrides: Overrides = ()
    left_out: Annotated[int, Meta(ge=0)] = 0


class CalendarFailed(Request, tag="on-call.calendar-failed", frozen=True):
    """The feed of the rotation `id`, in this version, could not be read. Its earlier overrides stay."""

    id: str
    version: int
    error: Words


CalendarRequest = CalendarSet | CalendarRead | CalendarFailed


def calendar_key(rotation: str) -> str:
    """The key of the feed of a rotation."""
    return f"calendar-feed/{rotation}"
