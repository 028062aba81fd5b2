"""HTTP and HTTPS: one request, and the redirects that it leads to."""

from collections.abc import Iterator
from typing import ClassVar, NamedTuple
from urllib.parse import urlsplit

from msgspec.structs import replace

from schemas.host_names import InvalidHost, ascii_url, bare_host
from schemas.origins import written_url
from schemas.probe_kinds.kind import Asked, InvalidProbeField, NoFields, Place, ProbeKind
from schemas.targets import ProbeTarget

_PORTS = {"http": 80, "https": 443}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Answers that have no body (RFC 9110).
_EMPTY = frozenset({101, 204, 205, 304})


class Http(ProbeKind[NoFields]):
    """Its fields (`method`, `keyword` and others) are those of the common body: PoppaPing has them for every type."""

    name = "http"
    title = "Website or HTTP API"
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
        parts = written_url(target.url)
        if parts is None:  # of a former version: it is probed, and fails
            yield Place("url", "", 0)
        else:
            yield Place("url", bare_host(parts.host), int(parts.port or _PORTS.get(parts.scheme, 0)))

    def certificate(self, target: ProbeTarget) -> Place | None:
        return next(self.places(target)) if target.url.startswith("https:") else None

    def address(self, target: ProbeTarget) -> str:
        return target.url

    def label(self, target: ProbeTarget) -> str:
        return target.url


KIND = Http()


class Contradiction(NamedTuple):
    """Fields of a request that together can never be well: the one to blame, and what is wrong, as a sentence."""

    field: str
    problem: str


def contradiction(target: ProbeTarget, has_body: bool) -> Contradiction | None:
    """What makes a monitor down for ever, whatever its target does; None: nothing. has_body: probes send a body."""
    if target.statuses and all(100 <= status < 200 and status != 101 for status in target.statuses):
        return Contradiction(
            "expected_statuses", f"{target.statuses[0]} never ends an answer, so it cannot be its status"
        )
    if target.keyword_absent and not target.keyword:
        return Contradiction("keyword_absent", "there is no 'keyword' that could be absent")
    if target.method == "HEAD" and target.keyword:
        return Contradiction("keyword", "the answer to HEAD has no body; use GET, or leave the keyword out")
    if target.method == "HEAD" and has_body:
        return Contradiction("body", "a request with HEAD has no body; use another method, or leave the body out")
    wanted = frozenset(target.statuses)
    if wanted and wanted <= _EMPTY and target.keyword and not target.keyword_absent:
        return Contradiction("keyword", "answers with the expected statuses have no body")
    if wanted and wanted <= _REDIRECTS and target.follow_redirects:
        return Contradiction(
            "expected_statuses", "redirects are followed, so theirs is not the status; set 'follow_redirects' to false"
        )
    return None


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
    if any(ord(character) <= 32 or ord(character) == 127 or character.isspace() for character in url):
        raise InvalidProbeField("Field 'url' must hold no blanks or control characters (percent-encode them: %20).")
    try:
        ascii_url(url)
    except InvalidHost as error:
        raise InvalidProbeField(f"Field 'url' is not a valid URL: its host {error}.") from None
    except ValueError:  # what no text can be encoded as
        raise InvalidProbeField("Field 'url' is not a valid URL.") from None
