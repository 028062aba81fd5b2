"""The key that encrypts secrets which must be used again, as it is written. Pure."""

from base64 import b64decode

KEY_BYTES = 32


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
