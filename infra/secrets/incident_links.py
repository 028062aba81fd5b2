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
from schemas.base import Micros
from schemas.ids import is_uuid

# What a link has between the address of this Pingfold and the token.
PATH = "/incidents/"
LIST_PATH = f"{PATH}all/"

_ID_BYTES, _TIME_BYTES = 16, 8


class IncidentLink(NamedTuple):
    """What a valid token says."""

    thing: str
    incident: str
    channel: str


class ListLink(NamedTuple):
    """What a valid token of a list says: the channel, and from when to when what it told of began."""

    channel: str
    start: Micros
    end: Micros


class IncidentLinks:
    """Makes tokens and reads them. `key`: of this installation, and used for nothing else."""

    def __init__(self, key: bytes) -> None:
        self._signer, self._lists = TokenSigner(key, 3 * _ID_BYTES), TokenSigner(key, _ID_BYTES + 2 * _TIME_BYTES)

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

    def list_token(self, channel: str, start: Micros, end: Micros) -> str | None:
        """The token of a list for a channel; None when that is no id, or nothing can have begun in that time."""
        if not is_uuid(channel) or not 0 <= start <= end < 2**63:
            return None
        return self._lists.token(UUID(channel).bytes + start.to_bytes(_TIME_BYTES) + end.to_bytes(_TIME_BYTES))

    def read_list(self, token: str) -> ListLink | None:
        """What a token of a list says; None for one that was not made here."""
        said = self._lists.read(token)
        if said is None:
            return None
        start, end = said[_ID_BYTES:-_TIME_BYTES], said[-_TIME_BYTES:]
        return ListLink(str(UUID(bytes=said[:_ID_BYTES])), int.from_bytes(start), int.from_bytes(end))


def incident_links(vault: Vault) -> IncidentLinks:
    """Those of this installation."""
    return IncidentLinks(vault.derived_key("links that acknowledge incidents"))
