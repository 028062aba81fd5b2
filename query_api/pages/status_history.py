"""`/status/REF/history`: the incidents and posts of a status page, a month at a time, for everybody who sees the page.

`month` names one, such as `2026-02`; without it, it is the present one. Before the first thing on the page was made
there are no months, and links lead only where there are some. An incident stands in the month in which it ended, as the
page itself shows those that are open. A month shows `MOST` incidents, the last first, and says so when there were more.
"""

import asyncio
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple

from infra.clickhouse.client import ClickHouseUnavailable
from query_api.dependencies import Dependencies
from query_api.pages import status_formats
from query_api.pages.posts_shown import ShownPost, shown_posts
from query_api.pages.status_board import PATIENCE, Incident, address, components_of, thing_of
from query_api.web.maintenance.maintenance_month import Month, read_month
from schemas.base import Micros
from schemas.status_pages import StatusPage
from schemas.times import micros_of, to_day

MOST = 200


class PastMonth(NamedTuple):
    """What happened in a month, the last first. history: whether it answered. earlier, later: the months around it, as
    far as there are some; None: there is nothing."""

    page: StatusPage
    month: Month
    history: bool
    incidents: tuple[Incident, ...]
    more: bool
    posts: tuple[ShownPost, ...]
    earlier: Month | None
    later: Month | None


def wanted_month(deps: Dependencies, page: StatusPage, text: str) -> Month | None:
    """The month that an address names; None: there is none of it on this page. Anything else is the present one."""
    now = deps.clock.now()
    month = read_month(text, now, UTC)
    return month if _first(deps, page) <= month <= read_month("", now, UTC) else None


async def past_month(deps: Dependencies, page: StatusPage, month: Month) -> PastMonth:
    """A month of a page. Without history its posts are shown all the same."""
    components = {one.thing: one for one in components_of(deps, page)}
    names = {thing: one.name for thing, one in components.items()}
    start, end = _start(month), _start(_moved(month, 1))
    found = await _ended(deps, names, start, end)
    still = {one.incident for one in components.values()}
    ended = tuple(one for one in found or () if one.id not in still)
    posts = (post for post in deps.directory.page_news.posts_of(page.id) if start <= post.created < end)
    return PastMonth(
        page=page,
        month=month,
        history=found is not None,
        incidents=ended[:MOST],
        more=len(ended) > MOST,
        posts=shown_posts(posts, names, 0),
        earlier=wanted_month(deps, page, _moved(month, -1).name),
        later=wanted_month(deps, page, _moved(month, 1).name),
    )


def html(past: PastMonth, site: str, root: str) -> bytes:
    """The page. root: what stands before every path of this Pingfold."""
    incidents = [status_formats.told(one) | {"day": to_day(one.resolved or one.started)} for one in past.incidents]
    text = status_formats.templates.get_template("status_history.html").render(
        status_formats.look(past.page),
        site=site,
        url=f"{root}/status/{address(past.page)}",
        month=past.month,
        history=past.history,
        days=[(day, list(of_day)) for day, of_day in groupby(incidents, key=lambda one: one["day"])],
        most=MOST if past.more else 0,
        posts=[status_formats.post_words(post) for post in past.posts],
        earlier=past.earlier,
        later=past.later,
    )
    return text.encode()


async def _ended(deps: Dependencies, names: dict[str, str], start: Micros, end: Micros) -> list[Incident] | None:
    """Those that ended in [start, end), the last first, at most one more than are shown; None: nobody answers."""
    if deps.page_history is None:
        return None
    if not names:
        return []
    try:
        async with asyncio.timeout(PATIENCE):
            rows = await deps.page_history.ended_incidents(list(names), start, end, MOST + 1)
    except (ClickHouseUnavailable, TimeoutError):
        return None
    return [Incident(row.id, names[row.thing], row.started, row.resolved) for row in rows]


def _first(deps: Dependencies, page: StatusPage) -> Month:
    """The month in which the first of what the page shows was made."""
    made = [thing.created for one in components_of(deps, page) if (thing := thing_of(deps, one)) is not None]
    made += [post.created for post in deps.directory.page_news.posts_of(page.id)]
    return read_month("", min([page.created, *made]), UTC)


def _moved(month: Month, months: int) -> Month:
    return month.moved(months) or month


def _start(month: Month) -> Micros:
    return micros_of(datetime(month.year, month.month, 1, tzinfo=UTC))
