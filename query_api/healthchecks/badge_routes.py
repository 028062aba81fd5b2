"""Tells the addresses of badges: whoever has one may show it, without a key (`query_api.pages.tag_badges`)."""

import asyncio

from fastapi import APIRouter, Response
from msgspec import Struct

from infra.secrets.badge_links import ALL, States
from query_api.healthchecks.auth import Reader
from query_api.healthchecks.openapi import ERRORS
from query_api.healthchecks.service import ServiceDep
from query_api.healthchecks.tags import tags_of
from query_api.http.field_types import Url
from query_api.http.openapi import Responses, answer
from query_api.http.refusals import json_answer

router = APIRouter(tags=["badges"], responses=ERRORS)

# So many addresses are made in one go, before other requests get their turn.
_AT_ONCE = 64


class BadgeUrls(Struct, gc=False):
    """Addresses of a badge in its forms. Those with a 3 also tell that a check is late, which the others call up."""

    svg: Url
    svg3: Url
    json: Url
    json3: Url
    shields: Url
    shields3: Url


class BadgeList(Struct):
    """The badges of a project, by tag; `*` is the one of all its checks."""

    badges: dict[str, BadgeUrls]


_LIST: Responses = {200: answer(BadgeList, "The badge of all checks, and one of each tag.")}


@router.get("/badges/", responses=_LIST)
async def list_badges(service: ServiceDep, caller: Reader) -> Response:
    """List the badges of the project. A badge needs no key: anyone who knows its URL can see it."""
    tags: set[str] = set()
    async for check in service.checks(caller):
        tags.update(tags_of(check.tags))
    tags.discard(ALL)
    badges: dict[str, BadgeUrls] = {}
    for number, tag in enumerate([ALL, *sorted(tags)], 1):
        badges[tag] = _urls(service, caller.project, tag)
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
    return json_answer(BadgeList(badges))


def _urls(service: ServiceDep, project: str, tag: str) -> BadgeUrls:
    links, site = service.deps.badge_links, service.urls.site

    def url(form: str, states: States) -> str:
        return f"{site}{links.path(project, tag, form, states)}"

    return BadgeUrls(
        svg=url("svg", 2),
        svg3=url("svg", 3),
        json=url("json", 2),
        json3=url("json", 3),
        shields=url("shields", 2),
        shields3=url("shields", 3),
    )
