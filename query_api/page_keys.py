"""Keys with which pages call the APIs of their own process, each for one call.

A form of the web application makes its change with the same request as a program: the page calls the API on behalf of
the signed-in person. The key of such a call is random, known only to this process, and valid for that call. Its use is
not recorded, and the audit trail names the person instead.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from schemas.actors import Actor
from schemas.base import Micros
from schemas.definitions import ApiKey, KeyKind, KeyScope

# Healthchecks' keys have this length, and its API takes no other.
_BYTES = 24
_READ: tuple[KeyScope, ...] = ("monitors:read", "incidents:read", "status-pages:read", "alerts:read")


class PageKeys:
    """The keys of the calls that are under way."""

    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}
        self._actors: dict[str, Actor] = {}

    @contextmanager
    def key(self, project: str, *, may_write: bool, kind: KeyKind, actor: Actor, at: Micros) -> Iterator[str]:
        """The text of a key of a project, while a call lasts. kind: `healthchecks` or `poppaping`."""
        text = secrets.token_urlsafe(_BYTES)
        if kind == "healthchecks" and not may_write:
            kind = "healthchecks-readonly"
        scopes = _READ if kind == "poppaping" and not may_write else ()
        key = ApiKey(f"page-{secrets.token_hex(8)}", project, kind, "", "", at, scopes=scopes)
        self._keys[text], self._actors[key.id] = key, actor
        try:
            yield text
        finally:
            del self._keys[text], self._actors[key.id]

    def known(self, text: str) -> ApiKey | None:
        """The key that `text` is; None: it is none of these."""
        return self._keys.get(text)

    def actor(self, key: str) -> Actor | None:
        """The person behind the key with this id; None: it is none of these."""
        return self._actors.get(key)
