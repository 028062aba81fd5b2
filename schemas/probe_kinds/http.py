"""HTTP and HTTPS: one request, and the redirects that it leads to."""

from collections.abc import Iterator
from typing import ClassVar
from urllib.parse import urlsplit

from msgspec.structs import replace

from schemas.probe_kinds.kind import Asked, InvalidProbeField, NoFields, Place, ProbeKind
from schemas.targets import ProbeTarget

_PORTS = {"http": 80, "https": 443}


class Http(ProbeKind[NoFields]):
    """Its fields (`method`, `keyword` and others) are those of the common body: PoppaPing has them for every type."""

    name = "http"
    healthy = (
        "Healthy if the answer has an expected status, and the keyword is in the text of the first 1 MB of the body, "
        "or is not, as asked. A body that cannot be read is unhealthy either way."
    )
    fields = NoFields
    has_certificate = True
    default_port = "of the URL, else 80 or 443"
    failures: ClassVar = {
        "status": "Unexpected status",
        "keyword": "Keyword check failed",
        "redirects": "Too many redirects",
    }

    def target(self, asked: Asked, own: NoFields, before: ProbeTarget) -> ProbeTarget:
        url = before.url if asked.url is None else asked.url
        if not url:
            raise InvalidProbeField("Field 'url' is required for a monitor of type 'http'.")
        _check(url)
        return replace(before, url=url, host="", port=0)

    def places(self, target: ProbeTarget) -> Iterator[Place]:
        parts = urlsplit(target.url)
        yield Place("url", parts.hostname or "", parts.port if parts.port is not None else _PORTS.get(parts.scheme, 0))

    def certificate(self, target: ProbeTarget) -> Place | None:
        return next(self.places(target)) if target.url.startswith("https:") else None

    def address(self, target: ProbeTarget) -> str:
        return target.url

    def label(self, target: ProbeTarget) -> str:
        return target.url


KIND = Http()


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidProbeField("Field 'url' is not a valid URL.") from None
    if parts.scheme not in _PORTS:
        raise InvalidProbeField("Field 'url' must begin with http:// or https://.")
    if not parts.hostname or port == 0:
        raise InvalidProbeField("Field 'url' is not a valid URL.")
    if parts.username is not None or parts.password is not None:
        raise InvalidProbeField(
            "Field 'url' must not hold credentials; send them as 'headers', which are stored encrypted."
        )
    if any(ord(character) <= 32 or ord(character) >= 127 for character in url):
        raise InvalidProbeField("Field 'url' must be ASCII without blanks (write other characters percent-encoded).")
