"""URLs of receivers. Pure."""

from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta

from schemas.channels.kind import InvalidChannelField
from schemas.host_names import InvalidHost, encoded_host, host_in
from schemas.origins import written_url

# Fields that several kinds of channels have: they must mean the same in all of them.
Url = Annotated[str, Meta(max_length=2_000, description="Where notices are posted to.")]
Server = Annotated[
    str, Meta(max_length=2_000, description="The URL of the server. Left out: that of the public service.")
]
Timezone = Annotated[str, Meta(max_length=64, description="The zone of the times, such as `Europe/Paris`; UTC.")]
TimezoneShown = Annotated[str, Meta(description="Of the times.")]
ServerShown = Annotated[str, Meta(description="The server that is sent to.")]


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


def written_http_url(field: str, url: str) -> str:
    """The same for what is stored, whoever wrote it. No table of letters is asked, so folds may: what it lets pass and
    no resolver takes fails when it is sent to."""
    written = written_url(url)
    blank = any(character <= " " or character == "\x7f" for character in url)
    if written is None or written.scheme not in ("http", "https") or not written.host or blank:
        raise InvalidChannelField(field, "must be an http or https URL")
    return url


def bare_server(url: str) -> str:
    """The URL of a server, to which paths are added: without credentials, and without a slash at the end."""
    if "@" in url.split("/", 3)[2]:
        raise InvalidChannelField("server", "must not hold credentials")
    if not url.isascii() or not url.isprintable() or "?" in url or "#" in url:
        raise InvalidChannelField("server", "must be ASCII, and hold neither a query nor a fragment")
    return url.rstrip("/")
