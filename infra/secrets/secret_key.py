"""The key that encrypts secrets which must be used again, as it is written; and what is raised when one cannot be read.

Pure, and without the library that encrypts.
"""

from base64 import b64decode

from infra.errors import InfraError

KEY_BYTES = 32


class SecretError(InfraError):
    """A secret cannot be read: go on without it, or end with the message, which says what to mend."""


def key_bytes(text: str) -> bytes:
    """The key. Raises `ValueError`, which does not repeat it."""
    try:
        # Both alphabets of base64 are accepted: ours, and that of `openssl rand -base64 32`.
        key = b64decode(text.strip().replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"{KEY_BYTES} bytes in base64 are expected (`openssl rand -base64 32` makes a key)")
    return key
