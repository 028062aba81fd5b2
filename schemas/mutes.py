"""Mutes: until when nobody is told of a monitor or a heartbeat check. Pure.

What is muted is probed and judged as always, and its history and incidents are recorded. `processors.fold.mutes` has
the rules.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from schemas.base import SECOND, Micros
from schemas.ticks import NEVER

MuteTime = Annotated[Micros, Meta(ge=0, lt=NEVER)]

# A time; the end of the next incident, or of the one that is open now; until somebody ends it. None: not muted.
MuteUntil = MuteTime | Literal["recovery", "forever"] | None

# Of a channel or a tag, which do not recover.
PlainMute = MuteTime | Literal["forever"] | None

LAST_MUTE_TIME: Micros = NEVER - SECOND
MUTE_WORDS: Mapping[str, MuteUntil] = {"recovery": "recovery", "forever": "forever"}


def is_muted(until: PlainMute, time: Micros) -> bool:
    """Whether a mute counts at this time."""
    return until is not None and (until == "forever" or time < until)


class Owed(Struct, frozen=True, omit_defaults=True, gc=False):
    """An incident that people were told of, and whose end a mute kept from them.

    n: number of the change that ended it. partial: as of the change. called: further channels that an escalation told.
    """

    n: int
    incident: str
    started: Micros
    resolved: Micros
    cause: str = ""
    partial: bool = False
    called: tuple[str, ...] = ()
