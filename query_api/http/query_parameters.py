"""Pingfold's own APIs reject unknown query parameters: an ignored filter would show more than the client asked for.
Compatible APIs ignore them, as their clients expect.

Names with a leading underscore are accepted: clients use them to bypass caches.
"""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

_LONGEST = 60


def unknown_parameter(request: Request) -> str | None:
    """What is wrong with the query of a request: the first parameter that its route does not have, and those that it
    has; None: nothing."""
    if not request.scope["query_string"]:
        return None
    route: APIRoute = request.scope["route"]
    known = set(_parameters(route.dependant))
    unknown = next((name for name in request.query_params if name not in known and name[:1] != "_"), None)
    return None if unknown is None else _told(unknown, known)


def _parameters(dependant: Dependant) -> Iterator[str]:
    yield from (parameter.alias for parameter in dependant.query_params)
    for one in dependant.dependencies:
        yield from _parameters(one)


def _told(unknown: str, known: Iterable[str]) -> str:
    known = sorted(known)
    said = f"Unknown query parameter '{unknown[:_LONGEST]}'"
    if not known:
        return f"{said}: there are none here; what changes something belongs into the body."
    if close := get_close_matches(unknown.lower()[:_LONGEST], known, 1):
        return f"{said}: did you mean '{close[0]}'? Known: {', '.join(known)}."
    return f"{said}. Known: {', '.join(known)}."
