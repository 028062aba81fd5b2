"""Signed links to the calendars of on-call rotations: the part behind `/on-call/`, without its ending.

Calendar programs ask without a login, so the token is all that is needed. It contains the rotation, and a signature
with a key of this installation; from the second link of the rotation on, the number of the link, too. It opens nothing
but the calendar of that rotation, as long as that is there and no newer link was made.
"""

from uuid import UUID

from infra.secrets.secrets import Vault
from infra.secrets.signed_tokens import TokenSigner
from schemas.ids import is_uuid

# What a link has between the address of this Pingfold and the token, and behind it.
PATH = "/on-call/"
ENDING = ".ics"

_ID_BYTES, _LINK_BYTES = 16, 4


class CalendarLinks:
    """Makes tokens and reads them. `key`: of this installation, and used for nothing else."""

    def __init__(self, key: bytes) -> None:
        self._first, self._later = TokenSigner(key, _ID_BYTES), TokenSigner(key, _ID_BYTES + _LINK_BYTES)

    def path(self, rotation: str, link: int) -> str:
        """The path of the calendar of a rotation. link: number of it. Raises `ValueError` for what is no id."""
        if not is_uuid(rotation):
            raise ValueError("not the id of a rotation")
        id = UUID(rotation).bytes
        token = self._later.token(id + link.to_bytes(_LINK_BYTES)) if link else self._first.token(id)
        return f"{PATH}{token}{ENDING}"

    def read(self, token: str) -> tuple[str, int] | None:
        """The id of the rotation that a token names, and the number of the link; None: it was not made here."""
        said = self._first.read(token) or self._later.read(token)
        return None if said is None else (str(UUID(bytes=said[:_ID_BYTES])), int.from_bytes(said[_ID_BYTES:]))


def calendar_links(vault: Vault) -> CalendarLinks:
    """Those of this installation."""
    return CalendarLinks(vault.derived_key("calendars of on-call rotations"))
