"""Signed links in notices by which whoever got one can acknowledge the incident: the part behind `/incidents/`.

The token contains the thing, the incident, the channel that was told, and a signature of all three with a key of this
installation. Only those who were told have it, and it opens nothing but the page of that incident. The same notice
gives the same token, so every attempt sends the same bytes. It needs no time of its own: an incident that is over, or
acknowledged, is not changed by it.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple
from uuid import UUID

from infra.secrets.secrets import Vault
from schemas.ids import is_uuid

# What a link has between the address of this Pingfold and the token.
PATH = "/incidents/"

_ID_BYTES, _SIGNATURE_BYTES = 16, 16
_BYTES = 3 * _ID_BYTES + _SIGNATURE_BYTES
_LENGTH = -(-_BYTES * 4 // 3)


class IncidentLink(NamedTuple):
    """What a valid token says."""

    thing: str
    incident: str
    channel: str


class IncidentLinks:
    """Makes tokens and reads them. `key`: of this installation, and used for nothing else."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def token(self, thing: str, incident: str, channel: str) -> str | None:
        """The token of an incident for a channel; None when one of them is no id."""
        ids = thing, incident, channel
        if not all(map(is_uuid, ids)):
            return None
        said = b"".join(UUID(id).bytes for id in ids)
        return urlsafe_b64encode(said + self._signature(said)).rstrip(b"=").decode()

    def read(self, token: str) -> IncidentLink | None:
        """What a token says; None for one that was not made here."""
        if len(token) != _LENGTH or not token.isascii():
            return None
        try:
            found = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return None
        said, signature = found[:-_SIGNATURE_BYTES], found[-_SIGNATURE_BYTES:]
        if len(found) != _BYTES or not hmac.compare_digest(signature, self._signature(said)):
            return None
        ids = [str(UUID(bytes=said[start : start + _ID_BYTES])) for start in range(0, 3 * _ID_BYTES, _ID_BYTES)]
        return IncidentLink(*ids)

    def _signature(self, said: bytes) -> bytes:
        return hmac.digest(self._key, said, "sha256")[:_SIGNATURE_BYTES]


def incident_links(vault: Vault) -> IncidentLinks:
    """Those of this installation."""
    return IncidentLinks(vault.derived_key("links that acknowledge incidents"))
