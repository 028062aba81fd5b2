"""The host of a monitor's target."""

import functools
from urllib.parse import urlsplit

from schemas.monitors import Monitor


def host_of(monitor: Monitor) -> str:
    """The host in the definition, whatever the kind."""
    return monitor.target.host or _host_in(monitor.target.url)


@functools.lru_cache(10_000)
def _host_in(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # no address at all; its probe has told so
        return url
