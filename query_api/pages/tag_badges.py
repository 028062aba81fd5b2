"""Badges of all checks of a project, and of those with a tag: `/badge/<key>/<signature>[-2][/<tag>].<form>`.

Their addresses are told by `badges/` of the Management API (`infra.secrets.badge_links`). A signature that was not made
here is as good as none: 404. A tag that no check has any more is up, with no checks. The checks of a large project are
counted a few at a time, so that others get their turn, and once for all who ask within a moment.
"""

import asyncio
from functools import partial

from fastapi import APIRouter, FastAPI, Request, Response

from infra.secrets.badge_links import ALL
from query_api.dependencies import Dependencies
from query_api.healthchecks.status import present_check
from query_api.healthchecks.tags import tags_of
from query_api.http.lookup import look_up
from query_api.http.refusals import ApiError
from query_api.http.response_cache import ResponseCache
from query_api.http.route_index import include
from query_api.pages.badge_forms import FORMS, Counts, badge
from query_api.state.freshness import Freshness
from schemas.base import SECOND

router = APIRouter(include_in_schema=False)

_HOLD = 2 * SECOND
_MOST_KEPT = 4_096
_AT_ONCE = 256


class TagBadges:
    """What the routes share: `app.state.tag_badges`."""

    def __init__(self, deps: Dependencies, freshness: Freshness) -> None:
        self._deps, self._freshness = deps, freshness
        self._kept: ResponseCache[Counts] = ResponseCache(deps.clock.now, _HOLD, _MOST_KEPT)

    async def answer(self, project: str, signature: str, tag: str, form: str) -> Response:
        """The badge, for whoever has its address."""
        states = self._deps.badge_links.states(project, tag, signature)
        if states is None or form not in FORMS:
            raise ApiError(404, "not found")
        if await look_up(self._deps, "the project", partial(self._deps.directory.projects.get, project)) is None:
            raise ApiError(404, "not found")
        counts, _ = await self._kept.get((project, tag), partial(self._count, project, tag))
        return badge(self._deps.settings.site_name if tag == ALL else tag, counts, states, form)

    async def _count(self, project: str, tag: str) -> Counts:
        counts = Counts()
        for number, check in enumerate(self._deps.directory.checks_of(project), 1):
            if tag == ALL or tag in tags_of(check.tags):
                at = self._freshness.speaks_of(check.id)
                counts = counts.plus(present_check(check, self._deps.states.state(check.id), at).status)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return counts


@router.get("/badge/{key}/{signature}.{form}")
async def badge_of_all(request: Request, key: str, signature: str, form: str) -> Response:
    return await _badges(request).answer(key, signature, ALL, form)


@router.get("/badge/{key}/{signature}/{tag:path}.{form}")
async def badge_of_tag(request: Request, key: str, signature: str, tag: str, form: str) -> Response:
    return await _badges(request).answer(key, signature, tag, form)


def _badges(request: Request) -> TagBadges:
    badges: TagBadges = request.app.state.tag_badges
    return badges


def install(app: FastAPI, deps: Dependencies) -> None:
    """Put the badges into the application."""
    app.state.tag_badges = TagBadges(deps, app.state.freshness)
    include(app, router)
