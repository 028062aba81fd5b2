"""`mute_until` as the JSON APIs take and show it: `recovery`, `forever`, a time in ISO 8601, or null. Pure."""

from query_api.errors import ValidationError
from schemas.mutes import LAST_MUTE_TIME, MUTE_WORDS, MuteUntil
from schemas.times import iso, read_iso

TAKES = "`recovery`, `forever`, or a time in ISO 8601 until which nobody is told; null: everybody is told."
EXPECTED = "must be 'recovery', 'forever', a time in ISO 8601 or null"


class InvalidMute(ValidationError):
    """What was given says no time."""


def read_mute(given: str | None) -> MuteUntil:
    """What a request asks for; a time without an offset is in UTC. Raises `InvalidMute`."""
    if given is None:
        return None
    if given in MUTE_WORDS:
        return MUTE_WORDS[given]
    try:
        at = read_iso(given)
    except ValueError:
        raise InvalidMute(EXPECTED) from None
    if at > LAST_MUTE_TIME:
        raise InvalidMute(f"must not be later than {iso(LAST_MUTE_TIME)}")
    return max(0, at)


def show_mute(until: MuteUntil) -> str | None:
    """The same for an answer."""
    return iso(until) if isinstance(until, int) else until
