"""Normalization of paths and queries. Pure; never raises.

Each resource has one internal path: no empty segments, UUIDs in lower case, a trailing slash if its route has one.
There are no redirects, because a redirected POST becomes a GET, or loses its body.
"""

import re
from collections.abc import Iterator

from schemas.percent_encoding import escaped

_SLASHES = re.compile("/{2,}")
_HEX = "[0-9A-Fa-f]"
# A segment that is one, or one with the name of a form behind it: `/status/UUID.json`.
_UUID = re.compile(rf"(?<=/){_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}(?=[/.]|\Z)")
# How the address of a badge begins. What stands behind is signed as it is, be it a tag that looks like a UUID.
_BADGE = re.compile(r"/+badge/+[^/]*")


def with_lower_uuids(path: str) -> str:
    """The path with each UUID in it in lower case; keys and tokens, whose case counts, stay as they are."""
    if path.islower():
        return path
    badge = _BADGE.match(path)
    end = len(path) if badge is None else badge.end()
    return _UUID.sub(lambda found: found[0].lower(), path[:end]) + path[end:]


def other_spellings(path: str) -> Iterator[str]:
    """What may be meant by a path that is nobody's, the likeliest first."""
    single = _SLASHES.sub("/", path)
    if single != path:
        yield single
    if single != "/":
        yield single[:-1] if single.endswith("/") else f"{single}/"


def ascii_query(query: bytes) -> bytes:
    """The query with bytes outside ASCII percent-encoded, so that raw UTF-8 is read as what it is."""
    return query if query.isascii() else escaped(query).encode()
