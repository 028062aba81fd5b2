"""Names of hosts, as people write them and as they are looked up and sent. Pure.

The one place where a name becomes ASCII: by UTS 46, non-transitional, as browsers do it (docs/decisions/0099). What
people wrote is what is stored and shown; `encoded_host` is what resolvers, servers and certificates are asked by.
"""

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from idna import IDNAError, check_initial_combiner, uts46_remap, valid_contextj

from schemas.errors import SchemaError
from schemas.percent_encoding import escaped

_LONGEST_LABEL, _LONGEST = 63, 253
# What nobody writes is refused before any work is done for it: one character may be four that are composed, and twelve
# when it is percent-encoded.
_LONGEST_WRITTEN, _LONGEST_DECODED = 12 * _LONGEST, 4 * _LONGEST
_REMEMBERED, _LONGEST_REMEMBERED = 10_000, 2_000
_SHOWN = 60
# What browsers take in a host: no blanks, no control characters, nothing that has a meaning in a URL.
_TAKEN = re.compile(r"[!\"$&'()*+,;=_`{}~a-z0-9-]+")
# Names in the DNS may hold a slash as well (RFC 2317), in the reverse zones of small networks.
_TAKEN_IN_DNS = re.compile(r"[!\"$&'()*+,;=_`{}~a-z0-9/-]+")
_PORT, _LAST_PORT = re.compile("(:[0-9]{0,5})?"), 65_535
_JOINERS = "\u200c\u200d"


class InvalidHost(SchemaError):
    """No name of a host, nor an IP address. The text completes a sentence about the field that holds it."""


@lru_cache(_REMEMBERED)
def encoded_host(text: str, in_dns: bool = False) -> str:
    """`Bücher.TEST.` as `xn--bcher-kva.test.`, `[2001:DB8::1]` as `2001:db8::1`. Raises `InvalidHost`.

    in_dns: it is only looked up, so it may be any name of the DNS.
    """
    _must_fit(text, _LONGEST_WRITTEN)
    bare = bare_host(text)
    if ":" in bare or bare is not text:
        return _address(bare)
    if "%" in bare:
        bare = _decoded(bare)
    _must_fit(bare, _LONGEST_DECODED)
    name = _mapped(bare)
    _must_fit(name.removesuffix("."), _LONGEST)
    try:
        return str(ip_address(name))
    except ValueError:
        pass
    if name == "." and in_dns:
        return name
    dot = "." if name.endswith(".") else ""
    taken = _TAKEN_IN_DNS if in_dns else _TAKEN
    encoded = ".".join(_label(label, taken) for label in name.removesuffix(".").split("."))
    _must_fit(encoded, _LONGEST)
    return encoded + dot


def certificate_name(text: str) -> str:
    """The same without a dot at its end, which is for the DNS only: it stands in no certificate."""
    return encoded_host(text).removesuffix(".")


def must_be_host_header(value: str) -> None:
    """Raises `InvalidHost` for what no server takes as a Host header. Empty is one: a host that has no name."""
    text = value.strip()
    host = host_in(SplitResult("", text, "", "", ""))
    port = text.removeprefix(host)
    if "@" in text or not _PORT.fullmatch(port) or int(port[1:] or 0) > _LAST_PORT:
        raise InvalidHost("must be a host name or an IP address, with or without a port")
    if text:
        encoded_host(host)


def bare_host(text: str) -> str:
    """An IPv6 address without the brackets that it has in URLs; anything else as it is."""
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def host_in(parts: SplitResult) -> str:
    """The host of a URL as it was written. Python's own `hostname` is in lower case, as no DNS would have it."""
    beside = parts.netloc.rpartition("@")[2]
    if beside.startswith("["):
        return beside.partition("]")[0] + "]"
    return beside.partition(":")[0]


def ascii_url(url: str) -> str:
    """An http URL as it is requested: the host encoded, everything else that is not ASCII percent-encoded. User and
    fragment are left out, an empty query stays. Raises `ValueError`, an `InvalidHost` when the host is to blame.
    """
    return _ascii_url(url) if len(url) > _LONGEST_REMEMBERED else _remembered_ascii_url(url)


def _ascii_url(url: str) -> str:
    parts = urlsplit(url)
    host, port = encoded_host(host_in(parts)), parts.port
    netloc = (f"[{host}]" if ":" in host else host) + ("" if port is None else f":{port}")
    return urlunsplit((parts.scheme, netloc, escaped(parts.path), escaped(parts.query), "")) + empty_query(url)


def empty_query(url: str) -> str:
    """The question mark of a URL whose query is empty, or "": servers see it, and the standard library drops it."""
    _, mark, query = url.partition("#")[0].partition("?")
    return mark if not query else ""


_remembered_ascii_url = lru_cache(_REMEMBERED)(_ascii_url)


def _must_fit(text: str, most: int) -> None:
    if len(text) > most:
        raise InvalidHost(f"must be a host name of at most {_LONGEST} characters")


def _address(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        raise InvalidHost("must be a host name or an IP address, without a port") from None
    if not isinstance(address, IPv6Address):
        raise InvalidHost("must be a host name or an IP address; only IPv6 addresses have brackets")
    if address.scope_id is not None:
        raise InvalidHost(
            "must not name a zone (the part behind %): addresses that count on one link only cannot be reached"
        )
    return str(address)


def _decoded(text: str) -> str:
    """A host in a URL may be percent-encoded, as browsers and curl take it; here only where there is a reason to."""
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise InvalidHost(f"must be a host name: '{text[:_SHOWN]}' is not UTF-8") from None
    if decoded.isascii():
        raise InvalidHost(f"must be a host name: '{text[:_SHOWN]}' is percent-encoded for no reason")
    return decoded


def _mapped(text: str) -> str:
    """In the form in which names are compared: lower case, one kind of dots, one form of each letter."""
    try:
        return uts46_remap(text, std3_rules=False)
    except IDNAError:
        raise InvalidHost(f"must be a host name: '{text[:_SHOWN]}' holds a character that no name can have") from None


def _label(label: str, taken: re.Pattern[str]) -> str:
    if not label:
        raise InvalidHost("must be a host name: a part between two dots is empty")
    if len(label) > _LONGEST_LABEL:  # before it is encoded, which takes longer and longer
        raise _long_label(label)
    if not label.isascii():
        encoded = "xn--" + _puny(label)
    elif taken.fullmatch(label):
        encoded = label
    else:
        raise InvalidHost(f"must be a host name: '{label[:_SHOWN]}' holds a character that no name can have")
    if len(encoded) > _LONGEST_LABEL:
        raise _long_label(label, f" as it is sent ({encoded[:_SHOWN]}...)")
    return encoded


def _long_label(label: str, words: str = "") -> InvalidHost:
    return InvalidHost(
        f"must be a host name: '{label[:_SHOWN]}' is longer than the {_LONGEST_LABEL} characters that a part of a name "
        f"may have{words}"
    )


def _puny(label: str) -> str:
    """As browsers do it: what IDNA 2008 would not register (emoji) is looked up all the same."""
    ascii_part = "".join(character for character in label if character.isascii())
    try:
        check_initial_combiner(label)
        joined = all(valid_contextj(label, at) for at, character in enumerate(label) if character in _JOINERS)
    except (IDNAError, ValueError):
        joined = False
    if not joined or label.startswith("xn--") or (ascii_part and not _TAKEN.fullmatch(ascii_part)):
        raise InvalidHost(f"must be a host name: '{label[:_SHOWN]}' holds a character that no name can have there")
    return label.encode("punycode").decode()
