"""URLs of receivers. Pure."""

from urllib.parse import urlsplit

from schemas.channels.kind import InvalidChannelField


def http_url(field: str, url: str) -> str:
    """The URL, when it is an http or https URL without blanks. Raises `InvalidChannelField`."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid or any(ord(character) <= 32 for character in url):
        raise InvalidChannelField(field, "must be an http or https URL")
    return url
