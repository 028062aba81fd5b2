"""URLs of receivers. Pure."""

from urllib.parse import urlsplit

from schemas.channels.kind import InvalidChannelField
from schemas.host_names import InvalidHost, encoded_host, host_in


def http_url(field: str, url: str) -> str:
    """The URL, when it is an http or https URL without blanks and controls. Raises `InvalidChannelField`."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid:
        raise InvalidChannelField(field, "must be an http or https URL")
    if any(character <= " " or character == "\x7f" for character in url):
        raise InvalidChannelField(field, "must be an http or https URL, in which a blank is written as %20")
    try:
        encoded_host(host_in(urlsplit(url)))
    except InvalidHost as error:
        raise InvalidChannelField(field, f"must be an http or https URL; its host {error}") from None
    return url
