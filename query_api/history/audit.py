"""Questions to history about the audit trail: who changed what of a project, each entry once, newest first.

An entry is written when the fold has decided the command, and is in ClickHouse a few hundred milliseconds later. A read
waits for it (`caught_up`). Raises `infra.clickhouse.client.ClickHouseUnavailable` when ClickHouse does not answer.
"""

from typing import Any, NamedTuple, get_args

import msgspec

from infra.clickhouse.client import ClickHouse
from infra.log.group_progress import GroupProgress
from query_api.history.behind import is_written
from query_api.history.checks import FOREVER
from schemas.actors import ActorKind
from schemas.base import Micros
from schemas.transitions import FieldChange, ThingKind

# A page has so many rows more than are wanted, for copies.
_COPIES = 20


_THINGS, _ACTORS = get_args(ThingKind), get_args(ActorKind)
# Other spellings of kinds that two words make. Names of users may be like the others.
_MISSPELLED = {kind.replace("_", ""): kind for kind in _ACTORS if "_" in kind}


class Place(NamedTuple):
    """Where an entry stands among those of its project; a page ends with one, and the next begins after it."""

    at: Micros
    part: int
    off: int


class Which(NamedTuple):
    """Which entries: of `project`, within [start, end), older than `before`, at most `limit`.

    kind: of the thing; thing: its id; actor: the kind of actor, the id of an API key, a user or an address. Empty: any.
    """

    project: str
    start: Micros = 0
    end: Micros = FOREVER
    kind: str = ""
    thing: str = ""
    actor: str = ""
    before: Place | None = None
    limit: int = 100


def wrong_kind(kind: str) -> str | None:
    """What is wrong with a kind of things to ask for; None: nothing, or none is asked for."""
    return None if kind in ("", *_THINGS) else f"there is no kind {kind!r} of things; there are {', '.join(_THINGS)}"


def wrong_actor(actor: str) -> str | None:
    """What is wrong with an actor to ask for. Only other spellings of a kind: any other text may be a user's name."""
    meant = _MISSPELLED.get("".join(each for each in actor.casefold() if each not in "-_ "))
    if meant is None or actor == meant:
        return None
    return f"there is no kind {actor!r} of actors; there are {', '.join(_ACTORS)}"


class AuditRow(NamedTuple):
    """An entry; see `schemas.transitions.ThingChanged`. key_id: of an API key, never the key."""

    place: Place
    id: str
    command: str
    action: str
    kind: str
    thing: str
    name: str
    actor: str
    key_id: str
    user: str
    address: str
    changes: tuple[FieldChange, ...]
    others: int
    retried: bool


_WORDS = ", ".join(f"CAST({name}, 'String')" for name in ("command", "action", "kind"))
_FROM, _TO, _AT = (f"fromUnixTimestamp64Micro({{{name}:Int64}}, 'UTC')" for name in ("start", "end", "at"))
# A plain LIMIT in the order of the table stops reading early, which LIMIT BY does not: copies are dropped here.
_ENTRIES = f"""
SELECT at, part, off, id, {_WORDS}, thing, thing_name, CAST(actor, 'String'), key_id, user, address,
  changes, others, retried
FROM audit
WHERE project = {{project:String}} AND at >= {_FROM} AND at < {_TO}
  AND (at < {_AT} OR (at = {_AT} AND (part, off) < ({{part:UInt16}}, {{off:UInt64}})))
  AND ({{kind:String}} = '' OR kind = {{kind:String}})
  AND ({{thing:String}} = '' OR thing = {{thing:String}})
  AND ({{actor:String}} = '' OR actor = {{actor:String}} OR key_id = {{actor:String}} OR user = {{actor:String}}
       OR address = {{actor:String}})
ORDER BY at DESC, part DESC, off DESC, id DESC LIMIT {{size:UInt32}}
"""

_decode = msgspec.json.Decoder(tuple[FieldChange, ...]).decode


class AuditHistory:
    """`facts` tells whether all that the folds said before a moment has been written."""

    def __init__(self, clickhouse: ClickHouse, facts: GroupProgress | None = None) -> None:
        self._rows, self._facts = clickhouse.rows, facts

    async def caught_up(self) -> bool:
        """Wait until all that was decided before this call can be read; False when that takes longer than 1.5 s."""
        return await is_written(self._facts)

    async def entries(self, which: Which) -> list[AuditRow]:
        """The newest of these entries, newest first."""
        found: dict[tuple[Place, str], AuditRow] = {}
        before, size = which.before or Place(FOREVER + 1, 0, 0), which.limit + _COPIES
        while True:
            page = await self._page(which, before, size)
            for row in page:
                found.setdefault((row.place, row.id), row)
            if len(found) >= which.limit or len(page) < size:
                return list(found.values())[: which.limit]
            before, size = page[-1].place, 2 * size

    async def _page(self, which: Which, before: Place, size: int) -> list[AuditRow]:
        asked = which._asdict() | before._asdict() | {"size": size}
        del asked["before"], asked["limit"]
        return [_entry(row) for row in await self._rows(_ENTRIES, asked)]


def _entry(row: tuple[Any, ...]) -> AuditRow:
    changes, others, retried = row[-3:]
    return AuditRow._make((Place(*row[:3]), *row[3:-3], _decode(changes), others, bool(retried)))
