"""The words of updown.io for why a probe failed. Pure.

Known of the service: `Connection timeout (10 seconds)`, `TLS handshake timeout (10 seconds)`, `418 I'm a teapot`,
`500`, `no_match` and `Couldn't resolve host name`. The last one is libcurl's, so those that are not known are, too.
"""

import re

from schemas.probe_kinds import CERTIFICATE_REFUSED, FAILURE_WORDS, IN_TLS_HANDSHAKE
from schemas.targets import FAMILY_WORDS

_SECONDS = re.compile(r"after ([0-9.]+) s\Z")
_ONE_FAMILY = re.compile(rf"\A over ({'|'.join(FAMILY_WORDS.values())}) only")
_WORDS = {
    "name": "Couldn't resolve host name",
    "connect": "Couldn't connect to server",
    "protocol": "Weird server reply",
    "redirects": "Number of redirects hit maximum amount",
}


def error_words_of(failure: str, detail: str = "", status: int | None = None) -> str:
    """What updown.io would say of a result with this failure; "" for one that accuses nobody."""
    match failure:
        case "status":
            code = detail if status is None else str(status)
            return "418 I'm a teapot" if code == "418" else code
        case "timeout":
            return _timeout(detail)
        case "keyword" if detail.startswith("not found"):
            return "no_match"
        case "tls" if detail.startswith(CERTIFICATE_REFUSED):
            return f"SSL certificate problem: {detail.removeprefix(CERTIFICATE_REFUSED)}"
        case "tls":
            return "SSL connect error"
        case "closed" if detail == "without an answer":
            return "Server returned nothing (no headers, no data)"
        case "closed":
            return "Failure when receiving data from the peer"
        case _ if failure in _WORDS:
            return _WORDS[failure]
    own = FAILURE_WORDS.get(failure, "")
    return f"{own}: {detail}" if own and detail else own


def error_words(cause: str) -> str:
    """The same of the cause of an incident, or of a state's last detail; what is no failure of a probe stays."""
    for failure, words in FAILURE_WORDS.items():
        if not cause.startswith(words):
            continue
        rest = _ONE_FAMILY.sub("", cause.removeprefix(words))
        if not rest or rest.startswith(": "):
            return error_words_of(failure, rest.removeprefix(": "))
    return cause


def _timeout(detail: str) -> str:
    what = "TLS handshake" if detail.startswith(IN_TLS_HANDSHAKE) else "Connection"
    found = _SECONDS.search(detail)
    return f"{what} timeout ({found[1]} seconds)" if found else f"{what} timeout"
