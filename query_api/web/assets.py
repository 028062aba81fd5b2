"""`/assets/<name>`: the styles and scripts of pages. The path holds a hash of the content, so that browsers keep it."""

import hashlib
from functools import cache
from importlib.resources import files

from fastapi import APIRouter, FastAPI, Response

from query_api.http.refusals import ApiError
from query_api.http.route_index import include

router = APIRouter(include_in_schema=False)

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_KEPT = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}


def install(app: FastAPI) -> None:
    """Put the route into the application."""
    include(app, router)


def path_of(name: str) -> str:
    """Where `name` is served, below the site's root: `assets/<hash>/<name>`."""
    return f"assets/{_hash(name)}/{name}"


@router.get("/assets/{hash}/{name}")
async def asset(hash: str, name: str) -> Response:
    """A style or a script. 404 for what there is not, and for another version of it."""
    content = _contents().get(name)
    if content is None or hash != _hash(name):
        raise ApiError(404, "not found")
    return Response(content, media_type=_TYPES[name.rpartition(".")[2]], headers=_KEPT)


@cache
def _contents() -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in files("query_api.web").joinpath("static").iterdir()}


@cache
def _hash(name: str) -> str:
    return hashlib.sha256(_contents()[name]).hexdigest()[:16]
