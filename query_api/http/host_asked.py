"""The host name that a request was sent to, as its `Host` header says it. Pure.

Whoever sends a request writes that header, so it proves nothing. A proxy in front must hand it on.
"""

import re
from collections.abc import Iterable

_NAME = re.compile(r"[a-z0-9._-]+")


def host_asked(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The name in lower case, without its port and the dot at its end; empty for none, and for an IPv6 address."""
    value = next((value for name, value in headers if name == b"host"), b"").decode("latin-1")
    name = value.rpartition("@")[2].partition(":")[0].removesuffix(".").lower()
    return name if _NAME.fullmatch(name) else ""
