"""Signed links to the calendars of on-call rotations: the part behind `/on-call/`, without its ending.

Calendar programs ask without a login, so the token is all that is needed. It contains the rotation, and a signature
with a key of this installation. It opens nothing but the calendar of that rotation, as long as that is there.
"""

from uuid import UUID

from infra.secrets.secrets import Vault
from infra.secrets.signed_tokens import TokenSigner
from schemas.ids import is_uuid

# What a link has between the address of this Pingfold and the token, and behind it.
PATH = "/on-call/"
ENDING = ".ics"

_ID_BYTES = 16


class CalendarLinks:
    """Makes tokens and reads them. `key`: of this installation, and used for nothing else."""

    def __init__(self, key: bytes) -> None:
        self._signer = TokenSigner(key, _ID_BYTES)

    def path(self, rotation: str) -> str:
        """The path of the calendar of a rotation. Raises `ValueError` for what is no id."""
        if not is_uuid(rotation):
            raise ValueError("not the id of a rotation")
        return f"{PATH}{self._signer.token(UUID(rotation).bytes)}{ENDING}"

    def read(self, token: str) -> str | None:
        """The id of the rotation that a token names; None for one that was not made here."""
        said = self._signer.read(token)
        return None if said is None else str(UUID(bytes=said))


def calendar_links(vault: Vault) -> CalendarLinks:
    """Those of this installation."""
    return CalendarLinks(vault.derived_key("calendars of on-call rotations"))
