"""Signed links in notices by which whoever got one can acknowledge the incident: the part behind `/incidents/`.

The token contains the thing, the incident, the channel that was told, and a signature of all three with a key of this
installation. Only those who were told have it, and it opens nothing but the page of that incident. The same notice
gives the same token, so every attempt sends the same bytes. It needs no time of its own: an incident that is over, or
acknowledged, is not changed by it.
"""

from typing import NamedTuple
from uuid import UUID

from infra.secrets.secrets import Vault
from infra.secrets.signed_tokens import TokenSigner
from schemas.ids import is_uuid

# What a link has between the address of this Pingfold and the token.
PATH = "/incidents/"

_ID_BYTES = 16


class IncidentLink(NamedTuple):
    """What a valid token says."""

    thing: str
    incident: str
    channel: str


class IncidentLinks:
    """Makes tokens and reads them. `key`: of this installation, and used for nothing else."""

    def __init__(self, key: bytes) -> None:
        self._signer = TokenSigner(key, 3 * _ID_BYTES)

    def token(self, thing: str, incident: str, channel: str) -> str | None:
        """The token of an incident for a channel; None when one of them is no id."""
        ids = thing, incident, channel
        if not all(map(is_uuid, ids)):
            return None
        return self._signer.token(b"".join(UUID(id).bytes for id in ids))

    def read(self, token: str) -> IncidentLink | None:
        """What a token says; None for one that was not made here."""
        said = self._signer.read(token)
        if said is None:
            return None
        ids = [str(UUID(bytes=said[start : start + _ID_BYTES])) for start in range(0, 3 * _ID_BYTES, _ID_BYTES)]
        return IncidentLink(*ids)


def incident_links(vault: Vault) -> IncidentLinks:
    """Those of this installation."""
    return IncidentLinks(vault.derived_key("links that acknowledge incidents"))
