"""Who makes a change through an API: the key that was shown, and the address that it was shown from."""

from fastapi import Request

from infra.http_server.forwarded import Forwarded
from schemas.actors import Actor


def address_of(request: Request) -> str:
    """The client's address, found through trusted proxies."""
    forwarded: Forwarded = request.app.state.forwarded
    peer = "" if request.client is None else request.client.host
    return forwarded.client(peer, request.scope["headers"])


def with_key(key: str, address: str) -> Actor:
    """Whoever shows the API key with this id."""
    return Actor(kind="api_key", key=key, address=address)


def by_link(request: Request) -> Actor:
    """Whoever followed a link that Pingfold made."""
    return Actor(kind="page", address=address_of(request))
