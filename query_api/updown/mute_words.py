"""`mute_until` of a check: `recovery`, `forever`, a time in any of the formats of the API, or null. Pure."""

from msgspec import UNSET, UnsetType

from query_api.updown.judge import Judge
from query_api.updown.responses import time
from query_api.updown.time_formats import NoTime, read_time
from schemas.base import Micros
from schemas.mutes import LAST_MUTE_TIME, MUTE_WORDS, MuteUntil

NAME = "mute_until"


def asked_mute(judge: Judge, now: Micros) -> MuteUntil | UnsetType:
    """Until when nobody is to be told."""
    given = judge.given(NAME)
    if given is UNSET:
        return UNSET
    if given is None or given == "":
        return None
    if isinstance(given, str) and given in MUTE_WORDS:
        return MUTE_WORDS[given]
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        return judge.wrong(NAME, "is not a time", given)
    try:
        at = read_time(str(given), now)
    except NoTime:
        return judge.wrong(NAME, "is not recovery, forever or a time", given)
    return judge.wrong(NAME, "is too late", given) if at > LAST_MUTE_TIME else max(0, at)


def shown_mute(until: MuteUntil) -> str | None:
    """The same for an answer."""
    return time(until) if isinstance(until, int) else until
