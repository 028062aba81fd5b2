"""The password of HTTP Basic, whatever the user name."""

from base64 import b64decode


def basic_password(authorization: str | None) -> str | None:
    """The password that an `Authorization` header shows; None when it shows none."""
    scheme, _, text = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return b64decode(text.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return None
