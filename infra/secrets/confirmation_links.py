"""The links in confirmation mails, by which the owner of an address confirms or blocks it, or unsubscribes.

A token contains the recipient (an address of a project, or of a status page) and an expiry time, signed with a key that
is not in Kafka. So only those who got the mail have it, and it gives access to the page of that recipient only. The
same recipient and time give the same token, so a retry of a mail contains the same link.
"""

from typing import NamedTuple
from uuid import UUID

from infra.secrets.secrets import Vault
from infra.secrets.signed_tokens import TokenSigner
from schemas.base import SECOND, Micros
from schemas.ids import is_uuid

# What a link has between the address of this Pingfold and the token.
PATH = "/recipients/"
# The same for subscribers of status pages.
SUBSCRIPTIONS_PATH = "/subscriptions/"

_ID_BYTES, _TIME_BYTES = 16, 5


class Link(NamedTuple):
    """What a valid token says. expires: from then on it opens nothing."""

    recipient: str
    expires: Micros


class ConfirmationLinks:
    """Makes tokens and reads them. `key`: of this installation, and used for nothing else."""

    def __init__(self, key: bytes) -> None:
        self._signer = TokenSigner(key, _ID_BYTES + _TIME_BYTES)

    def token(self, recipient: str, expires: Micros) -> str:
        """The token for a recipient. Raises `ValueError` for an id or a time that cannot be one."""
        if not is_uuid(recipient) or not 0 <= expires // SECOND < 256**_TIME_BYTES:
            raise ValueError("no recipient, or no time")
        return self._signer.token(UUID(recipient).bytes + (expires // SECOND).to_bytes(_TIME_BYTES))

    def read(self, token: str) -> Link | None:
        """What a token says, whether its time has passed or not; None for one that was not made here."""
        said = self._signer.read(token)
        if said is None:
            return None
        return Link(str(UUID(bytes=said[:_ID_BYTES])), int.from_bytes(said[_ID_BYTES:]) * SECOND)


def confirmation_links(vault: Vault) -> ConfirmationLinks:
    """Those of this installation."""
    return ConfirmationLinks(vault.derived_key("links of requests to confirm"))


def subscription_links(vault: Vault) -> ConfirmationLinks:
    """Those of subscribers of status pages, by which they confirm and unsubscribe."""
    return ConfirmationLinks(vault.derived_key("links of subscribers of status pages"))
