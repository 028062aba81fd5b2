"""Short tokens for links: some bytes and a signature, in URL-safe base64. Only this installation can make one.

What a token says is not secret, and cannot be changed. Each purpose has a key of its own, so that no token of one opens
anything of another.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

_SIGNATURE_BYTES = 16


class TokenSigner:
    """Makes tokens and reads them. size: of what a token says, in bytes."""

    def __init__(self, key: bytes, size: int) -> None:
        self._key, self._bytes = key, size + _SIGNATURE_BYTES
        self._length = -(-self._bytes * 4 // 3)

    def token(self, said: bytes) -> str:
        """The token that says these bytes."""
        return urlsafe_b64encode(said + self._signature(said)).rstrip(b"=").decode()

    def read(self, token: str) -> bytes | None:
        """What a token says; None for one that was not made here."""
        if len(token) != self._length or not token.isascii():
            return None
        try:
            found = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return None
        said, signature = found[:-_SIGNATURE_BYTES], found[-_SIGNATURE_BYTES:]
        if len(found) != self._bytes or not hmac.compare_digest(signature, self._signature(said)):
            return None
        return said

    def _signature(self, said: bytes) -> bytes:
        return hmac.digest(self._key, said, "sha256")[:_SIGNATURE_BYTES]
