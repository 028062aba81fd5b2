"""Mutes of checks and monitors in their definitions. Pure."""

from typing import Any

from schemas.base import Micros
from schemas.mutes import MuteUntil


def without_past_mute(wanted: dict[str, Any], at: Micros) -> dict[str, Any]:
    """The fields that a request sets; a mute until a time that has passed is none."""
    until: MuteUntil = wanted.get("mute_until")
    return wanted | {"mute_until": None} if isinstance(until, int) and until <= at else wanted
