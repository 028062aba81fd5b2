"""Signed addresses of the badges of a project: one of all its checks, and one of each tag, as Healthchecks has them.

`/badge/<key>/<signature>[-2]/<tag>.<form>`, without a tag for all checks. The key is the id of the project, which opens
nothing. The signature is of project and tag, with a key of this installation: who knows one badge cannot make out that
of another tag. With `-2` behind the signature the badge has two states, else three. Addresses stay the same for as long
as the secret key of the installation does.
"""

import hmac
from base64 import urlsafe_b64encode
from typing import Literal
from urllib.parse import quote

from infra.secrets.secrets import Vault

PATH = "/badge/"
# In the place of a tag: all checks.
ALL = "*"

States = Literal[2, 3]

_LENGTH = 8  # characters of a signature: 48 bits, and each guess is a request
_TWO = "-2"


class BadgeLinks:
    """Makes addresses and judges signatures. `key`: of this installation, and used for nothing else."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def path(self, project: str, tag: str, form: str, states: States) -> str:
        """The path of the badge of a tag, or of `ALL` checks."""
        signature = self._signature(project, tag) + (_TWO if states == 2 else "")
        name = signature if tag == ALL else f"{signature}/{quote(tag, safe='')}"
        return f"{PATH}{project}/{name}.{form}"

    def states(self, project: str, tag: str, signature: str) -> States | None:
        """How many states a badge with this signature has; None: it was not made here for this project and tag."""
        said, two = signature[:_LENGTH], signature[_LENGTH:]
        ours = self._signature(project, tag)
        if not hmac.compare_digest(said.encode(errors="replace"), ours.encode()) or two not in ("", _TWO):
            return None
        return 2 if two else 3

    def _signature(self, project: str, tag: str) -> str:
        # An id has no NUL in it.
        said = f"{project}\0{tag}".encode(errors="replace")
        return urlsafe_b64encode(hmac.digest(self._key, said, "sha256")).decode()[:_LENGTH]


def badge_links(vault: Vault) -> BadgeLinks:
    """Those of this installation."""
    return BadgeLinks(vault.derived_key("badges"))
