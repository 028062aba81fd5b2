"""Questions to history about the past of things, and about things that are gone. Raises `ClickHouseUnavailable`.

History holds a change a moment after it was told. What is missing there yet shows by `ThenRow.newest`: the number of
the newest change that history has of a thing.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from infra.clickhouse.client import ClickHouse
from schemas.base import Micros
from schemas.transitions import Reason, VisibleStatus

# Of more things some are asked for at a time: a question has a greatest length.
_AT_ONCE = 2_500

_PROJECT = "SELECT project FROM spans WHERE thing = {thing:String} ORDER BY n DESC LIMIT 1"

# The changes of a thing are in the order of their numbers, in time, too. A copy of a row changes none of these figures.
# Nobody is told changes of another project, whatever id they are of. A page that is made again while somebody moves a
# slider takes one core at most.
_THEN = """
SELECT thing, max(n), countIf(at <= moment) > 0 AS is_changed,
       if(is_changed, argMaxIf(became, n, at <= moment), argMin(state, n)),
       toUnixTimestamp64Micro(if(is_changed, argMaxIf(at, n, at <= moment), argMin(since, n))),
       argMaxIf(reason, n, at <= moment), argMaxIf(detail, n, at <= moment), argMaxIf(incident, n, at <= moment),
       toUnixTimestamp64Micro(argMaxIf(detected_at, n, at <= moment)),
       toUnixTimestamp64Micro(maxIf(at, at < moment)), toUnixTimestamp64Micro(minIf(at, at > moment))
FROM (
    SELECT *, fromUnixTimestamp64Micro({at:Int64}, 'UTC') AS moment FROM spans
    PREWHERE thing IN {things:Array(String)}
    WHERE project IN {projects:Array(String)}
)
GROUP BY thing
SETTINGS max_threads = 1
"""

# `at` of the record that removes a thing is when it was written.
_GONE = """
SELECT id, kind, project, name, toUnixTimestamp64Micro(removed_at)
FROM (
    SELECT id, kind, argMax(project, (NOT removed, off)) AS project, argMax(name, (NOT removed, off)) AS name,
           argMax(created, (NOT removed, off)) AS made_at, maxIf(at, removed) AS removed_at
    FROM things
    WHERE (kind, id) IN (
        SELECT kind, id FROM things
        WHERE removed AND kind IN ('check', 'monitor') AND at > fromUnixTimestamp64Micro({at:Int64}, 'UTC')
    )
    GROUP BY kind, id
    HAVING countIf(NOT removed) > 0 AND countIf(removed) > 0 AND maxIf(off, removed) >= maxIf(off, NOT removed)
)
WHERE project IN {projects:Array(String)} AND removed_at > fromUnixTimestamp64Micro({at:Int64}, 'UTC')
  AND made_at <= fromUnixTimestamp64Micro({at:Int64}, 'UTC')
ORDER BY removed_at, id LIMIT {limit:UInt32}
"""


class ThenRow(NamedTuple):
    """A thing at a moment, as history knows it; of a thing whose status has never changed there is no row.

    newest: the number of its newest change in history. is_changed: whether a change came up to the moment: then
    `status` is what it became, `since` when, with `reason`, `detail`, `incident`, and `detected_at`, when Pingfold saw
    it. Otherwise `status` is what it began with, `since` then, which may be after the moment.
    before, after: the moments of the changes next to it; 0: there is none.
    """

    thing: str
    newest: int
    is_changed: bool
    status: VisibleStatus
    since: Micros
    reason: Reason | Literal[""]
    detail: str
    incident: str
    detected_at: Micros
    before: Micros
    after: Micros


class GoneRow(NamedTuple):
    """A thing that is gone. name: its last."""

    thing: str
    kind: Literal["check", "monitor"]
    project: str
    name: str
    removed_at: Micros


class PastThings:
    def __init__(self, clickhouse: ClickHouse) -> None:
        self._rows = clickhouse.rows
        self._plain_rows = clickhouse.plain_rows

    async def project_of(self, thing: str) -> str | None:
        """The project that a check or a monitor is of, or was; None: its status never changed."""
        rows = await self._rows(_PROJECT, {"thing": thing})
        return str(rows[0][0]) if rows else None

    async def then(self, things: Sequence[str], projects: Sequence[str], at: Micros) -> list[ThenRow]:
        """Things as they were at a moment, by changes in these projects."""
        found: list[ThenRow] = []
        for begin in range(0, len(things), _AT_ONCE):
            some = list(things[begin : begin + _AT_ONCE])
            asked = {"things": some, "projects": list(projects), "at": at}
            found += await self._plain_rows(_THEN, ThenRow, asked)
        return found

    async def gone(self, projects: Sequence[str], at: Micros, limit: int) -> list[GoneRow]:
        """Checks and monitors of these projects that were there at a moment and are gone, the first that went first."""
        asked = {"projects": list(projects), "at": at, "limit": limit}
        return await self._plain_rows(_GONE, GoneRow, asked)
