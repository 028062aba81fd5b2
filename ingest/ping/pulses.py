"""Pulse URLs: `/pulse/<token>/<key>` (docs/decisions/0078-pulse-checks.md)."""

from hmac import compare_digest

from infra.log.directory import Directory
from schemas.tokens import pulse_key


def pulsed(directory: Directory, token: str, key: str) -> str | None:
    """The id of the check whose pulse URL has this token and this key, as far as the directory knows."""
    id = directory.id_of_token(token)
    if id is None or id not in directory:  # or a monitor's: it takes no pulses
        return None
    return id if compare_digest(pulse_key(id).encode(), key.encode(errors="replace")) else None
