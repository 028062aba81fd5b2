"""`mute_until` in the JSON APIs: `recovery`, `forever`, a time in ISO 8601, or null. Pure."""

from query_api.errors import ValidationError
from schemas.base import Micros
from schemas.mutes import LAST_MUTE_TIME, MUTE_WORDS, MuteUntil, PlainMute, is_muted
from schemas.times import iso, read_iso

TAKES = "`recovery`, `forever`, or a time in ISO 8601 until which nobody is told; null: everybody is told."
PLAIN_TAKES = "`forever`, or a time in ISO 8601 until which nothing is sent; null: it is not muted."
PLAIN_EXPECTED = "must be 'forever', a time in ISO 8601 or null"
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


def read_plain_mute(given: str | None, now: Micros) -> PlainMute:
    """The same for what does not recover, a channel or a tag; a time that has passed is no mute."""
    until = read_mute(given) if given != "recovery" else None
    if given == "recovery":
        raise InvalidMute(PLAIN_EXPECTED)
    return None if isinstance(until, int) and until <= now else until  # type: ignore[return-value]


def show_plain_mute(until: PlainMute, now: Micros) -> str | None:
    """The same for an answer."""
    return show_mute(until) if is_muted(until, now) else None


def show_mute(until: MuteUntil) -> str | None:
    """The same for an answer."""
    return iso(until) if isinstance(until, int) else until
