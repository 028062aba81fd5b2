"""Authentication by API key, for every API.

A key is valid while its definition exists and has not expired, and only in the API of its kind. It is rejected only if
the directory has seen every key that was created before the request. Each API decides where it expects the key, what
its scopes permit, and the format of rejections. The use of a key is recorded in Kafka (`query_api.state.key_uses`).

A revoked key is rejected as soon as this process has read the revocation: only the directory remembers keys. A process
that is disconnected from Kafka reads it after it has reconnected; until then it can change nothing.
"""

from collections.abc import Container

from starlette.types import Scope

from infra.log.lookup import look_up
from infra.secrets.secrets import hash_api_key
from query_api.dependencies import Dependencies
from query_api.errors import QueryApiError
from schemas.definitions import ApiKey, KeyKind

# Longer than any key of ours: not worth a hash.
LONGEST_KEY = 200


class NoSuchKey(QueryApiError):
    """The text is no key that opens this API: answer 401."""


class KeyExpired(NoSuchKey):
    """The key has expired: answer 401, and say so where the API does."""


def key_text(authorization: str | None, x_api_key: str | None) -> str | None:
    """The key that a request shows, by either header: `Authorization: Bearer KEY`, else `X-API-Key: KEY`."""
    if authorization is not None:
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() == "bearer" and text.strip():
            return text.strip()
    return x_api_key.strip() if x_api_key else None


def first_values(scope: Scope) -> dict[bytes, bytes]:
    """The headers of a request by name. Of one that stands more than once the first counts, as for the routes: a second
    key must not be looked at by those who count requests, and the first by those who answer them."""
    return dict(reversed(scope["headers"]))


def known_key(deps: Dependencies, text: str) -> ApiKey | None:
    """The key that `text` is, as far as this process knows now, expired or not, of any kind."""
    if not 0 < len(text) <= LONGEST_KEY:
        return None
    return deps.page_keys.known(text) or deps.directory.api_key(hash_api_key(text))


async def find_key(deps: Dependencies, scope: Scope, text: str, kinds: Container[KeyKind]) -> ApiKey:
    """The key that `text` is, which a request shows. Raises `NoSuchKey`, `KeyExpired`, `NotCaughtUp`, and
    `TooManyWrongKeys` when its address has shown too many that are none."""
    if not 0 < len(text) <= LONGEST_KEY:
        raise NoSuchKey
    key = known_key(deps, text)
    if key is None:
        deps.wrong_keys.must_wait(scope)
        key = await look_up(deps.definitions_replica, lambda: known_key(deps, text))
        if key is None:
            deps.wrong_keys.count(scope)
    if key is None or key.kind not in kinds:
        raise NoSuchKey
    now = deps.clock.now()
    if key.expires is not None and key.expires <= now:
        raise KeyExpired
    if deps.page_keys.actor(key.id) is None:
        deps.key_uses.note(key, now)
    return key
