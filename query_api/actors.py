"""The actor of a change: the owner of the key or link, and the client address."""

from fastapi import Request

from infra.http_server.forwarded import Forwarded
from query_api.dependencies import dependencies_of
from schemas.actors import Actor


def address_of(request: Request) -> str:
    """The client's address, found through trusted proxies."""
    forwarded: Forwarded = request.app.state.forwarded
    peer = "" if request.client is None else request.client.host
    return forwarded.client(peer, request.scope["headers"])


def with_key(request: Request, key: str) -> Actor:
    """Whoever shows the API key with this id: the person on whose behalf a page shows it, else the key itself."""
    person = dependencies_of(request).page_keys.actor(key)
    return person or Actor(kind="api_key", key=key, address=address_of(request))


def by_link(request: Request) -> Actor:
    """Whoever followed a link that Pingfold made."""
    return Actor(kind="page", address=address_of(request))
