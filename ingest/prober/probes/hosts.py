"""The host of a monitor's target, and the one that its headers name."""

import functools
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from schemas.host_names import InvalidHost, bare_host, certificate_name, encoded_host, host_in
from schemas.monitors import Monitor


def host_of(monitor: Monitor) -> str:
    """The host in the definition, as it was written, whatever the kind."""
    return monitor.target.host or _host_in(monitor.target.url)


def name_in_headers(headers: Mapping[str, str]) -> str:
    """The host that a Host header names: it is meant to be reached, whatever address the URL leads to, so it is what a
    certificate is asked for and must have. Empty without one, and when no certificate could have it."""
    value = next((value for name, value in headers.items() if name.lower() == "host"), "")
    try:
        return certificate_name(host_in(_parts(value))) if value else ""
    except InvalidHost:
        return ""


def sent_host(value: str) -> str:
    """The value of a Host header as it is sent: a name in ASCII."""
    if value.isascii():
        return value
    host = host_in(_parts(value))
    try:
        return value.strip().replace(host, encoded_host(host), 1)
    except InvalidHost:
        return value


def _parts(value: str) -> SplitResult:
    return SplitResult("", value.strip(), "", "", "")


@functools.lru_cache(10_000)
def _host_in(url: str) -> str:
    try:
        return bare_host(host_in(urlsplit(url)))
    except ValueError:  # no address at all; its probe has told so
        return url
