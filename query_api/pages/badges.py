"""Badges of checks for everybody: `/b/<2 or 3>/KEY.svg`, `.json` and `.shields` (docs/compatibility/management.md).

KEY is told by the management API as `badge_url`; neither it nor a badge tells the check's id, which is its ping URL. Of
three statuses, `late` is one; of two, what is late is up. `query_api.pages.tag_badges` has those of many checks.
"""

import asyncio
from functools import partial

from fastapi import APIRouter, FastAPI, Request, Response

from infra.log.directory import Directory
from query_api.dependencies import Dependencies, dependencies_of
from query_api.healthchecks.check_object import badge_key
from query_api.healthchecks.status import present_check
from query_api.http.lookup import look_again
from query_api.http.refusals import ApiError
from query_api.http.route_index import include
from query_api.pages.badge_forms import FORMS, Counts, badge
from schemas.definitions import Check
from schemas.ids import is_uuid

router = APIRouter(include_in_schema=False)

_AT_ONCE = 64
_MOST_GONE = 1_000  # keys of checks that are gone are forgotten now and then


class BadgeKeys:
    """Checks by the keys of their badges, which cannot be reckoned back; kept only where somebody asks for badges."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._ids: dict[str, str] = {}
        self._known: set[str] = set()
        self._learning: asyncio.Task[None] | None = None

    async def check(self, key: str) -> Check | None:
        """The check whose badge has this key."""
        if key not in self._ids and self._directory.newest_check not in self._known:
            if self._learning is None or self._learning.done():
                self._learning = asyncio.create_task(self._learn(), name="badge-keys")
            await asyncio.shield(self._learning)
        return self._directory.check(self._ids.get(key, ""))

    async def _learn(self) -> None:
        """Reckon the keys of all checks that are new here, few at a time: others get their turn in between."""
        if len(self._known) > 2 * len(self._directory) + _MOST_GONE:
            self._known.clear()
            self._ids.clear()
        # The newest come last: those before one that is known are known.
        new: list[str] = []
        for id in reversed(self._directory.check_ids()):
            if id in self._known:
                break
            new.append(id)
        # The oldest first, so that this still holds when it ends halfway.
        for number, id in enumerate(reversed(new), 1):
            self._ids[badge_key(id)] = id
            self._known.add(id)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)


@router.get("/b/{states}/{key}.{form}")
async def check_badge(request: Request, states: str, key: str, form: str) -> Response:
    if states not in ("2", "3") or form not in FORMS:
        raise ApiError(404, "not found")
    deps, check = dependencies_of(request), await _find(request, key)
    at = request.app.state.freshness.speaks_of(check.id)
    counts = Counts().plus(present_check(check, deps.states.state(check.id), at).status)
    # Not its id, as elsewhere, when it has no name: that is its ping URL.
    return badge(check.name or deps.settings.site_name, counts, int(states), form)


async def _find(request: Request, key: str) -> Check:
    keys: BadgeKeys = request.app.state.badge_keys
    check = await keys.check(key)
    if check is None and is_uuid(key):
        check = await look_again(dependencies_of(request), "the check", partial(keys.check, key))
    if check is None:
        raise ApiError(404, "not found")
    return check


def install(app: FastAPI, deps: Dependencies) -> None:
    """Put the badges into the application."""
    app.state.badge_keys = BadgeKeys(deps.directory)
    include(app, router)
