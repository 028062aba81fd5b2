"""CORS: the headers of responses, including errors, for scripts of other origins. Pure.

Browsers never send API keys on their own, so any origin is allowed: a script sees only what its key permits.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from query_api.http.versions import IF_VERSION_HEADER, VERSION_HEADER

Headers = list[tuple[bytes, bytes]]

# What any client may send, and what any script may want to read, beside what an API has of its own.
_SENT = ("Content-Type", "If-None-Match")
# What requests with a key may send beside that.
_CHANGING = ("Idempotency-Key", IF_VERSION_HEADER)
_READ = ("Allow", "Date", "ETag", VERSION_HEADER, "Retry-After")
_KEYS = ("Authorization", "X-Api-Key")


class Scripts(NamedTuple):
    """speaks: whether a path is of the API. keys: headers that its keys are shown in. exposed: headers of its answers
    that scripts may read beside the usual ones."""

    speaks: Callable[[str], bool]
    keys: tuple[str, ...] = _KEYS
    exposed: tuple[str, ...] = ()

    def headers(self, verbs: Iterable[str]) -> Headers:
        """Of every answer at a path that takes these verbs."""
        sent = (*self.keys, *_SENT, *(_CHANGING if self.keys else ()))
        return [
            (b"access-control-allow-origin", b"*"),
            (b"access-control-allow-headers", ", ".join(sent).encode()),
            (b"access-control-allow-methods", ", ".join((*verbs, "OPTIONS")).encode()),
            (b"access-control-expose-headers", ", ".join((*_READ, *self.exposed)).encode()),
            (b"access-control-max-age", b"600"),
        ]


# Badges and status pages for everybody: their answers say themselves that any script may read them, so their errors do
# here. No key opens them.
PUBLIC = Scripts(lambda path: path.startswith(("/b/", "/badge/", "/status/")), keys=())
# Of paths below `/api/` that are no API's: a script may read that nothing is there.
NOBODYS = Scripts(lambda path: path.startswith("/api/"))
