"""Nodes: from where checks are tested and events are sent. Anybody may ask; no key is needed.

They are those of the settings (`infra.settings.nodes`): the regions, and the hosts that only send.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from msgspec import Meta, Struct

from infra.settings.nodes import Node, addresses_of
from query_api.dependencies import dependencies_of
from query_api.http.openapi import Responses, answer, text_answer
from query_api.updown.errors import UpdownError, fault
from query_api.updown.openapi import ERRORS, errors
from query_api.updown.parameters import query_of
from query_api.updown.responses import answer as answered

router = APIRouter(tags=["nodes"], responses={status: ERRORS[status] for status in (304, "4XX")})


class UpdownNode(Struct):
    """A node. Null: not known."""

    ip: Annotated[str | None, Meta(description="Its IPv4 address.")]
    ip6: Annotated[str | None, Meta(description="Its IPv6 address.")]
    city: str | None
    country: str | None
    country_code: Annotated[str | None, Meta(description="Two lower-case letters.")]
    lat: float | None
    lng: float | None


def _listed(description: str) -> Responses:
    """An answer with addresses, as JSON or, for `format=txt`, as text."""
    told = answer(list[str], description)
    told["content"] |= text_answer("")["content"]
    return {200: told} | errors(400)


# With a key or without one.
_OPEN: dict[str, Any] = {"security": [{}, {"UpdownKey": []}]}
_FORMAT = _OPEN | {
    "parameters": [
        {
            "name": "format",
            "in": "query",
            "required": False,
            "description": "`txt`: the addresses as text, one a line.",
            "schema": {"type": "string", "enum": ["json", "txt"], "default": "json"},
        }
    ]
}


@router.get("/nodes", responses={200: answer(dict[str, UpdownNode], "The nodes by their codes.")}, openapi_extra=_OPEN)
async def list_nodes(request: Request) -> Response:
    """List the nodes that test checks and send events."""
    return answered({node.code: _presented(node) for node in _nodes(request)})


@router.get(
    "/nodes/ips", responses=_listed("All addresses, of each node the one of IPv6 first."), openapi_extra=_FORMAT
)
async def list_ips(request: Request) -> Response:
    """List the addresses of all nodes."""
    return _list(request, None)


@router.get("/nodes/ipv4", responses=_listed("The IPv4 addresses."), openapi_extra=_FORMAT)
async def list_ipv4(request: Request) -> Response:
    """List the IPv4 addresses of all nodes."""
    return _list(request, 4)


@router.get("/nodes/ipv6", responses=_listed("The IPv6 addresses."), openapi_extra=_FORMAT)
async def list_ipv6(request: Request) -> Response:
    """List the IPv6 addresses of all nodes."""
    return _list(request, 6)


def _nodes(request: Request) -> tuple[Node, ...]:
    return tuple(dependencies_of(request).settings.every_node.values())


def _presented(node: Node) -> UpdownNode:
    return UpdownNode(node.ip, node.ip6, node.city, node.country, node.country_code, node.lat, node.lng)


def _list(request: Request, version: int | None) -> Response:
    found = addresses_of(_nodes(request), version)
    match query_of(request).get("format", "json"):
        case "json" | "":
            return answered(found)
        case "txt":
            return Response("\n".join(found), media_type="text/plain; charset=utf-8")
        case other:
            raise UpdownError(400, fault("format", "is not included in the list", other))
